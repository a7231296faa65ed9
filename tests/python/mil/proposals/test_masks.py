"""Run-length encodings: there and back, areas, boxes, overlaps."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.proposals import masks as m


def random_masks(n: int, height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((n, height, width)) < rng.uniform(0.05, 0.95, (n, 1, 1))


def test_encoding_loses_nothing() -> None:
    masks = random_masks(7, 13, 9, seed=0)
    np.testing.assert_array_equal(m.decode_masks(m.encode_masks(masks)), masks)
    assert m.decode_masks([]).shape == (0, 0, 0)


def test_areas_and_boxes_are_those_of_the_pixels() -> None:
    masks = random_masks(7, 13, 9, seed=1)
    masks[:, :3] = masks[:, :, 7:] = False
    codes = m.encode_masks(masks)
    np.testing.assert_array_equal(m.areas_of_masks(codes), masks.sum(axis=(1, 2)))
    for mask, box in zip(masks, m.boxes_of_masks(codes), strict=True):
        rows, columns = np.nonzero(mask)
        np.testing.assert_array_equal(
            box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        )


def test_areas_of_more_masks_than_a_byte_counts() -> None:
    codes = m.encode_masks(random_masks(3, 5, 5, seed=2)) * 200
    np.testing.assert_array_equal(
        m.areas_of_masks(codes), m.areas_of_masks(codes[:3]).tolist() * 200
    )


def test_overlap_is_that_of_the_pixels() -> None:
    a, b = random_masks(4, 8, 6, seed=3), random_masks(5, 8, 6, seed=4)
    expected = [[(p & q).sum() / (p | q).sum() for q in b] for p in a]
    np.testing.assert_allclose(m.mask_iou(m.encode_masks(a), m.encode_masks(b)), expected)
    assert m.mask_iou([], m.encode_masks(b)).shape == (0, 5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (23, 17)])
def test_regions_of_a_label_map(shape: tuple[int, int]) -> None:
    labels = np.random.default_rng(5).integers(-1, 6, shape)
    labels[labels == 3] = 2  # a number without pixels
    codes = m.encode_label_map(labels)
    assert len(codes) == labels.max() + 1
    for k, mask in enumerate(m.decode_masks(codes)):
        np.testing.assert_array_equal(mask, labels == k)


def test_an_empty_mask_has_no_box() -> None:
    masks = np.ones((3, 4, 4), dtype=bool)
    masks[1] = False
    with pytest.raises(ValueError, match=r"masks\[1\] is empty"):
        m.boxes_of_masks(m.encode_masks(masks))


def test_masks_must_be_bool() -> None:
    with pytest.raises(ValueError, match=r"masks is uint8 \(1, 2, 2\); it must be bool"):
        m.encode_masks(np.ones((1, 2, 2), dtype=np.uint8))
