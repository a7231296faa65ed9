"""Average best overlap by hand; the report's tests hold it against a slow version."""

from __future__ import annotations

import numpy as np

from liid_mil.metrics.best_overlap import BestOverlap
from liid_mil.metrics.overlaps import Overlaps, ScoredImage


def test_by_hand() -> None:
    iou = np.array([[0.9, 0.3, 0.0], [0.5, 0.0, 0.4], [0.0, 0.8, 0.0]])
    image = ScoredImage(
        labels=np.array([2, 1, 1]),
        scores=np.array([0.9, 0.8, 0.7]),
        truth_labels=np.array([1, 1, 3]),
        difficult=np.array([False, False, False]),
        overlaps=Overlaps(iou, iou),
    )
    best = BestOverlap(3)
    assert np.isnan(best.mean())
    best.add(image)
    # Class 1: .5 (the .9 is of another class) and .8; class 2 has no object; class 3 no proposal.
    np.testing.assert_allclose(best.per_class(), [0.65, np.nan, 0])
    assert best.mean() == 0.325
