"""Check a result without trusting the solver: costs, bounds and proofs in NumPy.

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
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.components import COMPONENT_DTYPE, MESSAGES
from liid_cut.constraints.inputs import as_constraints, with_extra_edges
from liid_cut.costs import costs_of_weights, require_result, terminal_weights
from liid_cut.graph import canonical_edges, to_csr
from liid_cut.inputs import Matrix
from liid_cut.labellings import MOST_LABELLINGS, all_labellings, count_labellings
from liid_cut.presets import PRESETS, authors_labels
from liid_cut.proofs import BAD_CERTIFICATE, Floats, Malformed, Scope, bound_by_node
from liid_cut.weights import TERMINAL_WEIGHTS

TOLERANCE = 1e-9


@dataclass
class Verification:
    """What holds of a result. True in a condition when every claim does.

    ``cost`` and ``lower_bound`` are recomputed; ``optimal`` says whether they prove the labelling
    cheapest; ``problems`` lists the claims that do not hold, as sentences. After an exact check
    ``exact_cost`` and ``exact_lower_bound`` are the same without any rounding; None: not known.
    """

    cost: float = math.nan
    lower_bound: float = -math.inf
    optimal: bool = False
    problems: list[str] = field(default_factory=list)
    exact_cost: Fraction | None = None
    exact_lower_bound: Fraction | None = None

    @property
    def exact_gap(self) -> Fraction | None:
        """By how much, at most, the labelling is dearer than the cheapest one."""
        if self.exact_cost is None or self.exact_lower_bound is None:
            return None
        return self.exact_cost - self.exact_lower_bound

    def __bool__(self) -> bool:
        return not self.problems


def verify(
    result: Any,
    probs: Any,
    graph: Any = None,
    *,
    allowed: Any = None,
    labels: Any = None,
    must_link: Any = None,
    cannot_link: Any = None,
    coverage: Any = None,
    node_weights: Any = None,
    extra_edges: Any = None,
    exact: bool = False,
) -> Verification:
    """Recompute cost and bound of a result from its labels and dual messages alone.

    Parameters
    ----------
    result : MultiwayCutResult.
    probs : (n, K+1), as in the solve; ``result.terminal_weights`` and ``result.temperature`` are
        applied to them again.
    graph : as in :func:`liid_cut.multiway_cut`, before ``result.graph_scale`` multiplied it, or
        ``result.graph`` as it is; None: the graph that the result carries.
    allowed, labels, must_link, cannot_link, coverage, node_weights : as in the solve.
    extra_edges : as in the solve, where ``graph`` is that of the solve; the result's has them.
    exact : in integer arithmetic, without any rounding (:mod:`liid_cut.exact`), for a proof beyond
        floating point. The problem is then that of the terminal and edge weights as float64; gaps
        have to be within 1e-9, claims are held to 1e-12 of all weights, and ``graph`` to the last
        bit. Some ten times slower.

    Returns
    -------
    Verification.

    Raises
    ------
    ValueError : ``probs``, ``graph`` or a constraint is malformed. A false claim of the result is
        not an error but an entry of ``problems``.
    """
    require_result(result)
    if result.preset != "authors":
        kind, temperature = result.get("terminal_weights"), result.get("temperature")
        if not (isinstance(kind, str) and kind in TERMINAL_WEIGHTS and _is_positive(temperature)):
            claim = f"terminal_weights is {kind!r}, temperature {temperature!r}"
            return Verification(problems=[claim])
    weights, mask = terminal_weights(result, probs, allowed, labels, node_weights)
    constraints = as_constraints(must_link, cannot_link, coverage, weights.shape)
    # The other checkers derive from that of this module.
    if constraints is not None:
        from liid_cut.constraints.checker import ConstrainedChecker
        from liid_cut.constraints.exact_checker import ExactConstrainedChecker

        kind_of = ExactConstrainedChecker if exact else ConstrainedChecker
        constrained = kind_of(result, weights, mask, constraints)
        return constrained.run(graph, result.cut_labels, extra_edges)
    after_cut = result.cut_labels
    if result.preset == "authors":
        after_cut = authors_labels(after_cut, mask)
        mask = None  # there the tags shape the edges to terminals
    if exact:
        from liid_cut.exact_checker import ExactChecker

        return ExactChecker(result, weights, mask).run(graph, after_cut, extra_edges)
    return Checker(result, weights, mask).run(graph, after_cut, extra_edges)


class Checker:
    """The claims of a result on a problem without constraints, one by one.

    Costs and messages are read in batches of whole components: no copy of all is made.
    """

    rows_per_batch = 1 << 16  # of nodes and edges
    graph_tolerance = TOLERANCE

    def __init__(self, result: Any, probs: Matrix, allowed: npt.NDArray[np.bool_] | None) -> None:
        self.result = result
        self.report = Verification()
        self.n, self.n_labels = probs.shape
        self.edges = np.asarray(result.edges)
        self.weights = np.asarray(result.weights)
        self.probs = probs
        self.allowed = allowed
        self.is_refused = False  # the certificate

    def run(
        self, graph: Any, labels: npt.NDArray[np.int32], extra_edges: Any = None
    ) -> Verification:
        """Check everything; ``labels`` are what the cut's labels should have become."""
        if self.has_right_form() and self.is_about(graph, extra_edges):
            if not np.array_equal(self.result.labels, labels):
                self.complain("labels are not those of the cut")
            self.check_cost()
            self.check_derived()
            self.check_bound()
        return self.report

    def complain(self, problem: str) -> None:
        """Note a claim that does not hold."""
        self.report.problems.append(problem)

    # ---- the claims, one by one

    def has_right_form(self) -> bool:
        """Shapes, types and ranges; what the rest relies on."""
        r, m = self.result, len(self.edges)
        expected = {  # name: shape, kinds of dtype
            "labels": ((self.n,), "iu"),
            "cut_labels": ((self.n,), "iu"),
            "component_ids": ((self.n,), "iu"),
            "edges": ((m, 2), "iu"),
            "weights": ((m,), "f"),
            "messages": ((m, self.n_labels), "f"),
        }
        for name, (shape, kinds) in expected.items():
            array = np.asarray(r[name])
            if array.shape != shape:
                self.complain(f"{name} has shape {array.shape}; this problem needs {shape}")
            elif array.size and array.dtype.kind not in kinds:
                self.complain(f"{name} has dtype {array.dtype}")
        table = r.components
        if not isinstance(table, np.ndarray) or table.dtype != COMPONENT_DTYPE:
            self.complain("components is no component table")
        elif not (np.isfinite(table["cost"]) & np.isfinite(table["lower_bound"])).all():
            self.complain("a cost or lower_bound in the component table is not finite")
        if r.status not in MESSAGES:
            self.complain(f"status is {r.status!r}")
        if r.preset not in PRESETS:
            self.complain(f"preset is {r.preset!r}")
        for name in ("cost", "lower_bound"):
            if not isinstance(r[name], float | np.floating) or not math.isfinite(r[name]):
                self.complain(f"{name} is {r[name]!r}; it must be a finite float")
        return not self.report.problems and self.has_right_range()

    def has_right_range(self) -> bool:
        """Whether labels, ids and edges exist, and weights are weights."""
        ids, labels = np.asarray(self.result.component_ids), np.asarray(self.result.cut_labels)
        if len(self.edges) and not (self.edges.min() >= 0 and self.edges.max() < self.n):
            self.complain(f"an edge ends outside 0 to {self.n - 1}")
            return False
        with np.errstate(over="ignore"):
            if not (np.isfinite(self.weights.sum()) and (self.weights >= 0).all()):
                self.complain("weights are not finite numbers >= 0, or their sum is not finite")
        if self.n and not (labels.min() >= 0 and labels.max() < self.n_labels):
            self.complain(f"a label is outside 0 to {self.n_labels - 1}")
        if self.n and not (ids.min() >= 0 and ids.max() < len(self.result.components)):
            self.complain("a component id is not in the component table")
        elif (ids[self.edges[:, 0]] != ids[self.edges[:, 1]]).any():
            self.complain("an edge joins two components")
        return not self.report.problems

    def is_about(self, graph: Any, extra_edges: Any) -> bool:
        """Whether the result's graph is the given one with the further edges."""
        if graph is None:
            return True
        scale = self.result.get("graph_scale")
        if not _is_positive(scale) and scale != 0:
            self.complain(f"graph_scale is {scale!r}")
            return False
        edges, weights = canonical_edges(graph, self.n)
        given = to_csr(self.n, *with_extra_edges(edges, weights * scale, extra_edges, self.n))
        own = to_csr(self.n, self.edges, self.weights)
        given_as_it_is = to_csr(self.n, edges, weights)
        if not any(_equal(own, g, self.graph_tolerance) for g in (given, given_as_it_is)):
            self.complain("the result belongs to another graph")
        return not self.report.problems

    def check_cost(self) -> None:
        """Costs, of all and by component."""
        r = self.result
        labels = np.asarray(r.cut_labels)
        at_nodes = np.empty(self.n)
        for rows in self.row_batches():
            at_nodes[rows] = self.costs(rows)[np.arange(len(rows)), labels[rows]]
        cut = labels[self.edges[:, 0]] != labels[self.edges[:, 1]]
        at_edges = np.where(cut, self.weights, 0.0)
        self.report.cost = float(at_nodes.sum() + at_edges.sum())
        if np.isinf(self.report.cost):
            self.complain(f"labels[{int(np.argmax(np.isinf(at_nodes)))}] is not allowed")
            return
        self.report.cost = math.fsum(at_nodes) + math.fsum(at_edges)
        if not _close(self.report.cost, r.cost):
            self.complain(f"cost is claimed to be {r.cost} but is {self.report.cost}")
        by_component = self.per_component(at_nodes) + self.per_component(at_edges, self.edges[:, 0])
        for t in np.flatnonzero(~_close(by_component, r.components["cost"])):
            self.complain(
                f"component {t}: cost is claimed to be {r.components['cost'][t]} but is "
                f"{by_component[t]}"
            )

    def check_bound(self) -> None:
        """Bounds, of all and by component, and what is called optimal."""
        r = self.result
        cost, claimed = r.components["cost"], r.components["lower_bound"]
        proven = self.bounds_of_components()
        for t in self.enumerated():
            proven[t] = self.bound_by_enumeration(int(t))
        self.report.lower_bound = _sum(proven)

        for t in np.flatnonzero(~(proven >= claimed - TOLERANCE * np.maximum(1, np.abs(claimed)))):
            self.complain(
                f"component {t}: lower bound is claimed to be {claimed[t]} but only "
                f"{_shown(proven[t])} is proven (is `allowed` the same as in the solve?)"
            )
        total = _sum(claimed)
        if not _close(total, r.lower_bound):
            self.complain(f"lower_bound is claimed to be {r.lower_bound} but adds to {total}")

        # Twice: the proof may lose one tolerance to rounding, the claim may use the other.
        gaps = cost - proven
        is_open = ~(gaps <= 2 * TOLERANCE * np.maximum(1, np.abs(cost)))
        for t in np.flatnonzero(is_open & (r.components["status"] == "optimal")):
            self.complain(f"component {t} is claimed optimal with a gap of {_shown(gaps[t])}")
        self.check_status()
        self.report.optimal = not is_open.any() and not self.report.problems

    def check_status(self) -> None:
        """Whether what is said of all fits to what is said of the components."""
        r = self.result
        all_closed = bool((r.components["status"] == "optimal").all())
        if (r.status == "optimal") != all_closed or r.success is not all_closed:
            self.complain(
                f"status {r.status!r} and success {r.success!r} do not fit to the components, "
                f"of which {'all' if all_closed else 'not all'} are optimal"
            )

    def check_derived(self) -> None:
        """Fields that only repeat others under another name."""
        r = self.result
        gap = r.cost - r.lower_bound
        expected = {
            "gap": gap,
            "fun": r.cost,
            "mip_dual_bound": r.lower_bound,
            "mip_gap": gap / abs(r.cost) if r.cost else gap,
            "n_components": len(r.components),
            "x": r.labels,
        }
        for name, value in expected.items():
            if not np.array_equal(r.get(name), value):
                self.complain(f"{name} does not fit to the rest of the result")

    # ---- bounds

    def bounds_of_components(self) -> Floats:
        """What messages and proofs prove of each component."""
        r = self.result
        ids, messages = np.asarray(r.component_ids), np.asarray(r.messages)
        terms = self.zeros(self.n)
        try:
            proofs: dict[int, list[Any]] = {}
            for part in r.proofs:
                proofs.setdefault(_component_of(part["nodes"], ids), []).append(part)
            for components, nodes, edges in self.batches():
                scope = self.scope(nodes, edges)
                parts = [part for t in components for part in proofs.get(t, ())]
                numbers = scope.numbers(messages[edges])
                terms[nodes] = bound_by_node(scope, self.costs(nodes), numbers, parts)
        except BAD_CERTIFICATE as error:
            return self.without_certificate(error)
        return self.per_component(terms)

    def without_certificate(self, error: Exception) -> Floats:
        """Complain of it; no component has a bound, and none is enumerated."""
        self.complain(f"the certificate is malformed: {error}")
        self.is_refused = True
        return np.full(len(self.result.components), -np.inf)

    def batches(self) -> Iterator[tuple[Iterable[int], npt.NDArray[Any], npt.NDArray[Any]]]:
        """Components, their nodes and their edges, both ascending; some rows at a time.

        A batch is one component where that is larger.
        """
        ids = np.asarray(self.result.component_ids)
        of_edges = ids[self.edges[:, 0]]
        by_node, by_edge = np.argsort(ids, kind="stable"), np.argsort(of_edges, kind="stable")
        count = len(self.result.components)
        nodes = np.concatenate([[0], np.cumsum(np.bincount(ids, minlength=count))])
        edges = np.concatenate([[0], np.cumsum(np.bincount(of_edges, minlength=count))])
        first = 0
        while first < count:
            full = nodes[first] + edges[first] + self.rows_per_batch
            last = max(first + 1, int(np.searchsorted(nodes + edges, full, side="right")) - 1)
            yield (
                range(first, last),
                np.sort(by_node[nodes[first] : nodes[last]]),
                np.sort(by_edge[edges[first] : edges[last]]),
            )
            first = last

    def enumerated(self) -> npt.NDArray[np.intp]:
        """Components that are proven by looking at every labelling."""
        stage = self.result.components["stage"]
        return np.flatnonzero((stage == "enumeration") & (not self.is_refused))

    def bound_by_enumeration(self, t: int) -> Any:
        """The cheapest of all labellings of a component."""
        nodes, edge_ids, local_edges = self.component(t)
        scope, costs = self.scope(nodes, edge_ids), self.costs(nodes)
        choices = [np.flatnonzero(row != scope.infinite) for row in costs]
        if count_labellings(choices) > MOST_LABELLINGS:
            self.complain(f"component {t} is too large to have been enumerated")
            return -math.inf
        best = scope.infinite
        for labels in all_labellings(choices):
            total = sum(of_node[row] for of_node, row in zip(costs, labels, strict=True))
            cut = labels[local_edges[:, 0]] != labels[local_edges[:, 1]]
            best = min(best, (total + scope.weights @ cut).min())
        return best

    # ---- helpers

    def costs(self, rows: npt.NDArray[Any]) -> Floats:
        """Costs (len(rows), K+1) of the labels of some nodes; inf: not allowed."""
        return costs_of_weights(
            self.probs[rows], None if self.allowed is None else self.allowed[rows]
        )

    def scope(self, nodes: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Scope:
        """Nodes and edges, both ascending, as proofs are about them."""
        ends = np.searchsorted(nodes, self.edges[edges])
        return Scope(nodes, edges, ends, self.weights[edges])

    def zeros(self, n: int) -> Floats:
        """Room for n numbers."""
        return np.zeros(n)

    def row_batches(self) -> Iterator[npt.NDArray[Any]]:
        """All nodes, some at a time."""
        for begin in range(0, self.n, self.rows_per_batch):
            yield np.arange(begin, min(begin + self.rows_per_batch, self.n))

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


def _component_of(nodes: Any, ids: npt.NDArray[Any]) -> int:
    """The component that all nodes of a part are in."""
    nodes = np.asarray(nodes)
    if not nodes.size:
        raise Malformed("parts overlap or are empty")
    if nodes.dtype.kind not in "iu" or nodes.min() < 0 or nodes.max() >= len(ids):
        raise Malformed("a proof names a node or edge outside its part")
    if np.ptp(ids[nodes]) != 0:
        raise Malformed("a part reaches over two components")
    return int(ids[nodes].flat[0])


def _sum(values: Floats) -> float:
    """Exact sum; -inf where there is none."""
    try:
        return math.fsum(values) if np.isfinite(values).all() else -math.inf
    except OverflowError:
        return -math.inf


def _equal(own: Any, given: Any, tolerance: float) -> bool:
    difference = abs(own - given)
    return not difference.nnz or bool(difference.max() <= tolerance * max(1.0, given.max()))


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value <= sys.float_info.max


def _shown(value: float) -> float:
    """Without the last digits, which the allowance for rounding blurs."""
    return float(f"{value:.12g}")


def _close(a: Any, b: Any) -> Any:
    return np.abs(a - b) <= TOLERANCE * np.maximum(1, np.abs(a))
