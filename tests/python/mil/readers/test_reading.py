"""What is done with every image: order, scores, empty proposals, sizes, damaged codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.data.types import DatasetError
from liid_mil.proposals.masks import decode_masks, encode_masks
from liid_mil.readers import reading as module
from liid_mil.readers.reading import Limits, Reading

FILE = Path("file")


def codes(masks: np.ndarray) -> list[bytes]:
    return [mask["counts"] for mask in encode_masks(masks)]


def random_masks(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 6, 9)) < 0.3


@pytest.mark.parametrize("at_once", [1, 30, 10**6])
def test_codes_in_parts(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(module, "_CODES_AT_ONCE", at_once)
    masks = random_masks(20)
    image = Reading().from_codes(FILE, "a", (6, 9), codes(masks), None)
    assert image.proposals.masks is not None
    np.testing.assert_array_equal(decode_masks(image.proposals.masks), masks)


def test_best_first_and_equal_ones_in_order() -> None:
    masks = random_masks(5)
    image = Reading(top=4).from_codes(FILE, "a", (6, 9), codes(masks), [1, 3, 2, 3, -1])
    assert image.proposals.scores.tolist() == [3, 3, 2, 1]
    assert image.proposals.masks is not None
    np.testing.assert_array_equal(decode_masks(image.proposals.masks), masks[[1, 3, 2, 0]])


def test_masks_without_a_pixel_are_left_out_and_counted() -> None:
    masks = random_masks(4)
    masks[[0, 2]] = False
    reading = Reading()
    image = reading.from_codes(FILE, "a", (6, 9), codes(masks), [4, 3, 2, 1])
    assert image.proposals.scores.tolist() == [3, 1]
    assert reading.n_empty == 2


def test_runs_of_no_pixel_become_a_code_as_encoders_write_it() -> None:
    mask = np.zeros((1, 3, 4), dtype=bool)
    mask.transpose(0, 2, 1).ravel()[5:9] = True
    flat = mask[0].ravel(order="F")
    flat[5:9] = True
    mask[0] = flat.reshape((3, 4), order="F")
    (right,) = codes(mask)
    # background 5, object 2, background 0, object 2, background 3; the fourth less the second
    gappy = b"52003"
    image = Reading().from_codes(FILE, "a", (3, 4), [gappy], None)
    assert image.proposals.masks == [{"size": [3, 4], "counts": right}]
    assert image.proposals.boxes.tolist() == [[1, 0, 3, 3]]


@pytest.mark.parametrize("at", [0, 3])
def test_damaged_codes_are_named(at: int) -> None:
    some = codes(random_masks(4))
    some[at] = some[at][:-1]
    with pytest.raises(DatasetError, match=rf"file: proposal {at} of image 'a' has no run-length"):
        Reading().from_codes(FILE, "a", (6, 9), some, None)


def test_codes_of_another_size() -> None:
    with pytest.raises(DatasetError, match="no run-length code of 6 x 9 pixels"):
        Reading().from_codes(FILE, "a", (9, 6), codes(np.ones((1, 6, 8), bool)), None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_scores_must_be_finite(value: float) -> None:
    with pytest.raises(DatasetError, match=r"proposal 1 of image 'a' has the score .* finite"):
        Reading().from_boxes(FILE, "a", None, [[0, 0, 1, 1]] * 2, [0, value])


def test_as_many_scores_as_proposals() -> None:
    with pytest.raises(DatasetError, match="has 3 scores for 2 proposals of image 'a'"):
        Reading().from_boxes(FILE, "a", None, [[0, 0, 1, 1]] * 2, [1, 2, 3])


def test_boxes_are_cut_at_the_image() -> None:
    boxes = [[-5, -5, 3, 4], [2, 1, 50, 50], [9, 2, 12, 4], [3, 3, 3, 5], [4, 4, 2, 6]]
    reading = Reading(size_of={"a": (6, 9)}.get)
    image = reading.from_boxes(FILE, "a", None, boxes, None)
    assert image.size == (6, 9)
    assert image.proposals.boxes.tolist() == [[0, 0, 3, 4], [2, 1, 9, 6]]
    assert reading.n_empty == 3
    other = Reading().from_boxes(FILE, "b", None, boxes, None)
    assert other.size is None
    assert other.proposals.boxes.tolist()[:3] == [[0, 0, 3, 4], [2, 1, 50, 50], [9, 2, 12, 4]]


def test_boxes_must_be_finite() -> None:
    with pytest.raises(DatasetError, match=r"proposal 1 of image 'a' has the box .* finite"):
        Reading().from_boxes(FILE, "a", None, [[0, 0, 1, 1], [0, 0, np.nan, 1]], None)


def test_huge_boxes() -> None:
    image = Reading().from_boxes(FILE, "a", None, [[0, 0, 1e300, 1e300]], None)
    assert np.isfinite(image.proposals.boxes).all()


def test_areas_as_scores() -> None:
    boxes = [[0, 0, 1, 1], [0, 0, 2, 3]]
    image = Reading(missing_scores="area").from_boxes(FILE, "a", (6, 9), boxes, None)
    np.testing.assert_allclose(image.proposals.scores, [6 / 54, 1 / 54])
    image = Reading(missing_scores="area").from_boxes(FILE, "a", None, boxes, None)
    np.testing.assert_allclose(image.proposals.scores, [1, 1 / 6])


@pytest.mark.parametrize("size", [[6], [6, 9, 3], [0, 9], [-6, 9], [6.0, 9], ["6", 9], [True, 9]])
def test_sizes(size: list[Any]) -> None:
    with pytest.raises(DatasetError, match="it must be height, width"):
        Reading().check_size(FILE, size)


def test_huge_sizes() -> None:
    with pytest.raises(DatasetError, match="has 1000000000 x 1000000000 pixels; at most"):
        Reading().check_size(FILE, [10**9, 10**9])


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_pixels": 0}, "max_pixels is 0; it must be at least 1 and at most 2147483647"),
        ({"max_pixels": 2**31}, "max_pixels is 2147483648; it must be at least 1 and at most"),
        ({"max_proposals": 0}, "max_proposals is 0; it must be at least 1"),
        ({"max_bytes": -1}, "max_bytes is -1; it must be at least 1"),
    ],
)
def test_limits_that_are_none(limits: dict[str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Limits(**limits)
