"""Image tags as allowed labels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities

from liid_cut import multiway_cut, tags_to_allowed

IDS = np.array([1, 0, 2, 1])
TAGS = np.array([[True, False], [False, True], [False, False]])
ALLOWED = [[True, False, True], [True, True, False], [True, False, False], [True, False, True]]


def test_labels_of_each_image_and_the_background() -> None:
    allowed = tags_to_allowed(IDS, TAGS)
    assert allowed.dtype == np.bool_
    assert allowed.tolist() == ALLOWED


@pytest.mark.parametrize("dtype", [bool, np.uint8, int, np.float16, float])
def test_tags_of_any_dtype(dtype: Any) -> None:
    assert tags_to_allowed(IDS, TAGS.astype(dtype)).tolist() == ALLOWED


@pytest.mark.parametrize("dtype", [float, object, "U1", "M8[s]"])
def test_no_ids_of_any_dtype(dtype: Any) -> None:
    assert tags_to_allowed(np.zeros(0, dtype), TAGS).shape == (0, TAGS.shape[1] + 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_ids_of_any_integer_dtype(dtype: Any) -> None:
    assert tags_to_allowed(IDS.astype(dtype), TAGS).tolist() == ALLOWED


def test_lists() -> None:
    assert tags_to_allowed(IDS.tolist(), TAGS.astype(int).tolist()).tolist() == ALLOWED


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    assert tags_to_allowed(torch.tensor(IDS), torch.tensor(TAGS)).tolist() == ALLOWED


def test_no_proposal() -> None:
    assert tags_to_allowed([], TAGS).shape == (0, 3)
    assert tags_to_allowed(np.empty(0, int), np.empty((0, 2), bool)).shape == (0, 3)


def test_no_category() -> None:
    assert tags_to_allowed([0, 0], np.empty((1, 0), bool)).tolist() == [[True], [True]]


def test_input_is_left_alone() -> None:
    ids, tags = IDS.copy(), TAGS.copy()
    tags_to_allowed(ids, tags)[:] = False
    np.testing.assert_array_equal(ids, IDS)
    np.testing.assert_array_equal(tags, TAGS)


def test_labels_of_a_cut_are_among_the_tags() -> None:
    rng = np.random.default_rng(0)
    tags = rng.random((20, 4)) < 0.4
    ids = rng.integers(0, 20, 100)
    probs, feats = probabilities(100, 5, 0), features(100, 8, 0)
    result = multiway_cut(probs, feats, delta=0.5, allowed=tags_to_allowed(ids, tags))
    for image, label in zip(ids, result.labels, strict=True):
        assert label == 0 or tags[image, label - 1]
    assert multiway_cut(probs, feats, delta=0.5).cost < result.cost


FAULTS: dict[str, tuple[Any, Any, str]] = {
    "id too large": ([0, 3], TAGS, "image_ids[1] is 3; rows of image_tags are 0 to 2"),
    "id negative": ([-1, 0], TAGS, "image_ids[0] is -1; rows of image_tags are 0 to 2"),
    "no image": ([0], np.empty((0, 2), bool), "image_ids[0] is 0; there are no rows of image_tags"),
    "ids float": ([0.0, 1.0], TAGS, "image_ids has dtype float64; it must be an integer type"),
    "ids bool": ([True], TAGS, "image_ids has dtype bool; it must be an integer type"),
    "ids str": (["0"], TAGS, "image_ids has dtype <U1; it must be an integer type"),
    "ids 2-d": ([[0], [1]], TAGS, "image_ids has shape (2, 1); it must be 1-dimensional"),
    "ids scalar": (0, TAGS, "image_ids has shape (); it must be 1-dimensional"),
    "tags 1-d": ([0], [True, False], "image_tags has shape (2,); it must be (n_images, K)"),
    "tags str": ([0], [["a", "b"]], "image_tags has dtype <U1; it must be bool or 0 and 1"),
    "tag 2": (IDS, [[0, 1], [1, 2], [1, 1]], "image_tags[1, 1] is 2; allowed: 0, 1"),
    "tag -1": (IDS, [[0, 1], [-1, 1], [1, 1]], "image_tags[1, 0] is -1; allowed: 0, 1"),
    "tag nan": (IDS, [[0, 1], [1, 1], [np.nan, 1]], "image_tags[2, 0] is nan; allowed: 0, 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    ids, tags, message = FAULTS[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        tags_to_allowed(ids, tags)
