"""Check a result without trusting the solver: plain NumPy, no C++.

The certificate rests on weak duality of the Calinescu-Karloff-Rabani relaxation. Let y[e, k] be one
message per edge e = (u, v), u < v, and label k. If on every edge the messages spread by at most its
weight, then no labelling costs less than::

    sum_u min_{k allowed at u} ( c[u,k] + sum_{e=(u,.)} y[e,k] - sum_{e=(.,u)} y[e,k] )

where ``c[u,k] = sum_j p[u,j] - p[u,k]``: on an edge whose ends differ the messages give back at
most the weight that it costs, on an edge whose ends agree they cancel. Where that bound does not
reach the cost, ``result.proofs`` holds parts of the graph with a proof each, whose steps are

- ``bound``: the formula above, on the part; a part of the part may have a proof of its own;
- ``branch``: labellings where a node takes a label, and where it does not; the smaller bound;
- ``rule_out``: labels k of nodes u such that the formula, with u's minimum replaced by its term
  for k, gives the bound for all labellings where u takes k; the rest is proven without them.

Messages of a step may come with cuts. On a cycle of edges with one of its nodes named for every
label, ``sum_{e in cycle} [ends differ] + 2 sum_k [named_k takes k] >= 2`` holds for every
labelling: if all nodes of the cycle take k, the one named for k does; otherwise two edges are cut.
Subtracted m >= 0 times from the cost, it leaves the messages on those edges m less weight to spread
by, takes 2 m from ``c[named_k, k]``, and adds 2 m to the bound.

Components that were enumerated are enumerated again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.graph import canonical_edges, to_csr
from liid_cut.inputs import as_allowed, as_probs
from liid_cut.presets import authors_labels, authors_terminal_weights
from liid_cut.proofs import Floats, Malformed, Scope, bound_by_node

TOLERANCE = 1e-9
_LABELLINGS_PER_BLOCK = 1 << 16
_MOST_LABELLINGS = 1 << 22


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
    if result.preset != "authors":
        return _Checker(result, weights_of_terminals, mask).run(graph, result.cut_labels)
    # There the tags shape the edges to terminals, and the labels after the cut.
    weights_of_terminals = authors_terminal_weights(weights_of_terminals, mask)
    checker = _Checker(result, weights_of_terminals, None)
    return checker.run(graph, authors_labels(result.cut_labels, mask))


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

    def run(self, graph: Any, labels: npt.NDArray[np.int32]) -> Verification:
        """Check everything; ``labels`` are what the cut's labels should have become."""
        if self.has_right_shapes() and self.is_about(graph):
            if not np.array_equal(self.result.labels, labels):
                self.complain("labels are not those of the cut")
            self.check_cost()
            self.check_bound()
        return self.report

    def complain(self, problem: str) -> None:
        self.report.problems.append(problem)

    # ---- the claims, one by one

    def has_right_shapes(self) -> bool:
        r, m = self.result, len(self.edges)
        expected = {
            "labels": (self.n,),
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
        if m and not (self.edges.min() >= 0 and self.edges.max() < self.n):
            self.complain(f"an edge ends outside 0 to {self.n - 1}")
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
            self.complain(f"cost is claimed to be {r.cost} but is {self.report.cost}")
        by_component = self.per_component(at_nodes) + self.per_component(at_edges, self.edges[:, 0])
        for t in np.flatnonzero(~_close(by_component, r.components["cost"])):
            self.complain(
                f"component {t}: cost is claimed to be {r.components['cost'][t]} but is "
                f"{by_component[t]}"
            )

    def check_bound(self) -> None:
        r = self.result
        cost, claimed = r.components["cost"], r.components["lower_bound"]
        proven = self.bounds_of_components()
        for t in np.flatnonzero(r.components["stage"] == "enumeration"):
            proven[t] = self.bound_by_enumeration(int(t))
        self.report.lower_bound = math.fsum(proven) if np.isfinite(proven).all() else -math.inf

        for t in np.flatnonzero(~(proven >= claimed - TOLERANCE * np.maximum(1, np.abs(claimed)))):
            self.complain(
                f"component {t}: lower bound is claimed to be {claimed[t]} but only {proven[t]} is "
                "proven (is `allowed` the same as in the solve?)"
            )
        total = math.fsum(claimed)
        if not _close(total, r.lower_bound):
            self.complain(f"lower_bound is claimed to be {r.lower_bound} but adds to {total}")

        # Twice: the proof may lose one tolerance to rounding, the claim may use the other.
        gaps = cost - proven
        is_open = ~(gaps <= 2 * TOLERANCE * np.maximum(1, np.abs(cost)))
        for t in np.flatnonzero(is_open & (r.components["status"] == "optimal")):
            self.complain(f"component {t} is claimed optimal with a gap of {gaps[t]}")
        if (r.status == "optimal" or r.success) and (r.components["status"] != "optimal").any():
            self.complain("the whole is claimed optimal, but a component is not")
        self.report.optimal = not is_open.any() and not self.report.problems

    # ---- bounds

    def bounds_of_components(self) -> Floats:
        """What messages and proofs prove of each component."""
        r = self.result
        whole = Scope(np.arange(self.n), np.arange(len(self.edges)), self.edges, self.weights)
        try:
            terms = bound_by_node(whole, self.costs, np.asarray(r.messages), r.proofs)
        except (Malformed, LookupError, TypeError, ValueError) as error:
            self.complain(f"the certificate is malformed: {error}")
            return np.full(len(r.components), -np.inf)
        return self.per_component(terms)

    def bound_by_enumeration(self, t: int) -> float:
        """The cheapest of all labellings of a component."""
        nodes, edge_ids, local_edges = self.component(t)
        choices = [np.flatnonzero(np.isfinite(row)) for row in self.costs[nodes]]
        count = math.prod(len(c) for c in choices)
        if count > _MOST_LABELLINGS:
            self.complain(f"component {t} is too large to have been enumerated")
            return -math.inf
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


def _close(a: Any, b: Any) -> Any:
    return np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(a))
