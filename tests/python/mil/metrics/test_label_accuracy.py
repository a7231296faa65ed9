"""True labels by hand; confusion and its rates against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.metrics.label_accuracy import Confusion, true_labels_of


def test_true_labels_by_hand() -> None:
    overlap = np.array([[0.6, 0.7], [0.5, 0.5], [0.49, 0.1], [0, 1]])
    assert true_labels_of(overlap, np.array([3, 1])).tolist() == [1, 3, 0, 1]
    assert true_labels_of(np.zeros((2, 0)), np.zeros(0, int)).tolist() == [0, 0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_rates_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    true = rng.choice([0, 1, 2, 4], 500)
    given = np.where(rng.random(500) < 0.6, true, rng.choice([0, 1, 2, 3], 500))
    confusion = Confusion(5)
    for part in np.array_split(np.arange(500), 7):
        confusion.add(true[part], given[part])
    every = np.arange(6)
    np.testing.assert_array_equal(
        confusion.counts, metrics.confusion_matrix(true, given, labels=every)
    )
    assert confusion.accuracy() == metrics.accuracy_score(true, given)
    right = metrics.precision_score(true, given, labels=every[1:], average=None, zero_division=0)
    iou = metrics.jaccard_score(true, given, labels=every, average=None, zero_division=0)
    assert np.isnan(confusion.per_given_class()[4])  # label 5 was never given
    assert np.isnan(confusion.iou()[5])  # 5 is neither true nor given
    assert np.nan_to_num(confusion.per_given_class()) == pytest.approx(right)
    assert np.nan_to_num(confusion.iou()) == pytest.approx(iou)


def test_nothing_counted() -> None:
    assert np.isnan(Confusion(2).accuracy())
    assert np.isnan(Confusion(2).iou()).all()
