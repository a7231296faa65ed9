"""Candidates from the clusters that are nearest to a row, for millions of rows.

The inverted-file search of Jegou, Douze and Schmid (2011), turned round for a search in which every
row asks: rows stand in the order of their clusters, and the rows of a block that meet the same
cluster do so in one matrix product. Clusters are FAISS's k-means (spherical, seeded).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.faiss_runtime import faiss_threads
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.rows import Ints, Singles
from liid_cut.neighbors.workers import Workers

_ROWS_PER_CLUSTER = 512
_TRAINING_ROWS_PER_CLUSTER = 48
_ITERATIONS = 8
_SEED = 20204
_ROWS_PER_BLOCK = 1 << 14
_ROWS_PER_JOB = 2048


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

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self.centres)

    def similarities(self, x: Singles) -> Singles:
        """Inner products of rows with the centres."""
        return x @ self.centres.T


def find_clusters(coordinates: Singles, workers: Workers, checkpoint: Checkpoint) -> Clusters:
    """Clusters of some hundred rows each."""
    n, m = coordinates.shape
    count = max(1, n // _ROWS_PER_CLUSTER)
    centres = checkpoint.keep(
        f"clusters, {count} of {m} coordinates", lambda: {"centres": _means(coordinates, count)}
    )["centres"]
    of_row = np.empty(n, dtype=np.int64)

    def job(start: int) -> None:
        block = slice(start, start + _ROWS_PER_JOB)
        of_row[block] = (coordinates[block] @ centres.T).argmax(axis=1)

    workers.run(job, range(0, n, _ROWS_PER_JOB))
    order = np.argsort(of_row, kind="stable")
    starts = np.searchsorted(of_row[order], np.arange(count + 1))
    return Clusters(centres, of_row, order, starts)


def _means(coordinates: Singles, count: int) -> Singles:
    import faiss

    n, m = coordinates.shape
    chosen = np.random.default_rng(_SEED).choice(
        n, min(n, count * _TRAINING_ROWS_PER_CLUSTER), replace=False
    )
    means = faiss.Kmeans(
        m,
        count,
        niter=_ITERATIONS,
        seed=_SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINING_ROWS_PER_CLUSTER,
    )
    with faiss_threads(1):  # the same sums in any run
        means.train(np.ascontiguousarray(coordinates[np.sort(chosen)]))
    return np.ascontiguousarray(means.centroids)


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
        for step, start in enumerate(range(0, n, _ROWS_PER_BLOCK)):
            if step < stage.done:
                continue
            rows = np.arange(start, min(start + _ROWS_PER_BLOCK, n))
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
        part = slice(start, start + _ROWS_PER_JOB)
        x = coordinates[rows[part]]
        # Centres first, then the rows that ask: no row is taken for a centre.
        nearest = _core.CandidateLists(clusters.count + len(x), n_probes, _core.RowGroups())
        asking = np.arange(clusters.count, clusters.count + len(x))
        nearest.add_queries(clusters.similarities(x), asking, 0)
        probes[part] = nearest.arrays()[0][clusters.count :]

    workers.run(choose, range(0, len(rows), _ROWS_PER_JOB))
    pairs = np.argsort(probes.ravel(), kind="stable")
    met = probes.ravel()[pairs]
    queries = rows[pairs // n_probes]
    jobs = []
    for cluster in np.unique(met):
        first, last = np.searchsorted(met, [cluster, cluster + 1])
        jobs += [
            (int(cluster), queries[i : min(i + _ROWS_PER_JOB, last)])
            for i in range(first, last, _ROWS_PER_JOB)
        ]

    def compare(job: tuple[int, Ints]) -> None:
        cluster, asking = job
        begin, end = clusters.starts[cluster : cluster + 2]
        similarities = coordinates[asking] @ coordinates[begin:end].T
        lists.add_queries(similarities, asking, int(begin))

    workers.run(compare, jobs)
