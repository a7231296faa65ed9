"""COCO's three forms of a mask in JSON, each against the pixels, and what is none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.data.segmentations import segmentation_code
from liid_mil.proposals.masks import decode_masks, encode_masks

MASK = np.zeros((10, 12), dtype=bool)
MASK[2:7, 3:9] = True


def pixels(code: bytes) -> np.ndarray:
    return decode_masks([{"size": [10, 12], "counts": code}])[0]


def test_polygons() -> None:
    code = segmentation_code([[3, 2, 9, 2, 9, 7, 3, 7]], 10, 12)
    np.testing.assert_array_equal(pixels(code), MASK)


def test_several_polygons_and_corners_far_outside() -> None:
    code = segmentation_code([[-1e12, 2, 1e12, 2, 1e12, 4.0, -1e12, 4], [0, 8, 2, 8, 2, 9]], 10, 12)
    assert pixels(code)[2:4].all()
    assert not pixels(code)[4:8].any()
    assert pixels(code)[8:].any()


def test_runs_as_a_list() -> None:
    flat = MASK.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(changes, prepend=0, append=flat.size).tolist()
    code = segmentation_code({"size": [10, 12], "counts": counts}, 10, 12)
    np.testing.assert_array_equal(pixels(code), MASK)


def test_runs_as_text() -> None:
    text = encode_masks(MASK[None])[0]["counts"]
    assert segmentation_code({"size": [10, 12], "counts": text.decode()}, 10, 12) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (7, "is neither a list of polygons nor a run-length encoding"),
        ([], "has no polygon"),
        ([[1, 2, 3, 4]], "not of polygons"),
        ([[1, 2, 3, 4, 5, 6, 7]], "not of polygons"),
        ([[1, 2, 3, 4, 5, float("nan")]], "not of polygons"),
        ([[1, 2, 3, 4, 5, "6"]], "not of polygons"),
        ([[1, 2, 3, 4, 5, [6]]], "not of polygons"),
        ([[1, 2, 3, 4, 5, 10**400]], "not of polygons"),
        ([{}], "not of polygons"),
        ({"size": [12, 10], "counts": "0"}, r"is of size \[12, 10\], not \[10, 12\]"),
        ({"size": [10, 12]}, "has no counts"),
        ({"size": [10, 12], "counts": []}, "has no counts"),
        ({"size": [10, 12], "counts": "\u00e9"}, "letters that no run-length code has"),
        ({"size": [10, 12], "counts": [119.5, 0.5]}, "not all whole numbers"),
        ({"size": [10, 12], "counts": [-1, 121]}, "not all whole numbers"),
        ({"size": [10, 12], "counts": [100, 21]}, "has runs of other than 120 pixels"),
        ({"size": [10, 12], "counts": [2**62, 2**62, 2**62, 2**62, 120]}, "of other than 120"),
    ],
)
def test_other_values(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        segmentation_code(value, 10, 12)
