"""Annotated boxes label the proposals: Table 7's rule on boxes drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.data.types import ImageProposals, Proposals, Truth
from liid_mil.oracle import oracle, oracle_labels

# Of objects 10 x 10 at x = 0 (class 2) and x = 20 (class 1), proposals shifted by 0, 3, 5, 6.
TRUTH = Truth(
    np.array([[0, 0, 10, 10], [20, 0, 30, 10]]), np.array([2, 1]), None, np.zeros(2, bool)
)
BOXES = np.array(
    [[0, 0, 10, 10], [23, 0, 33, 10], [0, 0, 10, 5], [6, 0, 16, 10], [50, 0, 60, 10]], np.float32
)


def test_labels_and_scores() -> None:
    labels, scores = oracle_labels(BOXES, TRUTH)
    # An IoU of just one half is not above it.
    assert labels.tolist() == [2, 1, 0, 0, 0]
    np.testing.assert_allclose(scores, [1, 7 / 13, 0.5, 4 / 16, 0])


def test_without_objects_everything_is_dropped() -> None:
    nothing = Truth(np.zeros((0, 4)), np.zeros(0, int), None, np.zeros(0, bool))
    labels, scores = oracle_labels(BOXES, nothing)
    assert labels.tolist() == scores.tolist() == [0] * 5


def test_suppression_and_images_without_truth() -> None:
    proposals = Proposals(np.concatenate([BOXES[:2], BOXES[:1] + 1]), None, np.ones(3))
    images = [ImageProposals(name, (40, 60), proposals) for name in ("one", "two", "three")]
    found = list(oracle(iter(images), iter([TRUTH, None, TRUTH])))
    assert [image.image_id for image in found] == ["one", "three"]
    assert found[0].labels.tolist() == [2, 1]  # the third overlaps the first by 81 / 119
    assert [len(image) for image in oracle(images, [TRUTH] * 3, suppress="none")] == [3, 3, 3]


def test_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(oracle([ImageProposals("a", (9, 9), Proposals(BOXES, None, np.ones(5)))], []))
