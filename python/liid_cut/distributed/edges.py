"""The graph's edges from blocks of the table of neighbours (Eq. 10), as units.

As `liid_cut.weights.weighted_table` and `liid_cut.graph.neighbor_edges`: each undirected edge comes
from one block, with the same weight to the last bit. (The two ends of a pair list the same cosine,
so that the mean over both is the weight of either.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.distributed.neighbors.ranking import Table
from liid_cut.distributed.ranges import ranges
from liid_cut.distributed.run import Run
from liid_cut.distributed.sources import Ints, block_name
from liid_cut.distributed.units import Unit
from liid_cut.graph import Edges, Weights
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store
from liid_cut.weights import local_scales, local_weights, squared_distances

_ROWS_AT_ONCE = 1 << 14


def edges_of_table(
    run: Run, store: Store, table: Table, kind: str, symmetrize: str
) -> tuple[Edges, Weights]:
    """Canonical edges (m, 2) and weights (m,) at delta 1."""
    n = table.ids.shape[0]
    parts = run.do(
        Unit(
            block_name("edges", i),
            _edges,
            (table, kind, symmetrize, *rows),
            store,
            ("edges", "weights"),
        )
        for i, rows in enumerate(ranges(table.ids.starts))
    )
    edges = np.concatenate([np.empty((0, 2), np.int32), *(part["edges"] for part in parts)])
    weights = np.concatenate([np.empty(0), *(part["weights"] for part in parts)])
    canonical: tuple[Edges, Weights] = _core.canonical_edges(n, edges, weights)
    return canonical


def _edges(table: Table, kind: str, symmetrize: str, begin: int, end: int) -> Arrays:
    edges, weights = [np.empty((0, 2), np.int32)], [np.empty(0)]
    for start in range(begin, end, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, end))
        ids = table.ids.read(start, int(rows[-1]) + 1)
        cosines = table.cosines.read(start, int(rows[-1]) + 1)
        u, column = np.nonzero(ids >= 0)
        v = ids[u, column].astype(np.int64)
        their_ids, their_cosines = table.ids.take(v), table.cosines.take(v)
        is_named = (their_ids == rows[u, None]).any(axis=1)
        lower = rows[u] < v
        keep = is_named & lower if symmetrize == "mutual" else ~is_named | lower
        weight = _weights(kind, ids, cosines, their_ids, their_cosines, u, column)
        keep &= weight > 0
        ends = np.stack([rows[u], v], axis=1)[keep]
        edges.append(np.sort(ends, axis=1).astype(np.int32))
        weights.append(weight[keep])
    return {"edges": np.concatenate(edges), "weights": np.concatenate(weights)}


def _weights(
    kind: str,
    ids: npt.NDArray[np.int32],
    cosines: npt.NDArray[np.float64],
    their_ids: npt.NDArray[np.int32],
    their_cosines: npt.NDArray[np.float64],
    u: Ints,
    column: Ints,
) -> Weights:
    """Weights of the pairs that the table lists at ``[u, column]``."""
    values = cosines[u, column]
    if kind == "abs":
        return np.abs(values)
    if kind == "clip":
        return np.maximum(values, 0.0)
    squares = squared_distances(ids, cosines)
    theirs = squared_distances(their_ids, their_cosines)
    return local_weights(squares[u, column], local_scales(squares)[u], local_scales(theirs))
