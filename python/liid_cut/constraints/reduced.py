"""The problem with its links worked in: one node a group, labels ruled out that cannot be.

Input: terminal weights, allowed labels, graph and constraints. Output: :class:`Reduced`, a problem
of the same cost for every labelling that meets the constraints.

- Nodes that must-links join become one: terminal weights add up, a label is allowed where all
  members allow it, edges inside vanish, parallel edges add up.
- An edge between nodes that must differ is cut by every labelling: its weight is a constant.
- What a single constraint and the allowed labels imply is ruled out (:mod:`.logic`).

In plain NumPy, so that :func:`liid_cut.verify` can do it again without the solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.constraints.inputs import Bools, Constraints, Ints
from liid_cut.constraints.logic import Logic
from liid_cut.graph import Edges, Weights, to_csr
from liid_cut.inputs import Matrix
from liid_cut.proofs import Scope
from liid_cut.weights import costs_of_labelling, costs_of_labels

_EPSILON = 2.0**-52
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reduced:
    """A problem of r groups of nodes.

    Attributes
    ----------
    group : (n,) int64, the group of each node; groups are numbered by their smallest node.
    probs : (r, K+1), terminal weights.
    allowed : (r, K+1) bool.
    edges, weights : (m', 2) int32 and (m',) float64, canonical.
    edge_of : (m,) int64, the edge that each edge of the problem became; -1: none.
    sign : (m,) float64, -1 where its ends changed places, else 1.
    always_cut : (m,) bool, edges between nodes that must differ.
    logic : what is left of the constraints, on groups. Constraints that hold anyway are left out.
    """

    group: Ints
    probs: Matrix
    allowed: Bools
    edges: Edges
    weights: Weights
    edge_of: Ints
    sign: Floats
    always_cut: Bools
    logic: Logic

    @property
    def n_nodes(self) -> int:
        """Number r of groups."""
        return len(self.probs)

    @property
    def n_labels(self) -> int:
        """Number K+1 of labels."""
        return int(self.probs.shape[1])

    @property
    def n_constraints(self) -> int:
        """Number of constraints: tags, then pairs times labels."""
        return len(self.logic.labels) + len(self.logic.pairs) * self.n_labels

    def costs(self, nodes: Ints) -> Floats:
        """Costs (nodes, K+1) of the labels; infinite where not allowed."""
        all_costs = costs_of_labels(np.asarray(self.probs[nodes], dtype=np.float64))
        costs: Floats = np.where(self.allowed[nodes], all_costs, np.inf)
        return costs

    @property
    def infinite(self) -> Any:
        """The cost of a label that is not allowed."""
        return math.inf

    def zeros(self, n: int) -> Floats:
        """Room for n sums."""
        return np.zeros(n)

    def scope(self, n_nodes: int, ends: npt.NDArray[Any], weights: Floats) -> Scope:
        """Nodes and edges that a proof is about, numbered from 0."""
        return Scope(np.arange(n_nodes), np.arange(len(ends)), ends, weights)

    def leave(self, costs: Floats, rows: Ints, edges: Ints, sign: Floats, messages: Floats) -> None:
        """Add the messages of edges that leave a block to the costs of its nodes."""
        # On the safe side of rounding, as in liid_cut.proofs.
        size = np.abs(np.where(np.isfinite(costs), costs, 0.0))[rows] + messages
        np.add.at(costs, rows, sign[:, None] * messages - 4 * _EPSILON * size)

    def cost(self, labels: npt.NDArray[np.integer]) -> float:
        """Cost of a labelling of the groups, without what is always cut."""
        return float(self.node_costs(labels).sum() + self.cut_weights(labels).sum())

    def node_costs(self, labels: npt.NDArray[np.integer]) -> Floats:
        """(r,) what each group pays for its label."""
        return costs_of_labelling(self.probs, self._row_sums, labels)

    def cut_weights(self, labels: npt.NDArray[np.integer]) -> Floats:
        """(m',) weights of edges whose ends differ, else 0."""
        cut = labels[self.edges[:, 0]] != labels[self.edges[:, 1]]
        return np.where(cut, self.weights, 0.0)

    def costs_alone(self, nodes: Ints, labels: npt.NDArray[np.integer]) -> Floats:
        """Costs (nodes, K+1) with the edges of each node, if all others keep these labels."""
        ones = scipy.sparse.csr_array(
            (np.ones(self.n_nodes), labels, np.arange(self.n_nodes + 1)),
            shape=self.probs.shape,
        )
        rows = self._graph[nodes]
        agreeing: Floats = (rows @ ones).toarray()
        alone: Floats = self.costs(nodes) + rows.sum(axis=1)[:, None] - agreeing
        return alone

    @cached_property
    def _graph(self) -> scipy.sparse.csr_array:
        return to_csr(self.n_nodes, self.edges, self.weights)

    @cached_property
    def _row_sums(self) -> Floats:
        sums: Floats = np.asarray(self.probs.sum(axis=1, dtype=np.float64))
        return sums

    def messages(self, messages: Floats) -> Floats:
        """Messages (m', K+1) of the edges from those (m, K+1) of the problem's edges."""
        kept = np.flatnonzero(self.edge_of >= 0)
        joined = scipy.sparse.csr_array(
            (self.sign[kept], (self.edge_of[kept], kept)),
            shape=(len(self.edges), len(messages)),
        )
        return np.asarray(joined @ messages)

    def lifted(self, messages: Floats, weights: Weights) -> Floats:
        """The way back: each edge of the problem, of these weights, takes its share."""
        if np.array_equal(self.edge_of, np.arange(len(self.edges))) and (self.sign > 0).all():
            return messages
        result = np.zeros((len(self.edge_of), self.n_labels))
        kept = self.edge_of >= 0
        to = self.edge_of[kept]
        share = self.sign[kept] * weights[kept] / self.weights[to]
        result[kept] = share[:, None] * messages[to]
        return result


def reduce_problem(
    probs: Matrix,
    allowed: Bools | None,
    edges: npt.NDArray[np.integer],
    weights: Weights,
    constraints: Constraints,
) -> Reduced:
    """Work the links into the problem.

    Raises
    ------
    ValueError : constraints contradict ``allowed`` or each other, and which.
    """
    group, members = _groups(len(probs), constraints.must_link)
    joined = len(members) < len(probs)
    mask = np.ones(probs.shape, dtype=bool) if allowed is None else allowed.copy()
    if joined:
        sums = scipy.sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
        probs = np.asarray(sums @ np.asarray(probs, dtype=np.float64))
        mask = np.asarray(sums @ (~mask).astype(np.float64)) == 0
        empty = ~mask.any(axis=1)
        if empty.any():
            nodes = np.flatnonzero(group == np.argmax(empty))
            raise ValueError(
                f"must_link joins the nodes {_some(nodes)}, which no label is allowed for in common"
            )

    pairs = np.sort(group[constraints.cannot_link], axis=1)
    same = pairs[:, 0] == pairs[:, 1]
    if same.any():
        i = int(np.argmax(same))
        u, v = constraints.cannot_link[i]
        raise ValueError(f"cannot_link[{i}] separates the nodes {u} and {v}, which must_link joins")
    pairs = np.unique(pairs, axis=0)
    logic = _literals(group, mask, pairs, constraints)
    contradiction = logic.propagate(mask)
    if contradiction is not None:
        raise ValueError(_sentence(contradiction, members, constraints))

    ends = group[edges]
    sign = np.where(ends[:, 0] <= ends[:, 1], 1.0, -1.0)
    ends.sort(axis=1)
    key = ends[:, 0] * np.int64(len(members)) + ends[:, 1]
    separated = pairs[:, 0] * np.int64(len(members)) + pairs[:, 1]
    always_cut = np.isin(key, separated) if len(pairs) else np.zeros(len(edges), dtype=bool)
    kept = (ends[:, 0] != ends[:, 1]) & ~always_cut
    edge_of = np.full(len(edges), -1, dtype=np.int64)
    keys, edge_of[kept] = np.unique(key[kept], return_inverse=True)
    new_edges = np.stack(np.divmod(keys, max(1, len(members))), axis=1).astype(np.int32)
    new_weights = np.bincount(edge_of[kept], weights=weights[kept], minlength=len(keys))
    return Reduced(
        group,
        probs,
        mask,
        new_edges,
        new_weights.astype(np.float64),
        edge_of,
        sign,
        always_cut,
        open_logic(logic, mask)[0],
    )


def _groups(n: int, must_link: Ints) -> tuple[Ints, Ints]:
    """The group of each node, and the smallest node of each group."""
    if not len(must_link):
        return np.arange(n), np.arange(n)
    joined = scipy.sparse.coo_array((np.ones(len(must_link)), must_link.T), shape=(n, n))
    _, component = scipy.sparse.csgraph.connected_components(joined, directed=False)
    _, first, group = np.unique(component, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[group].astype(np.int64), first[order].astype(np.int64)


def _literals(group: Ints, mask: Bools, pairs: Ints, constraints: Constraints) -> Logic:
    """The groups of each tag's image that may take it."""
    tags = constraints.tags
    if not len(tags):
        none = np.empty(0, dtype=np.int64)
        return Logic(pairs, none, none, none)
    order = np.argsort(constraints.image_ids, kind="stable")
    start = np.searchsorted(constraints.image_ids[order], tags[:, 0])
    end = np.searchsorted(constraints.image_ids[order], tags[:, 0], side="right")
    size = end - start
    of = np.repeat(np.arange(len(tags)), size)
    offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    nodes = group[order[np.repeat(start, size) + offset]]
    may = mask[nodes, tags[of, 1]]
    literals = np.unique(np.stack([of[may], nodes[may]], axis=1), axis=0)
    return Logic(pairs, tags[:, 1].copy(), literals[:, 1].copy(), literals[:, 0].copy())


def open_logic(logic: Logic, mask: Bools) -> tuple[Logic, Ints, Ints]:
    """The constraints that labels left in ``mask`` can break, with their literals that are left.

    And which tags and which pairs these are.
    """
    pairs = np.flatnonzero((mask[logic.pairs[:, 0]] & mask[logic.pairs[:, 1]]).any(axis=1))
    count = mask.sum(axis=1)
    alive = mask[logic.nodes, logic.literal_labels]
    certain = np.zeros(len(logic.labels), dtype=bool)
    certain[logic.of[alive & (count[logic.nodes] == 1)]] = True
    kept = alive & ~certain[logic.of]
    new = np.cumsum(~certain) - 1
    left = Logic(logic.pairs[pairs], logic.labels[~certain], logic.nodes[kept], new[logic.of[kept]])
    return left, np.flatnonzero(~certain), pairs


def _sentence(contradiction: tuple[str, int], members: Ints, constraints: Constraints) -> str:
    kind, i = contradiction
    if kind == "tag":
        image, label = constraints.tags[i]
        return (
            f"coverage: image {image} has tag {label} (column {label - 1} of image_tags), but none "
            "of its proposals can take it; allowed, labels or the other constraints rule it out"
        )
    used = [name for name in ("must_link", "cannot_link") if len(getattr(constraints, name))]
    if len(constraints.tags):
        used.append("coverage")
    return (
        f"no label is left for node {members[i]}: {', '.join(used)} and the allowed labels "
        "contradict each other there"
    )


def _some(nodes: Ints) -> str:
    shown = ", ".join(map(str, nodes[:5]))
    return shown if len(nodes) <= 5 else f"{shown}, ... ({len(nodes)} nodes)"
