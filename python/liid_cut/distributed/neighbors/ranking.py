"""The exact stage: candidates ranked by cosines in double, in three steps of units.

1. *ranked*: the cosines of a block's candidates, and the best of them.
2. *offers*: where row u has candidate v, v may not have u: u is offered to v if it is as near as
   the last of v's best.
3. *table*: the best of own candidates and offers, in the order of rows.

As in `liid_cut.neighbors.nearest`, where a pair counts for both of its rows. Blocks of candidates
may hold the rows in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.features import Features
from liid_cut.distributed.neighbors.lists import merged, nearest_of
from liid_cut.distributed.ranges import ranges, starts_of
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import BlocksSource, FileSource, Ints, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

_ROWS_OF_TABLE = 1 << 16


@dataclass(frozen=True)
class Table:
    """Nearest rows in blocks: ``ids`` (n, k) int32, -1: none, and ``cosines`` (n, k) float64."""

    ids: BlocksSource
    cosines: BlocksSource

    @classmethod
    def of(cls, store: Store, prefix: str, starts: tuple[int, ...], k: int) -> Table:
        """The table whose blocks are ``prefix-i``."""
        return cls(
            BlocksSource(store, prefix, "ids", starts, np.dtype(np.int32), (k,)),
            BlocksSource(store, prefix, "cosines", starts, np.dtype(np.float64), (k,)),
        )


def ranked(features: Features, k: int, rows: Ints, candidates: npt.NDArray[np.int32]) -> Arrays:
    """Step 1: ``rows``, ``candidates`` and their ``pairs``' cosines, best ``ids`` and ``cosines``.

    ``candidates`` (rows, c) int32, of a row no two equal; -1: none. ``last``: the k-th best cosine.
    """
    pairs = features.cosines(rows, candidates)
    ids, cosines = merged([candidates], [pairs], k, distinct=True)
    return {
        "rows": rows,
        "candidates": candidates,
        "pairs": pairs,
        "ids": ids,
        "cosines": cosines,
        "last": cosines[:, -1],
    }


def table_of_ranked(
    run: Run,
    store: Store,
    prefix: str,
    starts: tuple[int, ...],
    k: int,
    parts: Sequence[Arrays],
    place: FileSource | None,
) -> Table:
    """Steps 2 and 3, of blocks ``prefix-i`` that `ranked` made.

    Parameters
    ----------
    parts : ``rows`` and ``last`` of each block.
    place : source of the place of each row in those blocks; None: its number.
    """
    last = np.empty(starts[-1])
    for part in parts:
        last[part["rows"]] = part["last"]
    write_once(store, f"{prefix}-last", {"last": last})
    of_last = file_source(store, f"{prefix}-last", "last")
    own = Table.of(store, prefix, starts, k)
    table_starts = starts_of(starts[-1], _ROWS_OF_TABLE)
    run.do(
        Unit(
            block_name(f"{prefix}-offers", i),
            _offers,
            (store, block_name(prefix, i), own, of_last, place, table_starts),
            store,
        )
        for i in range(len(starts) - 1)
    )
    name = f"{prefix}-table"
    run.do(
        Unit(
            block_name(name, r),
            _rows_of_table,
            (store, prefix, len(starts) - 1, own, place, r, *rows),
            store,
        )
        for r, rows in enumerate(ranges(table_starts))
    )
    return Table.of(store, name, table_starts, k)


def _offers(
    store: Store,
    block: str,
    own: Table,
    last: FileSource,
    place: FileSource | None,
    table_starts: tuple[int, ...],
) -> Arrays:
    rows, candidates, pairs = (
        file_source(store, block, name) for name in ("rows", "candidates", "pairs")
    )
    n, width = candidates.shape
    u = np.repeat(rows.read(0, n), width)
    v = candidates.read(0, n).ravel().astype(np.int64)
    cosines = pairs.read(0, n).ravel()
    present = v >= 0
    u, v, cosines = u[present], v[present], cosines[present]
    keep = cosines >= last.take(v)
    u, v, cosines = u[keep], v[keep], cosines[keep]
    at = v if place is None else place.take(v)
    new = ~(own.ids.take(at) == u[:, None]).any(axis=1)
    u, v, cosines = u[new], v[new], cosines[new]
    order = np.argsort(v, kind="stable")
    bounds = np.searchsorted(v[order], np.array(table_starts))
    return {"to": v[order], "ids": u[order], "cosines": cosines[order], "bounds": bounds}


def _rows_of_table(
    store: Store,
    prefix: str,
    n_blocks: int,
    own: Table,
    place: FileSource | None,
    r: int,
    begin: int,
    end: int,
) -> Arrays:
    at = np.arange(begin, end) if place is None else place.read(begin, end)
    ids, cosines = own.ids.take(at), own.cosines.take(at)
    k = ids.shape[1]
    offers = [(np.repeat(np.arange(end - begin), k), ids.ravel(), cosines.ravel())]
    for i in range(n_blocks):
        name = block_name(f"{prefix}-offers", i)
        a, b = file_source(store, name, "bounds").read(r, r + 2)
        if b > a:
            to, who, values = (
                file_source(store, name, array).read(int(a), int(b))
                for array in ("to", "ids", "cosines")
            )
            offers.append((to - begin, who, values))
    to, who, values = (np.concatenate([part[i] for part in offers]) for i in range(3))
    ids, cosines = nearest_of(to, who, values, end - begin, k)
    return {"ids": ids, "cosines": cosines}
