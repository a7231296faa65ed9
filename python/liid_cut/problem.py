"""The problem that the core solves: terminal weights, graph, allowed labels."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut import _core
from liid_cut.constraints.inputs import (
    Constraints,
    as_constraints,
    restricted,
    weighted,
    with_extra_edges,
)
from liid_cut.coupling import estimate_delta
from liid_cut.coupling.estimate import DeltaEstimate
from liid_cut.coupling.sample import MOST_NODES, sampled_nodes
from liid_cut.graph import SYMMETRIZE, Edges, Weights, canonical_edges, neighbor_edges, to_csr
from liid_cut.inputs import (
    Matrix,
    as_choice,
    as_feats,
    as_number,
    as_positive_int,
    as_probs,
)
from liid_cut.neighbors import as_table, is_table, search, search_settings
from liid_cut.presets import PAPER_DELTA, PRESETS, authors_edges, authors_terminal_weights
from liid_cut.runs.run import Run, as_run
from liid_cut.weights import EDGE_WEIGHTS, TERMINAL_WEIGHTS, as_terminal_weights, weighted_table


@dataclass(frozen=True)
class MultiwayCutProblem:
    """Minimise ``sum_u (sum_k p[u,k] - p[u,x_u]) + sum_e w_e [x_u != x_v]`` over labellings x.

    Attributes
    ----------
    probs : (n, K+1) floats >= 0, the weights p of the edges to the K+1 terminals, as
        ``terminal_weights`` and ``temperature`` make them of the probabilities.
    edges : (m, 2) int32, u < v, sorted, without duplicates.
    weights : (m,) float64, positive.
    allowed : (n, K+1) bool, the labels each node may take; None: all. Given labels included.
    search : report of the neighbour search (:class:`liid_cut.NeighborTable`); None: the graph was
        given.
    terminal_weights, temperature, edge_weights : the settings that made the weights.
    symmetrize : ``"mutual"`` or ``"union"``; ``""`` for a given graph and the authors' preset.
    delta : what the similarities of neighbours were multiplied with.
    graph_scale : what the weights of a given graph were multiplied with.
    delta_report : ``chosen_by`` (``"user"``, ``"preset"`` or ``"auto"``), and with ``"auto"`` the
        fields of :class:`liid_cut.coupling.DeltaEstimate`.
    constraints : links and coverage that the cut has to meet; None: none.
    """

    probs: Matrix
    edges: Edges
    weights: Weights
    allowed: npt.NDArray[np.bool_] | None = None
    search: dict[str, Any] | None = None
    terminal_weights: str = "linear"
    temperature: float = 1.0
    edge_weights: str = "abs"
    symmetrize: str = ""
    delta: float = 1.0
    graph_scale: float = 1.0
    delta_report: dict[str, Any] = field(default_factory=lambda: {"chosen_by": "user"})
    constraints: Constraints | None = None

    @property
    def n_nodes(self) -> int:
        """Number n of proposals."""
        return int(self.probs.shape[0])

    @property
    def n_labels(self) -> int:
        """Number K+1 of labels."""
        return int(self.probs.shape[1])

    @property
    def graph(self) -> scipy.sparse.csr_array:
        """The edges as a symmetric CSR array (n, n)."""
        return to_csr(self.n_nodes, self.edges, self.weights)


def make_problem(
    probs: Any,
    feats: Any = None,
    *,
    graph: Any = None,
    n_neighbors: int = 3,
    delta: float | str | None = None,
    symmetrize: str | None = None,
    allowed: Any = None,
    labels: Any = None,
    must_link: Any = None,
    cannot_link: Any = None,
    coverage: Any = None,
    node_weights: Any = None,
    extra_edges: Any = None,
    preset: str = "default",
    terminal_weights: str = "linear",
    temperature: float = 1.0,
    edge_weights: str = "abs",
    neighbors: Any = "auto",
    target_recall: float = 0.999,
    max_memory: int | str | None = None,
    zero_rows: str = "error",
    shared_tags: bool = False,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | Run | None = None,
) -> MultiwayCutProblem:
    """Check the input and build the graph; parameters as in :func:`liid_cut.multiway_cut`.

    Raises
    ------
    ValueError : the message names the argument, the first offending row and what is allowed.
    """
    as_choice("preset", preset, PRESETS)
    run = as_run(checkpoint)
    has_table = is_table(neighbors)
    if (feats is None) == (graph is None) and not (has_table and feats is None and graph is None):
        given = "neither" if feats is None else "both"
        raise ValueError(f"feats and graph: {given} given; exactly one of them is needed")
    if has_table and (feats is not None or graph is not None):
        raise ValueError("neighbors is a table: leave feats and graph out, they are not needed")

    matrix = as_probs(probs, allow_zero_rows=graph is not None)
    mask = restricted(allowed, labels, matrix.shape)
    constraints = as_constraints(must_link, cannot_link, coverage, matrix.shape)
    as_choice("edge_weights", edge_weights, EDGE_WEIGHTS)
    as_choice("terminal_weights", terminal_weights, TERMINAL_WEIGHTS)
    temperature = as_number("temperature", temperature, positive=True)
    if preset == "authors":
        _reject_settings_of_authors(delta, symmetrize, terminal_weights, temperature, edge_weights)
        further = (labels, must_link, cannot_link, coverage, node_weights, extra_edges)
        if any(value is not None for value in further):
            raise ValueError(
                "preset 'authors' is the published script, which has no labels, must_link, "
                "cannot_link, coverage, node_weights and extra_edges; leave them out"
            )
    delta = as_delta(delta)
    if graph is not None:
        if preset == "authors":
            raise ValueError("preset 'authors' builds its own graph; it needs feats, not graph")
        if edge_weights != "abs":
            raise ValueError(
                f"edge_weights {edge_weights!r} makes weights of feats; graph brings its own"
            )
        edges, weights = canonical_edges(graph, len(matrix))
        zeros = np.flatnonzero(~matrix.any(axis=1))
        reject_undetermined(zeros, with_extra_edges(edges, weights, extra_edges, len(matrix))[0])
        report = None
    else:
        k = as_positive_int("n_neighbors", n_neighbors)
        if preset == "authors":
            k -= 1  # the script's k counts the node itself
        if has_table:
            if shared_tags:
                raise ValueError(
                    "shared_tags filters a search; neighbors is a table, filter it before"
                )
            table = as_table(neighbors, len(matrix), k)
        else:
            settings = search_settings(
                neighbors=neighbors,
                target_recall=target_recall,
                max_memory=max_memory,
                checkpoint=run,
                zero_rows=zero_rows,
                n_jobs=n_jobs,
            )
            # Of allowed alone: a known label says nothing of the image.
            tags = _foreground(restricted(allowed, None, matrix.shape), shared_tags)
            table = search(as_feats(feats, len(matrix)), k, settings, tags)

        if preset == "authors":
            edges, weights = authors_edges(table, mask)
            return MultiwayCutProblem(
                authors_terminal_weights(matrix, mask), edges, weights, search=table.report
            )
        table = weighted_table(table, edge_weights)
        symmetrize = as_symmetrize(symmetrize, preset, delta)
        edges, weights = neighbor_edges(table, delta=1.0, symmetrize=symmetrize)
        report = table.report

    terminals = as_terminal_weights(matrix, terminal_weights, temperature, mask)
    terminals = weighted(terminals, node_weights)
    problem = MultiwayCutProblem(
        terminals,
        edges,
        weights,
        mask,
        report,
        terminal_weights,
        temperature,
        edge_weights,
        "" if symmetrize is None or graph is not None else symmetrize,
    )
    by_preset = delta is None and graph is None
    if by_preset:
        delta = "auto" if preset == "default" else PAPER_DELTA
    if delta is not None:
        problem = with_delta(problem, matrix, delta, n_jobs, run)
    if graph is not None:
        problem = replace(problem, graph_scale=problem.delta)
    if by_preset and preset == "paper":
        problem = replace(problem, delta_report={"chosen_by": "preset"})
    return _constrained(problem, extra_edges, constraints)


def _constrained(
    problem: MultiwayCutProblem, extra_edges: Any, constraints: Constraints | None
) -> MultiwayCutProblem:
    """The problem with further edges, whose weights no delta multiplies, and constraints."""
    edges, weights = with_extra_edges(problem.edges, problem.weights, extra_edges, problem.n_nodes)
    return replace(problem, edges=edges, weights=weights, constraints=constraints)


def as_symmetrize(value: str | None, preset: str, delta: float | str | None) -> str:
    """The given one; None: ``"union"`` where delta is estimated, ``"mutual"`` where it is fixed."""
    if value is None:
        return "union" if preset == "default" and delta in (None, "auto") else "mutual"
    return as_choice("symmetrize", value, SYMMETRIZE)


def as_delta(value: Any) -> float | str | None:
    """``"auto"``, None, or a finite number >= 0."""
    if value is None:
        return None
    if isinstance(value, str):
        if value == "auto":
            return value
        raise ValueError(f"delta is {value!r}; it must be 'auto' or a number >= 0")
    return as_number("delta", value, positive=False)


def with_delta(
    problem: MultiwayCutProblem,
    probs: Matrix,
    delta: float | str,
    n_jobs: int | None,
    run: Run | None = None,
) -> MultiwayCutProblem:
    """The problem, whose weights are those at delta 1, with another; ``"auto"`` estimates it.

    ``probs``: the probabilities behind ``problem.probs``.
    """
    report: dict[str, Any] = {"chosen_by": "user"}
    if isinstance(delta, str):
        estimate = _estimated(problem, probs, n_jobs, run)
        delta, report = estimate.delta, estimate.report()
    return scaled(problem, delta, report)


def _estimated(
    problem: MultiwayCutProblem, probs: Matrix, n_jobs: int | None, run: Run | None
) -> DeltaEstimate:
    """The estimate of delta, on a part of the graph where that is large."""
    edges, weights, terminals, mask = (
        problem.edges,
        problem.weights,
        problem.probs,
        problem.allowed,
    )
    if len(probs) > MOST_NODES:
        nodes = sampled_nodes(_core.component_ids(len(probs), edges, weights))
        if nodes is not None:
            # In C order: row sums of other orders have other last bits, and parts any order.
            probs, terminals = (np.ascontiguousarray(a[nodes]) for a in (probs, terminals))
            mask = None if mask is None else mask[nodes]
            edges, weights = edges_among(nodes, edges, weights)
    softened = as_terminal_weights(probs, "linear", problem.temperature, None)
    return estimate_delta(softened, terminals, edges, weights, mask, n_jobs=n_jobs, run=run)


def edges_among(
    nodes: npt.NDArray[np.int64], edges: Edges, weights: Weights
) -> tuple[Edges, Weights]:
    """The edges of components whose nodes, ascending, are ``nodes``; ends are places in these."""
    place = np.searchsorted(nodes, edges[:, 0])
    place[place == len(nodes)] = 0
    chosen = np.flatnonzero(nodes[place] == edges[:, 0])
    ends = np.searchsorted(nodes, edges[chosen]).astype(np.int32)
    return ends, weights[chosen]


def scaled(problem: MultiwayCutProblem, delta: float, report: dict[str, Any]) -> MultiwayCutProblem:
    """The problem, whose weights are those at delta 1, with another; ``report``: how chosen."""
    weights = problem.weights * delta
    heavy = weights > 0  # delta 0, or so small that a product is
    return replace(
        problem,
        edges=np.ascontiguousarray(problem.edges[heavy]),
        weights=weights[heavy],
        delta=delta,
        delta_report=report,
    )


def _reject_settings_of_authors(
    delta: Any, symmetrize: Any, terminal_weights: Any, temperature: Any, edge_weights: Any
) -> None:
    is_usual = symmetrize is None or (isinstance(symmetrize, str) and symmetrize == "mutual")
    if delta is not None or not is_usual:
        raise ValueError("preset 'authors' has no delta and no symmetrize; leave both out")
    if (terminal_weights, temperature, edge_weights) != ("linear", 1.0, "abs"):
        raise ValueError(
            "preset 'authors' has weights of its own; leave terminal_weights, temperature and "
            "edge_weights out"
        )


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


def reject_undetermined(zeros: npt.NDArray[np.int64], edges: Edges) -> None:
    """In a user's graph a node may have no edge to a terminal, but then it needs another edge.

    ``zeros``: rows of probs that are all zero, ascending.
    """
    bad = zeros[~np.isin(zeros, edges)]
    if bad.size:
        raise ValueError(
            f"probs[{bad[0]}] is all zero and its node has no edge in graph; "
            "every row needs a positive entry, or its node an edge"
        )
