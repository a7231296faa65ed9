"""Semantic maps against versions that ask every pixel which object it belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.data.types import ImageLabels, Truth
from liid_mil.proposals.masks import boxes_of_masks, encode_masks
from liid_mil.semantic import VOID, object_map, semantic_map, truth_map


def random_masks(rng: np.random.Generator, n: int, size: tuple[int, int]) -> np.ndarray:
    masks = rng.random((n, *size)) < rng.uniform(0.1, 0.7, (n, 1, 1))
    masks[:, 0, 0] = True  # none is empty
    return masks


def labels_of(masks: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> ImageLabels:
    codes = encode_masks(masks)
    return ImageLabels("i", masks.shape[1:], boxes_of_masks(codes), labels, scores, codes)


def truth_of(masks: np.ndarray, labels: np.ndarray, difficult: np.ndarray) -> Truth:
    codes = encode_masks(masks)
    return Truth(boxes_of_masks(codes), labels, codes, difficult)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_the_surest_object_of_a_pixel_wins(n: int) -> None:
    rng = np.random.default_rng(n)
    masks, labels = random_masks(rng, n, (7, 9)), rng.integers(1, 5, n)
    scores = rng.integers(0, 3, n) / 2  # many are equal
    expected = np.zeros((7, 9), int)
    for y in range(7):
        for x in range(9):
            owners = [i for i in range(n) if masks[i, y, x]]
            if owners:
                expected[y, x] = labels[max(owners, key=lambda i: (scores[i], -i))]
    found = semantic_map(labels_of(masks, labels, scores))
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)


def test_objects_and_their_classes_agree() -> None:
    rng = np.random.default_rng(0)
    masks, labels = random_masks(rng, 30, (7, 9)), rng.integers(1, 5, 30)
    image = labels_of(masks, labels, rng.integers(0, 3, 30) / 2)
    found = object_map(image)
    assert len(np.unique(found)) > 5
    np.testing.assert_array_equal(np.append(0, labels)[found], semantic_map(image))
    for i in np.unique(found[found > 0]) - 1:
        assert masks[i][found == i + 1].all()


def test_too_many_objects_for_a_byte() -> None:
    masks = np.ones((255, 3, 4), bool)
    assert object_map(labels_of(masks[:254], np.ones(254, int), np.ones(254))).max() == 1
    with pytest.raises(ValueError, match="image 'i' has 255 objects; a map has room for 254"):
        object_map(labels_of(masks, np.ones(255, int), np.ones(255)))


@pytest.mark.parametrize("seed", range(5))
def test_difficult_and_contested_pixels_of_the_truth_are_void(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 6
    masks, labels = random_masks(rng, n, (8, 6)), rng.integers(1, 3, n)
    difficult = rng.random(n) < 0.3
    expected = np.zeros((8, 6), int)
    for y in range(8):
        for x in range(6):
            here = masks[:, y, x]
            classes = set(labels[here & ~difficult].tolist())
            if len(classes) > 1 or (here & difficult).any():
                expected[y, x] = VOID
            elif classes:
                expected[y, x] = classes.pop()
    assert len(np.unique(expected)) > 2
    np.testing.assert_array_equal(truth_map(truth_of(masks, labels, difficult), (8, 6)), expected)


def test_an_image_without_objects_is_background() -> None:
    none = np.zeros(0)
    empty = ImageLabels("i", (3, 4), none, none, none, None)
    assert not semantic_map(empty).any()
    assert not truth_map(Truth(none, none, None, none), (3, 4)).any()


def test_boxes_without_masks() -> None:
    boxes = np.array([[0, 0, 2, 2]])
    with pytest.raises(ValueError, match="objects of image 'cat' have boxes only"):
        semantic_map(ImageLabels("cat", (3, 4), boxes, [1], [1.0], None))
    with pytest.raises(ValueError, match="objects of image 'dog' have boxes only"):
        truth_map(Truth(boxes, [1], None, [False]), (3, 4), "dog")


def test_too_many_classes_for_a_byte() -> None:
    masks = np.ones((1, 3, 4), bool)
    assert semantic_map(labels_of(masks, np.array([254]), np.ones(1))).max() == 254
    with pytest.raises(ValueError, match=r"labels\[0\] of image 'i' is 255; .* 1 to 254"):
        semantic_map(labels_of(masks, np.array([255]), np.ones(1)))


def test_masks_of_another_size() -> None:
    truth = truth_of(np.ones((1, 3, 4), bool), np.array([1]), np.zeros(1, bool))
    with pytest.raises(ValueError, match=r"masks\[0\] has size \[3, 4\]; the image has \[4, 3\]"):
        truth_map(truth, (4, 3))
