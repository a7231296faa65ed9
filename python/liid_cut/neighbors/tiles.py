"""All pairs of vectors, as tiles of their similarity matrix.

The matrix is symmetric: only tiles on and above its diagonal are computed, half of the products.
Vectors are loaded in panels that fit the memory budget; a panel pair is one step, its tiles run on
all threads. Tiles have a shape that depends on n alone, so their bits do too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from liid_cut.neighbors.rows import Singles, Vectors
from liid_cut.neighbors.workers import Workers

TILE = 1024
# A step should be seconds of work: that much is lost when a search is killed.
_MOST_TILES_PER_PANEL = 16


@dataclass(frozen=True)
class Tile:
    """Similarities (n_a, n_b) of rows from ``a`` on with rows from ``b`` on; ``b >= a``.

    Valid only while it is visited.
    """

    similarities: Singles
    a: int
    b: int


def all_pairs(
    vectors: Vectors,
    visit: Callable[[Tile], None],
    workers: Workers,
    max_bytes: int,
    first_step: int = 0,
    after_step: Callable[[int], None] = lambda step: None,
) -> None:
    """Visit every pair of rows once, in tiles; a tile on the diagonal holds its pairs twice.

    Parameters
    ----------
    visit : called from several threads at once.
    max_bytes : for panels and tiles together.
    first_step : skip the steps before this one, which an earlier call has finished.
    after_step : called with the number of finished steps.
    """
    buffers = threading.local()

    def job(item: tuple[Singles, int, Singles, int]) -> None:
        rows, a, columns, b = item
        if not hasattr(buffers, "tile"):
            buffers.tile = np.empty(TILE * TILE, dtype=np.float32)
        shape = len(rows), len(columns)
        out = buffers.tile[: shape[0] * shape[1]].reshape(shape)
        np.dot(rows, columns.T, out=out)
        visit(Tile(out, a, b))

    whole = vectors.n * vectors.d * 4 <= max_bytes // 2
    everything = vectors.load(0, vectors.n) if whole else None
    loaded: dict[int, Singles] = {}
    for step, (p, q) in enumerate(_panel_pairs(vectors, max_bytes)):
        if step < first_step:
            continue
        size = panel_rows(vectors, max_bytes)
        if everything is not None:
            panels = {i: everything[i * size : (i + 1) * size] for i in (p, q)}
        else:
            loaded = {i: panel for i, panel in loaded.items() if i in (p, q)}
            for i in (p, q):
                if i not in loaded:
                    loaded[i] = vectors.load(i * size, min((i + 1) * size, vectors.n))
            panels = loaded
        workers.run(job, list(_tiles(panels[p], p * size, panels[q], q * size)))
        after_step(step + 1)


def panel_rows(vectors: Vectors, max_bytes: int) -> int:
    """Rows of a panel: a multiple of TILE, so that tiles are the same for any budget."""
    n_tiles = max_bytes // 2 // (TILE * vectors.d * 4)
    return int(TILE * np.clip(n_tiles, 1, _MOST_TILES_PER_PANEL))


def _panel_pairs(vectors: Vectors, max_bytes: int) -> Iterator[tuple[int, int]]:
    n_panels = -(-vectors.n // panel_rows(vectors, max_bytes))
    for p in range(n_panels):
        for q in range(p, n_panels):
            yield p, q


def _tiles(
    rows: Singles, first_row: int, columns: Singles, first_column: int
) -> Iterator[tuple[Singles, int, Singles, int]]:
    for i in range(0, len(rows), TILE):
        for j in range(0, len(columns), TILE):
            if first_row + i <= first_column + j:
                yield (
                    rows[i : i + TILE],
                    first_row + i,
                    columns[j : j + TILE],
                    first_column + j,
                )
