"""Average precision in both forms: by hand, by scikit-learn, by loops, by pycocotools."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.metrics.overlaps import Overlaps, ScoredImage
from liid_mil.metrics.region_ap import RegionAP, average_precision, mean_over_classes


def test_average_precision_by_hand() -> None:
    # hit, miss, hit of 4 objects: precision 1, 1/2, 2/3 at recall 1/4, 1/4, 2/4
    found = [0.9, 0.8, 0.7], [True, False, True]
    assert average_precision(*found, 4) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    # COCO's recalls 0, .01 ... .25 (26 of them) have precision 1, .26 to .5 (25) have 2/3
    assert average_precision(*found, 4, "coco") == pytest.approx((26 + 25 * 2 / 3) / 101)
    for form in ("voc", "coco"):
        assert average_precision([], [], 2, form) == 0
        assert average_precision([0.3], [True], 1, form) == 1


def test_average_precision_is_scikit_learns_with_an_envelope() -> None:
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    hits = rng.random(200) < 0.4
    scores = rng.random(200)
    precision, recall, _ = sklearn_metrics.precision_recall_curve(hits, scores)
    envelope = np.maximum.accumulate(precision)  # recall falls along the curve
    expected = -np.sum(np.diff(recall) * envelope[:-1])
    assert average_precision(scores, hits, int(hits.sum())) == pytest.approx(expected)


def test_average_precision_is_scikit_learns_where_precision_only_falls() -> None:
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    hits = [True] * 5 + [False] * 3
    scores = np.linspace(1, 0, 8)
    expected = sklearn_metrics.average_precision_score(hits, scores)
    assert average_precision(scores, hits, 5) == pytest.approx(expected)


def image_of(labels: list[int], scores: list[float], iou: np.ndarray) -> ScoredImage:
    """Proposals beside objects of class 1 that are not difficult."""
    n = iou.shape[1]
    return ScoredImage(
        np.array(labels),
        np.array(scores),
        np.ones(n, np.int64),
        np.zeros(n, bool),
        Overlaps(iou, iou),
    )


def test_coco_looks_at_a_hundred_proposals_of_a_class() -> None:
    # 100 misses of class 1, then, of lower score, a hit that COCO no longer sees.
    iou = np.zeros((103, 1))
    iou[102] = 1
    image = image_of([2, 2] + [1] * 101, np.linspace(1, 0, 103).tolist(), iou)
    for form, expected in (("voc", 1 / 101), ("coco", 0)):
        precision = RegionAP(2, (0.5,), form)
        precision.add(image)
        assert precision.per_class()[0, 0] == pytest.approx(expected)
        assert np.isnan(precision.per_class()[0, 1])  # class 2 has no object
        assert precision.means() == pytest.approx([expected])


def test_images_come_one_by_one() -> None:
    perfect = image_of([1], [0.5], np.ones((1, 1)))
    wrong = image_of([1, 1], [0.9, 0.1], np.zeros((2, 1)))
    precision = RegionAP(1)
    assert np.isnan(precision.means()).all()
    for image in (wrong, perfect):
        precision.add(image)
    # miss, hit, miss of 2 objects
    assert precision.per_class().tolist() == [[0.25], [0.25]]


def test_mean_over_classes_leaves_out_what_is_undefined() -> None:
    values = np.array([[1, np.nan, 0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(mean_over_classes(values), [0.5, np.nan])


def test_unknown_form() -> None:
    with pytest.raises(ValueError, match="form is 'area'; it must be one of"):
        RegionAP(1, form="area")
