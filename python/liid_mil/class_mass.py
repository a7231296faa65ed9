"""How much of the proposals is background: the scale of its probability that fits the others.

A cut moves doubtful proposals to the label of the majority, which is the background, and then lacks
objects. Class mass normalisation undoes that: the background's probabilities are scaled until as
many proposals become objects as the probabilities themselves expect, under the tags. No annotation
is used. Source: Zhu, Ghahramani and Lafferty, ICML 2003, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import MultiwayCutResult
from liid_mil.data.types import Bools

_RANGE = (1e-3, 1e3)
_STEPS = 14


def scaled(probs: npt.NDArray[Any], factor: float) -> npt.NDArray[Any]:
    """``probs`` (n, K+1) with the background's column times ``factor``, float32; else as given."""
    if factor == 1.0:
        return probs
    found = np.array(probs, dtype=np.float32)
    found[:, 0] *= factor
    return found


def expected_objects(probs: npt.NDArray[Any], allowed: Bools) -> float:
    """How many proposals are of a class, expected by probabilities (n, K+1) among allowed labels.

    Proposals whose allowed labels all have the probability 0 count as background.
    """
    kept = np.where(allowed, probs, 0).astype(np.float64)
    total = kept.sum(axis=1)
    shares = np.divide(kept[:, 1:].sum(axis=1), total, out=np.zeros(len(kept)), where=total > 0)
    return float(shares.sum())


def matching_scale(cut: Callable[[float], MultiwayCutResult], target: float) -> float:
    """The factor with which ``cut`` gives ``target`` objects, by bisection of its logarithm.

    The larger the factor, the fewer objects. Of the factors that were tried the one whose number of
    objects is nearest; the first of equal ones.
    """
    low, high = np.log(_RANGE)
    tried: list[tuple[float, int, float]] = []
    for step in range(_STEPS):
        middle = (low + high) / 2
        factor = float(np.exp(middle))
        n_objects = int((cut(factor).labels > 0).sum())
        tried.append((abs(n_objects - target), step, factor))
        if n_objects < target:
            high = middle
        else:
            low = middle
    return min(tried)[2]
