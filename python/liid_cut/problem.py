"""The problem that the core solves: terminal weights, graph, allowed labels."""

from __future__ import annotations

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
    as_n_threads,
    as_positive_int,
    as_probs,
)
from liid_cut.presets import PRESETS, authors_edges, authors_terminal_weights

NEIGHBORS = ("auto", "exact")
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
    """

    probs: Matrix
    edges: Edges
    weights: Weights
    allowed: npt.NDArray[np.bool_] | None = None

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
    neighbors: str = "auto",
    n_jobs: int | None = None,
) -> MultiwayCutProblem:
    """Check the input and build the graph; parameters as in :func:`liid_cut.multiway_cut`.

    Raises
    ------
    ValueError : the message names the argument, the first offending row and what is allowed.
    """
    as_choice("preset", preset, PRESETS)
    as_choice("neighbors", neighbors, NEIGHBORS)
    if (feats is None) == (graph is None):
        given = "neither" if feats is None else "both"
        raise ValueError(f"feats and graph: {given} given; exactly one of them is needed")

    matrix = as_probs(probs, allow_zero_rows=graph is not None)
    mask = None if allowed is None else as_allowed(allowed, matrix.shape)
    features = None if feats is None else as_feats(feats, len(matrix))
    n_threads = as_n_threads(n_jobs)

    if preset == "authors":
        if features is None:
            raise ValueError("preset 'authors' builds its own graph; it needs feats, not graph")
        if delta != PAPER_DELTA or symmetrize != "mutual":
            raise ValueError("preset 'authors' has no delta and no symmetrize; leave both out")
        edges, weights = authors_edges(
            features,
            mask,
            n_neighbors=as_positive_int("n_neighbors", n_neighbors),
            n_threads=n_threads,
        )
        return MultiwayCutProblem(authors_terminal_weights(matrix, mask), edges, weights)

    if features is None:
        edges, weights = canonical_edges(graph, len(matrix))
        _reject_undetermined(matrix, edges)
    else:
        edges, weights = neighbor_edges(
            features,
            n_neighbors=n_neighbors,
            delta=delta,
            symmetrize=symmetrize,
            n_threads=n_threads,
        )
    return MultiwayCutProblem(matrix, edges, weights, mask)


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
