"""All pairs of rows: (panel x panel) units, each pair once, merged into candidates of each panel.

Tiles have the shapes that `liid_cut.neighbors.tiles` gives them, for panels begin at multiples of
`TILE`: the same products, and so the same candidates to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.distributed.features import Features
from liid_cut.distributed.neighbors.lists import merged
from liid_cut.distributed.neighbors.sample import named
from liid_cut.distributed.ranges import ranges, starts_of
from liid_cut.distributed.run import Run
from liid_cut.distributed.sources import BlocksSource, Ints, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.neighbors.rows import ArrayVectors, Singles
from liid_cut.neighbors.tiles import TILE, Tile, all_pairs
from liid_cut.neighbors.workers import workers
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

_PANEL_BYTES = 64 << 20
_MOST_TILES = 16


def candidates_of_all_pairs(
    run: Run,
    store: Store,
    prefix: str,
    features: Features,
    coordinates: BlocksSource | None,
    length: int,
) -> tuple[int, ...]:
    """Blocks ``prefix-i`` with ``ids`` and ``similarities`` (rows, length) of all rows.

    Compared are ``coordinates``, or where there are none the unit rows. Returns where the blocks
    begin.
    """
    d = features.d if coordinates is None else coordinates.shape[1]
    size = TILE * int(np.clip(_PANEL_BYTES // (TILE * d * 4), 1, _MOST_TILES))
    starts = starts_of(features.n, size)
    panels = ranges(starts)
    pairs = [(p, q) for p in range(len(panels)) for q in range(p, len(panels))]
    run.do(
        Unit(
            _pair_name(prefix, p, q),
            _compare,
            (features, coordinates, panels[p], panels[q], length),
            store,
        )
        for p, q in pairs
    )
    run.do(
        Unit(block_name(prefix, p), _merge, (store, prefix, p, len(panels), length), store)
        for p in range(len(panels))
    )
    return starts


def _pair_name(prefix: str, p: int, q: int) -> str:
    return f"{prefix}-pair-{p:06d}-{q:06d}"


def _compare(
    features: Features,
    coordinates: BlocksSource | None,
    first: tuple[int, int],
    second: tuple[int, int],
    length: int,
) -> Arrays:
    """The best of panel ``first`` among ``second``, and the other way round."""
    both = [first] if first == second else [first, second]
    ids = np.concatenate([np.arange(*panel) for panel in both])
    vectors: list[Singles] = [
        features.unit(np.arange(*panel), np.float32)
        if coordinates is None
        else coordinates.read(*panel)
        for panel in both
    ]
    lists = _core.CandidateLists(len(ids), length, features.groups(ids).core)
    n_first = len(vectors[0])

    def visit(tile: Tile) -> None:
        lists.add_tile(tile.similarities, tile.a, tile.b)

    with workers(1) as pool:
        if first == second:
            all_pairs(ArrayVectors(vectors[0]), visit, pool, 1 << 62)
        else:
            _rectangle(vectors[0], vectors[1], n_first, lists)
    places, similarities = lists.arrays()
    found = named(ids, places)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, rows in (("first", slice(0, n_first)), ("second", slice(n_first, None))):
        arrays[f"{name}_ids"] = found[rows]
        arrays[f"{name}_similarities"] = similarities[rows]
    return arrays


def _rectangle(x: Singles, y: Singles, n_first: int, lists: Any) -> None:
    buffer = np.empty(TILE * TILE, dtype=np.float32)
    for i in range(0, len(x), TILE):
        for j in range(0, len(y), TILE):
            rows, columns = x[i : i + TILE], y[j : j + TILE]
            out = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            np.dot(rows, columns.T, out=out)
            lists.add_tile(out, i, n_first + j)


def _merge(store: Store, prefix: str, p: int, n_panels: int, length: int) -> Arrays:
    """The best of panel p among all."""
    ids, similarities = [], []
    for q in range(n_panels):
        name = _pair_name(prefix, min(p, q), max(p, q))
        side = "first" if p <= q else "second"
        own = [file_source(store, name, f"{side}_{of}") for of in ("ids", "similarities")]
        ids.append(own[0].read(0, own[0].shape[0]))
        similarities.append(own[1].read(0, own[1].shape[0]))
    best, values = merged(ids, similarities, length, distinct=True)
    return {"ids": best, "similarities": values}


def rows_of(starts: tuple[int, ...], i: int) -> Ints:
    """The rows of block i."""
    return np.arange(starts[i], starts[i + 1])
