"""Large components in pieces, so that what constraints change stays local.

Input: the reduced problem and its plain cut with dual messages. Output: a piece for each node.

An edge between two pieces is replaced by its messages, which are costs at its ends: together they
never exceed what the edge costs (:mod:`liid_cut.verify`), so bounds of pieces add up to a bound.
The plain cut's messages are tight for its labels, and stay tight where labels do not change; where
they do, at the rim of a piece, the pieces on both sides become one block (:mod:`.search`).
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.constraints.inputs import Bools, Ints
from liid_cut.constraints.reduced import Floats, Reduced

Labels = npt.NDArray[np.int32]

# Components of more nodes are divided, into pieces of at most so many.
LARGE = 512
_PIECE = 128
# With a broken constraint for so many nodes, hardly a piece would stay as it is.
CROWD = 128


def is_crowded(problem: Reduced, labels: Labels, component_ids: npt.NDArray[np.int32]) -> bool:
    """Whether labels break so many constraints of a large cluster that none stays local.

    A cluster here is what constraints that they break connect of the components.
    """
    logic = problem.logic
    size = np.bincount(component_ids)
    tags, pairs = logic.broken_tags(labels), component_ids[logic.pairs[logic.broken_pairs(labels)]]
    is_broken = np.isin(logic.of, tags)
    of_tag = len(size) + logic.of[is_broken]  # behind the components
    ends = np.concatenate(
        [np.stack([component_ids[logic.nodes[is_broken]], of_tag], axis=1), pairs]
    )
    n = len(size) + len(logic.labels)
    links = scipy.sparse.coo_array((np.ones(len(ends), np.int8), ends.T), shape=(n, n))
    _, cluster = scipy.sparse.csgraph.connected_components(links, directed=False)
    nodes = np.bincount(cluster[: len(size)], size, n)
    broken = np.bincount(cluster[np.concatenate([len(size) + tags, pairs[:, 0]])], minlength=n)
    return bool(((nodes > LARGE) & (broken * CROWD >= nodes)).any())


def divide(
    problem: Reduced,
    component_ids: npt.NDArray[np.int32],
    labels: Labels,
    divisible: Bools,
) -> npt.NDArray[np.int32]:
    """A piece for each node, numbered from 0; components stay whole unless ``divisible``.

    Pieces grow along the heaviest edge inside a label of the plain cut, as Prim's trees do, so that
    weak edges and cut ones lie between them.
    """
    large = divisible & (np.bincount(component_ids, minlength=len(divisible)) > LARGE)
    piece = np.full(problem.n_nodes, -1, dtype=np.int64)
    whole = ~large[component_ids]
    piece[whole] = component_ids[whole]
    count = len(divisible)
    inside = np.flatnonzero(~whole)
    if inside.size:
        start, neighbours, weights = _lists(problem, ~whole, labels)
        for seed in inside.tolist():
            if piece[seed] < 0:
                _grow(seed, count, piece, start, neighbours, weights)
                count += 1
    _, number = np.unique(piece, return_inverse=True)
    return number.astype(np.int32)


def slack(problem: Reduced, edges: Ints, messages: Floats, labels: Labels) -> Floats:
    """By how much these edges cost more than their messages say, at a labelling."""
    u, v = problem.edges[edges].T
    own = messages[edges]
    rows = np.arange(len(edges))
    costs = np.where(labels[u] != labels[v], problem.weights[edges], 0.0)
    taken: Floats = costs - (own[rows, labels[u]] - own[rows, labels[v]])
    return taken


def _lists(
    problem: Reduced, nodes: Bools, labels: Labels
) -> tuple[list[int], list[int], list[float]]:
    """Neighbours of each node, with weights; lighter by far where the plain cut separates them."""
    kept = nodes[problem.edges[:, 0]]
    ends, weights = problem.edges[kept], problem.weights[kept]
    apart = labels[ends[:, 0]] != labels[ends[:, 1]]
    weights = weights - np.where(apart, weights.max(initial=0.0) + 1, 0.0)
    first = np.concatenate([ends[:, 0], ends[:, 1]])
    second = np.concatenate([ends[:, 1], ends[:, 0]])
    order = np.argsort(first, kind="stable")
    start = np.searchsorted(first[order], np.arange(problem.n_nodes + 1))
    both = np.concatenate([weights, weights])
    return start.tolist(), second[order].tolist(), both[order].tolist()


def _grow(
    seed: int,
    number: int,
    piece: Ints,
    start: list[int],
    neighbours: list[int],
    weights: list[float],
) -> None:
    """A piece around a node, of nodes without one."""
    size = 0
    heap = [(0.0, seed)]
    while heap and size < _PIECE:
        _, u = heapq.heappop(heap)
        if piece[u] >= 0:
            continue
        piece[u] = number
        size += 1
        for i in range(start[u], start[u + 1]):
            if piece[neighbours[i]] < 0:
                heapq.heappush(heap, (-weights[i], neighbours[i]))
