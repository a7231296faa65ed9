"""The table of all rows: zero rows have no neighbours, late copies those of the first.

As `liid_cut.neighbors.duplicates`, which decides what is searched, from lengths and fingerprints.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.features import Features
from liid_cut.distributed.neighbors.ranking import Table
from liid_cut.distributed.neighbors.search import search
from liid_cut.distributed.ranges import ranges, starts_of
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import FileSource, Ints, Source, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.neighbors.duplicates import kept_rows, with_first
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.methods import SearchSettings, report_of
from liid_cut.neighbors.rows import check_rows
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

_ROWS_PER_BLOCK = 1 << 16


def table_of(
    run: Run,
    store: Store,
    feats: Source,
    tags: Source | None,
    lengths: npt.NDArray[np.float64],
    fingerprints: npt.NDArray[np.uint64],
    n_neighbors: int,
    settings: SearchSettings,
) -> tuple[Table | None, dict[str, Any]]:
    """The nearest other rows of every row of ``feats``, and the report; None: no neighbours.

    Raises
    ------
    ValueError : a zero row, too little memory.
    """
    n = int(feats.shape[0])
    measured: Any = SimpleNamespace(n=n, lengths=lengths, fingerprints=fingerprints)
    on_demand: Any = _OnDemand(feats)
    check_rows(on_demand, measured, settings.zero_rows)
    k = min(n_neighbors, max(n - 1, 0))
    if k == 0:
        return None, report_of(settings, "none", True, "there are no neighbours to find")
    groups: Any = SimpleNamespace(bits=None if tags is None else _GroupBits(tags))
    kept = kept_rows(on_demand, measured, k, groups)
    if len(kept.rows) == n:
        return search(run, store, Features(feats, n, None, tags), k, settings)
    write_once(store, "kept", {"rows": kept.rows, "copies": kept.copies, "firsts": kept.firsts})
    rows, copies, firsts = (
        file_source(store, "kept", name) for name in ("rows", "copies", "firsts")
    )
    features = Features(feats, len(kept.rows), rows, tags)
    table, report = search(run, store, features, k, settings)
    starts = starts_of(n, _ROWS_PER_BLOCK)
    run.do(
        Unit(
            block_name("all", i),
            _all_rows,
            (features, table, rows, copies, firsts, *block),
            store,
        )
        for i, block in enumerate(ranges(starts))
    )
    return Table.of(store, "all", starts, k), report


def _all_rows(
    features: Features,
    table: Table,
    rows: FileSource,
    copies: FileSource,
    firsts: FileSource,
    begin: int,
    end: int,
) -> Arrays:
    k = table.ids.shape[1]
    ids = np.full((end - begin, k), -1, dtype=np.int32)
    cosines = np.full((end - begin, k), -np.inf)
    kept = rows.read(0, rows.shape[0])
    a, b = np.searchsorted(kept, [begin, end])
    places = np.arange(a, b)
    ids[kept[a:b] - begin] = _named(kept, table.ids.take(places))
    cosines[kept[a:b] - begin] = table.cosines.take(places)
    copy = copies.read(0, copies.shape[0])
    c, d = np.searchsorted(copy, [begin, end])
    if d > c:
        of = firsts.read(int(c), int(d))
        own = features.cosines(of, of[:, None])[:, 0]
        groups = features.groups(of)
        own[~groups.share(np.arange(len(of)), np.arange(len(of)))] = -np.inf
        at = copy[c:d] - begin
        ids[at], cosines[at] = with_first(
            _named(kept, table.ids.take(of)).astype(np.int64),
            table.cosines.take(of),
            kept[of],
            own,
        )
    return {"ids": ids, "cosines": cosines}


def _named(kept: Ints, places: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.where(places >= 0, kept[places], -1).astype(np.int32)


class _OnDemand:
    """A source that is indexed by rows, as an array is."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return self[key[0]][key[1]]
        return self._source.take(np.array([key]))[0]


class _GroupBits:
    """Bits of rows' groups, indexed by one row or several."""

    def __init__(self, tags: Source) -> None:
        self._tags = tags

    def __getitem__(self, key: Any) -> npt.NDArray[np.uint64]:
        ids = np.atleast_1d(np.asarray(key))
        bits = Groups.of(self._tags.take(ids)[:, 1:]).bits
        assert bits is not None
        return bits if np.ndim(key) else bits[0]
