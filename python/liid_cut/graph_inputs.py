"""Graphs of other libraries as SciPy matrices or edge lists; none of them is imported.

Input: a networkx or igraph graph, or a dense matrix. Output: what
:func:`liid_cut.graph.canonical_edges` checks and sorts: a sparse matrix for directed graphs and
matrices, whose two directions must agree, and a pair ``(edges, weights)`` for undirected graphs.

Which node is which row of ``probs``:

- igraph: vertex i is row i.
- networkx: nodes that are integers are the rows they name, whatever order they were added in, and
  rows without a node are isolated. Other nodes are the rows in the order of ``graph.nodes``.

Weights are the edge attribute ``"weight"``; where no edge has it, all weigh 1. Parallel edges add
up. A directed graph must have both directions of every edge with one weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.inputs import MAX_INDEX

WEIGHT = "weight"


def as_matrix_or_pair(graph: Any, n_nodes: int) -> Any:
    """``graph`` as a sparse matrix or a pair, if it is of a kind known here; else unchanged.

    Raises
    ------
    ValueError : number of nodes, names of nodes, or missing weights; the message names the first.
    """
    library = _library(graph)
    if library == "networkx":
        return _of_networkx(graph, n_nodes)
    if library == "igraph":
        return _of_igraph(graph, n_nodes)
    if isinstance(graph, np.ndarray):
        if graph.shape != (n_nodes, n_nodes):
            raise ValueError(
                f"graph has shape {graph.shape}; probs needs a matrix ({n_nodes}, {n_nodes}), or a "
                "pair (edges (m, 2), weights (m,))"
            )
        if graph.dtype.kind not in "fiub":
            raise ValueError(f"graph is a ndarray of {graph.dtype}; it must be numeric")
        return scipy.sparse.csr_array(graph)
    return graph


def _library(graph: Any) -> str | None:
    """The library that the graph's class, or one that it derives from, belongs to."""
    names = {base.__module__.partition(".")[0] for base in type(graph).__mro__}
    known = names & {"networkx", "igraph"}
    return known.pop() if known and hasattr(graph, "is_directed") else None


def _of_networkx(graph: Any, n_nodes: int) -> Any:
    rows = _rows_of_nodes(list(graph.nodes), n_nodes)
    triples = list(graph.edges(data=WEIGHT))
    names = [(u, v) for u, v, _ in triples]
    weights = _checked_weights([w for _, _, w in triples], names)
    ends = np.array([(rows[u], rows[v]) for u, v in names], dtype=np.int64).reshape(-1, 2)
    return _matrix_or_pair(graph.is_directed(), ends, weights, n_nodes)


def _of_igraph(graph: Any, n_nodes: int) -> Any:
    if graph.vcount() != n_nodes:
        raise ValueError(f"graph has {graph.vcount()} nodes but probs has {n_nodes} rows")
    ends = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    given = graph.es[WEIGHT] if WEIGHT in graph.es.attributes() else [None] * len(ends)
    weights = _checked_weights(given, ends)
    return _matrix_or_pair(graph.is_directed(), ends, weights, n_nodes)


def _rows_of_nodes(nodes: list[Any], n_nodes: int) -> dict[Any, int]:
    """The row of each node of a networkx graph."""
    if all(isinstance(u, int | np.integer) and not isinstance(u, bool) for u in nodes):
        for u in nodes:
            if not 0 <= u < n_nodes:
                raise ValueError(
                    f"graph has the node {u}; nodes that are integers are rows of probs, 0 to "
                    f"{n_nodes - 1} (networkx.convert_node_labels_to_integers renumbers them)"
                )
        return {u: int(u) for u in nodes}
    if len(nodes) != n_nodes:
        raise ValueError(f"graph has {len(nodes)} nodes but probs has {n_nodes} rows")
    return {u: row for row, u in enumerate(nodes)}


def _checked_weights(weights: list[Any], ends: Any) -> npt.NDArray[Any]:
    """Weights of all edges, or ones where no edge has a weight."""
    missing = [w is None for w in weights]
    if all(missing):
        return np.ones(len(weights))
    if any(missing):
        u, v = ends[missing.index(True)]
        raise ValueError(
            f"edge ({u}, {v}) of graph has no attribute {WEIGHT!r} but others have; "
            "give it to all edges, or to none"
        )
    return np.array(weights)


def _matrix_or_pair(
    directed: bool, ends: npt.NDArray[np.int64], weights: npt.NDArray[Any], n_nodes: int
) -> Any:
    if not directed:
        return ends, weights
    if weights.dtype.kind not in "fiub" or len(ends) > MAX_INDEX:
        return ends, weights  # the message is that of pairs
    loops = np.flatnonzero(ends[:, 0] == ends[:, 1])
    if loops.size:  # also those of weight 0, as in undirected graphs
        u = ends[loops[0], 0]
        raise ValueError(f"edge {loops[0]} of graph is ({u}, {u}); self-loops are not allowed")
    return scipy.sparse.coo_array((weights, (ends[:, 0], ends[:, 1])), shape=(n_nodes, n_nodes))
