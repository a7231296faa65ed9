"""Blocks: connected pieces of the reduced problem, and cuts of many restricted copies of them.

A block is one or more components. Constraints inside a block bind its labellings; constraints
across blocks reach it as prices: it earns a tag's price when one of its nodes takes the tag, and
pays a pair's price when its node takes the pair's label. A copy of a block has some labels ruled
out and prices on single labels; all copies of a round go to the solver in one call, as components
of one graph, and come back with labels, bound and certificate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.constraints.inputs import Bools, Ints
from liid_cut.constraints.logic import Logic
from liid_cut.constraints.reduced import Floats, Reduced
from liid_cut.costs import weights_of_costs

Labels = npt.NDArray[np.int32]

# Costs further above a node's cheapest are lowered, in terms of a known labelling's cost.
_FAR = 1024.0
_NO_COLUMNS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Price:
    """A constraint as the block sees it: ``sign`` 1 for a tag, -1 for a pair and label."""

    row: int
    sign: int
    nodes: Ints  # the block's, that may take the label
    label: int

    def is_taken(self, labels: npt.NDArray[np.integer]) -> bool:
        """Whether a labelling of the block takes the label at one of the nodes."""
        return bool((labels[self.nodes] == self.label).any())


@dataclass
class Block:
    """Nodes without an edge to others.

    Attributes
    ----------
    nodes : (b,) ascending, of the reduced problem; ``costs`` (b, K+1) of their labels.
    edges : ids of the edges between them; ``ends`` their ends as rows of ``nodes``.
    logic : constraints inside the block; ``rows``, ``pair_rows`` their numbers among all tags, of
        which there are ``n_tags``, and all pairs.
    prices : constraints across blocks that have a price.
    inner : multipliers of constraints inside, by number, from before they were inside.
    columns, column_costs : labellings found that meet the constraints inside.
    tree : the last proof, at the prices ``priced``; of ``most_leaves`` leaves at most.
    """

    nodes: Ints
    costs: Floats
    edges: Ints
    ends: npt.NDArray[np.int32]
    weights: Floats
    logic: Logic
    rows: Ints
    pair_rows: Ints
    n_tags: int
    prices: dict[int, Price] = field(default_factory=dict)
    inner: dict[int, float] = field(default_factory=dict)
    columns: list[Labels] = field(default_factory=list)
    column_costs: list[float] = field(default_factory=list)
    tree: Tree | None = None
    priced: tuple[float, ...] | None = None
    most_leaves: int = 256
    infinite: Any = math.inf  # the cost of a label that is not allowed
    _seen: set[bytes] = field(default_factory=set)
    _taking: dict[int, tuple[Ints, int]] = field(default_factory=dict)

    @property
    def allowed(self) -> Bools:
        """(b, K+1), the labels that the problem leaves."""
        return np.asarray(self.costs != self.infinite)

    def cost(self, labels: npt.NDArray[np.integer]) -> float:
        """Cost of a labelling of the block."""
        cut = labels[self.ends[:, 0]] != labels[self.ends[:, 1]]
        return float(self.costs[np.arange(len(labels)), labels].sum() + self.weights[cut].sum())

    def meets(self, labels: npt.NDArray[np.integer]) -> bool:
        """Whether a labelling meets the constraints inside."""
        return not (self.logic.broken_tags(labels).size or self.logic.broken_pairs(labels).size)

    def value(self, labels: npt.NDArray[np.integer], prices: Mapping[int, float]) -> float:
        """Cost of a labelling less the prices that it earns, plus those that it pays."""
        value = self.cost(labels)
        for row, price in self.prices.items():
            if prices.get(row) and price.is_taken(labels):
                value -= price.sign * prices[row]
        return value

    def key(self, prices: Mapping[int, float]) -> tuple[float, ...]:
        """The prices that matter to the block."""
        return tuple(prices.get(row, 0.0) for row in self.prices)

    def has_inside(self, row: int) -> bool:
        """Whether a constraint lies inside the block."""
        if row < self.n_tags:
            return row in self.rows
        return (row - self.n_tags) // self.costs.shape[1] in self.pair_rows

    def inside(self, row: int) -> Price:
        """A constraint inside the block in the form of a price."""
        i = int(np.searchsorted(self.rows, row))
        if i < len(self.rows) and self.rows[i] == row:
            return Price(row, 1, self.logic.nodes[self.logic.of == i], int(self.logic.labels[i]))
        pair, label = divmod(row - self.n_tags, self.costs.shape[1])
        i = int(np.searchsorted(self.pair_rows, pair))
        return Price(row, -1, self.logic.pairs[i], label)

    def columns_taking(self, price: Price) -> Ints:
        """Which columns take the literal of a price."""
        known, done = self._taking.get(price.row, (_NO_COLUMNS, 0))
        if done < len(self.columns):
            labels = np.stack(self.columns[done:])[:, price.nodes]
            taken = np.flatnonzero((labels == price.label).any(axis=1))
            known = np.concatenate([known, done + taken])
            self._taking[price.row] = known, len(self.columns)
        return known

    def column_values(self, prices: Mapping[int, float]) -> Floats:
        """:meth:`value` of all columns."""
        values = np.array(self.column_costs)
        for row, price in self.prices.items():
            if prices.get(row):
                values[self.columns_taking(price)] -= price.sign * prices[row]
        return values

    def add_column(self, labels: Labels) -> bool:
        """Keep a labelling that is new and meets the constraints inside."""
        key = labels.tobytes()
        if key in self._seen or not self.meets(labels):
            return False
        self._seen.add(key)
        self.columns.append(labels)
        self.column_costs.append(self.cost(labels))
        return True


BRANCH, LEAF, DEAD = 0, 1, 2


@dataclass(frozen=True)
class Copy:
    """A block with labels left and changed costs."""

    block: Block
    costs: Floats


@dataclass(frozen=True)
class Cut:
    """What the solver says of a copy; messages and proofs are numbered as in the block."""

    labels: Labels
    bound: float
    messages: Floats
    proofs: list[dict[str, Any]]
    search_nodes: int


@dataclass
class Entry:
    """A node of a tree. ``kind`` BRANCH: labellings where ``node`` takes ``label``, and others.

    LEAF: bounded by ``cut``, with the multipliers ``inner``; DEAD: the constraints rule it out.
    """

    kind: int
    node: int = -1
    label: int = -1
    children: tuple[int, int] = (-1, -1)
    cut: Cut | None = None
    inner: dict[int, float] = field(default_factory=dict)
    bound: float = np.inf


@dataclass
class Tree:
    """A proof of a block's bound at some prices; entry 0 is the root."""

    block: Block
    entries: list[Entry]
    bound: float
    complete: bool
    best: Labels | None = None


class OutOfTime(Exception):
    """The time limit or Ctrl-C struck inside a round; ``args[0]`` is the status."""


def status_of(search: Callable[[], None]) -> str:
    """Search until the end, or until a limit strikes: ``"optimal"``, or which one."""
    try:
        search()
    except OutOfTime as error:
        return str(error.args[0])
    except KeyboardInterrupt:
        return "interrupted"
    except MemoryError:
        return "memory_limit"
    return "optimal"


@dataclass
class CopySolver:
    """Cuts of copies, with the settings and the deadline of the whole solve.

    ``max_memory``: bytes for each call of the solver; 0: no limit. ``known_cost``: of a labelling
    of all. ``left_open``: why it could not prove a cut, if so. ``interrupted``: by Ctrl-C.
    """

    n_labels: int
    method: str
    n_threads: int
    max_memory: int = 0
    deadline: float = np.inf
    known_cost: float = np.inf
    copies: int = 0
    left_open: str = "unproven"
    interrupted: bool = False

    def seconds_left(self) -> float:
        """Until the deadline.

        Raises
        ------
        OutOfTime : it has passed, or Ctrl-C struck.
        """
        if self.interrupted:
            raise OutOfTime("interrupted")
        seconds = self.deadline - time.perf_counter()
        if seconds <= 0:
            raise OutOfTime("time_limit")
        return seconds

    def plain(self, problem: Reduced, allowed: Bools) -> dict[str, Any]:
        """The cheapest cut of a whole problem that keeps to ``allowed``, as the core returns it."""
        return self._solve(problem.probs, problem.edges, problem.weights, allowed)

    def _solve(self, probs: Any, edges: Any, weights: Any, allowed: Bools) -> dict[str, Any]:
        raw: dict[str, Any] = _core.solve(
            probs,
            edges,
            weights,
            allowed,
            method=self.method,
            time_limit_s=max(self.deadline - time.perf_counter(), 1e-9),
            n_threads=self.n_threads,
            progress=None,
            max_memory=self.max_memory,
        )
        self.interrupted |= raw["status"] == "interrupted"
        return raw

    def cut(self, copies: Sequence[Copy]) -> list[Cut]:
        """The cheapest cut of each copy.

        Raises
        ------
        OutOfTime
        """
        self.seconds_left()
        if not copies:
            return []
        self.copies += len(copies)
        sizes = np.array([len(copy.costs) for copy in copies])
        starts = np.concatenate([[0], np.cumsum(sizes)])
        edge_sizes = np.array([len(copy.block.edges) for copy in copies])
        edge_starts = np.concatenate([[0], np.cumsum(edge_sizes)])
        costs = np.concatenate([copy.costs for copy in copies])
        ends = np.concatenate([copy.block.ends for copy in copies])
        ends = ends + np.repeat(starts[:-1], edge_sizes).astype(np.int32)[:, None]
        weights = np.concatenate([copy.block.weights for copy in copies])

        probs, allowed, shift = weights_of_costs(_lowered(costs, self.known_cost))
        raw = self._solve(probs, np.ascontiguousarray(ends, dtype=np.int32), weights, allowed)
        if raw["status"] in ("time_limit", "interrupted"):
            raise OutOfTime(raw["status"])
        if raw["status"] == "memory_limit":
            self.left_open = "memory_limit"
        copy_of = np.repeat(np.arange(len(copies)), sizes)
        table = raw["components"]
        copy_of_component = np.zeros(len(table["size"]), dtype=np.int64)
        copy_of_component[raw["component_ids"]] = copy_of
        bounds = np.bincount(copy_of_component, table["lower_bound"], len(copies))
        bounds -= np.bincount(copy_of, shift, len(copies))
        nodes = np.bincount(copy_of_component, table["search_nodes"], len(copies))
        proofs: list[list[dict[str, Any]]] = [[] for _ in copies]
        for part in raw["proofs"]:
            i = int(copy_of[part["nodes"][0]])
            proofs[i].append(shifted(part, -int(starts[i]), -int(edge_starts[i])))
        return [
            Cut(
                raw["labels"][starts[i] : starts[i + 1]],
                float(bounds[i]),
                raw["messages"][edge_starts[i] : edge_starts[i + 1]],
                proofs[i],
                int(nodes[i]),
            )
            for i in range(len(copies))
        ]


def _lowered(costs: Floats, known_cost: float) -> Floats:
    """``costs`` with those lowered that no cheapest labelling pays: the others keep their digits.

    Lower costs have a lower bound, which stays one. Where constraints force a huge cost, a known
    labelling pays it, too, and nothing is lowered.
    """
    most = costs.min(axis=1) + _FAR * max(1.0, known_cost)
    return np.where(np.isfinite(costs), np.minimum(costs, most[:, None]), costs)


def shifted(part: dict[str, Any], nodes: int, edges: int) -> dict[str, Any]:
    """A part of a proof, renumbered by adding to all its nodes and edges."""
    top: dict[str, Any] = {}
    waiting = [(part, top)]  # a part or step, and the place for its copy
    while waiting:
        source, place = waiting.pop()
        place.update(source)
        if "proof" in source:  # a part
            place["nodes"], place["edges"] = source["nodes"] + nodes, source["edges"] + edges
            place["proof"] = {}
            waiting.append((source["proof"], place["proof"]))
            continue
        if "cuts" in source:
            place["cuts"] = [
                cut | {"edges": cut["edges"] + edges, "named": cut["named"] + nodes}
                for cut in source["cuts"]
            ]
        if source["kind"] == "branch":
            place["node"] = source["node"] + nodes
        if source["kind"] == "rule_out":
            place["ruled_out"] = source["ruled_out"] + np.array([nodes, 0], dtype=np.int32)
        for name in ("parts", "children"):
            if name in source:
                place[name] = [{} for _ in source[name]]
                waiting += zip(source[name], place[name], strict=True)
    return top


class Structure:
    """Finds blocks of a reduced problem: nodes, edges and constraints of its pieces.

    ``piece``: the piece of each node, a component or part of one; ``messages`` of the plain cut
    stand for edges that leave a block.
    """

    def __init__(
        self,
        problem: Reduced,
        piece: npt.NDArray[np.int32],
        messages: Floats | None = None,
    ) -> None:
        self.problem, self.messages = problem, messages
        n_pieces = int(piece.max(initial=-1)) + 1
        self.piece = piece
        self._nodes = _by_group(piece, n_pieces)
        self._edges = _by_group(problem.edges.ravel(order="F"), problem.n_nodes)
        logic = problem.logic
        self.n_tags = len(logic.labels)
        self._tags = _by_group(logic.nodes, problem.n_nodes)
        self._literals = _by_group(logic.of, self.n_tags)
        both = logic.pairs.ravel(order="F")
        self._pairs = _by_group(both, problem.n_nodes)

    def row_of_pair(self, pair: int, label: int) -> int:
        """The number of the constraint that not both nodes of a pair take the label."""
        return self.n_tags + pair * self.problem.n_labels + label

    def literals(self, row: int) -> tuple[Ints, int, int]:
        """Nodes, label and sign of a constraint."""
        logic = self.problem.logic
        if row < self.n_tags:
            return logic.nodes[_take(self._literals, row)], int(logic.labels[row]), 1
        pair, label = divmod(row - self.n_tags, self.problem.n_labels)
        return logic.pairs[pair], label, -1

    def nodes(self, pieces: Sequence[int] | Ints) -> Ints:
        """The nodes of these pieces, ascending."""
        return np.sort(_take_all(self._nodes, pieces))

    def block(self, nodes: Ints) -> Block:
        """The block of these nodes, ascending, which are whole pieces."""
        problem, logic = self.problem, self.problem.logic
        m = len(problem.edges)
        at = _take_all(self._edges, nodes)
        edges, count = np.unique(at % max(1, m), return_counts=True)
        costs = problem.costs(nodes)
        leaving = at[np.isin(at % max(1, m), edges[count == 1])]
        if leaving.size and self.messages is not None:
            edge = leaving % m
            sign = np.where(leaving < m, 1.0, -1.0)
            own = self.messages[edge] - self.messages[edge].min(axis=1, keepdims=True)
            rows = np.searchsorted(nodes, problem.edges.ravel(order="F")[leaving])
            problem.leave(costs, rows, edge, sign, own)
        edges = edges[count == 2]
        literals = _take_all(self._tags, nodes)
        tags, count = np.unique(logic.of[literals], return_counts=True)
        sizes = self._literals[1][tags + 1] - self._literals[1][tags]
        tags = tags[count == sizes]
        inside = literals[np.isin(logic.of[literals], tags)]
        inside = inside[np.argsort(inside)]
        pairs = _take_all(self._pairs, nodes)
        pair_ids, count = np.unique(pairs % max(1, len(logic.pairs)), return_counts=True)
        pair_ids = pair_ids[count == 2]
        return Block(
            nodes,
            costs,
            edges,
            np.searchsorted(nodes, problem.edges[edges]).astype(np.int32).reshape(-1, 2),
            problem.weights[edges],
            Logic(
                np.searchsorted(nodes, logic.pairs[pair_ids]).reshape(-1, 2),
                logic.labels[tags],
                np.searchsorted(nodes, logic.nodes[inside]),
                np.searchsorted(tags, logic.of[inside]),
            ),
            tags,
            pair_ids,
            self.n_tags,
            infinite=problem.infinite,
        )

    def price(self, block: Block, row: int) -> Price:
        """How a block sees a constraint."""
        nodes, label, sign = self.literals(row)
        local = np.minimum(np.searchsorted(block.nodes, nodes), len(block.nodes) - 1)
        local = local[block.nodes[local] == nodes]
        local = local[block.costs[local, label] != block.infinite]
        return Price(row, sign, local, label)


def _by_group(group: npt.NDArray[np.integer], n: int) -> tuple[Ints, Ints]:
    """Positions sorted by group, and where each group starts, (n + 1,)."""
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], np.arange(n + 1))
    return order, start


def _take(groups: tuple[Ints, Ints], i: int) -> Ints:
    """The positions of one group."""
    order, start = groups
    return order[start[i] : start[i + 1]]


def _take_all(groups: tuple[Ints, Ints], ids: Any) -> Ints:
    """The positions of several groups."""
    order, start = groups
    ids = np.asarray(ids, dtype=np.int64)
    size = start[ids + 1] - start[ids]
    offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    taken: Ints = order[np.repeat(start[ids], size) + offset]
    return taken
