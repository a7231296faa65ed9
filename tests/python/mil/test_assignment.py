"""Labels of the cut become objects: against the steps written out, one image at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.assignment import assign, images_of_store
from liid_mil.data.types import ImageProposals, Proposals
from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.masks import decode_masks
from liid_mil.proposals.store import write_store
from mil.labelled import SIZE, image_proposals

COUNTS = (12, 0, 30, 1)


@pytest.fixture
def images() -> list[ImageProposals]:
    rng = np.random.default_rng(0)
    return [image_proposals(rng, f"image {i}", n) for i, n in enumerate(COUNTS)]


@pytest.fixture
def given() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 4, sum(COUNTS)), rng.integers(0, 9, sum(COUNTS)) / 4


def expected_rows(
    proposals: Proposals,
    labels: np.ndarray,
    scores: np.ndarray,
    iou: float = 0.4,
    min_score: float = -np.inf,
    most: int | None = None,
    region: str = "box",
) -> list[int]:
    """Section 5.3 word for word: no background, no overlap above iou with a kept one of a class."""
    assert proposals.masks is not None
    pixels = decode_masks(proposals.masks)
    kept: list[int] = []
    for row in sorted(range(len(proposals)), key=lambda row: (-scores[row], row)):
        rivals = [other for other in kept if labels[other] == labels[row]]
        overlap = box_iou(proposals.boxes[[row]], proposals.boxes[rivals])
        if region == "mask":
            shared = (pixels[row] & pixels[rivals]).sum(axis=(1, 2))
            overlap = shared / (pixels[row] | pixels[rivals]).sum(axis=(1, 2))
        if labels[row] != 0 and scores[row] >= min_score and not (overlap > iou).any():
            kept.append(row)
    return kept[:most]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"iou": 0.1, "min_score": 0.5}, {"iou": 0.1, "min_score": 0.5}),
        ({"max_per_image": 3}, {"most": 3}),
        ({"suppress": "none"}, {"iou": 1.0}),
        ({"suppress": "mask", "iou": 0.2}, {"region": "mask", "iou": 0.2}),
    ],
)
def test_objects_of_each_image(
    images: list[ImageProposals],
    given: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    labels, scores = given
    found = list(assign(images, labels, scores, **settings))
    assert [image.image_id for image in found] == [image.image_id for image in images]
    begin = 0
    for image, objects in zip(images, found, strict=True):
        end = begin + len(image.proposals)
        rows = expected_rows(image.proposals, labels[begin:end], scores[begin:end], **expected)
        assert objects.size == SIZE
        np.testing.assert_array_equal(objects.boxes, image.proposals.boxes[rows])
        np.testing.assert_array_equal(objects.labels, labels[begin:end][rows])
        np.testing.assert_array_equal(objects.scores, scores[begin:end][rows])
        assert image.proposals.masks is not None
        assert objects.masks == [image.proposals.masks[row] for row in rows]
        begin = end


def test_one_image_at_a_time(
    images: list[ImageProposals], given: tuple[np.ndarray, np.ndarray]
) -> None:
    taken = []

    def source() -> Iterator[ImageProposals]:
        for image in images:
            taken.append(image.image_id)
            yield image

    found = assign(source(), *given)
    assert taken == []
    next(found)
    assert taken == ["image 0"]


def test_boxes_without_masks(given: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(2)
    with_masks = image_proposals(rng, "one", 5).proposals
    image = ImageProposals("one", SIZE, Proposals(with_masks.boxes, None, with_masks.scores))
    (found,) = assign([image], np.ones(5, int), np.arange(5))
    assert found.masks is None
    with pytest.raises(ValueError, match="image 'one': suppress is 'mask', but its proposals have"):
        list(assign([image], np.ones(5, int), np.arange(5), suppress="mask"))


def test_the_size_comes_from_the_masks_where_it_is_not_given() -> None:
    image = image_proposals(np.random.default_rng(3), "one", 2)
    (found,) = assign([ImageProposals("one", None, image.proposals)], [1, 2], [1, 2])
    assert found.size == SIZE


def test_an_unknown_size() -> None:
    image = ImageProposals("one", None, Proposals(np.array([[0, 0, 2, 2]]), None, np.ones(1)))
    with pytest.raises(ValueError, match="image 'one': its height and width are not known"):
        list(assign([image], [1], [1]))


def test_a_store(images: list[ImageProposals], tmp_path: Path) -> None:
    pairs = [(image.proposals, SIZE) for image in images]
    pairs[1] = (images[1].proposals, (0, 0))
    names = [image.image_id for image in images]
    store = write_store(tmp_path / "store", names, pairs, skipped={names[1]: "damaged"})
    read = list(images_of_store(store))
    assert [image.image_id for image in read] == ["image 0", "image 2", "image 3"]
    for a, b in zip(read, [images[0], *images[2:]], strict=True):
        assert a.size == b.size
        np.testing.assert_array_equal(a.proposals.boxes, b.proposals.boxes)
        assert a.proposals.masks == b.proposals.masks


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1.0] * 43, [1] * 43, r"labels is float64 \(43,\); it must be integers of shape \(P,\)"),
        ([[1]], [[1]], r"labels is int64 \(1, 1\); it must be integers"),
        ([1] * 43, [1], r"scores has shape \(1,\); labels needs \(43,\)"),
        ([1, -1], [1, 1], r"labels\[1\] is -1; allowed: 0 \(background\) to K"),
        ([1, 1], [1, np.nan], r"scores\[1\] is nan; every score must be finite"),
        ([1] * 44, [1] * 44, "labels has 44 entries; the proposals are 43"),
        ([1] * 41, [1] * 41, "labels has 41 entries; the proposals up to image 'image 2' are 42"),
    ],
)
def test_bad_labels(images: list[ImageProposals], labels: Any, scores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(assign(images, labels, scores))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"suppress": "soft"}, r"suppress is 'soft'; it must be one of \('box', "),
        ({"iou": 1.5}, "iou is 1.5; it must be a number from 0 to 1"),
        ({"min_score": np.nan}, "min_score is nan; it must be finite, or None"),
        ({"max_per_image": 0}, "max_per_image is 0; it must be at least 1, or None"),
    ],
)
def test_bad_settings_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assign([], [], [], **settings)
