"""The cheapest labelling that meets all constraints, from the cut that knows none of them.

Input: the reduced problem, its plain cut, and a labelling that meets the constraints. Output: the
best labelling, and a proof of a bound for each cluster of blocks.

1. Constraints that the plain cut breaks become active; the components that they touch become
   blocks. All others keep their plain cut.
2. A linear program mixes the labellings known of each block (:mod:`.master`) and prices the active
   constraints.
3. The cheapest labelling of each block at these prices (:mod:`.trees`) gives a bound, by Lagrange's
   relaxation, and new labellings to mix; back to 2 until there are none. With prices known from
   before (:mod:`.relaxation`) it starts from them, and stays near the best so far.
4. Where the best choice of labellings still costs more than the bound, blocks that the program
   mixes become one, inside which constraints are exact.
5. Constraints that the labelling found breaks become active, and pieces of a component
   (:mod:`.pieces`) between which it makes an edge cost more than its messages say become one.

Blocks that active constraints connect form a cluster; a cluster whose cost meets its bound is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from liid_cut.constraints.blocks import (
    Block,
    Copy,
    CopySolver,
    Labels,
    Structure,
    Tree,
    status_of,
)
from liid_cut.constraints.inputs import Ints
from liid_cut.constraints.master import Master, Mixture, integral
from liid_cut.constraints.pieces import slack
from liid_cut.constraints.reduced import Floats, Reduced
from liid_cut.constraints.trees import search_trees
from liid_cut.progress import Report

# Of the allowed gap of a cluster, so that rounding has the rest.
_CLOSED = 2e-10
# A column is new only if it is better by this much, relative to its block.
_WORTH = 1e-11
# Nodes in all trial cuts of one round, about.
_NODES_OF_TRIALS = 1 << 21
# An edge between pieces is loose above this, relative to its weight.
_LOOSE = 1e-12
# Every so many rounds the cheapest choice of columns is looked for before prices have settled.
_ROUNDS_PER_CHOICE = 4
# Weight of the prices of the best bound against the program's.
_NEAR = 0.8


@dataclass
class Proof:
    """A bound of a cluster: trees of blocks at ``prices``; ``bound`` counts all its components."""

    bound: float
    prices: dict[int, float] = field(default_factory=dict)
    trees: list[Tree] = field(default_factory=list)


@dataclass
class Cluster:
    """Blocks that active constraints ``rows`` (number: sign) connect."""

    blocks: list[Block]
    rows: dict[int, int]
    proof: Proof
    closed: bool = False
    chosen: list[Labels] | None = None  # of each block
    settled: bool = False  # no new labellings at the last prices


class ConstrainedSearch:
    """State of the search; ``best`` always meets all constraints."""

    def __init__(
        self,
        problem: Reduced,
        plain: Labels,
        structure: Structure,
        piece_bounds: Floats,
        first: Labels,
        solver: CopySolver,
        progress: Report | None = None,
        first_prices: Floats | None = None,
    ) -> None:
        self.first_prices = first_prices
        self.problem, self.plain, self.solver = problem, plain, solver
        self.structure, self.piece_bounds = structure, piece_bounds
        ends = structure.piece[problem.edges]
        self.between = np.flatnonzero(ends[:, 0] != ends[:, 1])
        self.best, self.best_cost = first, problem.cost(first)
        self.clusters: list[Cluster] = []
        self.block_of: dict[int, Block] = {}  # by piece
        self.cluster_of: dict[int, Cluster] = {}  # by piece
        self.progress = progress
        self.status = "optimal"
        self.rounds = 0
        self.trials: list[tuple[Block, int]] = []

    def run(self) -> None:
        """Search until all clusters are closed, or a limit strikes."""
        self.status = status_of(self._close_all)

    def _close_all(self) -> None:
        self._activate(self._broken(self.plain))
        if self.first_prices is not None:
            self._start(self.first_prices)
        while not all(cluster.closed for cluster in self.clusters):
            self._round()
            self._report()

    def _report(self) -> None:
        if self.progress is not None:
            still_open = sum(len(c.blocks) for c in self.clusters if not c.closed)
            n = len(self.piece_bounds)
            active = list(self.cluster_of)
            bound = float(self.piece_bounds.sum() - self.piece_bounds[active].sum())
            bound += sum(cluster.proof.bound for cluster in self.clusters)
            self.progress(n - still_open, n, self.best_cost, bound)

    def _start(self, prices: Floats) -> None:
        """Bounds at prices that are known before."""
        self._activate(np.flatnonzero(prices > 0).tolist())
        self._try_literals()
        blocks = [block for cluster in self.clusters for block in cluster.blocks]
        known = {row: float(prices[row]) for c in self.clusters for row in c.rows}
        everything = Mixture(known, np.full(len(blocks), np.inf), [])
        self._price(self.clusters, blocks, everything, known)

    # ---- one round

    def _round(self) -> None:
        self.rounds += 1
        self._try_literals()
        clusters = [cluster for cluster in self.clusters if not cluster.closed]
        blocks = [block for cluster in clusters for block in cluster.blocks]
        rows = {row: sign for cluster in clusters for row, sign in cluster.rows.items()}
        mixture = Master(blocks, rows, self.solver.seconds_left()).mix()
        near = self._near_the_best(clusters, mixture.prices)
        if near is None or not self._price(clusters, blocks, mixture, near):
            self._price(clusters, blocks, mixture, mixture.prices)

        at = 0
        for cluster in clusters:
            weights = mixture.weights[at : at + len(cluster.blocks)]
            at += len(cluster.blocks)
            self._choose(cluster, weights)
            self._close(cluster)
            if cluster.settled and not cluster.closed:
                self._refine(cluster, weights, mixture.prices)
        self._offer(self._composed(lambda cluster: True))
        labels = self._composed(lambda cluster: cluster.closed)
        self._join_over(self._loose(labels), labels)
        self._activate(self._broken(labels))

    def _near_the_best(
        self, clusters: list[Cluster], prices: dict[int, float]
    ) -> dict[int, float] | None:
        """Prices between the program's and those of the best bound (Wentges 1997), if wanted."""
        if self.first_prices is None:
            return None
        best = {row: price for c in clusters for row, price in c.proof.prices.items()}
        return {
            row: _NEAR * best.get(row, 0.0) + (1 - _NEAR) * price for row, price in prices.items()
        }

    def _price(
        self,
        clusters: list[Cluster],
        blocks: list[Block],
        mixture: Mixture,
        prices: dict[int, float],
    ) -> bool:
        """Bounds at these prices, and columns that improve the mixture; whether there are any."""
        worth = dict(zip(map(id, blocks), mixture.worth.tolist(), strict=True))
        unpriced = [block for block in blocks if block.priced != block.key(prices)]
        found = search_trees(
            ((block, prices, block.most_leaves) for block in unpriced), self.solver
        )
        grown: set[int] = set()
        for block, (tree, labellings) in zip(unpriced, found, strict=True):
            block.tree, block.priced = tree, block.key(prices)
            limit = worth[id(block)]
            if np.isfinite(limit):
                limit -= _WORTH * max(1.0, abs(limit))
            for labels in labellings:
                if block.value(labels, mixture.prices) < limit and block.add_column(labels):
                    grown.add(id(block))
        for cluster in clusters:
            cluster.settled = not any(id(block) in grown for block in cluster.blocks)
            own = {row: prices[row] for row in cluster.rows}
            trees = [block.tree for block in cluster.blocks if block.tree is not None]
            earned = sum(sign * own[row] for row, sign in cluster.rows.items())
            bound = earned + sum(tree.bound for tree in trees)
            if bound > cluster.proof.bound:
                cluster.proof = Proof(bound, own, trees)
        return bool(grown)

    def _choose(self, cluster: Cluster, weights: list[Floats]) -> None:
        """Labels of the cluster's blocks: what the program says if it mixes nothing."""
        picks = integral(weights)
        if picks is None and (cluster.settled or self.rounds % _ROUNDS_PER_CHOICE == 0):
            seconds = self.solver.seconds_left()
            picks = Master(cluster.blocks, cluster.rows, seconds).choose()
        if picks is not None:
            cluster.chosen = [
                block.columns[i] for block, i in zip(cluster.blocks, picks, strict=True)
            ]

    def _close(self, cluster: Cluster) -> None:
        if cluster.chosen is None:
            return
        cost = sum(b.cost(x) for b, x in zip(cluster.blocks, cluster.chosen, strict=True))
        cluster.closed = cost - cluster.proof.bound <= _CLOSED * max(1.0, abs(cost))

    def _refine(self, cluster: Cluster, weights: list[Floats], prices: dict[int, float]) -> None:
        """Prices have settled above the bound: larger trees, or else larger blocks."""
        unfinished = [b for b in cluster.blocks if b.tree is None or not b.tree.complete]
        for block in unfinished:
            block.most_leaves *= 4
            block.priced = None
        if not unfinished and len(cluster.blocks) > 1:
            labels = self._composed(lambda other: other is cluster)
            self._merge(cluster, self._mixed(cluster, weights), prices, labels)
        elif not unfinished:
            cluster.closed = True  # all is proven that the solver's own bounds prove

    def _mixed(self, cluster: Cluster, weights: list[Floats]) -> list[Block]:
        """Blocks that the program mixes, and that one constraint connects."""
        touching: dict[int, list[Block]] = {row: [] for row in cluster.rows}
        for block, part in zip(cluster.blocks, weights, strict=True):
            if part.max() < 1 - 1e-6:
                for row in block.prices:
                    touching[row].append(block)
        for mixed in touching.values():
            if len(mixed) > 1:
                return mixed
        return cluster.blocks

    # ---- the labelling

    def _broken(self, labels: Labels) -> list[int]:
        """Numbers of the constraints that a labelling breaks."""
        logic = self.problem.logic
        rows: list[int] = logic.broken_tags(labels).tolist()
        for pair in logic.broken_pairs(labels).tolist():
            rows.append(self.structure.row_of_pair(pair, int(labels[logic.pairs[pair, 0]])))
        return rows

    def _composed(self, takes_part: Callable[[Cluster], bool]) -> Labels:
        """What some clusters have chosen, the best labelling in others, and the plain cut."""
        labels = self.plain.copy()
        for cluster in self.clusters:
            chosen = cluster.chosen if takes_part(cluster) else None
            for i, block in enumerate(cluster.blocks):
                labels[block.nodes] = self.best[block.nodes] if chosen is None else chosen[i]
        return labels

    def _offer(self, labels: Labels) -> None:
        if self._broken(labels):
            return
        cost = self.problem.cost(labels)
        if cost <= self.best_cost:
            self.best, self.best_cost = labels, cost

    # ---- blocks and clusters

    def _activate(self, rows: Iterable[int]) -> None:
        """Give prices to constraints, and join the clusters of what they touch."""
        for row in rows:
            self.solver.seconds_left()
            nodes, _, sign = self.structure.literals(row)
            pieces = np.unique(self.structure.piece[nodes]).tolist()
            cluster = self._joined([self._cluster(i) for i in pieces])
            cluster.closed, cluster.chosen = False, None
            touched = self._blocks(pieces)
            if len(touched) > 1 and row not in cluster.rows:
                cluster.rows[row] = sign
                for block in touched:
                    block.prices[row] = self.structure.price(block, row)
            self.trials += [(block, row) for block in touched]

    def _loose(self, labels: Labels) -> Ints:
        """Edges between settled pieces that cost more than their messages say."""
        if not self.between.size or self.structure.messages is None:
            return self.between[:0]
        loose = slack(self.problem, self.between, self.structure.messages, labels) > (
            _LOOSE * np.maximum(1.0, self.problem.weights[self.between])
        )
        settled = np.ones(len(self.piece_bounds), dtype=bool)
        settled[[i for i, cluster in self.cluster_of.items() if not cluster.closed]] = False
        ends = self.structure.piece[self.problem.edges[self.between]]
        return self.between[loose & settled[ends].all(axis=1)]

    def _join_over(self, edges: Ints, labels: Labels) -> None:
        """One block of the pieces at both ends of each edge."""
        for u, v in self.problem.edges[edges].tolist():
            self.solver.seconds_left()
            pair = self.structure.piece[[u, v]].tolist()
            cluster = self._joined([self._cluster(i) for i in pair])
            parts = self._blocks(pair)
            if len(parts) > 1:
                self._merge(cluster, parts, cluster.proof.prices, labels)

    def _cluster(self, piece: int) -> Cluster:
        if piece not in self.cluster_of:
            block = self.structure.block(self.structure.nodes([piece]))
            for labels in (self.best[block.nodes], self.plain[block.nodes]):
                block.add_column(labels)
            cluster = Cluster([block], {}, Proof(float(self.piece_bounds[piece])))
            self.clusters.append(cluster)
            self.block_of[piece] = block
            self.cluster_of[piece] = cluster
        return self.cluster_of[piece]

    def _blocks(self, pieces: Iterable[int]) -> list[Block]:
        """The blocks that pieces lie in, each once."""
        blocks = [self.block_of[i] for i in pieces]
        return list({id(block): block for block in blocks}.values())

    def _joined(self, clusters: list[Cluster]) -> Cluster:
        """One cluster of several; the largest takes in the others."""
        distinct = list({id(cluster): cluster for cluster in clusters}.values())
        largest = max(distinct, key=lambda cluster: len(cluster.blocks))
        for other in distinct:
            if other is largest:
                continue
            largest.blocks += other.blocks
            largest.rows |= other.rows
            largest.proof = Proof(
                largest.proof.bound + other.proof.bound,
                largest.proof.prices | other.proof.prices,
                largest.proof.trees + other.proof.trees,
            )
            for block in other.blocks:
                for i in np.unique(self.structure.piece[block.nodes]).tolist():
                    self.cluster_of[i] = largest
            other.blocks = []
        if len(distinct) > 1:
            self.clusters = [cluster for cluster in self.clusters if cluster.blocks]
        return largest

    def _merge(
        self, cluster: Cluster, parts: list[Block], prices: dict[int, float], labels: Labels
    ) -> None:
        """Make one block of several, which has the parts' columns with ``labels`` around them."""
        nodes = np.sort(np.concatenate([block.nodes for block in parts]))
        block = self.structure.block(nodes)
        inside = set(block.rows.tolist())
        pairs = set(block.pair_rows.tolist())
        for part in parts:
            block.inner |= part.inner
            for row in part.prices:
                pair = (row - self.structure.n_tags) // self.problem.n_labels
                if row in inside or (row >= self.structure.n_tags and pair in pairs):
                    cluster.rows.pop(row, None)
                    block.inner[row] = prices.get(row, 0.0)
                elif row not in block.prices:
                    block.prices[row] = self.structure.price(block, row)
        around = labels[nodes]
        for known in (self.best[nodes], self.plain[nodes], around):
            block.add_column(known)
        for part in parts:
            at = np.searchsorted(nodes, part.nodes)
            for column in part.columns:
                whole = around.copy()
                whole[at] = column
                block.add_column(whole)
        for i in np.unique(self.structure.piece[nodes]).tolist():
            self.block_of[i] = block
        gone = {id(part) for part in parts}
        cluster.blocks = [b for b in cluster.blocks if id(b) not in gone] + [block]
        cluster.closed, cluster.chosen = False, None

    def _try_literals(self) -> None:
        """Columns for newly active constraints: each literal of a tag taken, of a pair dropped."""
        copies: list[Copy] = []
        room = _NODES_OF_TRIALS
        trials, self.trials = self.trials, []
        for block, row in trials:
            self.solver.seconds_left()
            price = block.prices.get(row) or block.inside(row)
            costs = block.costs
            extra = costs[price.nodes, price.label] - costs[price.nodes].min(axis=1)
            for u in price.nodes[np.argsort(extra, kind="stable")]:
                if room <= 0:
                    break
                room -= len(block.nodes)
                changed = costs.copy()
                if price.sign > 0:
                    changed[u] = np.inf
                    changed[u, price.label] = costs[u, price.label]
                elif np.isfinite(np.delete(costs[u], price.label)).any():
                    changed[u, price.label] = np.inf
                copies.append(Copy(block, changed))
        for copy, cut in zip(copies, self.solver.cut(copies), strict=True):
            copy.block.add_column(cut.labels)

    def nodes(self, cluster: Cluster) -> Ints:
        """The nodes of a cluster."""
        return np.concatenate([block.nodes for block in cluster.blocks])
