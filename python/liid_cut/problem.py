"""The problem that the core solves: terminal weights, graph, allowed labels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from liid_cut.graph import Edges, Weights, canonical_edges, neighbor_edges, to_csr
from liid_cut.inputs import (
    Matrix,
    as_allowed,
    as_choice,
    as_feats,
    as_positive_int,
    as_probs,
)
from liid_cut.neighbors import as_table, is_table, search, search_settings
from liid_cut.presets import PRESETS, authors_edges, authors_terminal_weights

PAPER_DELTA = 5.0


@dataclass(frozen=True)
class MultiwayCutProblem:
    """Minimise ``sum_u (sum_k p[u,k] - p[u,x_u]) + sum_e w_e [x_u != x_v]`` over labellings x.

    Attributes
    ----------
    probs : (n, K+1) floats >= 0, the weights p of the edges to the K+1 terminals.
    edges : (m, 2) int32, u < v, sorted, without duplicates.
    weights : (m,) float64, positive.
    allowed : (n, K+1) bool, the labels each node may take; None: all.
    search : report of the neighbour search (:class:`liid_cut.NeighborTable`); None: the graph was
        given.
    """

    probs: Matrix
    edges: Edges
    weights: Weights
    allowed: npt.NDArray[np.bool_] | None = None
    search: dict[str, Any] | None = None

    @property
    def n_nodes(self) -> int:
        """Number n of proposals."""
        return int(self.probs.shape[0])

    @property
    def n_labels(self) -> int:
        """Number K+1 of labels."""
        return int(self.probs.shape[1])

    @property
    def graph(self) -> sp.csr_array:
        """The edges as a symmetric CSR array (n, n)."""
        return to_csr(self.n_nodes, self.edges, self.weights)


def make_problem(
    probs: Any,
    feats: Any = None,
    *,
    graph: Any = None,
    n_neighbors: int = 3,
    delta: float = PAPER_DELTA,
    symmetrize: str = "mutual",
    allowed: Any = None,
    preset: str = "paper",
    neighbors: Any = "auto",
    target_recall: float = 0.999,
    max_memory: int | str | None = None,
    zero_rows: str = "error",
    shared_tags: bool = False,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> MultiwayCutProblem:
    """Check the input and build the graph; parameters as in :func:`liid_cut.multiway_cut`.

    Raises
    ------
    ValueError : the message names the argument, the first offending row and what is allowed.
    """
    as_choice("preset", preset, PRESETS)
    has_table = is_table(neighbors)
    if (feats is None) == (graph is None) and not (has_table and feats is None and graph is None):
        given = "neither" if feats is None else "both"
        raise ValueError(f"feats and graph: {given} given; exactly one of them is needed")
    if has_table and (feats is not None or graph is not None):
        raise ValueError("neighbors is a table: leave feats and graph out, they are not needed")

    matrix = as_probs(probs, allow_zero_rows=graph is not None)
    mask = None if allowed is None else as_allowed(allowed, matrix.shape)
    if graph is not None:
        if preset == "authors":
            raise ValueError("preset 'authors' builds its own graph; it needs feats, not graph")
        edges, weights = canonical_edges(graph, len(matrix))
        _reject_undetermined(matrix, edges)
        return MultiwayCutProblem(matrix, edges, weights, mask)

    if preset == "authors" and (delta != PAPER_DELTA or symmetrize != "mutual"):
        raise ValueError("preset 'authors' has no delta and no symmetrize; leave both out")
    k = as_positive_int("n_neighbors", n_neighbors)
    if preset == "authors":
        k -= 1  # the script's k counts the node itself
    if has_table:
        if shared_tags:
            raise ValueError("shared_tags filters a search; neighbors is a table, filter it before")
        table = as_table(neighbors, len(matrix), k)
    else:
        settings = search_settings(
            neighbors=neighbors,
            target_recall=target_recall,
            max_memory=max_memory,
            checkpoint=checkpoint,
            zero_rows=zero_rows,
            n_jobs=n_jobs,
        )
        tags = _foreground(mask, shared_tags)
        table = search(as_feats(feats, len(matrix)), k, settings, tags)

    if preset == "authors":
        edges, weights = authors_edges(table, mask)
        terminal_weights = authors_terminal_weights(matrix, mask)
        return MultiwayCutProblem(terminal_weights, edges, weights, search=table.report)
    edges, weights = neighbor_edges(table, delta=delta, symmetrize=symmetrize)
    return MultiwayCutProblem(matrix, edges, weights, mask, table.report)


def _foreground(
    allowed: npt.NDArray[np.bool_] | None, shared_tags: bool
) -> npt.NDArray[np.bool_] | None:
    """Foreground labels that each node may take, where neighbours have to share one."""
    if not isinstance(shared_tags, bool):
        raise ValueError(f"shared_tags is {shared_tags!r}; it must be True or False")
    if not shared_tags:
        return None
    if allowed is None:
        raise ValueError("shared_tags needs allowed, which says the foreground tags of each node")
    return allowed[:, 1:]


def _reject_undetermined(probs: Matrix, edges: Edges) -> None:
    """In a user's graph a node may have no edge to a terminal, but then it needs another edge."""
    isolated = np.ones(len(probs), dtype=bool)
    isolated[edges.ravel()] = False
    bad = np.flatnonzero(isolated)
    bad = bad[~probs[bad].any(axis=1)]
    if bad.size:
        raise ValueError(
            f"probs[{bad[0]}] is all zero and its node has no edge in graph; "
            "every row needs a positive entry, or its node an edge"
        )
