"""ABO: how well the best proposal of its class covers an object, on average.

Source: LIID, section 6.1; Uijlings et al., Selective Search, 2013 (average best overlap).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_mil.metrics.overlaps import ScoredImage
from liid_mil.metrics.region_ap import mean_over_classes


class BestOverlap:
    """Average best overlap of K classes; an object that no proposal of its class touches has 0."""

    def __init__(self, n_classes: int) -> None:
        self._total = np.zeros(n_classes)
        self._n_objects = np.zeros(n_classes, dtype=np.int64)

    def add(self, image: ScoredImage) -> None:
        """Count the objects of one image that are not difficult."""
        overlap = np.where(image.same_class, image.overlaps.iou, 0)
        best = overlap.max(axis=0, initial=0)[~image.difficult]
        classes = image.truth_labels[~image.difficult] - 1
        self._total += np.bincount(classes, weights=best, minlength=len(self._total))
        self._n_objects += np.bincount(classes, minlength=len(self._total))

    def per_class(self) -> npt.NDArray[np.float64]:
        """Mean over a class's objects, (K,); nan for a class without objects."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._total / self._n_objects)

    def mean(self) -> float:
        """ABO: mean over the classes that have objects; nan where none has."""
        return float(mean_over_classes(self.per_class()))
