"""``multiway_cut(..., client=...)``: the stages of one call, each a list of units.

    inputs      what the user passes, as files that workers read; every row is checked
    neighbors   the table of nearest neighbours, in blocks
    edges       the graph (Eq. 10)
    components  of it (Eq. 12)
    delta       where it is estimated
    cut         batches of components (Eq. 11, 13)

The client holds numbers of nodes and edges (labels, components, ends, weights), never a row of
features or probabilities for each.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import warnings
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from liid_cut.api import METHODS, result_of
from liid_cut.components import component_table
from liid_cut.constraints.inputs import weighted, with_extra_edges
from liid_cut.diagnostics import MultiwayCutWarning, diagnose
from liid_cut.distributed import neighbors as search_units
from liid_cut.distributed.components import component_ids
from liid_cut.distributed.cut import cut_in_units
from liid_cut.distributed.edges import edges_of_table
from liid_cut.distributed.estimate import estimated_delta
from liid_cut.distributed.executors import DaskExecutor, check_folder
from liid_cut.distributed.inputs import (
    Terminals,
    as_allowed_source,
    as_matrix_source,
    check_terminals,
    measure_features,
    vector_source,
)
from liid_cut.distributed.run import Run
from liid_cut.distributed.sources import Ints, Source
from liid_cut.graph import Edges, Weights, canonical_edges, neighbor_edges
from liid_cut.inputs import (
    as_array,
    as_bytes,
    as_choice,
    as_number,
    as_positive_int,
    check_feats_shape,
    check_probs_shape,
)
from liid_cut.neighbors import RecallWarning, as_table, is_table, search_settings
from liid_cut.presets import PAPER_DELTA, PRESETS
from liid_cut.problem import (
    MultiwayCutProblem,
    as_delta,
    as_symmetrize,
    reject_undetermined,
    scaled,
)
from liid_cut.progress import reporter
from liid_cut.runs.store import fingerprint
from liid_cut.weights import EDGE_WEIGHTS, TERMINAL_WEIGHTS, weighted_table

if TYPE_CHECKING:
    from liid_cut.result import MultiwayCutResult

_NOT_DISTRIBUTED = ("must_link", "cannot_link", "coverage")


def multiway_cut_on(client: Any, **arguments: Any) -> MultiwayCutResult:
    """As :func:`liid_cut.multiway_cut` with these arguments, by the workers of ``client``.

    Raises
    ------
    ValueError : also for what has no distributed form, and where workers do not share the folder.
    RuntimeError : a unit ended several workers.
    """
    if isinstance(client, str):
        raise ValueError(f"client is {client!r}; it must be dask.distributed.Client({client!r})")
    settings = SimpleNamespace(**arguments)
    _check(settings)
    temporary = settings.checkpoint is None
    folder = _new_folder() if temporary else Path(settings.checkpoint).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        check_folder(client, folder)
        run = Run(folder, DaskExecutor(client), keeps=not temporary)
        result = solve_on(run, settings)
    except BaseException:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if temporary:
        weakref.finalize(result.messages, shutil.rmtree, folder, ignore_errors=True)
    return result


def _new_folder() -> Path:
    """A folder for this run, where Dask's ``temporary-directory`` says."""
    import dask

    parent = dask.config.get("temporary-directory", None)
    return Path(tempfile.mkdtemp(prefix="liid-cut-", dir=parent)).resolve()


def _check(settings: SimpleNamespace) -> None:
    for name in _NOT_DISTRIBUTED:
        if getattr(settings, name) is not None:
            raise ValueError(
                f"{name} has no distributed form: it ties components together, and the search for "
                "the cheapest cut that meets it is one; leave client out, or the constraint"
            )
    as_choice("preset", settings.preset, PRESETS)
    if settings.preset == "authors":
        raise ValueError("preset 'authors' has no distributed form; leave client out")
    as_choice("method", settings.method, METHODS)
    as_choice("edge_weights", settings.edge_weights, EDGE_WEIGHTS)
    as_choice("terminal_weights", settings.terminal_weights, TERMINAL_WEIGHTS)
    settings.temperature = as_number("temperature", settings.temperature, positive=True)
    settings.delta = as_delta(settings.delta)
    settings.symmetrize = as_symmetrize(settings.symmetrize, settings.preset, settings.delta)
    settings.n_neighbors = as_positive_int("n_neighbors", settings.n_neighbors)
    if settings.time_limit is not None:
        settings.time_limit = as_number("time_limit", settings.time_limit, positive=True)
    if not isinstance(settings.shared_tags, bool):
        raise ValueError(f"shared_tags is {settings.shared_tags!r}; it must be True or False")
    if settings.shared_tags and settings.allowed is None:
        raise ValueError("shared_tags needs allowed, which says the foreground tags of each node")
    has_table = is_table(settings.neighbors)
    given = [settings.feats is not None, settings.graph is not None, has_table]
    if sum(given) != 1:
        raise ValueError(
            f"feats, graph and a table of neighbors: {sum(given)} given; exactly one is needed"
        )


def solve_on(run: Run, settings: SimpleNamespace) -> MultiwayCutResult:
    """The call, on a run; ``settings`` are checked."""
    start = time.perf_counter()
    started = time.time()
    probs = as_matrix_source(run, "probs", settings.probs)
    check_probs_shape(probs.shape)
    n = int(probs.shape[0])
    terminals, prints, zeros = _terminals(run, settings, probs)

    edges, weights, report, key = _graph(run, settings, terminals, prints)
    if settings.graph is not None:
        reject_undetermined(zeros, with_extra_edges(edges, weights, settings.extra_edges, n)[0])
    problem = MultiwayCutProblem(
        probs,  # type: ignore[arg-type]  # whose shape alone is asked for
        edges,
        weights,
        search=report,
        terminal_weights=settings.terminal_weights,
        temperature=settings.temperature,
        edge_weights=settings.edge_weights,
        symmetrize="" if settings.graph is not None else settings.symmetrize,
    )
    of_terminals = {
        **prints,
        "terminal_weights": settings.terminal_weights,
        "temperature": settings.temperature,
    }
    problem = _with_delta(run, settings, terminals, problem, {**key, **of_terminals})
    edges, weights = with_extra_edges(problem.edges, problem.weights, settings.extra_edges, n)
    problem = replace(problem, edges=edges, weights=weights)
    graph_time = time.perf_counter() - start

    deadline = np.inf if settings.time_limit is None else started + settings.time_limit
    graph_print = (
        {"edges": fingerprint(edges), "weights": fingerprint(weights)} if run.keeps else {}
    )
    store = run.store(
        "cut",
        {**of_terminals, "delta": problem.delta, "method": settings.method, **graph_print},
    )
    ids = component_ids(run, store, edges, n)
    components_time = time.perf_counter() - start - graph_time
    with reporter(settings.progress) as progress:
        max_bytes = settings.max_memory
        raw, preferred, decided = cut_in_units(
            run,
            store,
            terminals,
            edges,
            weights,
            ids,
            method=settings.method,
            deadline=deadline,
            max_bytes=None if max_bytes is None else as_bytes("max_memory", max_bytes),
            progress=progress,
        )
    seconds = time.perf_counter() - start
    raw["timings"] = {
        "graph": graph_time,
        "components": components_time,
        "cuts": seconds - graph_time - components_time,
    }
    table = component_table(raw["components"])
    diagnostics = diagnose(problem, raw["labels"], ids, table, (preferred, decided))
    for sentence in () if report is None else report["warnings"]:
        warnings.warn(sentence, RecallWarning, stacklevel=4)
    diagnostics["warnings"] = [*run.journal.notes, *diagnostics["warnings"]]
    diagnostics["distributed"] = {
        "folder": str(run.folder),
        "blocks_read": len(run.journal.reused),
        "blocks_written": len(run.journal.written),
    }
    if diagnostics["collapsed"]:
        warnings.warn(diagnostics["warnings"][-1], MultiwayCutWarning, stacklevel=4)
    seconds = time.perf_counter() - start
    result = result_of(problem, raw, table, diagnostics, settings.method, seconds)
    result.preset = settings.preset
    return result


def _terminals(
    run: Run, settings: SimpleNamespace, probs: Source
) -> tuple[Terminals, dict[str, str], Ints]:
    """Probabilities and what restricts or weighs labels, checked; fingerprints; rows of zeros."""
    n = int(probs.shape[0])
    shape = (n, int(probs.shape[1]))
    allowed = None
    if settings.allowed is not None:
        allowed = as_allowed_source(run, settings.allowed, shape)
    store = run.store("vectors", {})
    prints = {}
    vectors: dict[str, Any] = {"labels": None, "node_weights": None}
    for name in vectors:
        value = getattr(settings, name)
        if value is None:
            continue
        array: npt.NDArray[Any] | None = as_array(name, value)
        if name == "labels":
            array = _known_labels(as_array(name, value), shape)
        elif as_array(name, value).shape != (n,):
            weighted(np.empty((n, 0)), array)  # which says what is wrong
        if array is not None:
            vectors[name] = vector_source(store, name, array)
            prints[name] = str(fingerprint(array))
    terminals = Terminals(
        probs,
        allowed,
        vectors["labels"],
        vectors["node_weights"],
        settings.terminal_weights,
        settings.temperature,
    )
    zero_rows = settings.graph is not None
    of_sources, zeros = check_terminals(run, terminals, zero_rows=zero_rows)
    return terminals, {**prints, **of_sources}, zeros


def _known_labels(labels: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[Any] | None:
    """Checked on their own; None where none is known."""
    if labels.shape != shape[:1]:
        raise ValueError(
            f"labels has shape {labels.shape}; probs has {shape[0]} rows: ({shape[0]},)"
        )
    if labels.dtype.kind not in "iu" and labels.size:
        raise ValueError(f"labels has dtype {labels.dtype}; it must be an integer type")
    return None if (labels == -1).all() else labels


def _graph(
    run: Run, settings: SimpleNamespace, terminals: Terminals, prints: dict[str, str]
) -> tuple[Edges, Weights, dict[str, Any] | None, dict[str, Any]]:
    """Edges and weights at delta 1, the report of the search, and what they depend on."""
    n = terminals.shape[0]
    if settings.graph is not None:
        if settings.edge_weights != "abs":
            raise ValueError(
                f"edge_weights {settings.edge_weights!r} makes weights of feats; graph brings its "
                "own"
            )
        edges, weights = canonical_edges(settings.graph, n)
        return edges, weights, None, {"graph": fingerprint(edges), "of": fingerprint(weights)}
    if is_table(settings.neighbors):
        if settings.shared_tags:
            raise ValueError("shared_tags filters a search; neighbors is a table, filter it before")
        given = as_table(settings.neighbors, n, settings.n_neighbors)
        weighed = weighted_table(given, settings.edge_weights)
        edges, weights = neighbor_edges(weighed, delta=1.0, symmetrize=settings.symmetrize)
        return (
            edges,
            weights,
            given.report,
            {
                "graph": fingerprint(edges),
                "of": fingerprint(weights),
            },
        )
    of_search = search_settings(
        neighbors=settings.neighbors,
        target_recall=settings.target_recall,
        max_memory=settings.max_memory,
        checkpoint=None,
        zero_rows=settings.zero_rows,
        n_jobs=settings.n_jobs,
    )
    search_units.check_settings(of_search)
    feats = as_matrix_source(run, "feats", settings.feats)
    check_feats_shape(feats.shape, n)
    lengths, rows, feats_print = measure_features(run, feats)
    key = {
        "feats": feats_print,
        "n_neighbors": settings.n_neighbors,
        "neighbors": settings.neighbors,
        "target_recall": of_search.target_recall,
        "max_memory": of_search.max_bytes,
        "zero_rows": settings.zero_rows,
        "tags": prints["allowed"] if settings.shared_tags else None,
    }
    store = run.store("neighbors", key)
    tags = terminals.allowed if settings.shared_tags else None
    table, report = search_units.table_of(
        run, store, feats, tags, lengths, rows, settings.n_neighbors, of_search
    )
    key = {**key, "edge_weights": settings.edge_weights, "symmetrize": settings.symmetrize}
    if table is None:
        return np.empty((0, 2), np.int32), np.empty(0), report, key
    store = run.store("edges", key)
    edges, weights = edges_of_table(run, store, table, settings.edge_weights, settings.symmetrize)
    return edges, weights, report, key


def _with_delta(
    run: Run,
    settings: SimpleNamespace,
    terminals: Terminals,
    problem: MultiwayCutProblem,
    key: dict[str, Any],
) -> MultiwayCutProblem:
    """The problem with its delta, chosen as `liid_cut.problem.make_problem` chooses it."""
    delta = settings.delta
    has_graph = settings.graph is not None
    by_preset = delta is None and not has_graph
    if by_preset:
        delta = "auto" if settings.preset == "default" else PAPER_DELTA
    if delta is not None:
        report: dict[str, Any] = {"chosen_by": "user"}
        if isinstance(delta, str):
            store = run.store("delta", key)
            delta, report = estimated_delta(run, store, terminals, problem.edges, problem.weights)
        problem = scaled(problem, delta, report)
    if has_graph:
        problem = replace(problem, graph_scale=problem.delta)
    if by_preset and settings.preset == "paper":
        problem = replace(problem, delta_report={"chosen_by": "preset"})
    return problem
