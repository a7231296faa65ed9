"""Measures `costs` on this machine: the package's own functions on small generated inputs.

Each run has its counts, from the very functions that a forecast uses, and its CPU time; the units
that are not known yet are fitted by non-negative least squares of the relative errors. Half a
minute of one core. On a machine that is busy with other work CPU time is longer; so are then the
forecasts.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.special import softmax

from liid_cut import _core
from liid_cut.coupling import estimate_delta
from liid_cut.distributed.neighbors.lists import merged
from liid_cut.distributed.units import Unit, run_unit
from liid_cut.graph import neighbor_edges
from liid_cut.neighbors import NeighborTable, find_neighbors
from liid_cut.neighbors.basis import coordinates_of
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.clusters import (
    cluster_candidates,
    find_clusters,
    train_centres,
    training_rows,
)
from liid_cut.neighbors.exact import exact
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest, search_rows
from liid_cut.neighbors.rows import UnitRows
from liid_cut.neighbors.workers import Workers, workers
from liid_cut.planning.assumptions import assumed, cluster_count
from liid_cut.planning.costs import UNITS, Costs, Counts, this_machine, today
from liid_cut.planning.parts import total_counts
from liid_cut.planning.searches import SearchSize, clustered, search_parts
from liid_cut.runs.store import Store, fingerprint

_K = 3
_REPEATS = 2
_SEED = 20207
_MAX_BYTES = 1 << 30
_CANDIDATES = 40
_N_UNITS = 20
# Of a task in Dask's scheduler and worker, which need not be installed here.
_SCHEDULING_S = 2e-3
# Rows, columns, neighbours.
_EXACT_RUNS = (
    (4096, 64, _K),
    (4096, 512, _K),
    (16384, 64, _K),
    (16384, 512, _K),
    (8192, 64, 34),
)

Singles = npt.NDArray[np.float32]
Run = tuple[Counts, float]


def calibrate(scale: float = 1.0) -> Costs:
    """Measure all units.

    Parameters
    ----------
    scale : of the numbers of rows; below 1 it is sooner done and less exact.
    """
    known: dict[str, float] = {}
    with workers(1) as pool:
        _search(known, pool, scale)
        _products(known, pool, scale)
    _cut(known, scale)
    _units(known, scale)
    return Costs({unit: known[unit] for unit in UNITS}, this_machine(), today())


def fit(runs: Sequence[Run], known: dict[str, float]) -> None:
    """Add to ``known`` the units that ``runs`` (counts, seconds) have and it has not."""
    names = sorted({unit for counts, _ in runs for unit in counts} - set(known))
    shares = np.zeros((len(runs), len(names)))
    rest = np.zeros(len(runs))
    for i, (counts, seconds) in enumerate(runs):
        explained = sum(known[unit] * number for unit, number in counts.items() if unit in known)
        rest[i] = max(seconds - explained, 0.0) / seconds
        shares[i] = [counts.get(unit, 0.0) / seconds for unit in names]
    scales = shares.max(axis=0)
    found, _ = nnls(shares / scales, rest)
    known |= dict(zip(names, (found / scales).tolist(), strict=True))


def cpu_seconds(work: Callable[..., Any], *arguments: Any, **settings: Any) -> float:
    """CPU seconds of this process that a call takes: the mean of a few, as a run meets them."""
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        work(*arguments, **settings)
        times.append(time.process_time() - start)
    return max(sum(times) / len(times), 1e-9)


def clustered_rows(n: int, d: int) -> Singles:
    """Rows around centres, some hundred at each, as a search meets them."""
    rng = np.random.default_rng(_SEED)
    centres = rng.standard_normal((max(1, n // 200), d), dtype=np.float32)
    rows = centres[rng.integers(len(centres), size=n)]
    rows += rng.standard_normal((n, d), dtype=np.float32)
    return rows


def _search(known: dict[str, float], pool: Workers, scale: float) -> None:
    """Reading, fingerprints, projections, cosines."""
    feats = clustered_rows(int(16384 * scale), 512)
    fit([({"feature": feats.size}, cpu_seconds(UnitRows, feats, pool))], known)
    fit([({"hash_byte": feats.nbytes}, cpu_seconds(fingerprint, feats))], known)

    rng = np.random.default_rng(_SEED)
    directions = np.linalg.qr(rng.standard_normal((512, 128)))[0]
    rows = UnitRows(feats, pool)
    projected = {"feature": feats.size, "double_product": rows.n * directions.size}
    fit([(projected, cpu_seconds(coordinates_of, rows, directions))], known)

    runs: list[Run] = []
    some = rng.integers(rows.n, size=(rows.n, _CANDIDATES), dtype=np.int32)
    for d in (64, 512):
        rows = UnitRows(np.ascontiguousarray(feats[:, :d]), pool)
        nearest = Nearest(rows, _K, Groups())
        seconds = cpu_seconds(nearest.offer_candidates, some)
        runs.append((_size(rows.n, d).offers(_CANDIDATES).counts, seconds))
    fit(runs, known)


def _products(known: dict[str, float], pool: Workers, scale: float) -> None:
    """All pairs, clusters, and the lists that both fill; then a sample against all rows."""
    runs: list[Run] = []
    feats = clustered_rows(int(16384 * scale), 512)
    for n, d, k in _EXACT_RUNS:
        rows = UnitRows(np.ascontiguousarray(feats[: int(n * scale), :d]), pool)
        seconds = cpu_seconds(exact, rows, k, Groups(), _MAX_BYTES, Checkpoint())
        parts = search_parts("exact", _size(rows.n, d, k), assumed(rows.n, d, 1.0))
        runs.append((total_counts(parts[1:]), seconds))  # the first is reading

    n = int(65536 * scale)
    n_probes = min(16, cluster_count(n))
    for width, c in ((32, 10), (128, _CANDIDATES)):
        _, compared, met = clustered(_size(n, width), width, n_probes, c, 0)
        once = replace(compared, counts={u: x / 2 for u, x in compared.counts.items()})
        coordinates = clustered_rows(n, width)
        found = find_clusters(coordinates, pool, Checkpoint())
        arguments = (n_probes, c, Groups(), pool, Checkpoint())
        seconds = cpu_seconds(cluster_candidates, coordinates, found, *arguments)
        runs.append((total_counts([once, met]), seconds))
    fit(runs, known)

    n *= 2
    trained = clustered(_size(n, width), width, n_probes, c, 0)[0]
    sample = clustered_rows(len(training_rows(n)), width)
    fit([(trained.counts, cpu_seconds(train_centres, sample, n))], known)

    rows = UnitRows(feats, pool)
    queries = np.arange(min(512, rows.n))
    sampled = _size(rows.n, rows.d).sampled(len(queries), "")
    seconds = cpu_seconds(lambda: search_rows(queries, Nearest(rows, _K, Groups())))
    fit([(sampled.counts, seconds)], known)


def _size(n: int, d: int, k: int = _K) -> SearchSize:
    return SearchSize(n, d, k, _MAX_BYTES, 1)


def _cut(known: dict[str, float], scale: float) -> None:
    """Edges, delta, components and cut, compressed files."""
    deltas: list[Run] = []
    cuts: list[Run] = []
    settings = {"method": "auto", "time_limit_s": np.inf, "n_threads": 1, "progress": None}
    for labels in (21, 41):
        probs, table = _problem(int(16384 * scale), labels)
        graph = {"delta": 1.0, "symmetrize": "mutual"}
        seconds = cpu_seconds(neighbor_edges, table, **graph)
        if "slot" not in known:
            fit([({"slot": table.ids.size}, seconds)], known)
        edges, weights = neighbor_edges(table, delta=1.0, symmetrize="mutual")
        start = time.process_time()
        delta = estimate_delta(probs, probs, edges, weights, n_jobs=1).delta
        deltas.append(({"delta_value": probs.size}, time.process_time() - start))
        for terminals in (probs, probs[:, :3]):
            arrays = (np.ascontiguousarray(terminals), edges, weights * delta, None)
            seconds = cpu_seconds(_core.solve, *arrays, **settings)
            cuts.append(({"cut_node": len(probs), "cut_value": terminals.size}, seconds))
    fit(deltas, known)
    fit(cuts, known)

    messages = np.random.default_rng(_SEED).standard_normal(1 << 19)
    messages[messages < 1] = 0  # most are
    seconds = cpu_seconds(lambda: np.savez_compressed(io.BytesIO(), messages))
    fit([({"written_byte": messages.nbytes}, seconds)], known)


def _units(known: dict[str, float], scale: float) -> None:
    """What a distributed run has beside: merging, and units with their files."""
    n = int(8192 * scale)
    rng = np.random.default_rng(_SEED)
    ids = [rng.integers(1 << 20, size=(n, 9), dtype=np.int32) for _ in range(4)]
    values = [rng.random((n, 9), dtype=np.float32) for _ in ids]
    fit([({"merged": 36 * n}, cpu_seconds(merged, ids, values, 9, distinct=False))], known)

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), {})
        arrays = {"ids": ids[0][:64]}

        def units() -> None:
            for i in range(_N_UNITS):
                run_unit(Unit(f"unit-{time.monotonic_ns()}-{i}", lambda: arrays, (), store))

        seconds = cpu_seconds(units) / _N_UNITS
    known |= {"file": seconds, "task": _SCHEDULING_S}


def _problem(n: int, labels: int) -> tuple[Singles, NeighborTable]:
    """Features around a centre for each class, and a classifier that knows the centres badly.

    Its probabilities are flat, so that delta is large, and the estimate takes all its sweeps.
    """
    rng = np.random.default_rng(_SEED)
    d = 64
    noise = np.float32(2 / np.sqrt(d))
    centres = np.maximum(rng.standard_normal((labels, d), dtype=np.float32), 0)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    feats = centres[rng.integers(labels, size=n)]
    feats += noise * rng.standard_normal((n, d), dtype=np.float32)
    feats = np.maximum(feats, 0)
    guess = centres + noise / 2 * rng.standard_normal(centres.shape, dtype=np.float32)
    guess /= np.linalg.norm(guess, axis=1, keepdims=True)
    scores = feats @ guess.T / np.linalg.norm(feats, axis=1, keepdims=True)
    return softmax(12 * scores, axis=1), find_neighbors(feats, _K, neighbors="exact", n_jobs=1)
