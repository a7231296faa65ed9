"""Min-marginals: how much dearer the cheapest labelling is that gives a node a certain label.

Input: a result with its certificate, and the ``probs`` it was made from. Output: a lower and an
upper value for every node and label, in units of the cost, above the cost of the result. Steps:

1. Subtract the dual messages: what is left of the cost is the lower bound plus terms >= 0 of nodes
   and edges. Label k at node u costs at least the bound plus the terms that it cannot avoid.
2. Of those, take the least over a spanning forest (:mod:`liid_cut.forest`), which is all there is
   where a component is a tree. Inside the parts that carry a proof, the proof is walked through
   (:mod:`liid_cut.conditional_proofs`).
3. Upper values: change the node's label alone; on trees they are the lower ones.
4. Where it is wanted, small components are solved again with the label fixed: exact.

Wainwright and Jordan, "Graphical models, exponential families, and variational inference", 2008,
section 8; Kohli and Torr, "Measuring uncertainty in graph cut solutions", 2008 (two labels, by
flows).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.conditional_proofs import bounds_of_parts
from liid_cut.confidence import votes
from liid_cut.costs import check_adds_up, label_costs_of, require_result, weights_of_costs
from liid_cut.forest import forest_min_marginals, spanning_forest
from liid_cut.inputs import as_n_threads, as_positive_int
from liid_cut.proofs import BAD_CERTIFICATE, Scope

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

# Brackets closer than this, relative to the cost of the component, are closed.
TOLERANCE = 1e-9
# Nodes of copies of components in one solve: some hundred MB.
_NODES_PER_SOLVE = 1 << 18


@dataclass(frozen=True, eq=False)
class MinMarginals:
    """Brackets of the min-marginals of n nodes and K+1 labels.

    Attributes
    ----------
    lower, upper : (n, K+1) float64. The cheapest labelling with ``x_u = k`` costs between
        ``result.cost + lower[u, k]`` and ``result.cost + upper[u, k]``, up to rounding; inf: k is
        not allowed at u. 0 at the result's own labels, where the result is optimal; elsewhere
        ``lower`` may be negative.
    exact : (n, K+1) bool, where both agree.
    labels : (n,) the result's labels.
    """

    lower: Floats
    upper: Floats
    exact: Bools
    labels: npt.NDArray[np.int32]

    @property
    def margins(self) -> Floats:
        """Proven price (n,) of any other label than the result's: at least so much dearer.

        Positive: every cheapest labelling has the result's label there (persistency).
        """
        others = self.lower.copy()
        others[np.arange(len(others)), self.labels] = np.inf
        margins: Floats = others.min(axis=1)
        return margins


def min_marginals(
    result: Any,
    probs: Any,
    *,
    allowed: Any = None,
    labels: Any = None,
    node_weights: Any = None,
    solve_up_to: int | None = None,
    n_jobs: int | None = None,
) -> MinMarginals:
    """Bracket the least cost of every label at every node; see the class.

    Costs about three times as much as :func:`liid_cut.verify`. Exact on components that are trees;
    elsewhere with ``solve_up_to``.

    Parameters
    ----------
    result : MultiwayCutResult.
    probs, allowed, labels, node_weights : as in the solve.
    solve_up_to : components of at most so many nodes are solved again for every label whose bracket
        is open; None: none are.
    n_jobs : threads of those solves; None or -1: all cores.

    Returns
    -------
    MinMarginals.

    Raises
    ------
    ValueError : an argument is malformed or does not belong to the result; the result has links or
        coverage; or its certificate is malformed.
    """
    require_result(result)
    if result.get("certificate") is not None:
        raise ValueError(
            "result has links or coverage, of which min-marginals know nothing; cut_margins and "
            "label_distributions take it"
        )
    costs = label_costs_of(result, probs, allowed, labels, node_weights)
    check_adds_up(result, costs)
    ids, chosen = np.asarray(result.component_ids), np.asarray(result.cut_labels)
    own_cost = np.asarray(result.components["cost"])
    try:
        bounds, is_tree = _bounds(result, costs)
    except BAD_CERTIFICATE as error:
        raise ValueError(f"the certificate of the result is malformed: {error}") from None
    lower = bounds - own_cost[ids][:, None]

    rows = np.arange(len(chosen))
    upper = costs - votes(result.graph, chosen, costs.shape[1])
    upper -= upper[rows, chosen][:, None]
    on_tree = is_tree[ids]
    upper[on_tree] = np.minimum(upper[on_tree], lower[on_tree])
    upper[rows, chosen] = 0.0
    lower = np.minimum(lower, upper)
    tolerance = TOLERANCE * np.maximum(1, np.abs(own_cost))[ids][:, None]
    with np.errstate(invalid="ignore"):
        is_open = upper - lower > tolerance
    if solve_up_to is not None:
        most = as_positive_int("solve_up_to", solve_up_to)
        small = np.asarray(result.components["size"] <= most)[ids]
        _close(result, costs, is_open & small[:, None], lower, upper, n_jobs)
        with np.errstate(invalid="ignore"):
            is_open = upper - lower > tolerance
    return MinMarginals(lower, upper, ~is_open, chosen)


def _bounds(result: Any, costs: Floats) -> tuple[Floats, Bools]:
    """Bounds (n, K+1) on the cost of a component given a label; which components are trees."""
    n, ids, n_components = len(costs), np.asarray(result.component_ids), len(result.components)
    edges, weights = np.asarray(result.edges), np.asarray(result.weights, dtype=np.float64)
    whole = Scope(np.arange(n), np.arange(len(edges)), edges, weights)
    messages = np.asarray(result.messages, dtype=np.float64)
    with_messages = whole.with_messages(costs, messages)
    parts = bounds_of_parts(whole, with_messages, messages, result.proofs)

    in_part = np.zeros(n, dtype=bool)
    terms = with_messages.min(axis=1, initial=np.inf)
    for rows, conditional in parts:
        in_part[rows] = True
        terms[rows] = 0
        terms[rows[0]] = conditional.min()
    free = ~in_part[edges].any(axis=1)
    forest = spanning_forest(n, edges[free], weights[free])
    slack = np.where(in_part[:, None], 0.0, with_messages - terms[:, None])
    normal = messages[free] - messages[free].min(axis=1, keepdims=True, initial=np.inf)
    on_forest = forest_min_marginals(forest, slack, edges[free], weights[free], normal)

    # Every tree of a component adds its least; a node's own tree what the label makes of it.
    least = on_forest[forest.levels[0]].min(axis=1) if n else np.empty(0)
    total = np.bincount(ids, weights=terms, minlength=n_components)
    total += np.bincount(ids[forest.levels[0]] if n else ids, weights=least, minlength=n_components)
    bounds = total[ids][:, None] + on_forest - least[forest.tree][:, None]
    for rows, conditional in parts:
        bounds[rows] = total[ids[rows[0]]] - conditional.min() + conditional
    size, n_edges = result.components["size"], result.components["edges"]
    has_part = np.bincount(ids[in_part], minlength=n_components) > 0
    return bounds, (n_edges == size - 1) & ~has_part


def _close(
    result: Any, costs: Floats, wanted: Bools, lower: Floats, upper: Floats, n_jobs: int | None
) -> None:
    """Solve the component of every wanted node again, with its label fixed; sets both values."""
    by_component = np.argsort(result.component_ids, kind="stable")
    sizes = np.asarray(result.components["size"])
    first = np.cumsum(sizes) - sizes
    position = np.empty(len(costs), dtype=np.int64)
    position[by_component] = np.arange(len(costs)) - np.repeat(first, sizes)
    edges = np.asarray(result.edges)
    edge_component = np.asarray(result.component_ids)[edges[:, 0]]
    edge_order = np.argsort(edge_component, kind="stable")
    n_edges = np.asarray(result.components["edges"])
    first_edge = np.cumsum(n_edges) - n_edges

    nodes, fixed = np.nonzero(wanted)
    ids = np.asarray(result.component_ids)[nodes]
    pieces = np.cumsum(sizes[ids]) // _NODES_PER_SOLVE
    for piece in np.unique(pieces):
        (chosen,) = np.nonzero(pieces == piece)
        t = ids[chosen]
        offset = np.cumsum(sizes[t]) - sizes[t]
        members = by_component[_ranges(first[t], sizes[t])]
        own_edges = edge_order[_ranges(first_edge[t], n_edges[t])]
        ends = position[edges[own_edges]] + np.repeat(offset, n_edges[t])[:, None]
        part = costs[members]
        row = offset + position[nodes[chosen]]
        kept = part[row, fixed[chosen]]
        part[row] = np.inf
        part[row, fixed[chosen]] = kept
        cost, gap = _least_costs(part, ends, result.weights[own_edges], n_jobs)
        starts = offset if len(offset) else []
        at_nodes = np.add.reduceat(cost, starts)
        gaps = np.add.reduceat(gap, starts)
        excess = at_nodes - result.components["cost"][t]
        upper[nodes[chosen], fixed[chosen]] = np.minimum(
            upper[nodes[chosen], fixed[chosen]], excess
        )
        lower[nodes[chosen], fixed[chosen]] = np.maximum(
            lower[nodes[chosen], fixed[chosen]], excess - gaps
        )


def _least_costs(
    costs: Floats, edges: Ints, weights: Floats, n_jobs: int | None
) -> tuple[Floats, Floats]:
    """Cost of the cheapest labelling, by node, and what its bound leaves open.

    An edge counts half at each end; a component's gap stands at its first node.
    """
    terminals, finite, _ = weights_of_costs(costs)
    terminals[~terminals.any(axis=1)] = 1.0
    ends, sorted_weights = _core.canonical_edges(
        len(costs), edges.astype(np.int32), np.ascontiguousarray(weights)
    )
    raw = _core.solve(
        terminals,
        ends,
        sorted_weights,
        finite,
        method="auto",
        time_limit_s=np.inf,
        n_threads=as_n_threads(n_jobs),
        progress=None,
    )
    labels = raw["labels"]
    by_node = costs[np.arange(len(costs)), labels]
    cut = np.where(labels[ends[:, 0]] != labels[ends[:, 1]], 0.5 * sorted_weights, 0.0)
    for end in (0, 1):
        by_node += np.bincount(ends[:, end], weights=cut, minlength=len(costs))
    gaps = np.zeros(len(costs))
    _, first = np.unique(raw["component_ids"], return_index=True)
    gaps[first] = np.maximum(raw["components"]["cost"] - raw["components"]["lower_bound"], 0)
    return by_node, gaps


def _ranges(begin: Any, count: Any) -> Ints:
    """The integers from each ``begin``, ``count`` of them, one after the other."""
    total: Ints = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(count.sum())
    return total
