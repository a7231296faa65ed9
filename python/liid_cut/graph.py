"""The weighted graph between proposals: built from features (Eq. 10), or taken from the user.

Inside the package a graph is a canonical edge list: ``edges`` int32 (m, 2) with u < v, sorted,
without duplicates, and ``weights`` float64 (m,), all positive.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut import _core
from liid_cut.graph_inputs import as_matrix_or_pair
from liid_cut.inputs import (
    MAX_INDEX,
    as_array,
    as_choice,
    as_index_array,
    as_number,
    as_positive_int,
)
from liid_cut.neighbors import NeighborTable, as_table, find_neighbors, is_table, n_rows

Edges = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float64]

SYMMETRIZE = ("mutual", "union")
# Two directions of a user's edge may differ by rounding, not by more.
_SYMMETRY_TOLERANCE = 1e-9


def build_graph(
    feats: Any = None,
    *,
    n_neighbors: int = 3,
    delta: float = 5.0,
    symmetrize: str = "mutual",
    neighbors: Any = "auto",
    target_recall: float = 0.999,
    max_memory: int | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    zero_rows: str = "error",
    groups: Any = None,
    n_jobs: int | None = None,
) -> scipy.sparse.csr_array:
    """Build the k-nearest-neighbour graph of the paper (Eq. 10).

    Parameters
    ----------
    feats : (n, d) array of floats, or the path of an ``.npy`` file. Leave out when ``neighbors`` is
        a table.
    n_neighbors : k; every row is connected to at most k other rows of largest cosine.
    delta : balance between edges and class probabilities; ``w(u, v) = delta * |cos(f_u, f_v)|``.
    symmetrize : ``"mutual"``: an edge where each end is among the other's k nearest;
        ``"union"``: where one is.
    neighbors : how neighbours are found (:mod:`liid_cut.neighbors`), or neighbours found before: a
        :class:`liid_cut.NeighborTable` or a pair ``(ids, similarities)``, so that several ``delta``
        need one search.
    target_recall, max_memory, checkpoint, zero_rows, groups : of the search; see
        :func:`liid_cut.find_neighbors`.
    n_jobs : threads of the neighbour search; None or -1: all cores.

    Returns
    -------
    scipy.sparse.csr_array, (n, n) float64, symmetric, zero diagonal.

    Raises
    ------
    ValueError : bad shape, dtype, value or setting; the message names it.

    Notes
    -----
    Neighbours are ranked by the cosine, weighted by its absolute value. For non-negative features
    (after a ReLU, as in the paper) that is the same as ranking by weight; for others it keeps
    opposite features from being taken for similar ones.
    """
    n_neighbors = as_positive_int("n_neighbors", n_neighbors)
    if is_table(neighbors):
        if feats is not None:
            raise ValueError("feats and a table of neighbors are both given; leave feats out")
        table = as_table(neighbors, n_rows(neighbors), n_neighbors)
    else:
        if feats is None:
            raise ValueError("feats: none given; needed unless neighbors is a table")
        table = find_neighbors(
            feats,
            n_neighbors,
            neighbors=neighbors,
            target_recall=target_recall,
            max_memory=max_memory,
            checkpoint=checkpoint,
            zero_rows=zero_rows,
            groups=groups,
            n_jobs=n_jobs,
        )
    edges, weights = neighbor_edges(table, delta=delta, symmetrize=symmetrize)
    return to_csr(len(table), edges, weights)


def neighbor_edges(table: NeighborTable, *, delta: float, symmetrize: str) -> tuple[Edges, Weights]:
    """Canonical edges and weights of the graph that :func:`build_graph` describes."""
    delta = as_number("delta", delta, positive=False)
    as_choice("symmetrize", symmetrize, SYMMETRIZE)
    edges, weights = _core.neighbour_edges(
        table.ids, table.similarities, delta, symmetrize == "mutual"
    )
    return edges, weights


def to_csr(n_nodes: int, edges: Edges, weights: Weights) -> scipy.sparse.csr_array:
    """Symmetric CSR matrix of a canonical edge list."""
    u, v = edges[:, 0], edges[:, 1]
    data = np.concatenate([weights, weights])
    ends = (np.concatenate([u, v]), np.concatenate([v, u]))
    return scipy.sparse.csr_array(scipy.sparse.coo_array((data, ends), shape=(n_nodes, n_nodes)))


def canonical_edges(graph: Any, n_nodes: int) -> tuple[Edges, Weights]:
    """Canonical edge list of a user's graph.

    Parameters
    ----------
    graph : symmetric matrix (n, n), dense or SciPy sparse, each undirected edge stored in both
        directions; or a pair ``(edges, weights)`` of an integer (m, 2) and a float (m,) array,
        each undirected edge once; or a networkx or igraph graph (:mod:`liid_cut.graph_inputs`).
        Parallel edges add up, weights of 0 are dropped.
    n_nodes : n.

    Raises
    ------
    ValueError : wrong shape, asymmetric matrix, end out of range, self-loop, weight negative or
        not finite; the message names the first such entry.
    """
    graph = as_matrix_or_pair(graph, n_nodes)
    if scipy.sparse.issparse(graph):
        edges, weights = _edges_of_sparse(graph, n_nodes)
    elif isinstance(graph, tuple) and len(graph) == 2:
        edges, weights = _edges_of_pair(graph[0], graph[1], n_nodes)
    else:
        raise ValueError(
            f"graph is a {type(graph).__name__}; it must be a symmetric matrix (n, n), SciPy "
            "sparse or dense, a networkx or igraph graph, or a tuple (edges (m, 2), weights (m,))"
        )
    canonical: tuple[Edges, Weights] = _core.canonical_edges(n_nodes, edges, weights)
    return canonical


def _edges_of_pair(edges: Any, weights: Any, n_nodes: int) -> tuple[Edges, Weights]:
    ends = as_array("graph edges", edges)
    if ends.size == 0:
        ends = ends.reshape(0, 2).astype(np.int64)
    if ends.ndim != 2 or ends.shape[1] != 2:
        raise ValueError(f"graph edges has shape {ends.shape}; it must be (m, 2)")
    w = as_array("graph weights", weights)
    if w.shape != (len(ends),):
        raise ValueError(f"graph weights has shape {w.shape}; edges needs ({len(ends)},)")
    if w.dtype.kind not in "fiub":
        raise ValueError(f"graph weights has dtype {w.dtype}; it must be numeric")
    if len(ends) > MAX_INDEX:
        raise ValueError(f"graph has {len(ends)} edges; at most {MAX_INDEX} are allowed")
    ends = as_index_array("graph edges", ends, n_nodes, "nodes")
    return (
        np.ascontiguousarray(ends, dtype=np.int32),
        np.ascontiguousarray(w, dtype=np.float64),
    )


def _edges_of_sparse(graph: Any, n_nodes: int) -> tuple[Edges, Weights]:
    if graph.shape != (n_nodes, n_nodes):
        raise ValueError(f"graph has shape {graph.shape}; probs needs ({n_nodes}, {n_nodes})")
    if graph.dtype.kind not in "fiub":
        raise ValueError(f"graph has dtype {graph.dtype}; it must be numeric")
    matrix = scipy.sparse.csr_array(graph, dtype=np.float64)
    matrix.sum_duplicates()
    _reject_bad_entries(matrix)

    difference = abs(matrix - matrix.T)
    limit = _SYMMETRY_TOLERANCE * matrix.maximum(matrix.T)
    asymmetric = (difference > limit).tocoo()
    if asymmetric.nnz > 0:
        u, v = int(asymmetric.row[0]), int(asymmetric.col[0])
        raise ValueError(
            f"graph is not symmetric: graph[{u}, {v}] is {matrix[u, v]} but graph[{v}, {u}] is "
            f"{matrix[v, u]}; store each undirected edge in both directions, for example "
            "graph + graph.T"
        )
    upper = scipy.sparse.triu(0.5 * matrix + 0.5 * matrix.T, k=1).tocoo()
    edges = np.stack([upper.row, upper.col], axis=1).astype(np.int32)
    return edges, np.ascontiguousarray(upper.data)


def _reject_bad_entries(matrix: scipy.sparse.csr_array) -> None:
    entries = matrix.tocoo()
    bad = ~(np.isfinite(entries.data) & (entries.data >= 0))
    loops = (entries.row == entries.col) & (entries.data != 0)
    for mask, rule in (
        (bad, "every weight must be a finite number >= 0"),
        (loops, "self-loops are not allowed"),
    ):
        if mask.any():
            i = int(np.argmax(mask))
            where = f"graph[{entries.row[i]}, {entries.col[i]}]"
            raise ValueError(f"{where} is {entries.data[i]}; {rule}")
