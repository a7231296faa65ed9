"""Proposal recall against pycocotools without categories, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liid_mil.metrics import ProposalRecall
from liid_mil.metrics.overlaps import overlaps
from mil.metrics.cases import random_pairs
from mil.metrics.coco_oracle import evaluated, mean_of_known

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("masks", [False, True], ids=["box", "mask"])
@pytest.mark.parametrize("seed", range(3))
def test_average_recall_is_pycocotools(seed: int, masks: bool) -> None:
    rng = np.random.default_rng(seed)
    # Distinct scores, as pycocotools orders equal ones by class.
    pairs = [
        (replace(labels, scores=rng.permutation(len(labels))), truth)
        for labels, truth in random_pairs(seed, masks)
    ]
    recall = ProposalRecall()
    for labels, truth in pairs:
        if truth is not None:
            order = np.argsort(-labels.scores, kind="stable")
            region = "mask" if masks else "box"
            both = overlaps(labels.boxes, labels.masks, truth, region, "i")
            recall.add(both.crowd_iou[order], truth.difficult)
    limits = [1, 2, 5, 100]
    expected = evaluated(pairs, masks, useCats=0, maxDets=limits).eval["recall"]
    values = [mean_of_known(expected[:, 0, 0, m]) for m in range(len(limits))]
    assert [recall.average(n) for n in limits] == pytest.approx(values)
    assert 0.05 < values[0] < values[2] < 0.9


def test_curve_by_hand() -> None:
    recall = ProposalRecall((0.5, 0.7))
    recall.add(np.array([[0.6, 0], [0, 0.8]]), np.zeros(2, bool))
    recall.add(np.array([[0, 0.1], [0, 0], [0.9, 0]]), np.array([False, True]))
    np.testing.assert_allclose(recall.curve(), np.array([[1, 2, 3], [0, 1, 2]]) / 3)
    assert recall.average(3) == recall.average(100) == pytest.approx(2.5 / 3)


def test_no_proposals_and_no_objects() -> None:
    recall = ProposalRecall()
    assert np.isnan(recall.average(10))
    recall.add(np.zeros((0, 2)), np.zeros(2, bool))
    assert recall.average(10) == 0
