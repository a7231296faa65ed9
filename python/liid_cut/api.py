"""``multiway_cut``: from probabilities and features to certified labels."""

from __future__ import annotations

import os
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from liid_cut.components import MESSAGES, component_table
from liid_cut.constraints.solve import solve_constrained
from liid_cut.diagnostics import MultiwayCutWarning, diagnose, diagnose_constrained
from liid_cut.inputs import as_allowed, as_bytes, as_choice, as_n_threads, as_number
from liid_cut.memory import free_bytes
from liid_cut.presets import authors_labels
from liid_cut.problem import MultiwayCutProblem, make_problem
from liid_cut.progress import reporter
from liid_cut.runs.run import Run, as_run, core_of

if TYPE_CHECKING:
    from liid_cut.result import MultiwayCutResult

METHODS = ("auto", "ckr", "brute_force")


def multiway_cut(
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
    method: str = "auto",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    client: Any = None,
) -> MultiwayCutResult:
    """Label proposals by the cheapest multi-way cut of their nearest-neighbour graph.

    Minimises, over labellings x, the weight of all cut edges::

        sum_u (sum_k probs[u, k] - probs[u, x_u]) + sum_(u,v) w(u, v) [x_u != x_v]

    with ``w(u, v) = delta * |cos(feats_u, feats_v)|`` (LIID, Eq. 10-13), and proves that no
    labelling is cheaper.

    Parameters
    ----------
    probs : (n, K+1) floats >= 0; class probabilities of n proposals, column 0 is the background.
        float16, float32 or float64 in any memory order, ``np.memmap``, torch tensor. No row is all
        zero, unless ``graph`` connects its node: a general multi-way cut has such nodes.
    feats : (n, d) floats, no row all zero; features. An array, ``np.memmap``, torch tensor, or the
        path of an ``.npy`` file, which is read block by block. Leave out when ``graph``, or a table
        of ``neighbors``, is given.
    graph : instead of ``feats``: symmetric matrix (n, n) of weights >= 0, SciPy sparse or dense, a
        tuple ``(edges (m, 2), weights (m,))`` with each undirected edge once, or a networkx or
        igraph graph with the edge attribute ``"weight"`` (:mod:`liid_cut.graph_inputs`).
    n_neighbors : every proposal is connected to at most this many others of largest cosine.
    delta : weight of edges against probabilities. ``"auto"``, the default for ``feats``: estimated
        from ``probs`` and the graph alone (:mod:`liid_cut.coupling`), and better with known
        ``labels``; the value is ``result.delta``, why it was chosen
        ``result.diagnostics["delta"]``, where ``"log_pseudo_likelihood"`` compares graphs of other
        ``n_neighbors``. It costs about as much as ten cuts, and ``time_limit`` does not cut it
        short. With ``graph``, a number or ``"auto"`` multiplies its weights; by
        default they stay as they are.
    symmetrize : ``"mutual"``: an edge where each end is among the other's nearest; ``"union"``:
        where one is. None: union where delta is estimated, which labels better; mutual where it is
        given, or is the preset's: a large delta leaves a union graph a single label.
    allowed : (n, K+1) bool; labels that each proposal may take, a hard constraint of the
        optimisation. :func:`liid_cut.tags_to_allowed` makes it from image tags.
    labels : (n,) int; known labels, which are kept, and -1 for unknown ones.
    must_link, cannot_link : (m, 2) int; pairs of proposals that take the same label, or different
        ones. Exact, like ``coverage``: see :mod:`liid_cut.constraints`.
    coverage : ``(image_ids (n,), image_tags (n_images, K))`` as :func:`liid_cut.tags_to_allowed`
        takes them; every tag of an image is taken by at least one of its proposals. That is all it
        says: with ``allowed=tags_to_allowed(*coverage)`` other labels are ruled out, too.
    node_weights : (n,) floats > 0; a proposal's row of ``probs`` counts that often, for example by
        its area. Edges do not change.
    extra_edges : ``(edges (m, 2), weights (m,))`` or a sparse matrix, as ``graph`` takes them;
        added to the graph, weights of parallel edges add up.
    preset : ``"default"``; ``"paper"``: delta is 5 unless given; ``"authors"``: the graph of the
        authors' published script (see :mod:`liid_cut.presets`), where ``allowed`` carries the image
        tags.
    terminal_weights : of the edges to terminals. ``"linear"``: ``probs``, as in the paper;
        ``"log"``: ``log(p / min_k p)``, the cut is then the most probable labelling of a Potts
        model, and a wrong delta does less harm. Costs are in these weights. A probability below a
        millionth of its row's sum counts as that.
    temperature : T > 0: ``probs ** (1/T)``, rows scaled to their sums, in place of ``probs``. Below
        1 for a classifier that is less sure than it is right, above 1 for one that is too sure.
    edge_weights : ``"abs"``: ``|cos|``, as in the paper; ``"clip"``: ``max(cos, 0)``; ``"local"``:
        scaled by the distances to the last neighbours of both ends (:mod:`liid_cut.weights`).
    neighbors : how neighbours are found: ``"auto"`` (exactly, up to some hundred thousand
        proposals), ``"exact"``, ``"certified"``, ``"pca"``, ``"faiss:<factory string>"``,
        ``"torch:<device>"``, or a function; see :mod:`liid_cut.neighbors`. Or neighbours found
        before, so that several ``delta`` need one search: a :class:`liid_cut.NeighborTable` or a
        pair ``(ids, similarities)``.
    target_recall : share of the true neighbours that has to be found, where the method does not
        find all; measured, and reported in ``diagnostics["neighbors"]``.
    max_memory : bytes, or for example ``"2 GiB"``, for the neighbour search, and then for the cut,
        beside their input. None: half of the machine's for the search, what is free for the cut.
        A component that is estimated to need more than is left keeps its first labelling.
    zero_rows : ``"error"``, or ``"isolate"``: a proposal whose features are all zero has no edge.
    shared_tags : True: only proposals whose ``allowed`` rows share a foreground label become
        neighbours. Applied inside the search: each gets ``n_neighbors`` that do.
    method : ``"auto"``: every stage, cheapest first; ``"ckr"``: the paper's way, the LP of every
        component by simplex, then branch and bound; ``"brute_force"``: every labelling of every
        component, for tiny instances. All three agree on the cost.
    time_limit : seconds of wall-clock time; when it is reached, the best labelling so far is
        returned with its bound. The neighbour search counts but is not cut short.
    n_jobs : threads; None or -1: all cores. Results do not depend on it.
    progress : True for a progress bar, or a function of one :class:`liid_cut.Progress`.
    checkpoint : folder for what is done; a call that was killed, at any moment, goes on from there
        to the same bits. Files of other input or settings are refused; one that is damaged is
        repaired, which ``diagnostics["warnings"]`` then says. Covers the search, the estimate of
        delta and the cut, in batches of about a second; of one huge component, and of the search
        for links and coverage, nothing is kept before its end. See :mod:`liid_cut.runs`.

    client : a ``dask.distributed.Client``: the work is done by its workers, with the same bits, and
        ``probs``, ``feats`` and ``allowed`` may also be paths of ``.npy``, ``.zarr`` or
        ``.parquet``, zarr arrays and dask arrays, which no process ever holds as a whole; see
        :mod:`liid_cut.distributed`, which also says what has no distributed form.

    Returns
    -------
    MultiwayCutResult : ``labels``, ``cost``, ``lower_bound``, ``status``, the certificate, and
        more. Ctrl-C during the cut, like a limit, returns the best labelling so far.

    Raises
    ------
    ValueError : bad input; the message names the argument, the first offending row and what is
        allowed.
    MemoryError : the result alone needs more memory than there is.

    Examples
    --------
    >>> import numpy as np
    >>> from liid_cut import multiway_cut
    >>> probs = [[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]]
    >>> feats = [[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]]
    >>> result = multiway_cut(probs, feats, n_neighbors=1, delta=0.5)
    >>> result.labels
    array([0, 1, 1], dtype=int32)
    >>> result.status
    'optimal'
    """
    if client is not None:
        arguments = dict(locals())
        from liid_cut.distributed import multiway_cut_on

        return multiway_cut_on(**arguments)
    start = time.perf_counter()
    run = as_run(checkpoint)
    problem = make_problem(
        probs,
        feats,
        graph=graph,
        n_neighbors=n_neighbors,
        delta=delta,
        symmetrize=symmetrize,
        allowed=allowed,
        labels=labels,
        must_link=must_link,
        cannot_link=cannot_link,
        coverage=coverage,
        node_weights=node_weights,
        extra_edges=extra_edges,
        preset=preset,
        terminal_weights=terminal_weights,
        temperature=temperature,
        edge_weights=edge_weights,
        neighbors=neighbors,
        target_recall=target_recall,
        max_memory=max_memory,
        zero_rows=zero_rows,
        shared_tags=shared_tags,
        n_jobs=n_jobs,
        checkpoint=run,
    )
    graph_time = time.perf_counter() - start
    if time_limit is not None:
        time_limit = as_number("time_limit", time_limit, positive=True)
        time_limit = max(time_limit - graph_time, 1e-9)

    made_by = {"preset": preset, "n_neighbors": n_neighbors, "symmetrize": problem.symmetrize}
    result = _solve(problem, method, time_limit, n_jobs, progress, max_memory, run, **made_by)
    result.preset = preset
    result.timings = {"graph": graph_time, **result.timings}
    result.timings["total"] = time.perf_counter() - start
    if preset == "authors" and allowed is not None:
        result.labels = authors_labels(result.cut_labels, as_allowed(allowed, problem.probs.shape))
        result.x = result.labels
    return result


def solve(
    problem: MultiwayCutProblem,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    progress: Any = None,
    max_memory: int | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> MultiwayCutResult:
    """Solve a problem made by :func:`liid_cut.make_problem`; see :func:`liid_cut.multiway_cut`.

    For solving the same graph several times without a new neighbour search.
    """
    run = as_run(checkpoint)
    return _solve(problem, method, time_limit, n_jobs, progress, max_memory, run)


def _solve(
    problem: MultiwayCutProblem,
    method: str,
    time_limit: float | None,
    n_jobs: int | None,
    progress: Any,
    max_memory: int | str | None,
    run: Run | None,
    **made_by: Any,
) -> MultiwayCutResult:
    as_choice("method", method, METHODS)
    seconds = np.inf if time_limit is None else as_number("time_limit", time_limit, positive=True)
    max_bytes = free_bytes() if max_memory is None else as_bytes("max_memory", max_memory)
    start = time.perf_counter()
    with reporter(progress) as report:
        settings: dict[str, Any] = {
            "method": method,
            "time_limit_s": seconds,
            "n_threads": as_n_threads(n_jobs),
            "progress": report,
            "max_memory": max(1, max_bytes),  # 0 would be no limit
        }
        arrays = problem.probs, problem.edges, problem.weights, problem.allowed
        core = core_of(run, **_settings_of(problem), **made_by)
        if problem.constraints is None:
            raw = core(*arrays, **settings)
        else:
            raw = solve_constrained(*arrays, problem.constraints, **settings, core=core)
        if report is not None:
            n = len(raw["components"]["size"])
            with suppress(KeyboardInterrupt):  # as in the core: it only stops, and here all is done
                report(n, n, raw["cost"], raw["lower_bound"])
    components = component_table(raw["components"])
    if problem.constraints is None:
        diagnostics = diagnose(problem, raw["labels"], raw["component_ids"], components)
    else:
        diagnostics = diagnose_constrained(problem, raw, components)
    for note in () if problem.constraints is None else problem.constraints.warnings:
        warnings.warn(note, MultiwayCutWarning, stacklevel=3)
    if diagnostics["collapsed"]:
        warnings.warn(diagnostics["warnings"][-1], MultiwayCutWarning, stacklevel=3)

    if run is not None:
        diagnostics["checkpoint"] = run.report()
        diagnostics["warnings"] = [*run.journal.notes, *diagnostics["warnings"]]

    seconds = time.perf_counter() - start
    return result_of(problem, raw, components, diagnostics, method, seconds)


def result_of(
    problem: MultiwayCutProblem,
    raw: dict[str, Any],
    components: Any,
    diagnostics: dict[str, Any],
    method: str,
    seconds: float,
) -> MultiwayCutResult:
    """The result that users get, from what the core returned."""
    from liid_cut.result import MultiwayCutResult

    gap = raw["cost"] - raw["lower_bound"]
    return MultiwayCutResult(
        labels=raw["labels"],
        cut_labels=raw["labels"],
        cost=raw["cost"],
        lower_bound=raw["lower_bound"],
        gap=gap,
        status=raw["status"],
        success=raw["status"] == "optimal",
        message=MESSAGES[raw["status"]],
        n_components=len(components),
        component_ids=raw["component_ids"],
        components=components,
        graph=problem.graph,
        edges=problem.edges,
        weights=problem.weights,
        messages=raw["messages"],
        proofs=raw["proofs"],
        proofs_complete=raw["proofs_complete"],
        certificate=raw.get("certificate"),
        preset="default",
        delta=problem.delta,
        graph_scale=problem.graph_scale,
        terminal_weights=problem.terminal_weights,
        temperature=problem.temperature,
        edge_weights=problem.edge_weights,
        symmetrize=problem.symmetrize,
        method=method,
        timings={**raw["timings"], "total": seconds},
        diagnostics=diagnostics,
        x=raw["labels"],
        fun=raw["cost"],
        mip_dual_bound=raw["lower_bound"],
        mip_gap=gap / abs(raw["cost"]) if raw["cost"] else gap,
        mip_node_count=int(components["search_nodes"].sum()),
    )


def _settings_of(problem: MultiwayCutProblem) -> dict[str, Any]:
    """What a refused checkpoint can name as different."""
    names = "delta", "graph_scale", "terminal_weights", "temperature", "edge_weights"
    return {name: getattr(problem, name) for name in names}
