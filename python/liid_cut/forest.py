"""Exact min-marginals of a tree-shaped Potts model with dual messages, by two passes (min-sum).

Input: costs of labels at nodes, >= 0, and edges with weights and messages (the reparametrised costs
that a certificate leaves). Output: for every node and label the least sum of costs, over the
heaviest spanning forest, of labellings where the node has that label. What edges outside the forest
cost is left out, so that with non-negative costs it is a bound; a forest is met exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Forest:
    """Nodes by their distance from a root of their tree.

    ``levels[0]`` are the roots. The other entries of ``levels`` are nodes whose parent is one level
    up, with ``parent`` and ``edge`` (row of the edge list) by node; -1 at roots. ``tree`` (n,) is
    the tree of each node.
    """

    levels: list[Ints]
    parent: Ints
    edge: Ints
    tree: Ints


def spanning_forest(n_nodes: int, edges: npt.NDArray[Any], weights: Floats) -> Forest:
    """The heaviest spanning forest, rooted at the lowest node of each tree.

    ``edges`` (m, 2) sorted, u < v, without duplicates; ``weights`` (m,) > 0.
    """
    ends = (edges[:, 0], edges[:, 1])
    shape = (n_nodes, n_nodes)
    lightness = 1 + (weights.max(initial=0.0) - weights) / max(weights.max(initial=0.0), 1e-300)
    tree = scipy.sparse.csgraph.minimum_spanning_tree(
        scipy.sparse.csr_array((lightness, ends), shape=shape)
    ).tocoo()
    place = np.searchsorted(
        edges[:, 0].astype(np.int64) * n_nodes + edges[:, 1],
        tree.row.astype(np.int64) * n_nodes + tree.col,
    )
    ones = np.concatenate([place, place]) + 1  # 0 would be no entry
    joined = scipy.sparse.csr_array(
        (ones, (np.concatenate([tree.row, tree.col]), np.concatenate([tree.col, tree.row]))),
        shape=shape,
    )
    _, ids = scipy.sparse.csgraph.connected_components(joined, directed=False)
    _, roots = np.unique(ids, return_index=True)
    parent, edge = np.full(n_nodes, -1), np.full(n_nodes, -1)
    seen = np.zeros(n_nodes, dtype=bool)
    levels = []
    level: Ints = roots.astype(np.int64)
    while level.size:
        seen[level] = True
        levels.append(level)
        begin, count = joined.indptr[level], np.diff(joined.indptr)[level]
        entries = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(count.sum())
        ahead = joined.indices[entries]
        new = ~seen[ahead]
        parent[ahead[new]] = np.repeat(level, count)[new]
        edge[ahead[new]] = joined.data[entries[new]] - 1
        level = ahead[new].astype(np.int64)
    return Forest(levels, parent, edge, ids.astype(np.int64))


def forest_min_marginals(
    forest: Forest, costs: Floats, edges: npt.NDArray[Any], weights: Floats, messages: Floats
) -> Floats:
    """Least cost of each node's tree, given its label, (n, K+1).

    Parameters
    ----------
    forest : of the same edges.
    costs : (n, K+1) >= 0; inf: not allowed.
    edges, weights, messages : (m, 2), (m,), (m, K+1). Edge e = (u, v) costs
        ``weights[e] [x_u != x_v] - messages[e, x_u] + messages[e, x_v]``.
    """
    upward = np.array(costs)  # a node with all that hangs below it
    towards_parent = np.zeros_like(upward)
    for level in reversed(forest.levels[1:]):
        parent, e = forest.parent[level], forest.edge[level]
        sign = np.where(edges[e, 1] == level, 1.0, -1.0)[:, None]
        sent = _through(upward[level], weights[e], sign * messages[e])
        towards_parent[level] = sent
        np.add.at(upward, parent, sent)
    whole = upward  # at roots nothing is missing
    for level in forest.levels[1:]:
        parent, e = forest.parent[level], forest.edge[level]
        sign = np.where(edges[e, 1] == level, -1.0, 1.0)[:, None]
        rest = whole[parent] - towards_parent[level]
        whole[level] += _through(rest, weights[e], sign * messages[e])
    return whole


def _through(costs: Floats, weights: Floats, messages: Floats) -> Floats:
    """Least cost of a node and its edge, by the label at the other end of the edge.

    ``messages`` signed so that the edge costs ``w [j != i] + messages[j] - messages[i]`` where the
    node has label j and the other end label i.
    """
    shifted = costs + messages
    cheapest = weights + shifted.min(axis=1)
    sent: Floats = np.minimum(shifted, cheapest[:, None]) - messages
    return sent
