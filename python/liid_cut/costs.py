"""The costs of labels at nodes that a result is about, as the core counted them.

One place for the way from ``probs`` and ``allowed``, as a user passed them, to costs, for all that
reads a result afterwards (:mod:`liid_cut.verify`, :mod:`liid_cut.confidence`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.constraints.inputs import restricted, weighted
from liid_cut.inputs import Matrix, as_probs
from liid_cut.presets import authors_terminal_weights
from liid_cut.weights import as_terminal_weights, costs_of_labels

Floats = npt.NDArray[np.float64]


def require_result(result: Any) -> None:
    """Raise a ``ValueError`` for what is no result: ``probs`` and it may have changed places."""
    if not hasattr(result, "cut_labels"):
        raise ValueError(
            f"result is of type {type(result).__name__}; pass what multiway_cut returned"
        )


def terminal_weights(
    result: Any, probs: Any, allowed: Any = None, labels: Any = None, node_weights: Any = None
) -> tuple[Matrix, npt.NDArray[np.bool_] | None]:
    """Weights (n, K+1) of the edges to terminals, and the labels that are allowed.

    Parameters
    ----------
    result : MultiwayCutResult; says how the solve weighed ``probs``.
    probs, allowed, labels, node_weights : as in the solve.

    Raises
    ------
    ValueError : malformed; the message names the argument.
    """
    require_result(result)
    weights = as_probs(probs, allow_zero_rows=True)
    mask = restricted(allowed, labels, weights.shape)
    if result.preset == "authors":
        weights = authors_terminal_weights(weights, mask)
    else:
        kind, temperature = result.get("terminal_weights"), result.get("temperature")
        weights = as_terminal_weights(weights, kind, temperature, mask)
    return weighted(weights, node_weights), mask


def costs_of_weights(weights: Matrix, allowed: npt.NDArray[np.bool_] | None) -> Floats:
    """Cost (n, K+1) of each label at each node, ``sum_j p[u, j] - p[u, k]``; inf: not allowed."""
    costs = costs_of_labels(np.asarray(weights, dtype=np.float64))
    return costs if allowed is None else np.where(allowed, costs, np.inf)


# Of a cost that is computed again.
_SAME = 1e-6


def label_costs(
    result: Any, probs: Any, allowed: Any = None, labels: Any = None, node_weights: Any = None
) -> Floats:
    """Cost (n, K+1) of each label at each node, ``sum_j t[u, j] - t[u, k]``; inf: not allowed.

    t are the terminal weights that the result's settings make of ``probs``.

    Parameters
    ----------
    result : MultiwayCutResult; says how the solve weighed ``probs``.
    probs, allowed, labels, node_weights : as in the solve.

    Raises
    ------
    ValueError : malformed; the message names the argument.
    """
    weights, mask = terminal_weights(result, probs, allowed, labels, node_weights)
    # With the authors' preset the tags shape the edges to terminals, and rule out nothing.
    return costs_of_weights(weights, None if result.preset == "authors" else mask)


def label_costs_of(
    result: Any, probs: Any, allowed: Any = None, labels: Any = None, node_weights: Any = None
) -> Floats:
    """As :func:`label_costs`, of arguments that have to fit to the labels of the result."""
    costs = label_costs(result, probs, allowed, labels, node_weights)
    check_size(result, costs)
    chosen = result.cut_labels
    forbidden = np.isinf(costs[np.arange(len(chosen)), chosen])
    if forbidden.any():
        u = int(np.argmax(forbidden))
        name = "allowed" if labels is None else "allowed and labels"
        raise ValueError(
            f"{name}[{u}] does not allow the label {chosen[u]} of the result; pass what the solve "
            "was given"
        )
    return costs


def adds_up(result: Any, costs: Floats) -> bool:
    """Whether the labels of the result cost by ``costs`` (n, K+1) what the result says."""
    return bool(np.isclose(_paid(result, costs), result.cost, rtol=_SAME, atol=_SAME))


def check_adds_up(result: Any, costs: Floats) -> None:
    """Raise a ``ValueError`` unless it :func:`adds_up`."""
    if not adds_up(result, costs):
        raise ValueError(
            f"the labels of the result cost {_paid(result, costs):.9g} by these arguments, "
            f"{result.cost:.9g} by those of the solve; pass the probs, labels and node_weights "
            "that the solve was given"
        )


def _paid(result: Any, costs: Floats) -> float:
    labels = np.asarray(result.cut_labels)
    ends = labels[np.asarray(result.edges)]
    cut = np.asarray(result.weights)[ends[:, 0] != ends[:, 1]]
    return float(costs[np.arange(len(labels)), labels].sum() + cut.sum())


def check_size(result: Any, probs: npt.NDArray[Any]) -> None:
    """``probs`` has the shape that the result was made from."""
    shape = (len(result.cut_labels), result.messages.shape[1])
    if probs.shape != shape:
        raise ValueError(f"probs has shape {probs.shape}; the result belongs to one of {shape}")


def weights_of_costs(costs: Floats) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Terminal weights >= 0 and allowed labels, with the same differences of costs in each row.

    Also by how much (rows,) each row's costs are larger than asked for. ``costs`` (n, K+1): inf
    where a label is not allowed.
    """
    allowed = np.isfinite(costs)
    most = np.where(allowed, costs, -np.inf).max(axis=1)
    weights: Floats = np.where(allowed, most[:, None] - np.where(allowed, costs, 0.0), 0.0)
    return weights, allowed, weights.sum(axis=1) - most
