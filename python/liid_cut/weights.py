"""Weights of edges to terminals and between nodes, from probabilities and similarities.

Input: probabilities (n, K+1), a table of neighbours. Output: what the core cuts. Terminal weights:

- ``"linear"``: ``t[u,k] = p[u,k]``, the paper's (section 5.2).
- ``"log"``: ``t[u,k] = log(p[u,k] / min_j p[u,j])``: the cheapest cut is then the most probable
  labelling of a Potts model whose nodes are as likely as the classifier says.

``temperature`` T replaces p by ``p ** (1/T)``, scaled to the same sum (Guo, Pleiss, Sun and
Weinberger, "On calibration of modern neural networks", ICML 2017): below 1 for a classifier that is
less sure than it is right, above 1 for one that is too sure.

Edge weights, times delta:

- ``"abs"``: ``|cos(f_u, f_v)|``, the paper's (Eq. 10).
- ``"clip"``: ``max(cos, 0)``: opposite features are not connected.
- ``"local"``: ``exp(-d(u,v)^2 / (s_u s_v))`` with ``d^2 = 2 - 2 cos`` and s_u the distance of u to
  its last neighbour in the table (Zelnik-Manor and Perona, "Self-tuning spectral clustering", NIPS
  2004).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import Matrix, as_choice, as_number
from liid_cut.neighbors import NeighborTable

Allowed = npt.NDArray[np.bool_]

TERMINAL_WEIGHTS = ("linear", "log")
EDGE_WEIGHTS = ("abs", "clip", "local")
# A probability below this part of its row's sum counts as this much: a zero may not forbid a label.
LOG_FLOOR = 1e-6
# Below this part of a row's sum, a difference from it has lost too many digits.
_CANCELS = 2.0**-12
_BLOCK = 1 << 14


def costs_of_labels(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cost (n, K+1) of each label, the sum of a row's other weights, as the core counts it."""
    total = weights.sum(axis=1, keepdims=True)
    costs: npt.NDArray[np.float64] = total - weights
    rows, labels = np.nonzero(costs < _CANCELS * total)
    costs[rows, labels] = _sums_of_others(weights, rows, labels)
    return costs


def costs_of_labelling(
    weights: Matrix, totals: npt.NDArray[np.float64], labels: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    """Cost (n,) of one label in each row; ``totals`` (n,) are the sums of the rows."""
    taken = weights[np.arange(len(labels)), labels].astype(np.float64)
    costs: npt.NDArray[np.float64] = totals - taken
    rows = np.flatnonzero(costs < _CANCELS * totals)
    costs[rows] = _sums_of_others(weights, rows, labels[rows])
    return costs


def _sums_of_others(
    weights: Matrix, rows: npt.NDArray[np.integer], labels: npt.NDArray[np.integer]
) -> npt.NDArray[np.float64]:
    others = np.array(weights[rows], dtype=np.float64)
    others[np.arange(len(rows)), labels] = 0.0
    sums: npt.NDArray[np.float64] = others.sum(axis=1)
    return sums


def as_terminal_weights(
    probs: Matrix, kind: str, temperature: float, allowed: Allowed | None
) -> Matrix:
    """Weights (n, K+1) of the edges to terminals, as the head of this file defines them.

    Parameters
    ----------
    probs : (n, K+1) floats >= 0; need not sum to 1. A row of zeros stays one.
    kind : ``"linear"`` or ``"log"``. In the logarithm a probability counts as at least `LOG_FLOOR`
        times its row's sum.
    temperature : > 0.
    allowed : (n, K+1) bool or None; ``"log"`` takes the minimum over a row's allowed labels, and
        gives the others 0.

    Raises
    ------
    ValueError : unknown kind, temperature not positive and finite.
    """
    as_choice("terminal_weights", kind, TERMINAL_WEIGHTS)
    temperature = as_number("temperature", temperature, positive=True)
    if kind == "linear" and temperature == 1:
        return probs
    logs = _log_probs(probs, temperature)
    if kind == "log":
        if allowed is None:
            return np.asarray(logs - logs.min(axis=1, keepdims=True, initial=np.inf))
        least = np.where(allowed, logs, np.inf).min(axis=1, keepdims=True, initial=np.inf)
        return np.where(allowed, logs - least, 0.0)
    powers = logs - logs.max(axis=1, keepdims=True, initial=-np.inf)
    _in_place(np.exp, powers)
    powers *= probs > 0
    total = np.asarray(probs, dtype=np.float64).sum(axis=1, keepdims=True)
    weights: Matrix = powers * (total / np.maximum(powers.sum(axis=1, keepdims=True), LOG_FLOOR))
    return weights


def _log_probs(probs: Matrix, temperature: float) -> npt.NDArray[np.float64]:
    """``log(p) / T`` of rows scaled to the sum 1, p not below the floor; 0 for rows of zeros."""
    p = np.array(probs, dtype=np.float64)
    largest = p.max(axis=1, keepdims=True, initial=0.0)
    p /= np.where(largest > 0, largest, 1.0)  # first, so that no sum overflows
    total = p.sum(axis=1, keepdims=True)
    p /= np.where(total > 0, total, 1.0)
    np.maximum(p, LOG_FLOOR, out=p)
    _in_place(np.log, p)
    p /= temperature
    p[total[:, 0] == 0] = 0.0
    return p


def weighted_table(table: NeighborTable, kind: str) -> NeighborTable:
    """The table with edge weights of a kind, all >= 0, in place of cosines; see the file's head.

    Raises
    ------
    ValueError : unknown kind.
    """
    as_choice("edge_weights", kind, EDGE_WEIGHTS)
    if kind == "abs":
        return table  # the core takes the absolute value
    scaled = np.maximum(table.similarities, 0.0) if kind == "clip" else _locally_scaled(table)
    return NeighborTable(table.ids, scaled, table.report)


def _locally_scaled(table: NeighborTable) -> npt.NDArray[np.float64]:
    present = table.ids >= 0
    squares = squared_distances(table.ids, table.similarities)
    scales = local_scales(squares)
    weights = local_weights(squares, scales[:, None], scales[np.where(present, table.ids, 0)])
    return np.where(present, weights, -np.inf)


def squared_distances(
    ids: npt.NDArray[Any], similarities: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """``2 - 2 cos`` of the entries of a table; 0 where the id is -1."""
    return np.where(ids >= 0, np.maximum(2.0 - 2.0 * similarities, 0.0), 0.0)


def local_scales(squares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance of each row (n,) to the last of its neighbours (n, k)."""
    scales: npt.NDArray[np.float64] = np.sqrt(squares.max(axis=1, initial=0.0))
    return scales


def local_weights(
    squares: npt.NDArray[np.float64], scales: Any, of_neighbors: Any
) -> npt.NDArray[np.float64]:
    """Weights ``"local"`` of pairs, from the scales of both ends."""
    # Where every neighbour of an end is a duplicate of it there is no scale: duplicates weigh 1,
    # others nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(squares == 0, 0.0, squares / (scales * of_neighbors))
    weights: npt.NDArray[np.float64] = np.negative(ratio)
    _in_place(np.exp, weights)
    return weights


def _in_place(function: np.ufunc, x: npt.NDArray[np.float64]) -> None:
    """``function`` of each entry, through extended precision.

    In double the last bit of NumPy's ``exp`` and ``log`` depends on whether the CPU has AVX512 or
    fused multiply-add. Ten times as slow, 50 ns an entry, but the same bits.
    """
    rows = max(1, _BLOCK * len(x) // max(x.size, 1))
    for begin in range(0, len(x), rows):
        block = x[begin : begin + rows]
        block[...] = function(block.astype(np.longdouble))
