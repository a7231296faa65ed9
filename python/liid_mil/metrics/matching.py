"""Which proposals of an image find an object: the rules of PASCAL VOC and of COCO.

Input: overlaps of P proposals, best first, with G objects; 0 where the classes differ. Output: for
each of T thresholds the outcome of each proposal: HIT, MISS, or IGNORED, which counts neither way.
Source: PASCAL VOC's development kit; COCO's detection evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Bools
from liid_mil.metrics.overlaps import Overlap

MISS, HIT, IGNORED = 0, 1, -1
Outcomes = npt.NDArray[np.int8]


def voc_outcomes(overlap: Overlap, difficult: Bools, thresholds: Sequence[float]) -> Outcomes:
    """Outcomes int8 (T, P) by VOC's rule.

    A proposal belongs to the object that it overlaps most, of equal ones the first. It is a HIT
    where that overlap reaches the threshold and no better proposal took the object; IGNORED where
    the object is difficult; else a MISS.
    """
    outcome = np.full((len(thresholds), len(overlap)), MISS, dtype=np.int8)
    if overlap.size == 0:
        return outcome
    nearest = overlap.argmax(axis=1)
    nearest_overlap = overlap.max(axis=1)
    for t, threshold in enumerate(thresholds):
        reaching = np.flatnonzero(nearest_overlap >= threshold)
        objects = nearest[reaching]
        _, first = np.unique(objects, return_index=True)
        outcome[t, reaching[first]] = HIT
        outcome[t, reaching[difficult[objects]]] = IGNORED
    return outcome


def coco_outcomes(overlap: Overlap, crowd: Bools, thresholds: Sequence[float]) -> Outcomes:
    """Outcomes int8 (T, P) by COCO's rule.

    Best first, a proposal takes the object that it overlaps most among those that reach the
    threshold and are still free, of equal ones the last: a HIT. Where there is none but it reaches
    a crowd (which is never taken), it is IGNORED; else a MISS.

    overlap : with the share inside in columns of crowds (:attr:`Overlaps.crowd_iou`).
    """
    outcome = np.full((len(thresholds), len(overlap)), MISS, dtype=np.int8)
    if overlap.size == 0:
        return outcome
    levels = np.minimum(thresholds, 1 - 1e-10)  # COCO's own guard against rounding
    every = np.arange(len(levels))
    free = np.ones((len(levels), overlap.shape[1]), dtype=bool)
    # Crowds come last, by 1 in rank; columns are turned round as argmax finds the first of equals.
    rank, crowd = (overlap + ~crowd)[:, ::-1], crowd[::-1]
    overlap = overlap[:, ::-1]
    for p in np.flatnonzero(overlap.max(axis=1) >= levels.min()):
        open_to = free & (overlap[p] >= levels[:, None])
        taken = np.where(open_to, rank[p], 0).argmax(axis=1)
        found = open_to[every, taken]
        ignored = crowd[taken]
        outcome[found, p] = np.where(ignored[found], IGNORED, HIT)
        free[every[found & ~ignored], taken[found & ~ignored]] = False
    return outcome
