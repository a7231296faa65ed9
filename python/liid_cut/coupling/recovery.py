"""How far delta can be raised without harm: labels that are as good as known, hidden and recovered.

Input: probabilities, terminal weights, the graph, a cut. Output: whether a cut at a larger delta
still recovers them.

Where a classifier errs alike on like nodes, its probabilities back up its own mistakes, and so do
marginals that rest on them; only a stronger coupling mends these. Whether it does harm shows on the
labels that are as good as known: told ones and the surest tenth of each label's other nodes, or,
where fewer than `LEAST` are told, the surest fifth. Their probabilities are taken away, told labels
are released, and a cut that keeps to the labels' borders recovers them from their neighbours. They
show harm alone: where a classifier was told a label it is right, and so it is nearby, so that
nothing is left there to mend. Hence delta is doubled as long as they are recovered as well as
before, up to one in 500.

Sums over nodes, but for one threshold a label: that of its surest nodes. Their share was settled
while looking at the real features of benchmarks/DELTA.md, where a tenth saw too little.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liid_cut.coupling.evidence import Floats
from liid_cut.inputs import Matrix
from liid_cut.weights import Allowed

# Of fewer labels a tenth may go wrong with none of these among them.
LEAST = 20
# Told labels show harm among nodes that are not sure, too; without them more sure ones are needed.
_SUREST_BESIDE_TOLD = 0.1
_SUREST = 0.2
_TOLERANCE = 0.002


class Hidden(NamedTuple):
    """Rows whose label is as good as known, and the problem that does not know it.

    Attributes
    ----------
    rows : (h,) their nodes; ``labels``: (h,) what they should get.
    terminal_weights : (n, K+1) without preference there.
    allowed : (n, K+1) or None, with told labels released.
    """

    rows: npt.NDArray[np.intp]
    labels: npt.NDArray[np.intp]
    terminal_weights: Matrix
    allowed: Allowed | None

    def recovered(self, labels: npt.NDArray[Any]) -> int:
        """How many of them have their label."""
        return int((labels[self.rows] == self.labels).sum())

    def as_well(self, count: int, before: int) -> bool:
        """Whether ``count`` recovered ones are as good as ``before``."""
        return count >= before - _TOLERANCE * len(self.rows)


def hide(
    p: Floats,
    terminal_weights: Matrix,
    allowed: Allowed | None,
    told: npt.NDArray[np.bool_],
    connected: npt.NDArray[np.bool_],
) -> Hidden | None:
    """Hide labels that are as good as known; None: too few are.

    Parameters
    ----------
    p : (n, K+1) probabilities among the allowed labels.
    told : (n,) bool, nodes of known label. connected : (n,) bool, nodes with an edge; others have
        nobody who could tell their label, and neither do those with a single label count.
    """
    labels = p.argmax(axis=1)
    free = connected if allowed is None else connected & (allowed.sum(axis=1) > 1)
    part = _SUREST if told.sum() < LEAST else _SUREST_BESIDE_TOLD
    rows = np.flatnonzero(told | _surest(p, labels, free, part))
    if len(rows) < LEAST:
        return None
    weights = np.array(terminal_weights)
    weights[rows] = 0
    released = allowed
    if allowed is not None and told.any():
        released = allowed.copy()
        released[told] = True
    return Hidden(rows, labels[rows], weights, released)


def _surest(
    p: Floats, labels: npt.NDArray[np.intp], free: npt.NDArray[np.bool_], part: float
) -> npt.NDArray[np.bool_]:
    """The surest ``part`` of each label's nodes that are ``free``, equally sure ones all."""
    sure = p.max(axis=1)
    chosen = np.zeros(len(p), dtype=bool)
    for k in np.unique(labels[free]):
        of_k = free & (labels == k)
        ascending = np.sort(sure[of_k])
        least = ascending[len(ascending) - math.ceil(part * len(ascending))]
        chosen |= of_k & (sure >= least)
    return chosen
