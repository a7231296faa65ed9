"""How sure a cut is of each label: margins, and calibrated distributions over labels.

Input: a result with the ``probs`` it was made from (a result does not keep them). Output: per node,
by how much the cut is dearer with the next best label there; or probabilities, from the node's own
probabilities and those of its neighbours. Both cost one or two sparse products. What the dual
proves of every label is in :mod:`liid_cut.min_marginals`.

Which to use: margins are in units of the cut's cost, and exact; to threshold labels take the
distributions, which rank right before wrong labels better (benchmarks/CONFIDENCE.md).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.constraints.inputs import restricted
from liid_cut.costs import check_adds_up, check_size, label_costs_of, require_result
from liid_cut.inputs import as_array, as_number, as_probs

Floats = npt.NDArray[np.float64]

_ROWS_PER_BLOCK = 1 << 16
_LEAST_PROBABILITY = 1e-12
# What other labels have at most of the probability of the cut's label: argmax finds it, also after
# the largest temperature.
_BELOW = 1 - 1e-9
# Temperatures between exp(-3) and exp(3) are tried.
_LARGEST_LOG_TEMPERATURE = 3.0
_PRIOR_DEVIATION = 0.5


def cut_margins(
    result: Any,
    probs: Any,
    *,
    allowed: Any = None,
    labels: Any = None,
    node_weights: Any = None,
) -> Floats:
    """How much dearer the cut would be if one node alone took its next best allowed label.

    The margin grows with the probability of the label and with the neighbours that share it, so it
    ranks nodes by what the whole dataset says of them, where the probability knows one node alone.
    Constraints between nodes (links, coverage) are not looked at.

    Parameters
    ----------
    result : MultiwayCutResult.
    probs, allowed, labels, node_weights : as in the solve.

    Returns
    -------
    (n,) float64, in units of ``result.cost``; >= 0 where the result is optimal, 0 at a tie, inf
    where no other label is allowed.

    Raises
    ------
    ValueError : ``probs`` or ``allowed`` is malformed or does not belong to the result.
    """
    costs = label_costs_of(result, probs, allowed, labels, node_weights)
    check_adds_up(result, costs)
    chosen = result.cut_labels
    margins = np.empty(len(chosen))
    for begin in range(0, len(chosen), _ROWS_PER_BLOCK):
        block = slice(begin, begin + _ROWS_PER_BLOCK)
        alone = costs[block] - votes(result.graph[block], chosen, costs.shape[1])
        rows = np.arange(len(alone))
        own = alone[rows, chosen[block]]
        alone[rows, chosen[block]] = np.inf
        margins[block] = alone.min(axis=1) - own
    return margins


def votes(graph_rows: Any, labels: npt.NDArray[Any], n_labels: int) -> Floats:
    """Weight of the edges of some nodes to neighbours of each label, (rows, n_labels)."""
    n = len(labels)
    ones = scipy.sparse.csr_array((np.ones(n), labels, np.arange(n + 1)), shape=(n, n_labels))
    weights: Floats = (graph_rows @ ones).toarray()
    return weights


def label_distributions(
    result: Any,
    probs: Any,
    *,
    allowed: Any = None,
    labels: Any = None,
    held_out: Any = None,
    temperature: float | None = None,
) -> Floats:
    """Probabilities of the labels of each node, given its own and its neighbours' ``probs``.

    The mean of the node's own row of ``probs`` and of the mean row of its neighbours, weighted by
    the edges (a linear opinion pool: neighbours err together, so that products of probabilities
    would be overconfident). Then labels likelier than the one that the cut chose are brought down
    to it. At last the row is raised to the power ``1 / temperature``. Rows sum to 1, and ``argmax``
    is the cut's label.

    Parameters
    ----------
    result : MultiwayCutResult.
    probs, allowed, labels : as in the solve. Only proportions within a row count, so that
        ``node_weights`` do not. Without a temperature the distributions are about as calibrated as
        ``probs`` are.
    held_out : (n,) integers, -1 where unknown: true labels of some nodes that neither the
        classifier nor the cut was given. They fit the temperature (:func:`fit_temperature`).
    temperature : > 0, instead of ``held_out``. Above 1: less sure. Default 1.

    Returns
    -------
    (n, K+1) float64.

    Raises
    ------
    ValueError : an argument is malformed or does not belong to the result; both ``held_out`` and
        ``temperature`` given.
    """
    if held_out is not None and temperature is not None:
        raise ValueError("held_out and temperature are both given; leave one of them out")
    require_result(result)
    check_size(result, as_array("probs", probs))
    mask = restricted(allowed, labels, np.shape(probs))
    own = own_distributions(probs, mask)
    pooled = pool(own, own, result.graph, mask)
    cap_at(pooled, result.labels)
    if held_out is not None:
        temperature = fit_temperature(pooled, held_out)
    return sharpen(pooled, 1.0 if temperature is None else temperature)


def own_distributions(probs: Any, allowed: npt.NDArray[np.bool_] | None) -> Floats:
    """Rows of ``probs`` over the allowed labels, with sum 1; all zero where they have none."""
    own = np.array(as_probs(probs, allow_zero_rows=True), dtype=np.float64)
    if allowed is not None:
        own[~allowed] = 0
    own /= np.maximum(own.max(axis=1, keepdims=True), np.finfo(float).tiny)
    total = own.sum(axis=1, keepdims=True)
    np.divide(own, total, out=own, where=total > 0)
    return own


def pool(
    own: Floats, others: Floats, weights: Any, allowed: npt.NDArray[np.bool_] | None = None
) -> Floats:
    """Mean of ``own`` (r, K+1) and of ``others`` (n, K+1), weighted by ``weights`` (r, n) sparse.

    What has no own and no neighbours' distribution is uniform over its allowed labels.
    """
    around: Floats = weights @ others
    if allowed is not None:
        around[~allowed] = 0
    total = around.sum(axis=1, keepdims=True)
    pooled: Floats = own + np.divide(around, total, out=around, where=total > 0)
    pooled /= np.maximum(pooled.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    empty = ~pooled.any(axis=1)
    if empty.any():
        free = np.ones_like(pooled) if allowed is None else allowed.astype(np.float64)
        pooled[empty] = free[empty] / free[empty].sum(axis=1, keepdims=True)
    return pooled


def cap_at(distributions: Floats, labels: npt.NDArray[Any]) -> None:
    """Let every label be less likely than that of ``labels``; in place, rows still sum to 1."""
    rows = np.arange(len(labels))
    own = np.maximum(distributions[rows, labels], _LEAST_PROBABILITY)
    np.minimum(distributions, _BELOW * own[:, None], out=distributions)
    distributions[rows, labels] = own
    distributions /= distributions.sum(axis=1, keepdims=True)


def sharpen(distributions: Floats, temperature: float) -> Floats:
    """Rows to the power ``1 / temperature``, with sum 1."""
    power = 1 / as_number("temperature", temperature, positive=True)
    largest = distributions.max(axis=1, keepdims=True)
    raised: Floats = (distributions / largest) ** power
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def fit_temperature(distributions: Any, labels: Any) -> float:
    """The temperature at which ``labels`` are likeliest (Guo et al., ICML 2017).

    Parameters
    ----------
    distributions : (n, K+1), rows with sum 1.
    labels : (n,) integers, -1 where unknown.

    Returns
    -------
    float between exp(-3) and exp(3): the maximum of the likelihood of the known labels times a
    normal density of the logarithm (deviation 0.5), so that a few labels change little; to five
    digits, which do not depend on the CPU as the last bits of logarithms do. 1 where none is known.

    Raises
    ------
    ValueError : a shape, a dtype or a label out of range.
    """
    rows = as_array("distributions", distributions)
    known = as_array("labels", labels)
    if rows.ndim != 2 or known.shape != (len(rows),):
        raise ValueError(
            f"labels has shape {known.shape} and distributions {rows.shape}; they must be (n,) and "
            "(n, K+1)"
        )
    if known.dtype.kind not in "iu":
        raise ValueError(f"labels has dtype {known.dtype}; it must be an integer type")
    bad = (known < -1) | (known >= rows.shape[1])
    if bad.any():
        u = int(np.argmax(bad))
        raise ValueError(f"labels[{u}] is {known[u]}; allowed are -1 to {rows.shape[1] - 1}")
    bad = ~(np.isfinite(rows) & (rows >= 0)).all(axis=1)
    if bad.any():
        u = int(np.argmax(bad))
        raise ValueError(f"distributions[{u}] is {rows[u]}; its entries must be finite and >= 0")
    (given,) = np.nonzero(known >= 0)
    if not given.size:
        return 1.0
    logs = np.log(np.maximum(rows[given], _LEAST_PROBABILITY))
    of_truth = logs[np.arange(len(given)), known[given]]

    def unlikeliness(log_power: float) -> float:
        power = np.exp(log_power)
        largest = logs.max(axis=1)
        norm = np.log(np.exp(power * (logs - largest[:, None])).sum(axis=1)) + power * largest
        return float((norm - power * of_truth).sum() + 0.5 * (log_power / _PRIOR_DEVIATION) ** 2)

    limit = _LARGEST_LOG_TEMPERATURE
    found = scipy.optimize.minimize_scalar(unlikeliness, bounds=(-limit, limit), method="bounded")
    return float(f"{math.exp(-found.x):.5g}")
