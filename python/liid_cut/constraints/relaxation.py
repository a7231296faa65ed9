"""Prices of many constraints at once, and the labels that they prove too dear.

Input: a reduced problem, its plain cut and a labelling that meets the constraints. Output: a
:class:`Relaxation` of high bound, and a labelling as good or better.

1. The subgradient method (Held and Karp 1971) with Polyak's steps: a price rises where its
   constraint is broken, and falls where it is met with something to spare. A plain cut of the whole
   problem takes little.
2. The program of Calinescu, Karloff and Rabani, with the constraints as further rows, of the labels
   that cost least at these prices: its dual values are better prices, its cheapest integer solution
   a better labelling. By HiGHS.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from threading import Thread
from typing import Any

import numpy as np

from liid_cut.ckr import ckr_model
from liid_cut.constraints.blocks import Copy, CopySolver, Cut, Labels, Structure, status_of
from liid_cut.constraints.feasible import feasible_labels
from liid_cut.constraints.reduced import Floats, Reduced
from liid_cut.constraints.restriction import Relaxation, Restriction, restrict
from liid_cut.progress import Report

_STEPS = 60
_STEP = 0.7  # of Polyak's, at first
_PATIENCE = 10  # steps without a better bound, until they become shorter
_SHORTER = 0.6
_STEPS_PER_LABELLING = 10
_FIRST_PRICE = 0.9  # of what the cheapest change costs that mends a broken tag
# The largest program: labels, and labels that both ends of an edge may take. Then HiGHS needs some
# 200 MB and some seconds.
_LARGEST_PROGRAM = 60_000
_BYTES_OF_PROGRAM = 4_000  # for each of them
_MOST_SEARCH_NODES = 100


class PriceSearch:
    """State of the search; ``labels`` always meet the constraints.

    ``improve`` makes a labelling that meets the constraints cheaper, if it can.
    """

    def __init__(
        self,
        problem: Reduced,
        plain: Labels,
        labels: Labels,
        solver: CopySolver,
        improve: Callable[[Labels], Labels],
        progress: Report | None = None,
    ) -> None:
        self.problem, self.solver, self.improve, self.progress = problem, solver, improve, progress
        self.labels, self.cost = labels, problem.cost(labels)
        structure = Structure(problem, np.zeros(problem.n_nodes, dtype=np.int32))
        self.block = structure.block(np.arange(problem.n_nodes))
        self.prices = first_prices(problem, plain)
        self.cut: Cut | None = None
        self.bound = -np.inf
        self.status = "optimal"

    def run(self) -> Relaxation | None:
        """The best relaxation; None: a limit struck before there was one."""
        self.status = status_of(self._search)
        return self._relaxation()

    def _search(self) -> None:
        self._descend()
        if self.cost > self.bound:
            self._program()

    def _relaxation(self) -> Relaxation | None:
        if self.cut is None:
            return None
        rows = np.flatnonzero(self.prices > 0)
        return Relaxation(rows, self.prices[rows], self.cut.messages)

    def _try(self, prices: Floats) -> tuple[Cut, float]:
        """The plain cut at these prices, and its bound."""
        rows = np.flatnonzero(prices > 0)
        changed, earned = Relaxation(rows, prices[rows], np.empty(0)).priced(self.problem)
        (cut,) = self.solver.cut([Copy(self.block, changed)])
        bound = cut.bound + float(earned.sum())
        if bound > self.bound:
            self.prices, self.cut, self.bound = prices, cut, bound
        return cut, bound

    def _descend(self) -> None:
        prices, step, stale = self.prices, _STEP, 0
        for i in range(_STEPS):
            before = self.bound
            cut, bound = self._try(prices)
            if i % _STEPS_PER_LABELLING == 0:
                self._offer(self.improve(feasible_labels(self.problem, cut.labels)))
                if self.progress is not None:
                    self.progress(0, 1, self.cost, self.bound)
            stale = 0 if bound > before else stale + 1
            if stale >= _PATIENCE:
                step, stale = step * _SHORTER, 0
            direction = self._direction(cut.labels, prices)
            size = float(direction @ direction)
            if size == 0 or self.cost <= bound:
                break
            prices = np.maximum(0.0, prices + step * (self.cost - bound) / size * direction)

    def _direction(self, labels: Labels, prices: Floats) -> Floats:
        """By how much each constraint is broken; below 0: met with so much to spare."""
        logic = self.problem.logic
        n_tags = len(logic.labels)
        direction = np.zeros(len(prices))
        taken = labels[logic.nodes] == logic.literal_labels
        direction[:n_tags] = 1.0 - np.bincount(logic.of[taken], minlength=n_tags)
        if len(logic.pairs):
            both = direction[n_tags:].reshape(len(logic.pairs), -1)
            both -= 1
            for end in (0, 1):
                both[np.arange(len(both)), labels[logic.pairs[:, end]]] += 1
        direction[(direction < 0) & (prices == 0)] = 0
        return direction

    def _program(self) -> None:
        """Better prices and labels from the program of the labels that seem to matter."""
        room = _LARGEST_PROGRAM
        if self.solver.max_memory:
            room = min(room, self.solver.max_memory // _BYTES_OF_PROGRAM)
        relaxation = self._relaxation()
        assert relaxation is not None
        left = restrict(self.problem, self._far(relaxation, room))
        if not left.problem.n_nodes or _size(left.problem, left.problem.allowed) > room:
            return
        prices = prices_of_program(left.problem, self.solver.seconds_left())
        if prices is not None:
            cut, _ = self._try(self._lifted(left, prices))
            self._offer(self.improve(feasible_labels(self.problem, cut.labels)))
        labels = labels_of_program(left.problem, self.solver.seconds_left())
        if labels is not None:
            self._offer(left.lifted(labels))

    def _far(self, relaxation: Relaxation, room: int) -> Any:
        """Labels (r, K+1) further above each node's cheapest, at the prices, than others."""
        costs, _ = relaxation.terms(self.problem)
        extra = costs - costs.min(axis=1, keepdims=True)
        extra[np.arange(len(extra)), self.labels] = 0
        most = np.unique(extra[self.problem.allowed])
        low, high = 0, len(most)  # that many different ones are kept: low fits, high + 1 does not
        while low < high:
            middle = (low + high + 1) // 2
            kept = self.problem.allowed & (extra <= most[middle - 1])
            low, high = (middle, high) if _size(self.problem, kept) <= room else (low, middle - 1)
        return extra > (most[low - 1] if low else 0)

    def _lifted(self, left: Restriction, prices: Floats) -> Floats:
        """Prices with those of what is left of the problem in them."""
        n_tags, n_left = len(self.problem.logic.labels), len(left.tags)
        lifted = self.prices.copy()
        lifted[left.tags] = prices[:n_left]
        pairs = lifted[n_tags:].reshape(-1, self.problem.n_labels)
        pairs[left.pairs] = prices[n_left:].reshape(-1, self.problem.n_labels)
        return lifted

    def _offer(self, labels: Labels) -> None:
        """Keep a labelling that meets the constraints, if it is cheaper."""
        cost = self.problem.cost(labels)
        if cost < self.cost:
            self.labels, self.cost = labels, cost


def first_prices(problem: Reduced, labels: Labels) -> Floats:
    """Prices (rows,) of the tags that a plain cut breaks, of what the cheapest change costs."""
    logic = problem.logic
    alone = problem.costs_alone(logic.nodes, labels)
    rows = np.arange(len(logic.nodes))
    extra = alone[rows, logic.literal_labels] - alone[rows, labels[logic.nodes]]
    least = np.full(len(logic.labels), np.inf)
    np.minimum.at(least, logic.of, extra)
    broken = logic.broken_tags(labels)
    prices = np.zeros(problem.n_constraints)
    prices[broken] = _FIRST_PRICE * np.maximum(0.0, least[broken])
    return prices


def _size(problem: Reduced, kept: Any) -> int:
    """Of the program of the labels ``kept`` (r, K+1)."""
    kept = kept & (kept.sum(axis=1) > 1)[:, None]
    both = kept[problem.edges[:, 0]] & kept[problem.edges[:, 1]]
    return int(kept.sum()) + int(both.sum())


def _solved(problem: Reduced, integer: bool, seconds: float) -> tuple[Any, Any]:
    """The program in HiGHS, solved as far as the limits allow, and the numbers of its last rows.

    These are the constraints, after the rows of the cut.
    """
    import highspy

    logic, infinite = problem.logic, highspy.kHighsInf
    model: Any = ckr_model(problem, integer=integer)
    column = np.full(problem.allowed.shape, -1, dtype=np.int32)
    column[problem.allowed] = np.arange(int(problem.allowed.sum()))
    literals = column[logic.nodes, logic.literal_labels]
    ends = np.searchsorted(logic.of, np.arange(len(logic.labels) + 1))
    for start, end in pairwise(ends.tolist()):
        model.addRow(1.0, infinite, end - start, literals[start:end], np.ones(end - start))
    pairs, labels = np.nonzero(problem.allowed[logic.pairs].all(axis=1))
    for both in column[logic.pairs[pairs], labels[:, None]]:
        model.addRow(-infinite, 1.0, 2, both, np.ones(2))
    if np.isfinite(seconds):
        model.setOptionValue("time_limit", seconds)
    model.setOptionValue("threads", 1)  # the same answer every time
    model.setOptionValue("mip_max_nodes", _MOST_SEARCH_NODES)
    model.setOptionValue("mip_rel_gap", 0.0)
    model.setOptionValue("mip_abs_gap", 0.0)
    _run(model)
    rows = len(logic.labels) + pairs * problem.n_labels + labels
    return model, np.concatenate([np.arange(len(logic.labels)), rows])


def _run(model: Any) -> None:
    """Solve in a thread, which Ctrl-C ends."""
    model.HandleUserInterrupt = True
    thread = Thread(target=model.run, daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        model.cancelSolve()
        thread.join()
        raise


def prices_of_program(problem: Reduced, seconds: float) -> Floats | None:
    """Prices (rows,) that are the best for the linear program; None: it was not solved."""
    model, rows = _solved(problem, False, seconds)
    duals = np.array(model.getSolution().row_dual)
    if not len(duals) or not np.isfinite(duals).all():
        return None
    prices = np.zeros(problem.n_constraints)
    prices[rows] = np.abs(duals[len(duals) - len(rows) :])
    return prices


def labels_of_program(problem: Reduced, seconds: float) -> Labels | None:
    """Labels (r,) that meet the constraints, the cheapest if no limit struck; None: none found."""
    model, _ = _solved(problem, True, seconds)
    values = np.array(model.getSolution().col_value)
    if not len(values) or model.getInfo().primal_solution_status != 2:
        return None
    taken = np.zeros(problem.allowed.shape)
    taken[problem.allowed] = values[: int(problem.allowed.sum())]
    labels = taken.argmax(axis=1).astype(np.int32)
    logic = problem.logic
    return None if logic.broken_tags(labels).size or logic.broken_pairs(labels).size else labels
