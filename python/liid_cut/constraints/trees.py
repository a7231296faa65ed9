"""The cheapest labelling of a block at given prices, by branching on single labels.

Input: a block, prices of the constraints across blocks. Output: a :class:`Tree` whose leaves bound
every labelling of the block that meets the constraints inside, and the labellings found.

The bound of a leaf is that of a plain cut (:mod:`.blocks`) of the labels that are left there, with

- the price of a tag taken from the costs of all its literals, or, where one of them is certain,
  earned once: never less than what the block really earns, which is the price once at most;
- multipliers of constraints inside, improved by some steps of the subgradient method: Lagrange's
  relaxation of them;
- labels ruled out that the constraints inside forbid (unit propagation).

Where the leaf's cheapest cut breaks a constraint inside, or earns a price twice, a literal of it is
branched on: the node takes the label, or does not. Best first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from liid_cut.constraints.blocks import (
    BRANCH,
    DEAD,
    LEAF,
    Block,
    Copy,
    CopySolver,
    Cut,
    Entry,
    Labels,
    Price,
    Tree,
)
from liid_cut.constraints.inputs import Bools
from liid_cut.constraints.reduced import Floats

# Nodes of all copies in one call of the solver, about; and leaves of a block expanded in one.
_NODES_PER_CALL = 1 << 19
_EXPANDED_PER_CALL = 16
# Blocks with so many constraints inside get multipliers for them: by so many steps, so long.
_FEW_INSIDE = 3
_STEPS_AT_ROOT = 60
_STEPS_BELOW = 4
_STEP = 0.7
# Relative to the size of the bound.
TOLERANCE = 1e-11


@dataclass
class _Waiting:
    """A leaf to be cut."""

    entry: int
    allowed: Bools
    inner: dict[int, float] = field(default_factory=dict)
    constant: float = 0.0
    costs: Floats = field(default_factory=lambda: np.empty((0, 0)))


def changed_costs(
    block: Block, allowed: Bools, prices: Mapping[int, Any], inner: Mapping[int, Any]
) -> tuple[Floats, Any]:
    """Costs of the labels left, with prices and multipliers in them, and what to add to a cut's."""
    costs = np.where(allowed, block.costs, block.infinite)
    constant: Any = 0
    for row, price in block.prices.items():
        value = prices.get(row, 0.0)
        if value == 0:
            continue
        if price.sign > 0 and is_certain(price, allowed):
            constant -= value
        else:
            costs[price.nodes, price.label] -= price.sign * value
    for row, value in inner.items():
        price = block.inside(row)
        costs[price.nodes, price.label] -= price.sign * value
        constant += price.sign * value
    return costs, constant


def is_certain(price: Price, allowed: Bools) -> bool:
    """Whether a node has only the literal's label left."""
    rows = allowed[price.nodes]
    return bool((rows[:, price.label] & (rows.sum(axis=1) == 1)).any())


class _BlockSearch:
    def __init__(self, block: Block, prices: Mapping[int, float], most_leaves: int) -> None:
        self.block, self.prices, self.most_leaves = block, prices, most_leaves
        self.entries = [Entry(LEAF)]
        self.allowed: dict[int, Bools] = {}
        self.waiting: list[_Waiting] = []
        self.open: list[int] = []
        self.found: list[Labels] = []
        self.best_value = np.inf
        self.best: Labels | None = None
        if block.columns:
            values = block.column_values(prices)
            i = int(np.argmin(values))
            self.best_value, self.best = float(values[i]), block.columns[i]
        self.steps: dict[int, int] = {}  # of the multipliers, left at a leaf
        n_inside = len(block.logic.labels) + len(block.logic.pairs)
        few = n_inside < _FEW_INSIDE
        self.steps_below = 0 if few else _STEPS_BELOW
        self._wait(0, block.allowed, block.inner, 0 if few else _STEPS_AT_ROOT)

    def _wait(self, entry: int, allowed: Bools, inner: dict[int, float], steps: int) -> None:
        if self.block.logic.propagate(allowed) is not None:
            self.entries[entry].kind = DEAD
            return
        inner = {
            row: value
            for row, value in inner.items()
            if value > 0 and not _is_decided(self.block.inside(row), allowed)
        }
        costs, constant = changed_costs(self.block, allowed, self.prices, inner)
        self.waiting.append(_Waiting(entry, allowed, inner, constant, costs))
        self.steps[entry] = steps

    def copies(self) -> list[Copy]:
        return [Copy(self.block, leaf.costs) for leaf in self.waiting]

    def absorb(self, cuts: list[Cut]) -> None:
        """Take the cuts of all waiting leaves, then branch on leaves that may still be better."""
        last: dict[int, tuple[_Waiting, Cut]] = {}
        for leaf, cut in zip(self.waiting, cuts, strict=True):
            entry = self.entries[leaf.entry]
            if entry.cut is None or cut.bound + leaf.constant > entry.bound:
                entry.cut, entry.inner, entry.bound = cut, leaf.inner, cut.bound + leaf.constant
            last[leaf.entry] = leaf, cut
            self.allowed[leaf.entry] = leaf.allowed
            self.open.append(leaf.entry)
            if self.block.meets(cut.labels):
                self.found.append(cut.labels)
                self._offer(cut.labels)
        self.waiting = []
        self.open = [i for i in self.open if self._is_worse_than_best(i)]
        self.open.sort(key=lambda i: (self.entries[i].bound, i))
        # A leaf just cut tries better multipliers first, a few times.
        for i in list(self.open):
            if i in last and self.steps[i] > 0:
                multipliers = self._stepped(*last[i])
                if multipliers is not None:
                    self.open.remove(i)
                    self._wait(i, self.allowed[i], multipliers, self.steps[i] - 1)
        n_leaves = (len(self.entries) + 1) // 2
        room = min(_EXPANDED_PER_CALL, self.most_leaves - n_leaves)
        room = max(0, room)
        for i in self.open[:room]:
            self._branch(i)
        self.open = self.open[room:]

    def _offer(self, labels: Labels) -> None:
        value = self.block.value(labels, self.prices)
        if value < self.best_value:
            self.best_value, self.best = value, labels

    def _is_worse_than_best(self, i: int) -> bool:
        slack = TOLERANCE * max(1.0, abs(self.best_value)) if np.isfinite(self.best_value) else 0
        return self.entries[i].bound < self.best_value - slack

    def _stepped(self, leaf: _Waiting, cut: Cut) -> dict[int, float] | None:
        """Multipliers after a step of Polyak's subgradient method; None: there is no direction."""
        block, labels = self.block, cut.labels
        logic = block.logic
        direction: dict[int, float] = {}
        for j, label in enumerate(logic.labels):
            price = block.inside(int(block.rows[j]))
            taken = int((labels[price.nodes] == label).sum())
            if taken != 1 and not _is_decided(price, leaf.allowed):
                direction[price.row] = 1.0 - taken
        for pair in logic.broken_pairs(labels):
            k = int(labels[logic.pairs[pair, 0]])
            row = block.n_tags + int(block.pair_rows[pair]) * block.costs.shape[1] + k
            direction[row] = 1.0
        for row in leaf.inner:
            price = block.inside(row)
            if price.sign < 0 and not (labels[price.nodes] == price.label).any():
                direction[row] = -1.0
        direction = {r: g for r, g in direction.items() if g > 0 or leaf.inner.get(r, 0.0) > 0}
        size = sum(g * g for g in direction.values())
        if size == 0 or not np.isfinite(self.best_value):
            return None
        step = _STEP * (self.best_value - cut.bound - leaf.constant) / size
        multipliers = dict(leaf.inner)
        for row, g in direction.items():
            multipliers[row] = max(0.0, multipliers.get(row, 0.0) + step * g)
        return multipliers

    def _branch(self, i: int) -> None:
        entry, allowed = self.entries[i], self.allowed.pop(i)
        literal = self._literal(entry, allowed)
        if literal is None:  # the solver itself left the gap
            return
        u, k = literal
        takes, other = allowed.copy(), allowed
        takes[u] = False
        takes[u, k] = True
        other[u, k] = False
        n = len(self.entries)
        self.entries[i] = Entry(BRANCH, u, k, (n, n + 1))
        for j, mask in ((n, takes), (n + 1, other)):
            self.entries.append(Entry(LEAF, bound=entry.bound))
            self._wait(j, mask, entry.inner, self.steps_below)

    def _literal(self, entry: Entry, allowed: Bools) -> tuple[int, int] | None:
        """The literal to branch on: of the constraint that the cut is furthest from."""
        assert entry.cut is not None
        block, labels = self.block, entry.cut.labels
        costs = block.costs
        now = costs[np.arange(len(labels)), labels]
        best: tuple[tuple[bool, float], int, int] | None = None

        def offer(is_broken: bool, amount: float, u: int, k: int) -> None:
            nonlocal best
            if best is None or (is_broken, amount) > best[0]:
                best = (is_broken, amount), int(u), int(k)

        logic = block.logic
        for j in logic.broken_tags(labels):
            k = int(logic.labels[j])
            nodes = logic.nodes[logic.of == j]
            nodes = nodes[allowed[nodes, k]]
            extra = costs[nodes, k] - now[nodes]
            i = int(np.argmin(extra))
            offer(True, float(extra[i]), nodes[i], k)
        for i in logic.broken_pairs(labels):
            u, v = logic.pairs[i]
            k = int(labels[u])
            others = np.where(allowed[[u, v]], costs[[u, v]], np.inf)
            others[:, k] = np.inf
            offer(True, float((others.min(axis=1) - now[[u, v]]).min()), u, k)
        priced = [
            (row, price, self.prices.get(row, 0.0))
            for row, price in block.prices.items()
            if price.sign > 0
        ]
        priced += [(row, block.inside(row), value) for row, value in entry.inner.items()]
        for row, price, value in priced:
            taken = price.nodes[labels[price.nodes] == price.label]
            excess = len(taken) - 1
            if row in entry.inner and price.sign < 0:
                excess, taken = -excess, price.nodes
            if excess < 1 or value <= 0 or (price.sign > 0 and is_certain(price, allowed)):
                continue
            free = taken[allowed[taken].sum(axis=1) > 1]
            if free.size:
                others = np.where(allowed[free], costs[free], np.inf)
                others[:, price.label] = np.inf
                margin = others.min(axis=1) - costs[free, price.label]
                offer(False, value * excess, free[int(np.argmax(margin))], price.label)
        return None if best is None else (best[1], best[2])

    def tree(self) -> Tree:
        bounds = [e.bound for e in self.entries if e.kind == LEAF]
        return Tree(self.block, self.entries, min(bounds, default=np.inf), not self.open, self.best)


def _is_decided(price: Price, allowed: Bools) -> bool:
    """Whether the labels left settle a constraint inside a block; it needs no multiplier then."""
    if price.sign > 0:
        return is_certain(price, allowed)
    return not allowed[price.nodes, price.label].all()


def search_trees(
    blocks: Iterable[tuple[Block, Mapping[int, float], int]], solver: CopySolver
) -> list[tuple[Tree, list[Labels]]]:
    """Trees of blocks at prices, of so many leaves each, and the labellings found on the way.

    Raises
    ------
    OutOfTime
    """
    searches = [_BlockSearch(*block) for block in blocks]
    active = [search for search in searches if search.waiting]
    while active:
        batch: list[_BlockSearch] = []
        copies: list[Copy] = []
        n_nodes = 0
        rest = []
        for search in active:
            if n_nodes > _NODES_PER_CALL:
                rest.append(search)
                continue
            batch.append(search)
            copies += search.copies()
            n_nodes += len(search.block.nodes) * len(search.waiting)
        cuts = solver.cut(copies)
        at = 0
        for search in batch:
            n = len(search.waiting)
            search.absorb(cuts[at : at + n])
            at += n
        active = rest + [search for search in batch if search.waiting]
    return [(search.tree(), search.found) for search in searches]
