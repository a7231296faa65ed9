"""Proposal recall, whatever the labels: AR@N, and its curve over N.

Input: proposals of each image, best first, and its objects. Output: the share of objects that the
N best proposals of their images find, averaged over IoU .5, .55, ... .95.
Source: COCO's detection evaluation (AR, without categories); Hosang et al., 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Bools
from liid_mil.metrics.matching import HIT, coco_outcomes
from liid_mil.metrics.overlaps import Overlap

COCO_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())  # bit for bit those of pycocotools


class ProposalRecall:
    """Share of objects that are found, by threshold and number of proposals an image.

    Memory grows with the largest number of proposals of an image alone.
    """

    def __init__(self, thresholds: Sequence[float] = COCO_THRESHOLDS) -> None:
        self._thresholds = tuple(thresholds)
        self._hits = np.zeros((len(self._thresholds), 0), dtype=np.int64)
        self._n_objects = 0

    def add(self, overlap: Overlap, difficult: Bools) -> None:
        """Count one image; ``overlap`` (P, G) with the share inside for difficult objects."""
        self._n_objects += int((~difficult).sum())
        hits = coco_outcomes(overlap, difficult, self._thresholds) == HIT
        missing = hits.shape[1] - self._hits.shape[1]
        if missing > 0:
            self._hits = np.pad(self._hits, ((0, 0), (0, missing)))
        self._hits[:, : hits.shape[1]] += hits

    def curve(self) -> npt.NDArray[np.float64]:
        """Recall (T, M) of the N = 1..M best proposals; nan without objects that count."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.cumsum(self._hits, axis=1) / self._n_objects)

    def average(self, n: int) -> float:
        """AR@n: mean recall over the thresholds; nan without objects that count."""
        if self._n_objects == 0:
            return float("nan")
        curve = self.curve()
        return float(curve[:, min(n, curve.shape[1]) - 1].mean()) if curve.size else 0.0
