"""The bound that dual messages and proofs give, in plain NumPy; see :mod:`liid_cut.verify`.

Input: costs of nodes, edges with weights, messages on the edges, and proofs of parts, as the core
returns them. Output: the terms of the lower bound, or :class:`Malformed`. Nothing of the input is
trusted: numbers out of range, overlapping parts and infeasible messages are found.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

# What rounding may add to the spread of messages, relative to the weight.
ROUNDING = 1e-12
# Of one addition in double precision, relative to the largest number in it.
_EPSILON = 2.0**-52
# Parts inside parts; the solver nests a few.
MOST_NESTED = 100

Floats = npt.NDArray[np.float64]


class Malformed(Exception):
    """A certificate that is not one; the message says where."""


# What reading a certificate that is not one may raise.
BAD_CERTIFICATE = (Malformed, LookupError, TypeError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Scope:
    """Nodes and edges that a proof is about; ``ends`` are rows of ``nodes``.

    Counts in float64, on the safe side of rounding; :class:`liid_cut.exact.ExactScope` does not
    round.
    """

    nodes: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    ends: npt.NDArray[Any]
    weights: Floats

    @property
    def infinite(self) -> Any:
        """The cost of a label that is not left."""
        return math.inf

    def numbers(self, values: Any) -> Floats:
        """Finite numbers of a proof, as this scope counts."""
        return np.asarray(values, dtype=np.float64)

    def gained(self, cuts: Any) -> Any:
        """What cuts add to the bound."""
        return 2 * math.fsum(cut["multiplier"] for cut in cuts)

    def total(self, terms: Any) -> Any:
        """Sum of terms; a node without any label left makes it infinite."""
        terms = np.asarray(terms)
        if np.isposinf(terms).any():
            return math.inf
        if not np.isfinite(terms).all():
            raise Malformed("a bound is not a number")
        return math.fsum(terms)

    def part(self, nodes: Any, edges: Any) -> tuple[Scope, npt.NDArray[Any], npt.NDArray[Any]]:
        """A smaller scope, and which rows of nodes and edges it takes."""
        _check_ascending(nodes)
        _check_ascending(edges)
        rows, columns = _rows(self.nodes, nodes), _rows(self.edges, edges)
        ends = _rows(rows, self.ends[columns])
        weights = self.weights[columns]
        scope = replace(
            self, nodes=self.nodes[rows], edges=self.edges[columns], ends=ends, weights=weights
        )
        return scope, rows, columns

    def with_messages(self, costs: Floats, messages: Floats, cuts: Any = ()) -> Floats:
        """Costs (nodes, K+1) plus messages (edges, K+1), less what the cuts take; all checked.

        Less, too, what rounding can have added, so that bounds err on the safe side.
        """
        free = self.weights.copy()
        magnitude = np.abs(np.where(np.isfinite(costs), costs, 0.0))
        terms = np.full((len(costs), 1), 2.0)
        for cut in _as_list(cuts):
            columns, named, multiplier = self.checked_cut(cut, costs.shape[1])
            costs = costs.copy()
            costs[named, np.arange(costs.shape[1])] -= 2 * multiplier
            free[columns] -= multiplier
            magnitude[named, np.arange(costs.shape[1])] += 2 * multiplier
            terms[named] += 1
        messages = self.checked_messages(messages, free, costs.shape[1])
        to_first, to_second = self.incidence(0), self.incidence(1)
        added, taken = to_first @ messages, to_second @ messages
        terms += (to_first + to_second).sum(axis=1).reshape(-1, 1)
        total: Floats = costs + (added - taken) - _EPSILON * terms * (magnitude + added + taken)
        return total

    def checked_messages(self, messages: Floats, free: Floats, n_labels: int) -> Floats:
        """Messages whose smallest is 0 on every edge, if they spread by at most ``free``.

        The same for all labels is nothing; large, it would drown costs in rounding.
        """
        if messages.shape != (len(self.edges), n_labels):
            raise Malformed(f"messages of shape {messages.shape} for {len(self.edges)} edges")
        if not np.isfinite(messages).all():
            raise Malformed("a message is not finite")
        messages = messages - messages.min(axis=1, keepdims=True)
        spread = messages.max(axis=1)
        self.check_spread(spread, free, ROUNDING * self.weights)
        return messages

    def check_spread(self, spread: Any, free: Any, rounding: Any) -> None:
        """Whether messages spread by no more than ``free``, but for what rounding can add."""
        good = spread <= free + rounding
        if not good.all():
            i = int(np.argmin(good))
            raise Malformed(
                f"messages of edge {self.edges[i]} spread by {self.shown(spread[i])}, more than "
                f"its weight {self.shown(free[i])}"
            )

    def shown(self, number: Any) -> float:
        """A number as messages show it."""
        return float(number)

    def sums_of_messages(self, messages: Floats) -> Floats:
        """What messages (edges, K+1) add to the costs (nodes, K+1)."""
        sums: Floats = self.incidence(0) @ messages - self.incidence(1) @ messages
        return sums

    def incidence(self, end: int) -> scipy.sparse.csr_array:
        """Which node each edge has at its first (0) or second (1) end, (nodes, edges)."""
        m = len(self.edges)
        return scipy.sparse.csr_array(
            (np.ones(m), (self.ends[:, end], np.arange(m))), shape=(len(self.nodes), m)
        )

    def checked_cut(
        self, cut: dict[str, Any], n_labels: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], float]:
        """Edge and node positions of a cut, and its multiplier.

        A cycle and one of its nodes named for every label: two edges are cut, or all nodes take one
        label k and the node named for k takes it.
        """
        columns, named = _rows(self.edges, cut["edges"]), _rows(self.nodes, cut["named"])
        ends = self.ends[columns]
        cycle, degree = np.unique(ends, return_counts=True)
        joined = scipy.sparse.coo_array(
            (
                np.ones(len(ends)),
                (np.searchsorted(cycle, ends[:, 0]), np.searchsorted(cycle, ends[:, 1])),
            ),
            shape=(len(cycle), len(cycle)),
        )
        is_cycle = (
            len(np.unique(columns)) == len(columns) == len(cycle) >= 3
            and (degree == 2).all()
            and scipy.sparse.csgraph.connected_components(
                joined, directed=False, return_labels=False
            )
            == 1
        )
        if not is_cycle or len(named) != n_labels or not np.isin(named, cycle).all():
            raise Malformed("a cut is no cycle with one of its nodes named for every label")
        multiplier = float(cut["multiplier"])
        if not (math.isfinite(multiplier) and multiplier >= 0):
            raise Malformed(f"a cut has the multiplier {multiplier}")
        return columns, named, multiplier


def cuts_of(step: dict[str, Any], inherited: Any) -> Any:
    """The cuts that belong to a step's messages."""
    return inherited if step["messages"] is None else step.get("cuts", ())


def bound_by_node(
    scope: Scope, costs: Floats, messages: Floats, parts: Any, nested: int = 0
) -> Floats:
    """Terms of the bound, by node of the scope; a part's bound stands at its first node."""
    if nested > MOST_NESTED:
        raise Malformed(f"parts are nested more than {MOST_NESTED} deep")
    with_messages = scope.with_messages(costs, messages)
    terms: Floats = with_messages.min(axis=1, initial=scope.infinite)
    taken = np.zeros(len(scope.nodes), dtype=bool)
    for part in _as_list(parts):
        inner, rows, columns = scope.part(part["nodes"], part["edges"])
        if taken[rows].any() or not rows.size:
            raise Malformed("parts overlap or are empty")
        taken[rows] = True
        own = inner.checked_messages(messages[columns], inner.weights, costs.shape[1])
        inner_costs = with_messages[rows] - inner.sums_of_messages(own)
        terms[rows] = 0
        terms[rows[0]] = _prove(inner, inner_costs, messages[columns], part["proof"], nested + 1)
    return terms


def _prove(
    scope: Scope, costs: Floats, messages: Floats, proof: dict[str, Any], nested: int
) -> Any:
    """The bound that a proof gives: the smallest that any of its steps comes down to.

    ``messages`` are those of the scope around it, which steps without messages of their own use.
    """
    seen: set[int] = set()
    least = scope.infinite
    steps: list[tuple[dict[str, Any], Floats, Floats, Any]] = [(proof, costs, messages, ())]
    while steps:
        step, costs, messages, cuts = steps.pop()
        if id(step) in seen:
            raise Malformed("a step occurs twice in a proof")
        seen.add(id(step))
        cuts = cuts_of(step, cuts)
        if step["messages"] is not None:
            messages = scope.numbers(step["messages"])
        children = _as_list(step["children"])
        if len(children) != {"bound": 0, "branch": 2, "rule_out": 1}[step["kind"]]:
            raise Malformed(f"a step {step['kind']!r} has {len(children)} children")
        gained = scope.gained(_as_list(cuts))
        if step["kind"] == "bound" and step["parts"]:
            if cuts:
                raise Malformed("a step has both cuts and parts")
            terms = bound_by_node(scope, costs, messages, step["parts"], nested)
            least = min(least, scope.total(terms))
        elif step["kind"] == "bound":
            terms = scope.with_messages(costs, messages, cuts).min(axis=1, initial=scope.infinite)
            least = min(least, gained + scope.total(terms))
        elif step["kind"] == "branch":
            u = position(scope.nodes, step["node"])
            k = _label(step["label"], costs.shape[1])
            taken, dropped = costs.copy(), costs.copy()
            taken[u, np.arange(costs.shape[1]) != k] = scope.infinite
            dropped[u, k] = scope.infinite
            steps += [(children[0], taken, messages, cuts), (children[1], dropped, messages, cuts)]
        else:
            with_messages = scope.with_messages(costs, messages, cuts)
            terms = with_messages.min(axis=1)
            total = gained + scope.total(terms)
            left = costs.copy()
            for node, label in step["ruled_out"]:
                u = position(scope.nodes, node)
                k = _label(label, costs.shape[1])
                least = min(least, total - terms[u] + with_messages[u, k])
                left[u, k] = scope.infinite
            steps.append((children[0], left, messages, cuts))
    return least


def _as_list(value: Any) -> Any:
    """``value``, which is gone through more than once, if that is possible."""
    if not isinstance(value, list | tuple):
        raise Malformed(f"a {type(value).__name__} where a proof needs a list")
    return value


def _check_ascending(ids: Any) -> None:
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or (np.diff(ids) <= 0).any():
        raise Malformed("the nodes or edges of a part are not ascending integers")


def _rows(ids: npt.NDArray[Any], wanted: Any) -> npt.NDArray[np.int64]:
    """Positions of ``wanted``, integers, in the ascending ``ids``."""
    wanted = np.asarray(wanted)
    if wanted.size and wanted.dtype.kind not in "iu":
        raise Malformed(f"a proof names a node or edge by a {wanted.dtype}")
    rows: npt.NDArray[np.int64] = np.searchsorted(ids, wanted).astype(np.int64)
    if (rows >= len(ids)).any() or (ids[rows] != wanted).any():
        raise Malformed("a proof names a node or edge outside its part")
    return rows


def position(ids: npt.NDArray[Any], node: Any) -> int:
    """Position of one id: of several, a branch would leave out what takes the label at some."""
    if np.ndim(node) != 0:
        raise Malformed("a proof names several nodes as one")
    return int(_rows(ids, node))


def _label(label: Any, n_labels: int) -> int:
    k = operator.index(label)
    if not 0 <= k < n_labels:
        raise Malformed(f"a proof names label {k}; labels are 0 to {n_labels - 1}")
    return k
