"""The exact neighbours of a few rows: (queries x range of rows) units, merged by the client."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.features import Features
from liid_cut.distributed.neighbors.lists import merged
from liid_cut.distributed.ranges import ranges, row_starts
from liid_cut.distributed.run import Run
from liid_cut.distributed.sources import Ints
from liid_cut.distributed.units import Unit
from liid_cut.neighbors.nearest import Nearest, search_rows
from liid_cut.neighbors.rows import UnitRows
from liid_cut.neighbors.workers import workers
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

_QUERIES = 1024


def exact_neighbors(
    run: Run, store: Store, prefix: str, features: Features, queries: Ints, k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Ids and cosines (len(queries), k) of the nearest rows of some rows, ascending."""
    starts = row_starts(features.n, features.d * 8)
    units = [
        Unit(
            f"{prefix}-{start:09d}-{begin:09d}",
            _in_range,
            (features, queries[start : start + _QUERIES], k, begin, end),
            store,
            ("ids", "cosines"),
        )
        for start in range(0, len(queries), _QUERIES)
        for begin, end in ranges(starts)
    ]
    parts = run.do(units)
    n_ranges = len(starts) - 1
    found = [
        merged(
            [part["ids"] for part in parts[i : i + n_ranges]],
            [part["cosines"] for part in parts[i : i + n_ranges]],
            k,
            distinct=False,
        )
        for i in range(0, len(parts), n_ranges)
    ]
    if not found:
        return np.empty((0, k), dtype=np.int32), np.empty((0, k))
    return np.concatenate([ids for ids, _ in found]), np.concatenate([c for _, c in found])


def _in_range(features: Features, queries: Ints, k: int, begin: int, end: int) -> Arrays:
    """The nearest of the queries among rows [begin, end), and among the queries themselves."""
    ids = np.union1d(queries, np.arange(begin, end))  # ascending: ties stay with the lower row
    with workers(1) as pool:
        nearest = Nearest(UnitRows(features.take(ids), pool), k, features.groups(ids))
        at = np.searchsorted(ids, queries)
        search_rows(at, nearest)
        found, cosines = nearest.arrays()
    return {"ids": named(ids, found[at]), "cosines": cosines[at]}


def named(ids: Ints, places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Places in ``ids``, negative: none, as ids."""
    return np.where(places >= 0, ids[places], -1).astype(np.int32)
