"""``neighbors="pca"``: candidates from principal coordinates, exact cosines, measured recall.

Steps: coordinates of all rows in the leading principal directions; the candidates of largest inner
product there; their cosines in double. How many directions and candidates the recall asked for
needs is read off a seeded sample of rows whose neighbours are searched exactly. Up to some hundred
thousand rows all pairs of coordinates are multiplied; beyond, rows are sorted into clusters
(FAISS's k-means), and a row meets the clusters nearest to it.

Not proven: a row may miss a neighbour. `recall` measures how many do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.basis import coordinates_of, principal_directions, sample_of
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.clusters import Clusters, cluster_candidates, find_clusters
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest, search_rows
from liid_cut.neighbors.rows import ArrayVectors, Ints, Rows, Singles, UnitRows
from liid_cut.neighbors.tiles import Tile, all_pairs, panel_rows
from liid_cut.npz import Arrays

_WIDTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
_MOST_CANDIDATES = 96
_SAMPLE = 512
_SEED = 20203
# Multiply-adds of a large product that one column of a candidate costs in double.
_PAIR_COST = 72.0
# Multiplying all pairs of this many rows costs more than finding clusters and their neighbours.
CLUSTERS_FROM = 300_000
# Rows that are ranked at once; their products' last bits depend on it.
RANKED_ROWS = 4096


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
    widths = widths_that_fit(rows.n, rows.d, max_bytes)
    directions = checkpoint.keep(
        f"pca, {widths[-1]} directions", lambda: {"q": principal_directions(rows, widths[-1])}
    )["q"]
    sample = plan_sample(rows.n)
    miss = missed(target_recall)

    def plan() -> Arrays:
        truth = Nearest(rows, k, groups)
        search_rows(sample, truth)
        neighbors = truth.arrays()[0][sample].astype(np.int64)
        ranks = _ranks(rows, directions.astype(np.float32), widths, sample, neighbors, groups)
        chosen = cheapest_plan(ranks, widths, rows.n, rows.d, neighbors, miss)
        return {"neighbors": neighbors, "chosen": np.array(chosen)}

    planned = checkpoint.keep(f"pca, plan for {widths[-1]} directions", plan)
    neighbors, (width, n_candidates) = planned["neighbors"], planned["chosen"].tolist()
    n_candidates = with_effort(n_candidates, k, effort)
    coordinates = coordinates_of(rows, directions[:, :width])
    if rows.n < CLUSTERS_FROM:
        ids = _all_candidates(coordinates, n_candidates, groups, rows, max_bytes, checkpoint)
        how = how_found(width, n_candidates)
    else:
        clusters = find_clusters(coordinates, rows.workers, checkpoint)
        needed = needed_probes(clusters, coordinates[sample], neighbors, miss)
        n_probes = min(clusters.count, effort * needed)
        ids = cluster_candidates(
            coordinates, clusters, n_probes, n_candidates, groups, rows.workers, checkpoint
        )
        how = how_found(width, n_candidates, n_probes, clusters.count)
    del coordinates
    nearest = Nearest(rows, k, groups)
    with checkpoint.stage(f"pca, cosines of {how}", nearest.lists) as stage:
        nearest.offer_candidates(ids, stage.done, stage.save)
    return nearest, how


def widths_that_fit(n: int, d: int, max_bytes: int) -> list[int]:
    """Numbers of directions to choose from."""
    fitting = max(_WIDTHS[0], max_bytes // 3 // (4 * n))
    return [w for w in _WIDTHS if w <= min(d, fitting)] or [d]


def plan_sample(n: int) -> Ints:
    """The rows whose exact neighbours the plan is read off."""
    return sample_of(n, _SAMPLE, _SEED)


def missed(target_recall: float) -> float:
    """Share of the neighbours that candidates, and clusters, may each miss."""
    return (1 - target_recall) / 2


def with_effort(n_candidates: int, k: int, effort: int) -> int:
    """Candidates of a row, of the number that the plan says."""
    return max(k + 1, min(n_candidates * effort, _MOST_CANDIDATES * effort))


def how_found(
    width: int, n_candidates: int, n_probes: int | None = None, count: int | None = None
) -> str:
    """What the report says."""
    clusters = "" if n_probes is None else f"{n_probes} of {count} clusters, "
    return f"{width} directions, {clusters}{n_candidates} candidates"


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


def cheapest_plan(
    ranks: Sequence[Ints], widths: list[int], n: int, d: int, neighbors: Ints, miss: float
) -> tuple[int, int]:
    """The cheapest width, with the candidates that it needs to miss at most a share ``miss``.

    ``ranks``: of each width, how many rows stand before each exact neighbour of the sample.
    """
    plans = []
    for width, of_width in zip(widths, ranks, strict=True):
        found = np.sort(of_width[neighbors >= 0])
        needed = int(found[min(len(found) - 1, int(np.ceil((1 - miss) * len(found))))]) + 2
        products = width * min(n / 2, CLUSTERS_FROM / 10)
        work = products + needed * _PAIR_COST * d
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
    count = RowsBefore(rows, directions, widths, sample, neighbors, groups.table)
    ranks = np.zeros((len(widths), *neighbors.shape), dtype=np.int64)

    def job(start: int) -> None:
        before = count.in_block(rows, start)
        with rows.workers.lock:
            np.add(ranks, before, out=ranks)

    rows.workers.run(job, range(0, rows.n, RANKED_ROWS))
    return list(ranks)


class RowsBefore:
    """Counts the rows that are nearer to a sample's rows, by coordinates, than their neighbours."""

    def __init__(
        self,
        rows: Rows,
        directions: Singles,
        widths: list[int],
        sample: Ints,
        neighbors: Ints,
        allowed: Callable[[Ints, Ints], npt.NDArray[np.bool_]],
    ) -> None:
        self._directions = directions
        self._widths = widths
        self._sample = sample
        self._allowed = allowed
        self._x = rows.unit(sample, np.float32) @ directions
        members = np.unique(neighbors[neighbors >= 0])
        self._y = rows.unit(members, np.float32) @ directions
        self._at = np.searchsorted(members, np.maximum(neighbors, 0))

    def in_block(self, rows: Rows, start: int) -> Ints:
        """Of each width, in the block of ``RANKED_ROWS`` rows from ``start``: (n_widths, S, k)."""
        columns = np.arange(start, min(start + RANKED_ROWS, rows.n))
        e = rows.unit(columns, np.float32) @ self._directions
        allowed = self._allowed(self._sample, columns)
        before = np.empty((len(self._widths), *self._at.shape), dtype=np.int64)
        for w, width in enumerate(self._widths):
            x, y = self._x[:, :width], self._y[:, :width]
            similarities = np.where(allowed, x @ e[:, :width].T, -np.inf)
            for i in range(self._at.shape[1]):
                own = np.einsum("ij,ij->i", x, y[self._at[:, i]])
                before[w, :, i] = (similarities > own[:, None]).sum(axis=1)
        return before


def needed_probes(clusters: Clusters, of_sample: Singles, neighbors: Ints, miss: float) -> int:
    """Clusters that a row has to meet to miss at most a share ``miss`` of its neighbours.

    ``of_sample``: coordinates of the sample whose exact ``neighbors`` are known.
    """
    order = np.argsort(-(of_sample @ clusters.centres.T), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(clusters.count)[None, :], axis=1)
    of = clusters.of_row[np.maximum(neighbors, 0)]
    ranks = np.sort(np.take_along_axis(rank, of, axis=1)[neighbors >= 0])
    needed = ranks[min(len(ranks) - 1, int(np.ceil((1 - miss) * len(ranks))))]
    return int(needed) + 1
