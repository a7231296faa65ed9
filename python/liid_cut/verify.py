"""Check a result without trusting the solver: plain NumPy, no C++.

The certificate rests on weak duality of the Calinescu-Karloff-Rabani relaxation. Let y[e, k] be one
message per edge e = (u, v), u < v, and label k. If on every edge the messages spread by at most its
weight, then no labelling costs less than::

    sum_u min_{k allowed at u} ( c[u,k] + sum_{e=(u,.)} y[e,k] - sum_{e=(.,u)} y[e,k] )

where ``c[u,k] = sum_j p[u,j] - p[u,k]``: on an edge whose ends differ the messages give back at
most the weight that it costs, on an edge whose ends agree they cancel. Where that bound does not
reach the cost, a proof tree splits the labellings of a component into those where node u takes
label k and those where it does not, again and again, with messages for every leaf; its bound is
the smallest of its leaves'. Components that were enumerated are enumerated again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from liid_cut.graph import canonical_edges, to_csr
from liid_cut.inputs import as_allowed, as_probs
from liid_cut.presets import authors_terminal_weights

TOLERANCE = 1e-9
# What rounding may add to the spread of messages, relative to the weight.
_ROUNDING = 1e-12
_LABELLINGS_PER_BLOCK = 1 << 16

Floats = npt.NDArray[np.float64]


@dataclass
class Verification:
    """What holds of a result. True in a condition when every claim does.

    ``cost`` and ``lower_bound`` are recomputed; ``optimal`` says whether they prove the labelling
    cheapest; ``problems`` lists the claims that do not hold, as sentences.
    """

    cost: float = math.nan
    lower_bound: float = -math.inf
    optimal: bool = False
    problems: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return not self.problems


def verify(result: Any, probs: Any, graph: Any = None, *, allowed: Any = None) -> Verification:
    """Recompute cost and bound of a result from its labels and dual messages alone.

    Parameters
    ----------
    result : MultiwayCutResult.
    probs : (n, K+1), as in the solve.
    graph : as in :func:`liid_cut.multiway_cut`; None: the graph that the result carries.
    allowed : as in the solve.

    Returns
    -------
    Verification.

    Raises
    ------
    ValueError : ``probs``, ``graph`` or ``allowed`` is malformed. A false claim of the result is
        not an error but an entry of ``problems``.
    """
    weights_of_terminals = as_probs(probs, allow_zero_rows=True)
    mask = None if allowed is None else as_allowed(allowed, weights_of_terminals.shape)
    if result.preset == "authors":  # the tags shape that preset's terminal edges, not its labels
        weights_of_terminals = authors_terminal_weights(weights_of_terminals, mask)
        mask = None
    return _Checker(result, weights_of_terminals, mask).run(graph)


class _Checker:
    def __init__(self, result: Any, probs: npt.NDArray[Any], allowed: Any) -> None:
        self.result = result
        self.report = Verification()
        self.n, self.n_labels = probs.shape
        self.edges = np.asarray(result.edges)
        self.weights = np.asarray(result.weights)
        exact = np.asarray(probs, dtype=np.float64)
        self.costs: Floats = exact.sum(axis=1, keepdims=True) - exact
        if allowed is not None:
            self.costs = np.where(allowed, self.costs, np.inf)

    def run(self, graph: Any) -> Verification:
        if self.has_right_shapes() and self.is_about(graph):
            self.check_cost()
            self.check_bound()
        return self.report

    def complain(self, problem: str) -> None:
        self.report.problems.append(problem)

    # ---- the claims, one by one

    def has_right_shapes(self) -> bool:
        r, m = self.result, len(self.edges)
        expected = {
            "cut_labels": (self.n,),
            "component_ids": (self.n,),
            "weights": (m,),
            "messages": (m, self.n_labels),
        }
        for name, shape in expected.items():
            if np.shape(r[name]) != shape:
                self.complain(f"{name} has shape {np.shape(r[name])}; this problem needs {shape}")
        ids, labels = np.asarray(r.component_ids), np.asarray(r.cut_labels)
        if self.report.problems:
            return False
        if self.n and not (labels.min() >= 0 and labels.max() < self.n_labels):
            self.complain(f"a label is outside 0 to {self.n_labels - 1}")
        if self.n and not (ids.min() >= 0 and ids.max() < len(r.components)):
            self.complain("a component id is not in the component table")
        elif (ids[self.edges[:, 0]] != ids[self.edges[:, 1]]).any():
            self.complain("an edge joins two components")
        return not self.report.problems

    def is_about(self, graph: Any) -> bool:
        if graph is None:
            return True
        given = to_csr(self.n, *canonical_edges(graph, self.n))
        difference = abs(to_csr(self.n, self.edges, self.weights) - given)
        if difference.nnz and difference.max() > TOLERANCE * max(1.0, given.max()):
            self.complain("the result belongs to another graph")
        return not self.report.problems

    def check_cost(self) -> None:
        r = self.result
        labels = np.asarray(r.cut_labels)
        at_nodes = self.costs[np.arange(self.n), labels]
        cut = labels[self.edges[:, 0]] != labels[self.edges[:, 1]]
        at_edges = np.where(cut, self.weights, 0.0)
        self.report.cost = math.fsum(at_nodes) + math.fsum(at_edges)
        if np.isinf(self.report.cost):
            self.complain(f"labels[{int(np.argmax(np.isinf(at_nodes)))}] is not allowed")
            return
        if not _close(self.report.cost, r.cost):
            self.complain(f"cost is claimed to be {r.cost!r} but is {self.report.cost!r}")
        by_component = self.per_component(at_nodes) + self.per_component(at_edges, self.edges[:, 0])
        for t in np.flatnonzero(~_close(by_component, r.components["cost"])):
            self.complain(
                f"component {t}: cost is claimed to be {r.components['cost'][t]!r} but is "
                f"{by_component[t]!r}"
            )

    def check_bound(self) -> None:
        r = self.result
        proven = self.per_component(self.bounds_of_nodes())
        for proof in r.proofs:
            proven[proof["component"]] = self.bound_of_tree(proof)
        for t in np.flatnonzero(r.components["stage"] == "enumeration"):
            proven[t] = self.bound_by_enumeration(int(t))
        self.report.lower_bound = math.fsum(proven)

        claimed = r.components["lower_bound"]
        for t in np.flatnonzero(proven < claimed - TOLERANCE * np.maximum(1, np.abs(claimed))):
            self.complain(
                f"component {t}: lower bound is claimed to be {claimed[t]!r} but only "
                f"{proven[t]!r} is proven (is `allowed` the same as in the solve?)"
            )
        total = math.fsum(claimed)
        if not _close(total, r.lower_bound):
            self.complain(f"lower_bound is claimed to be {r.lower_bound!r} but adds to {total!r}")
        gaps = r.components["cost"] - proven
        # Twice: the proof may lose one tolerance to rounding, the claim may use the other.
        open_ = np.flatnonzero(gaps > 2 * TOLERANCE * np.maximum(1, np.abs(r.components["cost"])))
        self.report.optimal = not open_.size and not self.report.problems
        if r.status == "optimal" and open_.size:
            t = open_[0]
            self.complain(f"component {t} is claimed optimal with a gap of {gaps[t]!r}")

    # ---- bounds

    def bounds_of_nodes(self) -> Floats:
        """Each node's term of the bound, -inf at the ends of an edge with bad messages."""
        bounds = _bounds_of_nodes(self.costs, self.edges, self.weights, self.result.messages)
        if np.isneginf(bounds).any():
            self.complain("messages spread by more than the weight of their edge")
        return bounds

    def bound_of_tree(self, proof: dict[str, Any]) -> float:
        """Walk the tree from its root and take the smallest bound of a leaf."""
        nodes, edge_ids, local_edges = self.component(int(proof["component"]))
        own_messages = self.result.messages[edge_ids]
        bound, visited = math.inf, 0
        stack = [(0, self.costs[nodes])]
        while stack:
            i, costs = stack.pop()
            visited += 1
            if visited > len(proof["node"]):
                self.complain(f"component {proof['component']}: the proof tree is no tree")
                return -math.inf
            if proof["node"][i] < 0:
                m = proof["messages_of"][i]
                messages = own_messages if m < 0 else proof["messages"][m]
                leaf = _bounds_of_nodes(costs, local_edges, self.weights[edge_ids], messages)
                bound = min(bound, math.inf if np.isposinf(leaf).any() else math.fsum(leaf))
                continue
            u, k = np.searchsorted(nodes, proof["node"][i]), proof["label"][i]
            taken, dropped = costs.copy(), costs.copy()
            taken[u, np.arange(self.n_labels) != k] = np.inf
            dropped[u, k] = np.inf
            stack += [(proof["take"][i], taken), (proof["drop"][i], dropped)]
        return bound

    def bound_by_enumeration(self, t: int) -> float:
        """The cheapest of all labellings of a component."""
        nodes, edge_ids, local_edges = self.component(t)
        choices = [np.flatnonzero(np.isfinite(row)) for row in self.costs[nodes]]
        count = math.prod(len(c) for c in choices)
        best = math.inf
        for start in range(0, count, _LABELLINGS_PER_BLOCK):
            index = np.arange(start, min(start + _LABELLINGS_PER_BLOCK, count))
            digits = np.unravel_index(index, [len(c) for c in choices])
            labels = np.stack([c[d] for c, d in zip(choices, digits, strict=True)])
            total = sum(self.costs[u][row] for u, row in zip(nodes, labels, strict=True))
            cut = labels[local_edges[:, 0]] != labels[local_edges[:, 1]]
            total = total + self.weights[edge_ids] @ cut
            best = min(best, float(total.min()))
        return best

    # ---- helpers

    def component(self, t: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Nodes, edge ids and renumbered edges of component t."""
        ids = np.asarray(self.result.component_ids)
        nodes = np.flatnonzero(ids == t)
        edge_ids = np.flatnonzero(ids[self.edges[:, 0]] == t)
        return nodes, edge_ids, np.searchsorted(nodes, self.edges[edge_ids])

    def per_component(self, values: Floats, nodes: npt.NDArray[Any] | None = None) -> Floats:
        """Sums of per-node values, or of values at ``nodes``, by component."""
        ids = np.asarray(self.result.component_ids)
        where = ids if nodes is None else ids[nodes]
        sums = np.bincount(where, weights=values, minlength=len(self.result.components))
        return np.asarray(sums, dtype=np.float64)


def _bounds_of_nodes(
    costs: Floats, edges: npt.NDArray[Any], weights: Floats, messages: Floats
) -> Floats:
    m = len(edges)
    signs = np.concatenate([np.ones(m), -np.ones(m)])
    ends = (np.concatenate([edges[:, 0], edges[:, 1]]), np.tile(np.arange(m), 2))
    incidence = sp.csr_array((signs, ends), shape=(len(costs), m))
    bounds: Floats = (costs + incidence @ messages).min(axis=1)
    spread = messages.max(axis=1) - messages.min(axis=1)
    bad = ~(spread <= weights * (1 + _ROUNDING))
    bounds[edges[bad].ravel()] = -np.inf
    return bounds


def _close(a: Any, b: Any) -> Any:
    return np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(a))
