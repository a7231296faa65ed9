"""What the stages hand to each other refuses what does not fit together."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_mil.data.types import DatasetError, ImageLabels, Proposals, Truth

BOXES = np.array([[0, 0, 2, 2], [1, 1, 4, 3], [2, 0, 3, 5]], dtype=np.float32)
MASK: Any = {"size": [5, 5], "counts": b"0"}


def test_proposals_are_indexed_by_rows_or_a_mask() -> None:
    proposals = Proposals(BOXES, [{**MASK, "size": [k, k]} for k in range(3)], np.arange(3.0))
    for index in ([2, 0], np.array([2, 0])):
        some = proposals[index]
        assert len(some) == 2
        assert some.boxes.tolist() == BOXES[[2, 0]].tolist()
        assert some.scores.tolist() == [2, 0]
        assert some.masks is not None
        assert [mask["size"][0] for mask in some.masks] == [2, 0]
    assert proposals[np.array([False, True, False])].scores.tolist() == [1]
    assert len(proposals[[]]) == 0
    assert proposals[[]].boxes.shape == (0, 4)


def test_other_dtypes_are_converted() -> None:
    proposals = Proposals(BOXES.astype(int), None, [1, 2, 3])  # type: ignore[arg-type]
    assert proposals.boxes.dtype == proposals.scores.dtype == np.float32
    truth = Truth(BOXES, [1, 2, 1], None, [0, 1, 0])  # type: ignore[arg-type]
    assert (truth.labels.dtype, truth.difficult.dtype) == (np.int64, np.bool_)


@pytest.mark.parametrize(
    ("boxes", "masks", "scores", "message"),
    [
        (BOXES[:, :3], None, [1, 2, 3], r"boxes has shape \(3, 3\); it must be \(P, 4\)"),
        ([[0, 0, 1, 1], [3, 0, 3, 1]], None, [1, 2], r"boxes\[1\] is \[3.0, 0.0, 3.0, 1.0\]"),
        ([[0, 0, 1, np.nan]], None, [1], r"boxes\[0\] is"),
        (BOXES, None, [1, 2], r"scores has shape \(2,\); boxes needs \(3,\)"),
        (BOXES, None, [1, np.inf, 2], r"scores\[1\] is inf; every score must be finite"),
        (BOXES, [MASK], [1, 2, 3], "there are 1 masks for 3 boxes"),
    ],
)
def test_bad_proposals(boxes: Any, masks: Any, scores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Proposals(boxes, masks, scores)


@pytest.mark.parametrize(
    ("labels", "masks", "difficult", "message"),
    [
        ([1, 2], None, [0, 0, 0], r"labels has shape \(2,\); boxes needs \(3,\)"),
        ([1, 0, 2], None, [0, 0, 0], r"labels\[1\] is 0; classes are 1 to K"),
        ([1, 1, 2], None, [0], r"difficult has shape \(1,\); boxes needs \(3,\)"),
        ([1, 1, 2], [MASK] * 2, [0, 0, 0], "there are 2 masks for 3 boxes"),
    ],
)
def test_bad_truth(labels: Any, masks: Any, difficult: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Truth(BOXES, labels, masks, difficult)


def test_errors_of_worker_processes_reach_their_parent() -> None:
    error = pickle.loads(pickle.dumps(DatasetError("three.jpg", "damaged image")))
    assert isinstance(error, DatasetError)
    assert str(error) == "three.jpg: damaged image"
    assert error.path == Path("three.jpg")


def test_labels_of_an_image_are_converted() -> None:
    made = ImageLabels("a", (5, 5), BOXES.astype(int), [1, 2, 2], [3, 2, 1], [MASK] * 3)  # type: ignore[arg-type]
    assert len(made) == 3
    assert (made.boxes.dtype, made.labels.dtype) == (np.float32, np.int64)
    assert made.scores.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 0, 2]}, r"labels\[1\] is 0; classes are 1 to K"),
        ({"labels": [1, 2]}, r"labels has shape \(2,\); boxes needs \(3,\)"),
        ({"scores": [1, 2, np.nan]}, r"scores\[2\] is nan"),
        ({"masks": [MASK]}, r"there are 1 masks for 3 boxes"),
        ({"size": (5, 6)}, r"masks\[0\] has size \[5, 5\]; image 'a' has \[5, 6\]"),
    ],
)
def test_labels_of_an_image_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"boxes": BOXES, "labels": [1, 2, 2], "scores": [3, 2, 1]}
    good |= {"image_id": "a", "size": (5, 5), "masks": [MASK] * 3}
    with pytest.raises(ValueError, match=message):
        ImageLabels(**{**good, **change})
