"""Candidates from near clusters, for millions of rows: a unit is a block of rows that ask.

As `liid_cut.neighbors.clusters`, whose products these are. Rows stand in the order of their
clusters, in shards of whole clusters; a unit visits the shards with clusters that its rows have to
meet, one after another, so that it holds a block and a shard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.distributed.features import Features
from liid_cut.distributed.neighbors.lists import merged
from liid_cut.distributed.ranges import ranges, row_starts, starts_of
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import BlocksSource, FileSource, Ints, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.neighbors.clusters import (
    ROWS_PER_BLOCK,
    ROWS_PER_JOB,
    Clusters,
    meetings,
    nearest_centre,
    nearest_centres,
    train_centres,
    training_rows,
)
from liid_cut.neighbors.rows import Singles
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

_SHARD_BYTES = 64 << 20


def clusters_of(run: Run, store: Store, coordinates: BlocksSource) -> Clusters:
    """As `liid_cut.neighbors.clusters.find_clusters`; trained by one unit, on a sample."""
    trained = run.one(Unit("centres", _train, (coordinates,), store, ("centres",)))
    centres = trained["centres"]
    n, width = coordinates.shape
    starts = row_starts(n, 4 * max(width, len(centres) // 16))
    parts = run.do(
        Unit(block_name("clusters", i), _assign, (coordinates, store, *rows), store, ("of_row",))
        for i, rows in enumerate(ranges(starts))
    )
    return Clusters.of(centres, np.concatenate([part["of_row"] for part in parts]).astype(np.int64))


def _train(coordinates: BlocksSource) -> Arrays:
    n = coordinates.shape[0]
    return {"centres": train_centres(coordinates.take(training_rows(n)), n)}


def _assign(coordinates: BlocksSource, store: Store, begin: int, end: int) -> Arrays:
    centres = file_source(store, "centres", "centres").read(0, coordinates.shape[0])
    of_row = np.empty(end - begin, dtype=np.int32)
    for start in range(begin, end, ROWS_PER_JOB):
        stop = min(start + ROWS_PER_JOB, end)
        of_row[start - begin : stop - begin] = nearest_centre(
            coordinates.read(start, stop), centres
        )
    return {"of_row": of_row}


@dataclass(frozen=True)
class Sorted:
    """Rows in the order of their clusters.

    Attributes
    ----------
    order : source (n,) of the row at each place; ``centres`` : source of the centres.
    coordinates : source of the rows' coordinates in that order, in shards.
    cluster_starts : source (n_clusters + 1,) of the place where each cluster begins.
    shards : (n_shards + 1,) the first cluster of each shard, and their number.
    """

    order: FileSource
    centres: FileSource
    coordinates: BlocksSource
    cluster_starts: FileSource
    shards: tuple[int, ...]


def sorted_by_cluster(
    run: Run, store: Store, coordinates: BlocksSource, clusters: Clusters
) -> Sorted:
    """Write the rows' coordinates in the order of their clusters."""
    width = coordinates.shape[1]
    write_once(store, "order", {"order": clusters.order, "starts": clusters.starts})
    order = file_source(store, "order", "order")
    shards = [0]
    for cluster in range(clusters.count):
        rows = clusters.starts[cluster + 1] - clusters.starts[shards[-1]]
        if rows * width * 4 > _SHARD_BYTES and cluster > shards[-1]:
            shards.append(cluster)
    shards.append(clusters.count)
    starts = tuple(int(clusters.starts[c]) for c in shards)
    run.do(
        Unit(block_name("sorted", i), _sorted_shard, (coordinates, order, *rows), store)
        for i, rows in enumerate(ranges(starts))
    )
    return Sorted(
        order,
        file_source(store, "centres", "centres"),
        BlocksSource(store, "sorted", "coordinates", starts, np.dtype(np.float32), (width,)),
        file_source(store, "order", "starts"),
        tuple(shards),
    )


def _sorted_shard(coordinates: BlocksSource, order: FileSource, begin: int, end: int) -> Arrays:
    return {"coordinates": coordinates.take(order.read(begin, end))}


def block_starts(n: int) -> tuple[int, ...]:
    """Where the blocks of rows that ask begin."""
    return starts_of(n, ROWS_PER_BLOCK)


def candidates_of_block(
    features: Features, ordered: Sorted, n_probes: int, length: int, begin: int, end: int
) -> tuple[Ints, npt.NDArray[np.int32]]:
    """The rows at places [begin, end), and the candidates (rows, length) of each."""
    rows = ordered.order.read(begin, end)
    x = ordered.coordinates.read(begin, end)
    centres = ordered.centres.read(0, ordered.centres.shape[0])
    starts = ordered.cluster_starts.read(0, len(centres) + 1)
    probes = np.concatenate(
        [
            nearest_centres(x[i : i + ROWS_PER_JOB], centres, n_probes)
            for i in range(0, len(x), ROWS_PER_JOB)
        ]
    )
    of_shard: dict[int, list[tuple[int, Ints]]] = {}
    for cluster, who in meetings(probes):
        shard = int(np.searchsorted(ordered.shards, cluster, side="right")) - 1
        of_shard.setdefault(shard, []).append((cluster, who))
    del probes

    best = (
        _meet(x, begin, of_shard, ordered, starts, length)
        if features.tags is None
        else _meet_in_groups(x, begin, of_shard, ordered, starts, length, features)
    )
    ids = ordered.order.take(np.maximum(best, 0).ravel()).reshape(best.shape)
    return rows, np.where(best >= 0, ids, -1).astype(np.int32)


_Meetings = dict[int, list[tuple[int, Ints]]]


def _meet(
    x: Singles, begin: int, of_shard: _Meetings, ordered: Sorted, starts: Ints, length: int
) -> npt.NDArray[np.int32]:
    """Places of the best (rows, length) of rows from place ``begin`` on."""
    lists = _core.CandidateLists(len(x), length, _core.RowGroups())
    for shard, met in of_shard.items():
        y = _shard(ordered, shard)
        first = ordered.coordinates.starts[shard]
        for cluster, who in met:
            a, b = (int(s) for s in starts[cluster : cluster + 2])
            if b > a:
                similarities = _product(x[who], y[a - first : b - first])
                lists.add_queries(similarities, begin + who, a, begin)
        del y
    best: npt.NDArray[np.int32] = lists.arrays()[0]
    return best


def _meet_in_groups(
    x: Singles,
    begin: int,
    of_shard: _Meetings,
    ordered: Sorted,
    starts: Ints,
    length: int,
    features: Features,
) -> npt.NDArray[np.int32]:
    """As `_meet`, shard by shard: groups are of the rows that meet."""
    asking = np.arange(begin, begin + len(x))
    places, similarities = [np.full((len(x), 1), -1)], [np.full((len(x), 1), -np.inf, np.float32)]
    for shard, met in of_shard.items():
        y = _shard(ordered, shard)
        first = ordered.coordinates.starts[shard]
        # Ascending, so that ties stay with the lower place.
        together = np.union1d(asking, np.arange(first, first + len(y)))
        own = np.searchsorted(together, asking)
        offset = int(np.searchsorted(together, first)) - first
        groups = features.groups(ordered.order.take(together))
        lists = _core.CandidateLists(len(together), length, groups.core)
        for cluster, who in met:
            a, b = (int(s) for s in starts[cluster : cluster + 2])
            if b > a:
                values = _product(x[who], y[a - first : b - first])
                lists.add_queries(values, own[who], offset + a)
        found, values = lists.arrays()
        found = found[own]
        places.append(np.where(found >= 0, together[found], -1))
        similarities.append(values[own])
        del y, lists
    best, _ = merged(places, similarities, length, distinct=True)
    return best


def _shard(ordered: Sorted, shard: int) -> Singles:
    mapped = ordered.coordinates.block(shard).map()
    width = ordered.coordinates.shape[1]
    return np.empty((0, width), np.float32) if mapped is None else np.asarray(mapped)


def _product(x: Singles, y: Singles) -> Singles:
    return np.ascontiguousarray(x @ y.T)
