"""Candidates from the clusters that are nearest to a row, for millions of rows.

The inverted-file search of Jegou, Douze and Schmid (2011), turned round for a search in which every
row asks: rows stand in the order of their clusters, and the rows of a block that meet the same
cluster do so in one matrix product. Clusters are FAISS's k-means (spherical, seeded).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.faiss_runtime import faiss_threads
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.rows import Ints, Singles
from liid_cut.neighbors.workers import Workers
from liid_cut.npz import Arrays

_ROWS_PER_CLUSTER = 512
_TRAINING_ROWS_PER_CLUSTER = 48
_ITERATIONS = 8
_SEED = 20204
ROWS_PER_BLOCK = 1 << 14
ROWS_PER_JOB = 2048


@dataclass(frozen=True)
class Clusters:
    """A partition of rows.

    Attributes
    ----------
    centres : (count, m) float32, of length 1.
    of_row : (n,) the cluster of each row.
    order : (n,) rows sorted by cluster; ``starts`` (count + 1,) where each begins.
    """

    centres: Singles
    of_row: Ints
    order: Ints
    starts: Ints

    @classmethod
    def of(cls, centres: Singles, of_row: Ints) -> Clusters:
        """From the cluster of each row."""
        order = np.argsort(of_row, kind="stable")
        starts = np.searchsorted(of_row[order], np.arange(len(centres) + 1))
        return cls(centres, of_row, order, starts)

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self.centres)


def find_clusters(coordinates: Singles, workers: Workers, checkpoint: Checkpoint) -> Clusters:
    """Clusters of some hundred rows each."""
    n, m = coordinates.shape

    def train() -> Arrays:
        return {"centres": train_centres(coordinates[training_rows(n)], n)}

    centres = checkpoint.keep(f"clusters, {n} rows, {m} coordinates", train)["centres"]
    of_row = np.empty(n, dtype=np.int64)

    def job(start: int) -> None:
        block = slice(start, start + ROWS_PER_JOB)
        of_row[block] = nearest_centre(coordinates[block], centres)

    workers.run(job, range(0, n, ROWS_PER_JOB))
    return Clusters.of(centres, of_row)


def training_rows(n: int) -> Ints:
    """Seeded sample of rows, ascending, that centres are trained on."""
    chosen = np.random.default_rng(_SEED).choice(
        n, min(n, _count(n) * _TRAINING_ROWS_PER_CLUSTER), replace=False
    )
    return np.sort(chosen)


def train_centres(sample: Singles, n: int) -> Singles:
    """Centres for ``n`` rows from the coordinates of `training_rows`."""
    import faiss

    means = faiss.Kmeans(
        sample.shape[1],
        _count(n),
        niter=_ITERATIONS,
        seed=_SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINING_ROWS_PER_CLUSTER,
    )
    with faiss_threads(1):  # the same sums in any run
        means.train(np.ascontiguousarray(sample))
    return np.ascontiguousarray(means.centroids)


def nearest_centre(x: Singles, centres: Singles) -> Ints:
    """The cluster of each of at most ``ROWS_PER_JOB`` rows."""
    of_row: Ints = (x @ centres.T).argmax(axis=1)
    return of_row


def _count(n: int) -> int:
    return max(1, n // _ROWS_PER_CLUSTER)


def cluster_candidates(
    coordinates: Singles,
    clusters: Clusters,
    n_probes: int,
    n_candidates: int,
    groups: Groups,
    workers: Workers,
    checkpoint: Checkpoint,
) -> npt.NDArray[np.int32]:
    """Candidates (n, n_candidates) of every row from its ``n_probes`` nearest clusters."""
    n = len(coordinates)
    coordinates = coordinates[clusters.order]
    lists = _core.CandidateLists(n, n_candidates, groups.take(clusters.order).core)
    name = f"clusters {clusters.count} {n_probes} {n_candidates} {coordinates.shape[1]}"
    with checkpoint.stage(name, lists) as stage:
        for step, start in enumerate(range(0, n, ROWS_PER_BLOCK)):
            if step < stage.done:
                continue
            rows = np.arange(start, min(start + ROWS_PER_BLOCK, n))
            _meet_clusters(rows, coordinates, clusters, n_probes, lists, workers)
            stage.save(step + 1)
    ids, _ = lists.arrays()
    candidates = np.empty_like(ids)
    candidates[clusters.order] = np.where(ids >= 0, clusters.order[ids], -1)
    return candidates


def _meet_clusters(
    rows: Ints,
    coordinates: Singles,
    clusters: Clusters,
    n_probes: int,
    lists: _core.CandidateLists,
    workers: Workers,
) -> None:
    """Compare a block of rows, in the clusters' order, with the clusters nearest to each."""
    probes = np.empty((len(rows), n_probes), dtype=np.int64)

    def choose(start: int) -> None:
        part = slice(start, start + ROWS_PER_JOB)
        probes[part] = nearest_centres(coordinates[rows[part]], clusters.centres, n_probes)

    workers.run(choose, range(0, len(rows), ROWS_PER_JOB))

    def compare(meeting: tuple[int, Ints]) -> None:
        cluster, asking = meeting
        begin, end = clusters.starts[cluster : cluster + 2]
        similarities = coordinates[rows[asking]] @ coordinates[begin:end].T
        lists.add_queries(similarities, rows[asking], int(begin))

    workers.run(compare, meetings(probes))


def nearest_centres(x: Singles, centres: Singles, n_probes: int) -> npt.NDArray[np.int32]:
    """The clusters (rows, n_probes) that each of at most ``ROWS_PER_JOB`` rows has to meet."""
    count = len(centres)
    # Centres first, then the rows that ask: no row is taken for a centre.
    nearest = _core.CandidateLists(count + len(x), n_probes, _core.RowGroups())
    nearest.add_queries(x @ centres.T, np.arange(count, count + len(x)), 0)
    ids: npt.NDArray[np.int32] = nearest.arrays()[0][count:]
    return ids


def meetings(probes: npt.NDArray[Any]) -> list[tuple[int, Ints]]:
    """Products to compute: a cluster, and the rows of ``probes`` that meet it in one of them."""
    n_probes = probes.shape[1]
    pairs = np.argsort(probes.ravel(), kind="stable")
    met = probes.ravel()[pairs]
    rows = pairs // n_probes
    found = []
    for cluster in np.unique(met):
        first, last = np.searchsorted(met, [cluster, cluster + 1])
        found += [
            (int(cluster), rows[i : min(i + ROWS_PER_JOB, last)])
            for i in range(first, last, ROWS_PER_JOB)
        ]
    return found
