"""Features as unit vectors, read block by block from wherever they are.

The matrix (in memory or mapped from a file; float16, float32 or float64) is never copied as a
whole: blocks of rows come out as float32 unit vectors, and cosines of given pairs in double, always
with the same order of additions.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.inputs import Matrix
from liid_cut.neighbors.workers import Workers

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

ZERO_ROWS = ("error", "isolate")
_ROWS_PER_JOB = 1024
_PAIRS_PER_JOB = 1 << 14


class Vectors(Protocol):
    """Float32 vectors whose inner products a search compares."""

    n: int
    d: int

    def load(self, begin: int, end: int) -> Singles:
        """Rows [begin, end), C-contiguous (end - begin, d)."""


class Rows(Protocol):
    """The rows of a feature matrix, wherever they are; scaled to length 1."""

    @property
    def n(self) -> int:
        """Number of rows."""

    @property
    def d(self) -> int:
        """Number of columns."""

    def unit(self, ids: Ints, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Some rows as unit vectors (len(ids), d) of float32 or float64."""


class ArrayVectors:
    """Vectors that are an array."""

    def __init__(self, array: Singles) -> None:
        self.array = array
        self.n, self.d = array.shape

    def load(self, begin: int, end: int) -> Singles:
        """Rows [begin, end), without a copy."""
        return self.array[begin:end]


class UnitRows:
    """The rows of a feature matrix, or some of them, scaled to length 1.

    Parameters
    ----------
    feats : (n_all, d) floats in native byte order.
    index : rows to take, in this order; None: all. Below, row i is ``feats[index[i]]``.

    Attributes
    ----------
    n, d : numbers of rows and columns.
    rounding : how far an inner product of two unit rows, computed in single precision in any order
        of additions, may be from their cosine.
    """

    def __init__(self, feats: Matrix, workers: Workers, index: Ints | None = None) -> None:
        self.feats = feats
        self.index = index
        self.workers = workers
        self.n = len(feats) if index is None else len(index)
        self.d = feats.shape[1]
        # Two unit vectors rounded to single precision and a sum of d products.
        self.rounding = (self.d + 4) * 2.0**-24
        self._rows = _core.CosineRows(feats, index)
        self.workers.run(lambda job: self._rows.measure(*job), _ranges(0, self.n, _ROWS_PER_JOB))
        self.lengths: Floats = self._rows.lengths()
        release(feats)

    @property
    def fingerprints(self) -> npt.NDArray[np.uint64]:
        """(n,) equal for equal rows, hardly ever for others."""
        prints: npt.NDArray[np.uint64] = self._rows.fingerprints()
        return prints

    def load(self, begin: int, end: int) -> Singles:
        """Rows [begin, end) as float32 unit vectors (end - begin, d)."""
        out = np.empty((end - begin, self.d), dtype=np.float32)

        def convert(part: tuple[int, int]) -> None:
            ids = np.arange(begin + part[0], begin + part[1])
            self._rows.unit_rows(ids, out[slice(*part)])

        self.workers.run(convert, _ranges(0, end - begin, _ROWS_PER_JOB))
        release(self.feats)
        return out

    def unit(self, ids: Ints, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Some rows as unit vectors (len(ids), d) of float32 or float64, on the calling thread."""
        out = np.empty((len(ids), self.d), dtype=dtype)
        self._rows.unit_rows(ids, out)
        return out

    def cosines(self, u: Ints, v: Ints) -> Floats:
        """cos(u[i], v[i]) in double; symmetric and equal for equal rows to the last bit."""
        values: Floats = self._rows.cosines(u, v)
        return values

    def many_cosines(self, u: Ints, v: Ints) -> Floats:
        """As :meth:`cosines`, on all threads."""
        values = np.empty(len(u))

        def job(part: tuple[int, int]) -> None:
            at = slice(*part)
            values[at] = self._rows.cosines(u[at], v[at])

        self.workers.run(job, _ranges(0, len(u), _PAIRS_PER_JOB))
        return values


def check_rows(feats: Matrix, rows: UnitRows, zero_rows: str) -> None:
    """Raise a ``ValueError`` that names the first entry or row that is not allowed."""
    bad = np.flatnonzero(np.isnan(rows.lengths))
    if bad.size:
        row = int(bad[0])
        column = int(np.argmin(np.isfinite(feats[row])))
        raise ValueError(
            f"feats[{row}, {column}] is {feats[row, column]}; every entry must be finite"
        )
    zero = np.flatnonzero(rows.lengths == 0)
    if zero.size and zero_rows == "error":
        raise ValueError(
            f"feats[{zero[0]}] is all zero; a zero vector has no cosine: leave it out, or let it "
            "have no neighbours with zero_rows='isolate'"
        )


def release(feats: Matrix) -> None:
    """Give back the memory that pages of a read-only mapped file occupy; they can be read again."""
    base: Any = feats
    while base is not None:
        if isinstance(base, np.memmap) and base.mode == "r":
            mapped: Any = base._mmap  # type: ignore[attr-defined]
            if sys.platform != "win32":
                mapped.madvise(mmap.MADV_DONTNEED)
            return
        base = getattr(base, "base", None)


def _ranges(begin: int, end: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, end)) for start in range(begin, end, size)]
