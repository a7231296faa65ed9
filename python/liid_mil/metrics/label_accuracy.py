"""Label accuracy and confusion: whether proposals got the class of the object that they cover.

The true label of a proposal is the class of the object that it overlaps most, where that is at
least .5 (difficult objects too), else 0, the background.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Ints
from liid_mil.metrics.overlaps import Overlap

FOREGROUND_IOU = 0.5


def true_labels_of(overlap: Overlap, labels: Ints) -> Ints:
    """True label of each proposal, int64 (P,): the best overlapping object's, or 0.

    overlap : (P, G) in [0, 1]; labels : (G,). Of equal overlaps the first object counts.
    """
    if overlap.shape[1] == 0:
        return np.zeros(len(overlap), dtype=np.int64)
    best = overlap.argmax(axis=1)
    return np.where(overlap.max(axis=1) >= FOREGROUND_IOU, labels[best], 0)


class Confusion:
    """Counts of proposals (or pixels) by true and given label, 0 the background, 1..K classes."""

    def __init__(self, n_classes: int) -> None:
        self._counts = np.zeros((n_classes + 1, n_classes + 1), dtype=np.int64)

    def add(
        self,
        true: npt.NDArray[np.integer],
        given: npt.NDArray[np.integer],
        times: npt.NDArray[np.integer] | None = None,
    ) -> None:
        """Count pairs of labels 0..K, each once or so many ``times``."""
        side = len(self._counts)
        pairs = (true.astype(np.int64) * side + given).ravel()
        counts = np.bincount(pairs, weights=times, minlength=side * side)
        self._counts += counts.astype(np.int64).reshape(side, side)  # exact below 2**53

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """int64 (K+1, K+1): rows are true, columns given labels."""
        return self._counts

    def accuracy(self) -> float:
        """Share with the right label; nan where there are none."""
        return _share(self._counts.trace(), self._counts.sum())

    def per_given_class(self) -> npt.NDArray[np.float64]:
        """Of those labelled 1..K, the share that is right, (K,); nan for a label not given."""
        return _share(self._counts.diagonal(), self._counts.sum(axis=0))[1:]

    def iou(self) -> npt.NDArray[np.float64]:
        """Intersection over union of 0..K, (K+1,); nan where a label is neither true nor given."""
        right = self._counts.diagonal()
        return _share(right, self._counts.sum(axis=0) + self._counts.sum(axis=1) - right)


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole, dtype=np.float64)
