"""``neighbors="pca"``: candidates from principal coordinates, exact cosines, measured recall.

Steps: coordinates of all rows in the leading principal directions; the candidates of largest inner
product there; their cosines in double. How many directions and candidates the recall asked for
needs is read off a seeded sample of rows whose neighbours are searched exactly. Up to some hundred
thousand rows all pairs of coordinates are multiplied; beyond, rows are sorted into clusters
(FAISS's k-means), and a row meets the clusters nearest to it.

Not proven: a row may miss a neighbour. `recall` measures how many do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.basis import coordinates_of, principal_directions, sample_of
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.clusters import Clusters, cluster_candidates, find_clusters
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest, search_rows
from liid_cut.neighbors.rows import ArrayVectors, Ints, Singles, UnitRows
from liid_cut.neighbors.tiles import Tile, all_pairs, panel_rows
from liid_cut.npz import Arrays

_WIDTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
_MOST_CANDIDATES = 96
_SAMPLE = 512
_SEED = 20203
# Multiply-adds of a large product that one column of a candidate costs in double.
_PAIR_COST = 72.0
# Multiplying all pairs of this many rows costs more than finding clusters and their neighbours.
_CLUSTERS_FROM = 300_000


def projected(
    rows: UnitRows,
    k: int,
    groups: Groups,
    max_bytes: int,
    checkpoint: Checkpoint,
    target_recall: float,
    effort: int = 1,
) -> tuple[Nearest, str]:
    """Probable k nearest rows of every row, and a sentence on how.

    ``effort``: 2 doubles candidates and probes of the plan, and so on.
    """
    fitting = max(_WIDTHS[0], max_bytes // 3 // (4 * rows.n))
    widths = [w for w in _WIDTHS if w <= min(rows.d, fitting)] or [rows.d]
    directions = checkpoint.keep(
        f"pca, {widths[-1]} directions", lambda: {"q": principal_directions(rows, widths[-1])}
    )["q"]
    sample = sample_of(rows.n, _SAMPLE, _SEED)
    miss = (1 - target_recall) / 2

    def plan() -> Arrays:
        truth = Nearest(rows, k, groups)
        search_rows(sample, truth)
        neighbors = truth.arrays()[0][sample].astype(np.int64)
        chosen = _plan(rows, directions, widths, sample, neighbors, groups, miss)
        return {"neighbors": neighbors, "chosen": np.array(chosen)}

    planned = checkpoint.keep(f"pca, plan for {widths[-1]} directions", plan)
    neighbors, (width, n_candidates) = planned["neighbors"], planned["chosen"].tolist()
    n_candidates = max(k + 1, min(n_candidates * effort, _MOST_CANDIDATES * effort))
    coordinates = coordinates_of(rows, directions[:, :width])
    if rows.n < _CLUSTERS_FROM:
        ids = _all_candidates(coordinates, n_candidates, groups, rows, max_bytes, checkpoint)
        how = f"{width} directions, {n_candidates} candidates"
    else:
        clusters = find_clusters(coordinates, rows.workers, checkpoint)
        n_probes = min(
            clusters.count, effort * _probes(clusters, coordinates, sample, neighbors, miss)
        )
        ids = cluster_candidates(
            coordinates, clusters, n_probes, n_candidates, groups, rows.workers, checkpoint
        )
        how = (
            f"{width} directions, {n_probes} of {clusters.count} clusters, "
            f"{n_candidates} candidates"
        )
    del coordinates
    nearest = Nearest(rows, k, groups)
    with checkpoint.stage(f"pca, cosines of {how}", nearest.lists) as stage:
        nearest.offer_candidates(ids, stage.done, stage.save)
    return nearest, how


def _all_candidates(
    coordinates: Singles,
    n_candidates: int,
    groups: Groups,
    rows: UnitRows,
    max_bytes: int,
    checkpoint: Checkpoint,
) -> npt.NDArray[np.int32]:
    lists = _core.CandidateLists(rows.n, n_candidates, groups.core)

    def visit(tile: Tile) -> None:
        lists.add_tile(tile.similarities, tile.a, tile.b)

    vectors = ArrayVectors(coordinates)
    panel = panel_rows(vectors, max_bytes)
    name = f"pca, {vectors.d} directions, {n_candidates} candidates, panels of {panel}"
    with checkpoint.stage(name, lists) as stage:
        all_pairs(vectors, visit, rows.workers, max_bytes, stage.done, stage.save)
    ids: npt.NDArray[np.int32] = lists.arrays()[0]
    return ids


def _plan(
    rows: UnitRows,
    directions: npt.NDArray[np.float64],
    widths: list[int],
    sample: Ints,
    neighbors: Ints,
    groups: Groups,
    miss: float,
) -> tuple[int, int]:
    """The cheapest width, with the candidates that it needs to miss at most a share ``miss``."""
    ranks = _ranks(rows, directions.astype(np.float32), widths, sample, neighbors, groups)
    plans = []
    for width, of_width in zip(widths, ranks, strict=True):
        found = np.sort(of_width[neighbors >= 0])
        needed = int(found[min(len(found) - 1, int(np.ceil((1 - miss) * len(found))))]) + 2
        products = width * min(rows.n / 2, _CLUSTERS_FROM / 10)
        work = products + needed * _PAIR_COST * rows.d
        plans.append((needed > _MOST_CANDIDATES, work, width, min(needed, _MOST_CANDIDATES)))
    _, _, width, n_candidates = min(plans)
    return width, n_candidates


def _ranks(
    rows: UnitRows,
    directions: Singles,
    widths: list[int],
    sample: Ints,
    neighbors: Ints,
    groups: Groups,
) -> list[Ints]:
    """How many rows stand before each exact neighbour of the sample, for each width."""
    x = rows.unit(sample, np.float32) @ directions
    members = np.unique(neighbors[neighbors >= 0])
    y = rows.unit(members, np.float32) @ directions
    at = np.searchsorted(members, np.maximum(neighbors, 0))
    ranks = [np.zeros(neighbors.shape, dtype=np.int64) for _ in widths]
    block_rows = 4096

    def job(start: int) -> None:
        columns = np.arange(start, min(start + block_rows, rows.n))
        e = rows.unit(columns, np.float32) @ directions
        allowed = groups.share(
            np.repeat(sample, len(columns)), np.tile(columns, len(sample))
        ).reshape(len(sample), len(columns))
        for width, ranks_of_width in zip(widths, ranks, strict=True):
            similarities = np.where(allowed, x[:, :width] @ e[:, :width].T, -np.inf)
            for i in range(neighbors.shape[1]):
                own = np.einsum("ij,ij->i", x[:, :width], y[at[:, i], :width])
                before = (similarities > own[:, None]).sum(axis=1)
                with rows.workers.lock:
                    ranks_of_width[:, i] += before

    rows.workers.run(job, range(0, rows.n, block_rows))
    return ranks


def _probes(
    clusters: Clusters, coordinates: Singles, sample: Ints, neighbors: Ints, miss: float
) -> int:
    """Clusters that a row has to meet to miss at most a share ``miss`` of its neighbours."""
    order = np.argsort(-clusters.similarities(coordinates[sample]), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(clusters.count)[None, :], axis=1)
    of = clusters.of_row[np.maximum(neighbors, 0)]
    ranks = np.sort(np.take_along_axis(rank, of, axis=1)[neighbors >= 0])
    needed = ranks[min(len(ranks) - 1, int(np.ceil((1 - miss) * len(ranks))))]
    return int(needed) + 1
