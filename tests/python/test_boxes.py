"""Suppression of boxes and masks: against the definition written out, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from liid_cut import batched_mask_nms, batched_nms, mask_areas

Array = np.ndarray[Any, Any]


def boxes_at(rng: np.random.Generator, n: int, side: int) -> Array:
    """Boxes with integer corners: overlaps that equal a threshold are common."""
    corners = rng.integers(0, side, (n, 2))
    return np.concatenate([corners, corners + rng.integers(1, side + 1, (n, 2))], axis=1)


def slow_nms(boxes: Array, scores: Array, labels: Array, groups: Array, threshold: float) -> Array:
    """Keep the best row, drop what it overlaps, and again, in Python's own arithmetic."""
    left = sorted(range(len(boxes)), key=lambda row: (-scores[row], row))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        rivals = (labels[best], groups[best])
        left = [
            row
            for row in left
            if (labels[row], groups[row]) != rivals
            or iou(boxes[best].tolist(), boxes[row].tolist()) <= threshold
        ]
    return np.array(kept, dtype=np.int64)


def iou(a: list[float], b: list[float]) -> float:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.4, 1.0])
def test_against_the_definition(threshold: float, dtype: type) -> None:
    rng = np.random.default_rng(1)
    for n in (1, 2, 30, 150):
        boxes = boxes_at(rng, n, 12).astype(dtype)
        scores = rng.integers(0, 6, n) / 4
        labels, groups = rng.integers(-1, 2, n), rng.integers(0, 3, n)
        found = batched_nms(boxes, scores, labels, threshold, groups=groups)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, slow_nms(boxes, scores, labels, groups, threshold))


def test_without_labels_and_groups_all_are_rivals() -> None:
    rng = np.random.default_rng(2)
    boxes, scores, zeros = boxes_at(rng, 80, 20), rng.random(80), np.zeros(80)
    expected = slow_nms(boxes, scores, zeros, zeros, 0.4)
    np.testing.assert_array_equal(batched_nms(boxes, scores), expected)
    assert len(expected) < 80


def test_the_call_of_torchvision() -> None:
    ops = pytest.importorskip("torchvision.ops")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    boxes = np.sort(rng.random((400, 2, 2)), axis=1).reshape(400, 4).astype(np.float32)
    scores, labels = rng.permutation(400).astype(np.float32), rng.integers(0, 3, 400)
    arguments = [torch.as_tensor(array) for array in (boxes, scores, labels)]
    expected = ops.batched_nms(*arguments, 0.4)
    np.testing.assert_array_equal(batched_nms(*arguments, 0.4), expected.numpy())


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    boxes, scores, labels = boxes_at(rng, 50, 9), rng.random(50), rng.integers(0, 2, 50)
    expected = batched_nms(boxes, scores, labels)
    tensors = [torch.as_tensor(array) for array in (boxes, scores, labels)]
    np.testing.assert_array_equal(batched_nms(*tensors), expected)


def test_any_order_and_stride() -> None:
    rng = np.random.default_rng(5)
    boxes, scores = boxes_at(rng, 60, 9).astype(np.float32), rng.random(60)
    expected = batched_nms(boxes, scores)
    np.testing.assert_array_equal(batched_nms(np.asfortranarray(boxes), scores), expected)
    every_second = np.repeat(boxes, 2, axis=0)[::2]
    np.testing.assert_array_equal(batched_nms(every_second, np.repeat(scores, 2)[::2]), expected)


def test_groups_are_independent() -> None:
    rng = np.random.default_rng(6)
    boxes, scores = boxes_at(rng, 9000, 30), rng.random(9000)
    labels, groups = rng.integers(1, 4, 9000), rng.integers(0, 500, 9000)
    rows = batched_nms(boxes, scores, labels, groups=groups)
    np.testing.assert_array_equal(scores[rows], np.sort(scores[rows])[::-1])
    for group in (0, 17, 499):
        own = np.flatnonzero(groups == group)
        alone = own[batched_nms(boxes[own], scores[own], labels[own])]
        np.testing.assert_array_equal(rows[groups[rows] == group], alone)


def test_the_number_of_threads_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    boxes, scores, groups = boxes_at(rng, 9000, 30), rng.random(9000), rng.integers(0, 99, 9000)
    one = batched_nms(boxes, scores, groups=groups, n_jobs=1)
    for n_jobs in (2, 7, -1):
        found = batched_nms(boxes, scores, groups=groups, n_jobs=n_jobs)
        np.testing.assert_array_equal(found, one)


def test_laws() -> None:
    """What is kept is kept again; moving and scaling all boxes changes nothing."""
    rng = np.random.default_rng(8)
    boxes, scores = boxes_at(rng, 200, 25).astype(float), rng.random(200)
    rows = batched_nms(boxes, scores)
    np.testing.assert_array_equal(batched_nms(boxes[rows], scores[rows]), np.arange(len(rows)))
    np.testing.assert_array_equal(batched_nms(4 * boxes - 1000, scores), rows)


def test_no_boxes() -> None:
    assert batched_nms(np.zeros((0, 4)), []).shape == (0,)


ONE = [[0, 0, 2, 1], [0, 0, 4, 1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": [0, 0, 2, 1]}, r"boxes has shape \(4,\); it must be 2-dimensional"),
        ({"boxes": [[0, 0, 2]] * 2}, r"boxes has shape \(2, 3\); it must be \(n, 4\)"),
        ({"boxes": [["a"] * 4] * 2}, "boxes has dtype <U1; it must be float16"),
        ({"boxes": [ONE[0], [0, 1, 2, 1]]}, r"boxes\[1\] is \[0, 1, 2, 1\]; a box is finite x0 <"),
        ({"boxes": [ONE[0], [0, 0, np.nan, 1]]}, r"boxes\[1\] is \[0, 0, nan, 1\]; a box is"),
        ({"scores": [1]}, r"scores has shape \(1,\); boxes needs \(2,\)"),
        ({"scores": [1, np.inf]}, r"scores\[1\] is inf; every score must be finite"),
        ({"scores": ["1", "2"]}, "scores has dtype <U1; it must be numbers"),
        ({"labels": [1, 2, 3]}, r"labels has shape \(3,\); boxes needs \(2,\)"),
        ({"labels": [1.0, 2.0]}, "labels has dtype float64; it must be an integer type"),
        ({"groups": [[1, 2]]}, r"groups has shape \(1, 2\); boxes needs \(2,\)"),
        ({"iou_threshold": 1.1}, "iou_threshold is 1.1; it must be a number from 0 to 1"),
        ({"iou_threshold": -0.1}, "iou_threshold is -0.1; it must be finite and >= 0"),
        ({"iou_threshold": "high"}, "iou_threshold is 'high'; it must be a number"),
        ({"n_jobs": 0}, "n_jobs is 0; it must be an integer from 1"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"boxes": ONE, "scores": [1, 2]} | changes
    with pytest.raises(ValueError, match=message):
        batched_nms(**arguments)


def code_of(mask: Array) -> dict[str, Any]:
    """COCO's compressed code of a mask (H, W), written out from the format's description."""
    pixels = mask.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(pixels, prepend=0))
    runs = np.diff(changes, prepend=0, append=len(pixels)).tolist()
    code = ""
    for i, run in enumerate(runs):
        value = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            digit, value = value & 31, value >> 5
            more = value != (-1 if digit & 16 else 0)
            code += chr(48 + digit + 32 * more)
    return {"size": list(mask.shape), "counts": code}


def some_masks(n: int, seed: int) -> Array:
    """Unions of two rectangles, and an empty mask, bool (n, 15, 20)."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, 15, 20), dtype=bool)
    for mask in masks[1:]:
        for x0, y0, x1, y1 in boxes_at(rng, 2, 14):
            mask[y0:y1, x0:x1] = True
    return masks


def slow_mask_nms(masks: Array, scores: Array, labels: Array, groups: Array) -> Array:
    left = sorted(range(len(masks)), key=lambda row: (-scores[row], row))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        rivals = [r for r in left if (labels[r], groups[r]) == (labels[best], groups[best])]
        for row in rivals:
            shared, either = (masks[best] & masks[row]).sum(), (masks[best] | masks[row]).sum()
            if shared > 0 and shared / either > 0.4:
                left.remove(row)
    return np.array(kept, dtype=np.int64)


@pytest.mark.parametrize("n", [1, 2, 40, 600])
def test_masks_against_the_definition(n: int) -> None:
    rng = np.random.default_rng(n)
    masks, scores = some_masks(n, n), rng.integers(0, 9, n)
    labels, groups = rng.integers(0, 3, n), rng.integers(0, 1 + n // 20, n)
    codes = [code_of(mask) for mask in masks]
    expected = slow_mask_nms(masks, scores, labels, groups)
    for n_jobs in (1, 3):
        found = batched_mask_nms(codes, scores, labels, groups=groups, n_jobs=n_jobs)
        np.testing.assert_array_equal(found, expected)


def test_codes_of_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    masks = some_masks(30, 1)
    codes = coco.encode(np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8)))
    assert [code["counts"].decode() for code in codes] == [code_of(m)["counts"] for m in masks]
    np.testing.assert_array_equal(mask_areas(codes), masks.sum(axis=(1, 2)))
    scores, zeros = np.arange(30) % 7, np.zeros(30)
    expected = slow_mask_nms(masks, scores, zeros, zeros)
    np.testing.assert_array_equal(batched_mask_nms(codes, scores), expected)


def test_no_masks() -> None:
    assert batched_mask_nms([], []).shape == mask_areas([]).shape == (0,)


def test_a_large_mask() -> None:
    mask = {"size": [40_000, 50_000], "counts": b"0PPlRo1"}
    with pytest.raises(
        ValueError, match=r"masks\[0\] is no run-length code of 40000 x 50000 pixels"
    ):
        mask_areas([mask])
    value, code = 40_000 * 50_000, "0"
    while value > 15:
        code, value = code + chr(48 + 32 + (value & 31)), value >> 5
    assert mask_areas([{"size": [40_000, 50_000], "counts": code + chr(48 + value)}]) == 2e9


CODE = {"size": [2, 3], "counts": b"123"}
MASK = "a mask is a dict of size, "


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"size": [2, 3]}, rf"masks\[1\] is {{'size': \[2, 3\]}}; {MASK}"),
        ({"counts": b"6"}, rf"masks\[1\] is {{'counts': b'6'}}; {MASK}"),
        ({"size": [2, 3], "counts": [1, 2, 3]}, rf"masks\[1\] is .*; {MASK}"),
        ({"size": [2, 3, 4], "counts": b"123"}, rf"masks\[1\] is .*; {MASK}"),
        ({"size": [2, 2**70], "counts": b"123"}, rf"masks\[1\] is .*; {MASK}"),
        ("123", rf"masks\[1\] is 123; {MASK}"),
        ({"size": [2, 4], "counts": b"123"}, r"masks\[1\] is no run-length code of 2 x 4 pixels"),
        ({"size": [2, 3], "counts": b"12"}, r"masks\[1\] is no run-length code of 2 x 3 pixels"),
        ({"size": [2, 3], "counts": "1\u00e92"}, r"masks\[1\] is no run-length code of 2 x 3"),
        ({"size": [0, 3], "counts": b""}, r"masks\[1\] is no run-length code of 0 x 3 pixels"),
        (
            {"size": [3, 2], "counts": b"123"},
            r"masks\[1\] has size 3 x 2, masks\[0\] of its group 2",
        ),
    ],
)
def test_bad_masks(mask: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batched_mask_nms([CODE, mask], [2, 1])


def test_masks_and_scores_that_differ_in_number() -> None:
    with pytest.raises(ValueError, match=r"scores has shape \(2,\); masks needs \(1,\)"):
        batched_mask_nms([CODE], [1, 2])
