"""Segmentation proposals: find planted objects, obey limits, refuse what is no image."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")
pytest.importorskip("pycocotools")

from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.masks import areas_of_masks, boxes_of_masks, encode_masks, mask_iou
from liid_mil.proposals.segmentation import _distinct, segment_proposals


def planted(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A red disc and a blue bar on noise, and their masks (2, H, W)."""
    rng = np.random.default_rng(0)
    image = rng.integers(90, 120, (height, width, 3)).astype(np.uint8)
    y, x = np.mgrid[:height, :width]
    disc = (x - 0.3 * width) ** 2 + (y - 0.4 * height) ** 2 < (0.15 * height) ** 2
    bar = (np.abs(x - 0.7 * width) < 0.08 * width) & (np.abs(y - 0.6 * height) < 0.3 * height)
    image[disc] = (200, 40, 40)
    image[bar] = (40, 40, 200)
    return image, np.stack([disc, bar])


@pytest.mark.parametrize("size", [(96, 128), (480, 700)])
def test_planted_objects_are_found_and_come_first(size: tuple[int, int]) -> None:
    image, truth = planted(*size)
    found = segment_proposals(image)
    assert found.masks is not None
    assert mask_iou(encode_masks(truth), found.masks[:10]).max(axis=1).min() > 0.9
    assert (np.diff(found.scores) <= 0).all()
    assert all(mask["size"] == list(size) for mask in found.masks)


def test_boxes_are_those_of_the_masks_and_differ() -> None:
    image, _ = planted(96, 128)
    found = segment_proposals(image)
    assert found.masks is not None
    np.testing.assert_array_equal(found.boxes, boxes_of_masks(found.masks))
    areas = areas_of_masks(found.masks)
    alike = np.minimum.outer(areas, areas) > 0.95 * np.maximum.outer(areas, areas)
    alike &= box_iou(found.boxes, found.boxes) > 0.95
    np.testing.assert_array_equal(alike, np.eye(len(found), dtype=bool))


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_are_those_of_a_loop_over_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 4, (200, 2))
    boxes = np.concatenate([low, low + rng.integers(40, 44, (200, 2))], axis=1)
    sizes = rng.integers(900, 1100, 200).astype(float)
    overlap = box_iou(boxes, boxes)
    kept: list[int] = []
    for i in range(200):
        smaller, larger = np.minimum(sizes[i], sizes), np.maximum(sizes[i], sizes)
        same = (overlap[i] > 0.95) & (smaller > 0.95 * larger)
        if not same[kept].any():
            kept.append(i)
    assert 10 < len(kept) < 150
    assert _distinct(boxes, sizes, 1000).tolist() == kept
    assert _distinct(boxes, sizes, 7).tolist() == kept[:7]


def test_fewer_proposals_are_the_first_ones() -> None:
    image, _ = planted(96, 128)
    every, few = segment_proposals(image), segment_proposals(image, 7)
    assert len(few) == 7
    np.testing.assert_array_equal(few.boxes, every.boxes[:7])
    assert every.masks is not None
    assert few.masks == every.masks[:7]


def test_same_image_same_bits() -> None:
    image, _ = planted(80, 90)
    one, two = segment_proposals(image), segment_proposals(np.asfortranarray(image))
    assert one.boxes.tobytes() == two.boxes.tobytes()
    assert one.scores.tobytes() == two.scores.tobytes()
    assert one.masks == two.masks


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 2), (5, 2000)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = segment_proposals(image)
    assert len(found) >= 1
    assert (found.boxes[:, 2:] <= [size[1], size[0]]).all()


def test_a_flat_image_is_one_proposal() -> None:
    found = segment_proposals(np.full((30, 40, 3), 7, dtype=np.uint8))
    assert found.boxes.tolist() == [[0, 0, 40, 30]]


def test_bad_image() -> None:
    with pytest.raises(ValueError, match=r"image is float64 \(4, 4, 3\); it must be uint8"):
        segment_proposals(np.zeros((4, 4, 3)))


def test_bad_number() -> None:
    with pytest.raises(ValueError, match="max_proposals is 0; it must be at least 1"):
        segment_proposals(np.zeros((4, 4, 3), dtype=np.uint8), 0)
