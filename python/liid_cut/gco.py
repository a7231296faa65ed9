"""``cut_general_graph``: the call of gco-wrapper, answered with a proven optimum for Potts costs.

Input: edges, their weights, costs of labels at nodes, a Potts matrix of label pairs. Output: labels
of least energy. The energy ``sum_u unary[u, x_u] + sum_e edge_weights[e] pairwise[x_u, x_v]`` is a
multi-way cut: the edge of node u to terminal k weighs ``max_j unary[u, j] - unary[u, k]``, which
changes the cost of all labels of u by one constant, so negative costs are no matter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from liid_cut.api import solve
from liid_cut.costs import weights_of_costs
from liid_cut.graph import canonical_edges
from liid_cut.inputs import as_array, as_choice, as_index_array
from liid_cut.problem import MultiwayCutProblem

if TYPE_CHECKING:
    from liid_cut.result import MultiwayCutResult

ALGORITHMS = ("expansion", "swap")

_Floats = npt.NDArray[np.float64]


@overload
def cut_general_graph(
    edges: Any,
    edge_weights: Any,
    unary_cost: Any,
    pairwise_cost: Any,
    n_iter: int = ...,
    algorithm: str = ...,
    init_labels: Any = ...,
    down_weight_factor: float | None = ...,
    *,
    return_result: Literal[False] = ...,
    time_limit: float | None = ...,
    n_jobs: int | None = ...,
) -> npt.NDArray[np.int32]: ...


@overload
def cut_general_graph(
    edges: Any,
    edge_weights: Any,
    unary_cost: Any,
    pairwise_cost: Any,
    n_iter: int = ...,
    algorithm: str = ...,
    init_labels: Any = ...,
    down_weight_factor: float | None = ...,
    *,
    return_result: Literal[True],
    time_limit: float | None = ...,
    n_jobs: int | None = ...,
) -> MultiwayCutResult: ...


def cut_general_graph(
    edges: Any,
    edge_weights: Any,
    unary_cost: Any,
    pairwise_cost: Any,
    n_iter: int = -1,
    algorithm: str = "expansion",
    init_labels: Any = None,
    down_weight_factor: float | None = None,
    *,
    return_result: bool = False,
    time_limit: float | None = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.int32] | MultiwayCutResult:
    """Labels of least energy, as gco-wrapper's function of this name, but optimal.

    Minimises ``sum_u unary_cost[u, x_u] + sum_(u,v) edge_weights[uv] pairwise_cost[x_u, x_v]``.
    Costs are used as they are, in double precision; nothing is rounded to integers.

    Parameters
    ----------
    edges : (m, 2) integers; ends of the undirected edges, in either order. Parallel edges add up.
    edge_weights : (m,) numbers >= 0.
    unary_cost : (n, K) numbers; the cost of each label at each node. May be negative; ``inf``
        forbids a label.
    pairwise_cost : (K, K), ``c * (1 - I)`` with one number c >= 0 (a Potts model).
    n_iter, algorithm, init_labels, down_weight_factor : how gco searches, and from where. Checked,
        and of no influence: the optimum does not depend on them.
    return_result : True: the whole result instead of its labels.
    time_limit, n_jobs : as in :func:`liid_cut.multiway_cut`. When the limit is reached, the best
        labels so far.

    Returns
    -------
    (n,) int32, or a :class:`liid_cut.MultiwayCutResult` that has, beside its own fields:
    ``energy`` of the labels, ``energy_lower_bound``, and ``probs`` (n, K), the argument
    of that name for :func:`liid_cut.verify`. Its ``cost`` is that of the cut: the energy
    and a constant.

    Raises
    ------
    ValueError : bad shape or value, or costs that are not Potts; the message names the first entry.

    Examples
    --------
    >>> import numpy as np
    >>> from liid_cut import cut_general_graph
    >>> edges = np.array([[0, 1], [1, 2], [2, 3]])
    >>> unary = np.array([[0.0, 2.0], [0.4, 0.5], [0.9, 0.5], [2.0, 0.0]])
    >>> cut_general_graph(edges, np.ones(3), unary, 1 - np.eye(2))
    array([0, 0, 1, 1], dtype=int32)
    """
    unary = _checked_unary(unary_cost)
    n, n_labels = unary.shape
    scale = _potts_scale(pairwise_cost, n_labels)
    _check_ignored(n_iter, algorithm, init_labels, down_weight_factor, unary.shape)
    ends, weights = _checked_edges(edges, edge_weights, n)

    with np.errstate(over="ignore"):
        terminals, finite, _ = weights_of_costs(unary)
        total = terminals.sum()
    if not np.isfinite(total):
        raise ValueError("unary_cost spreads over more than the range of double precision")
    # A row that prefers no label gets edges of weight 1: a node has to be joined to something.
    terminals[~terminals.any(axis=1)] = 1.0
    problem = MultiwayCutProblem(
        terminals, *canonical_edges((ends, scale * weights), n), None if finite.all() else finite
    )
    result = solve(problem, time_limit=time_limit, n_jobs=n_jobs)
    if not return_result:
        labels: npt.NDArray[np.int32] = result.labels
        return labels

    cut = result.labels[problem.edges[:, 0]] != result.labels[problem.edges[:, 1]]
    at_nodes = unary[np.arange(n), result.labels]
    result.energy = math.fsum(at_nodes) + math.fsum(problem.weights[cut])
    result.energy_lower_bound = result.energy - result.gap
    result.probs = terminals
    return result


def _checked_unary(value: Any) -> _Floats:
    unary = as_array("unary_cost", value)
    if unary.ndim != 2 or unary.shape[1] == 0:
        raise ValueError(f"unary_cost has shape {unary.shape}; it must be (n, K) with K >= 1")
    if unary.dtype.kind not in "fiub":
        raise ValueError(f"unary_cost has dtype {unary.dtype}; it must be numeric")
    unary = unary.astype(np.float64)
    bad = np.isnan(unary) | np.isneginf(unary)
    if bad.any():
        u, k = np.argwhere(bad)[0]
        raise ValueError(f"unary_cost[{u}, {k}] is {unary[u, k]}; it must be a number or inf")
    forbidden = np.isposinf(unary).all(axis=1)
    if forbidden.any():
        u = int(np.argmax(forbidden))
        raise ValueError(f"unary_cost[{u}] forbids every label; one entry must be finite")
    return unary


def _potts_scale(value: Any, n_labels: int) -> float:
    """The number c of ``c * (1 - I)``."""
    pairwise = as_array("pairwise_cost", value)
    if pairwise.shape != (n_labels, n_labels):
        raise ValueError(
            f"pairwise_cost has shape {pairwise.shape}; unary_cost needs ({n_labels}, {n_labels})"
        )
    if pairwise.dtype.kind not in "fiub":
        raise ValueError(f"pairwise_cost has dtype {pairwise.dtype}; it must be numeric")
    scale = float(pairwise[0, 1]) if n_labels > 1 else 0.0
    if not (math.isfinite(scale) and scale >= 0):
        raise ValueError(f"pairwise_cost[0, 1] is {scale}; it must be a finite number >= 0")
    expected = scale * (1 - np.eye(n_labels))
    other = pairwise != expected
    if other.any():
        j, k = np.argwhere(other)[0]
        raise ValueError(
            f"pairwise_cost[{j}, {k}] is {pairwise[j, k]}; a Potts cost c * (1 - I) with c = "
            f"pairwise_cost[0, 1] has {expected[j, k]} there, and others are not supported"
        )
    return scale


def _checked_edges(edges: Any, edge_weights: Any, n_nodes: int) -> tuple[Any, Any]:
    ends = as_array("edges", edges)
    if ends.size == 0:
        ends = np.empty((0, 2), dtype=np.int64)
    if ends.ndim != 2 or ends.shape[1] != 2:
        raise ValueError(f"edges has shape {ends.shape}; it must be (m, 2)")
    ends = as_index_array("edges", ends, n_nodes, "nodes")
    weights = as_array("edge_weights", edge_weights)
    if weights.shape != (len(ends),):
        raise ValueError(f"edge_weights has shape {weights.shape}; edges needs ({len(ends)},)")
    if weights.dtype.kind not in "fiub":
        raise ValueError(f"edge_weights has dtype {weights.dtype}; it must be numeric")
    weights = weights.astype(np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        e = int(np.argmax(bad))
        raise ValueError(f"edge_weights[{e}] is {weights[e]}; it must be a finite number >= 0")
    return ends, weights


def _check_ignored(
    n_iter: Any,
    algorithm: Any,
    init_labels: Any,
    down_weight_factor: Any,
    shape: tuple[int, ...],
) -> None:
    """What gco would need to be right, so that a call means the same to both."""
    as_choice("algorithm", algorithm, ALGORITHMS)
    if isinstance(n_iter, bool) or not isinstance(n_iter, int | np.integer) or n_iter < -1:
        raise ValueError(f"n_iter is {n_iter!r}; it must be an integer >= -1")
    if down_weight_factor is not None and not float(down_weight_factor) > 0:
        raise ValueError(f"down_weight_factor is {down_weight_factor!r}; it must be > 0 or None")
    if init_labels is not None:
        labels = as_index_array("init_labels", init_labels, shape[1], "labels")
        if labels.shape != shape[:1]:
            raise ValueError(f"init_labels has shape {labels.shape}; it must be ({shape[0]},)")
