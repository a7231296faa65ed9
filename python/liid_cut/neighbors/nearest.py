"""The exact stage that every method ends with: cosines in double, ranked, ties to the lower row.

`Nearest` holds the k nearest rows found so far. A method offers it candidates, in any number and
order. Rows for which the method cannot prove that it left nobody out go to `search_rows`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.rows import Floats, Ints, Singles, UnitRows

_ROWS_PER_OFFER = 1 << 16
_QUERIES = 1024
_COLUMNS = 2048
# With more candidates than this in single precision, a row is compared in double (near duplicates).
_CROWDED = 64


class Nearest:
    """The ``k`` nearest rows of every row, by cosines in double."""

    def __init__(self, rows: UnitRows, k: int, groups: Groups) -> None:
        self.rows = rows
        self.k = k
        self.groups = groups
        self.lists = _core.NearestLists(rows.n, k, groups.core)

    def offer(self, u: Ints, v: Ints) -> None:
        """Compute and rank the cosines of pairs, each for both of its rows; any thread may call."""
        self.lists.add(u, v, self.rows.cosines(u, v))

    def offer_candidates(
        self,
        ids: npt.NDArray[np.int32],
        first_step: int = 0,
        after_step: Callable[[int], None] = lambda step: None,
    ) -> None:
        """Candidates (n, c) of all rows; negative: none. Runs on all threads.

        ``first_step``, ``after_step``: as of :func:`liid_cut.neighbors.tiles.all_pairs`.
        """
        for step, start in enumerate(range(0, len(ids), _ROWS_PER_OFFER)):
            if step < first_step:
                continue
            block = ids[start : start + _ROWS_PER_OFFER]
            u = np.repeat(np.arange(start, start + len(block)), block.shape[1])
            v = block.ravel().astype(np.int64)
            keep = (v >= 0) & (v != u)
            # Of two rows that name each other, the lower one asks.
            keep &= (u < v) | ~(ids[v] == u[:, None]).any(axis=1)
            u, v = u[keep], v[keep]
            self.lists.add(u, v, self.rows.many_cosines(u, v))
            after_step(step + 1)

    def last(self, rows: Ints) -> Floats:
        """Cosine of the k-th nearest so far; -inf where fewer are known."""
        values: Floats = self.lists.last(rows)
        return values

    def thresholds(self, begin: int, end: int, margin: float) -> Singles:
        """What a single-precision bound of rows [begin, end) must reach to matter.

        ``margin`` covers the rounding of the bound; that of the threshold itself is on the safe
        side.
        """
        least = self.last(np.arange(begin, end)) - margin
        return np.nextafter(least.astype(np.float32), np.float32(-np.inf))

    def arrays(self) -> tuple[npt.NDArray[np.int32], Floats]:
        """Ids (n, k), -1 for none, and cosines (n, k), -inf there."""
        ids, cosines = self.lists.arrays()
        return ids, cosines


def search_rows(
    queries: Ints,
    nearest: Nearest,
    first_step: int = 0,
    after_step: Callable[[int], None] = lambda step: None,
) -> None:
    """Make the lists of some rows exact, whatever they hold before.

    Every row whose inner product, up to rounding, reaches the k-th cosine found so far is compared
    by its cosine. Products are in single precision, and in double for the rows that then have many
    candidates. Other rows' lists are not harmed: they may only come closer to the truth.

    ``first_step``, ``after_step``: as of :func:`liid_cut.neighbors.tiles.all_pairs`.
    """
    pool = nearest.rows.workers
    crowded: list[Ints] = []

    def single(block: Ints) -> None:
        counts = _compare(block, nearest, np.dtype(np.float32), nearest.rows.rounding, _CROWDED)
        with pool.lock:
            crowded.append(block[counts > _CROWDED])

    def double(block: Ints) -> None:
        _compare(block, nearest, np.dtype(np.float64), (nearest.rows.d + 4) * 2.0**-50, None)

    blocks = _blocks(queries)
    for step in range(first_step, len(blocks), pool.n_threads):
        done = min(step + pool.n_threads, len(blocks))
        crowded.clear()
        pool.run(single, blocks[step:done])
        pool.run(double, _blocks(np.sort(np.concatenate(crowded))))
        after_step(done)


def _compare(
    queries: Ints,
    nearest: Nearest,
    dtype: np.dtype[np.floating[Any]],
    rounding: float,
    most: int | None,
) -> Ints:
    """Compare some rows with all; stops at a row that has more than ``most`` candidates.

    Returns the number of candidates of each.
    """
    rows = nearest.rows
    x = rows.unit(queries, dtype)
    counts = np.zeros(len(queries), dtype=np.int64)
    for start in range(0, rows.n, _COLUMNS):
        columns = np.arange(start, min(start + _COLUMNS, rows.n))
        similarities = x @ rows.unit(columns, dtype).T
        least = nearest.last(queries) - rounding
        empty = np.flatnonzero(np.isneginf(least))
        least[empty] = _kth_of_block(similarities, empty, queries, columns, nearest) - 2 * rounding
        i, j = np.nonzero(similarities >= least[:, None])
        u, v = queries[i], columns[j]
        keep = (u != v) & nearest.groups.share(u, v)
        counts += np.bincount(i[keep], minlength=len(queries))
        if most is not None:
            keep &= counts[i] <= most
        nearest.offer(u[keep], v[keep])
    return counts


def _kth_of_block(
    similarities: npt.NDArray[Any], of: Ints, queries: Ints, columns: Ints, nearest: Nearest
) -> Floats:
    """The k-th largest similarity of rows ``of`` among those allowed; -inf where there are fewer.

    As good a threshold as the k-th cosine, where none is known yet.
    """
    if len(columns) < nearest.k or len(of) == 0:
        return np.full(len(of), -np.inf)
    u = np.repeat(queries[of], len(columns))
    v = np.tile(columns, len(of))
    allowed = ((u != v) & nearest.groups.share(u, v)).reshape(len(of), len(columns))
    values = np.where(allowed, similarities[of], -np.inf)
    kth: Floats = np.partition(values, -nearest.k, axis=1)[:, -nearest.k].astype(np.float64)
    return kth


def _blocks(queries: Ints) -> list[Ints]:
    return [queries[i : i + _QUERIES] for i in range(0, len(queries), _QUERIES)]
