"""Areas and overlaps of boxes, against counting pixels."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.proposals.boxes import box_areas, box_iou


def random_boxes(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 15, (n, 2))
    return np.concatenate([low, low + rng.integers(1, 10, (n, 2))], axis=1).astype(np.float32)


def pixels(box: np.ndarray) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = box.astype(int)
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}


def test_overlap_is_that_of_the_pixels() -> None:
    a, b = random_boxes(20, 0), random_boxes(15, 1)
    expected = [[len(pixels(p) & pixels(q)) / len(pixels(p) | pixels(q)) for q in b] for p in a]
    np.testing.assert_allclose(box_iou(a, b), expected)
    np.testing.assert_array_equal(box_areas(a), [len(pixels(p)) for p in a])


def test_boxes_that_touch_do_not_overlap() -> None:
    assert box_iou([[0, 0, 2, 2]], [[2, 0, 4, 2]]).item() == 0


def test_no_boxes() -> None:
    assert box_iou([], random_boxes(3, 0)).shape == (0, 3)
    assert box_areas([]).shape == (0,)


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(ValueError, match=r"b\[1\] is \[3.0, 0.0, 3.0, 4.0\]; a box is finite"):
        box_iou([[0, 0, 1, 1]], [[0, 0, 1, 1], [3, 0, 3, 4]])
