"""The exact check of a result: cost, bound and gap as fractions; see :func:`liid_cut.verify`.

The same claims as in :mod:`liid_cut.verify`, and the same walk through the proofs, in the integers
of :mod:`liid_cut.exact`. What is called optimal has to be within the promise without any allowance
for rounding. Costs and bounds are claimed as float64 numbers that were added up in float64: these
may be off by the rounding of such sums, which is relative to all weights that are summed, and by
no more.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.exact import INFINITE, ExactScope, Unit, group_sums
from liid_cut.verify import Checker

# What rounding may take from, or add to, a claimed sum, relative to the weights of its component.
CLAIMS = Fraction(1, 10**12)
_PROMISE = Fraction(1, 10**9)
_ONE = Fraction(1)


class ExactChecker(Checker):
    """The claims of a result on a problem without constraints, in integers."""

    rows_per_batch = 1 << 14
    graph_tolerance = 0.0

    @cached_property
    def unit(self) -> Unit:
        """What all weights are multiples of."""
        return Unit.of([self.weights, *(self.probs[rows] for rows in self.row_batches())])

    @cached_property
    def rounding(self) -> list[Fraction]:
        """What rounding may do to sums of each component."""
        at_nodes = self.zeros(self.n)
        for rows in self.row_batches():
            at_nodes[rows] = self.unit.count(self.probs[rows]).sum(axis=1)
        weights = self.unit.count(self.weights)
        total = self.per_component(at_nodes) + self.per_component(weights, self.edges[:, 0])
        return [CLAIMS * max(_ONE, self.unit.fraction(t)) for t in total]

    def check_cost(self) -> None:
        """Costs, of all and by component."""
        r = self.result
        labels = np.asarray(r.cut_labels)
        at_nodes = self.zeros(self.n)
        for rows in self.row_batches():
            at_nodes[rows] = self.costs(rows)[np.arange(len(rows)), labels[rows]]
        forbidden = at_nodes == INFINITE
        if forbidden.any():
            self.complain(f"labels[{int(np.argmax(forbidden))}] is not allowed")
            return
        cut = labels[self.edges[:, 0]] != labels[self.edges[:, 1]]
        at_edges = self.unit.count(np.where(cut, self.weights, 0.0))
        total = self.unit.fraction(sum(at_nodes.tolist()) + sum(at_edges.tolist()))
        self.report.exact_cost, self.report.cost = total, _as_float(total)
        if abs(Fraction(r.cost) - total) > sum(self.rounding):
            self.complain(f"cost is claimed to be {r.cost} but is {self.report.cost}")
        by_component = self.per_component(at_nodes) + self.per_component(at_edges, self.edges[:, 0])
        self.costs_of_components = [self.unit.fraction(c) for c in by_component]
        for t, (cost, claimed) in enumerate(
            zip(self.costs_of_components, r.components["cost"].tolist(), strict=True)
        ):
            if abs(Fraction(claimed) - cost) > self.rounding[t]:
                self.complain(
                    f"component {t}: cost is claimed to be {claimed} but is {_as_float(cost)}"
                )

    def check_bound(self) -> None:
        """Bounds, of all and by component, and what is called optimal."""
        r = self.result
        if self.report.exact_cost is None:
            return
        found: Any = self.bounds_of_components()
        for i in self.enumerated():
            found[i] = self.bound_by_enumeration(int(i))
        if not all(isinstance(bound, int) for bound in found):
            if not self.report.problems:
                self.complain("the bound of a component is not finite")
            return
        proven = [self.unit.fraction(bound) for bound in found]
        self.report.exact_lower_bound = sum(proven, Fraction(0))
        self.report.lower_bound = _rounded_down(self.report.exact_lower_bound)

        claims = r.components["lower_bound"].tolist()
        for t, (bound, claimed) in enumerate(zip(proven, claims, strict=True)):
            if Fraction(claimed) > bound + self.rounding[t]:
                self.complain(
                    f"component {t}: lower bound is claimed to be {claimed} but only "
                    f"{_rounded_down(bound)} is proven (is `allowed` the same as in the solve?)"
                )
        total = sum(map(Fraction, claims), Fraction(0))
        if abs(Fraction(r.lower_bound) - total) > sum(self.rounding):
            self.complain(f"lower_bound is claimed to be {r.lower_bound} but adds to {total}")
        is_open = [
            cost - bound > _PROMISE * max(_ONE, abs(cost))
            for cost, bound in zip(self.costs_of_components, proven, strict=True)
        ]
        for i in np.flatnonzero(np.array(is_open, dtype=bool)):
            if r.components["status"][i] == "optimal":
                gap = _as_float(self.costs_of_components[i] - proven[i])
                self.complain(f"component {i} is claimed optimal with a gap of {gap}")
        self.check_status()
        self.report.optimal = not any(is_open) and not self.report.problems

    # ---- how this checker counts

    def costs(self, rows: npt.NDArray[Any]) -> Any:
        """Costs (len(rows), K+1) of the labels of some nodes; INFINITE: not allowed."""
        weights = self.unit.count(self.probs[rows])
        costs: Any = weights.sum(axis=1, keepdims=True) - weights
        return costs if self.allowed is None else np.where(self.allowed[rows], costs, INFINITE)

    def scope(self, nodes: npt.NDArray[Any], edges: npt.NDArray[Any]) -> ExactScope:
        """Nodes and edges, both ascending, as proofs are about them."""
        ends = np.searchsorted(nodes, self.edges[edges])
        return ExactScope(nodes, edges, ends, self.unit.count(self.weights[edges]), self.unit)

    def zeros(self, n: int) -> Any:
        """Room for n numbers."""
        return np.zeros(n, dtype=object)

    def per_component(self, values: Any, nodes: npt.NDArray[Any] | None = None) -> Any:
        """Sums of per-node values, or of values at ``nodes``, by component."""
        ids = np.asarray(self.result.component_ids)
        where = ids if nodes is None else ids[nodes]
        return group_sums(where, values, len(self.result.components))


def _as_float(value: Fraction) -> float:
    """The nearest float64."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _rounded_down(value: Fraction) -> float:
    """The largest float64 that is not above: as a bound it still holds."""
    nearest = _as_float(value)
    return nearest if nearest <= value else math.nextafter(nearest, -math.inf)
