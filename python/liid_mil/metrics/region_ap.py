"""Region AP: average precision of labelled proposals, as PASCAL VOC and PRM or as COCO count it.

Input: scored images, one after another. Output: average precision by class and IoU threshold.
Kept in between: label, score and outcomes of each proposal.
Source: LIID, section 6.1 (AP at IoU .5 and .75, after PRM); PASCAL VOC's development kit from 2010
on (area under the curve); COCO's detection evaluation (101 points).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Bools, Ints
from liid_mil.metrics.matching import HIT, IGNORED, coco_outcomes, voc_outcomes
from liid_mil.metrics.overlaps import ScoredImage
from liid_mil.metrics.rows import Rows

FORMS = ("voc", "coco")
COCO_PER_CLASS = 100  # proposals of one class of an image that COCO looks at
_RECALLS = np.linspace(0, 1, 101)


class RegionAP:
    """Average precision of K classes at T thresholds.

    Parameters
    ----------
    n_classes : K.
    thresholds : T overlaps in (0, 1] from which on an object is found.
    form : ``"voc"``: matching of VOC, area under the monotone curve. ``"coco"``: matching of COCO,
        precision at 101 recalls, at most 100 proposals a class and image.

    Raises
    ------
    ValueError : another form.
    """

    def __init__(
        self, n_classes: int, thresholds: Sequence[float] = (0.5, 0.75), form: str = "voc"
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; it must be one of {FORMS}")
        self._thresholds, self._form = tuple(thresholds), form
        self._n_objects = np.zeros(n_classes, dtype=np.int64)
        self._labels, self._scores = Rows(np.int32), Rows(np.float64)
        self._outcomes = Rows(np.int8, len(self._thresholds))

    def add(self, image: ScoredImage) -> None:
        """Count the proposals and objects of one image."""
        objects = image.truth_labels[~image.difficult]
        self._n_objects += np.bincount(objects - 1, minlength=len(self._n_objects))
        labels, scores = image.labels, image.scores
        if self._form == "voc":
            overlap = np.where(image.same_class, image.overlaps.iou, 0)
            outcomes = voc_outcomes(overlap, image.difficult, self._thresholds)
        else:
            overlap = np.where(image.same_class, image.overlaps.crowd_iou, 0)
            seen = _first_of_class(labels, COCO_PER_CLASS)
            labels, scores, overlap = labels[seen], scores[seen], overlap[seen]
            outcomes = coco_outcomes(overlap, image.difficult, self._thresholds)
        self._labels.extend(labels)
        self._scores.extend(scores)
        self._outcomes.extend(outcomes.T)

    def per_class(self) -> npt.NDArray[np.float64]:
        """Average precision, (T, K); nan for a class without objects that are not difficult."""
        labels, scores = self._labels.array()[:, 0], self._scores.array()[:, 0]
        order = np.lexsort((-scores, labels))  # stable, so that of equal scores the first is first
        outcomes = self._outcomes.array()[order]
        bounds = np.searchsorted(labels[order], np.arange(1, len(self._n_objects) + 2))
        precision = np.full((len(self._thresholds), len(self._n_objects)), np.nan)
        for k in np.flatnonzero(self._n_objects):
            for t, outcome in enumerate(outcomes[bounds[k] : bounds[k + 1]].T):
                hits = outcome[outcome != IGNORED] == HIT
                precision[t, k] = _area(hits, int(self._n_objects[k]), self._form)
        return precision

    def means(self) -> npt.NDArray[np.float64]:
        """Mean over the classes that have objects, (T,); nan where none has."""
        return mean_over_classes(self.per_class())


def mean_over_classes(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean along the last axis over all that are not nan; nan where all are."""
    known = ~np.isnan(values)
    totals = np.where(known, values, 0).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(totals / known.sum(axis=-1), dtype=np.float64)


def average_precision(
    scores: npt.ArrayLike, hits: npt.ArrayLike, n_objects: int, form: str = "voc"
) -> float:
    """Average precision of the proposals of one class.

    Parameters
    ----------
    scores, hits : (n,); of equal scores the first proposal counts first.
    n_objects : objects to be found, at least 1.
    form : as of :class:`RegionAP`.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    return _area(np.asarray(hits, dtype=bool)[order], n_objects, form)


def _area(hits: Bools, n_objects: int, form: str) -> float:
    """Area under the precision-recall curve, precision made non-increasing; ``hits`` best first."""
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if form == "voc":
        return float(envelope[hits].sum() / n_objects)  # recall grows by 1/n at each hit, else not
    reached = np.searchsorted(found / n_objects, _RECALLS, side="left")
    return float(np.append(envelope, 0.0)[np.minimum(reached, len(envelope))].mean())


def _first_of_class(labels: Ints, n: int) -> npt.NDArray[Any]:
    """Rows of the first ``n`` proposals of each class."""
    if len(labels) <= n:
        return np.arange(len(labels))
    order = np.argsort(labels, kind="stable")
    _, begin, count = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.arange(len(labels)) - np.repeat(begin, count)
    return np.sort(order[place < n])
