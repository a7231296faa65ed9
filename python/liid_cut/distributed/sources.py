"""Matrices on disk that any worker can read, by ranges and by single rows.

Input: what a user passes (an array, ``np.memmap``, the path of an ``.npy`` file) or blocks that
units have written. Output: a `Source`, small enough to be sent to workers. Nothing is read before
it is asked for, and pages of mapped files are given back at once, so that a worker's memory is
that of the rows that it asked for.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from liid_cut.neighbors.rows import release
from liid_cut.runs.store import Store

Ints = npt.NDArray[np.int64]

# Of a mapped file, pages of no more than this are in memory while single rows are taken.
_SPAN_BYTES = 64 << 20
_MOST_KNOWN = 1 << 14


class Source(Protocol):
    """A matrix (n, d), or a vector (n,), in files that all workers see."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d) or (n,)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the entries."""

    def read(self, begin: int, end: int) -> npt.NDArray[Any]:
        """A copy of rows [begin, end)."""

    def take(self, ids: Ints) -> npt.NDArray[Any]:
        """A copy of some rows, in this order."""


@dataclass(frozen=True)
class FileSource:
    """An array inside a file: its data begin at ``offset``, in C or Fortran order.

    Copies come in the file's order, so that whatever NumPy sums along rows has the same last bits
    as for the whole array.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    fortran: bool = False

    @classmethod
    def of_npy(cls, path: Path) -> FileSource:
        """The array of an ``.npy`` file of numbers; raises ``ValueError`` and ``OSError``."""
        array = np.lib.format.open_memmap(path, mode="r")
        return cls.of_map(array)

    @classmethod
    def of_map(cls, array: np.memmap[Any, Any]) -> FileSource:
        """The file behind a map of a whole array."""
        fortran = bool(array.flags.f_contiguous and not array.flags.c_contiguous)
        assert array.filename is not None
        return cls(Path(array.filename), array.shape, array.dtype, array.offset, fortran)

    @classmethod
    def of_whole(cls, array: np.memmap[Any, Any]) -> FileSource | None:
        """The file behind a user's map; None for a part of one, or where it was changed privately.

        Parts, and arrays computed from maps, are maps too as far as their type says.
        """
        mapped = getattr(array, "_mmap", None)
        is_whole = array.base is mapped and array.filename is not None and array.mode != "c"
        contiguous = array.flags.c_contiguous or array.flags.f_contiguous
        return cls.of_map(array) if mapped is not None and is_whole and contiguous else None

    def read(self, begin: int, end: int) -> npt.NDArray[Any]:
        """A copy of rows [begin, end)."""
        array = self.map()
        if array is None:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return self._copy(array[begin:end])

    def take(self, ids: Ints) -> npt.NDArray[Any]:
        """A copy of some rows, in this order."""
        out = np.empty((len(ids), *self.shape[1:]), self.dtype, "F" if self.fortran else "C")
        array = self.map()
        if array is None or len(ids) == 0:
            return out
        if int(ids[-1]) - int(ids[0]) == len(ids) - 1 and (np.diff(ids) == 1).all():
            return self._copy(array[int(ids[0]) : int(ids[-1]) + 1])
        row_bytes = max(1, self.dtype.itemsize * int(np.prod(self.shape[1:])))
        if self.shape[0] * row_bytes <= _SPAN_BYTES:
            out[...] = array[ids]
            return out
        order = np.argsort(ids, kind="stable")
        wanted = np.asarray(ids)[order]
        span = max(1, _SPAN_BYTES // row_bytes)
        begin = 0
        while begin < len(wanted):
            end = int(np.searchsorted(wanted, wanted[begin] + span))
            out[order[begin:end]] = array[wanted[begin:end]]
            release(array)
            begin = end
        return out

    def map(self) -> np.memmap[Any, Any] | None:
        """The array, mapped; None for an empty one."""
        if 0 in self.shape:
            return None  # an empty file cannot be mapped
        order: Any = "F" if self.fortran else "C"
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)

    def _copy(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.array(rows, order="F" if self.fortran else "C", subok=False)


@dataclass(frozen=True)
class BlocksSource:
    """One array of the blocks of a stage, one after another.

    Attributes
    ----------
    store, prefix, array : block i is the array of that name in the store's ``prefix-i``.
    starts : (n_blocks + 1,) the first row of each block, and the number of rows.
    """

    store: Store
    prefix: str
    array: str
    starts: tuple[int, ...]
    dtype: np.dtype[Any]
    columns: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all blocks together."""
        return (self.starts[-1], *self.columns)

    def block(self, i: int) -> FileSource:
        """Block i alone."""
        return file_source(self.store, block_name(self.prefix, i), self.array)

    def read(self, begin: int, end: int) -> npt.NDArray[Any]:
        """A copy of rows [begin, end)."""
        first, last = self._blocks_of(np.array([begin, max(begin, end - 1)]))
        parts = []
        for i in range(first, last + 1):
            start = self.starts[i]
            parts.append(self.block(i).read(max(begin - start, 0), end - start))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def take(self, ids: Ints) -> npt.NDArray[Any]:
        """A copy of some rows, in this order."""
        ids = np.asarray(ids)
        out = np.empty((len(ids), *self.columns), self.dtype)
        of = self._blocks_of(ids)
        order = np.argsort(of, kind="stable")
        bounds = np.flatnonzero(np.diff(of[order], prepend=-1, append=len(self.starts)))
        for begin, end in itertools.pairwise(bounds):
            at = order[begin:end]
            i = int(of[at[0]])
            out[at] = self.block(i).take(ids[at] - self.starts[i])
        return out

    def _blocks_of(self, ids: Ints) -> Ints:
        return np.searchsorted(np.array(self.starts), ids, side="right") - 1


def block_name(prefix: str, i: int) -> str:
    """The name of a stage's block i in its store."""
    return f"{prefix}-{i:06d}"


def file_source(store: Store, name: str, array: str) -> FileSource:
    """One array of a block that this run has read or written."""
    try:
        return _sources_of(store, name, store.path(name).stat().st_mtime_ns)[array]
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{store.folder}: block {name} is gone while the run needs it"
        ) from None


_known: OrderedDict[tuple[Any, ...], dict[str, FileSource]] = OrderedDict()
_known_lock = threading.Lock()


def _sources_of(store: Store, name: str, written_at: int) -> dict[str, FileSource]:
    """Where the arrays of a block are in its file; a block that is asked for often is parsed once.

    ``written_at`` tells a block from an older one of the same name.
    """
    key = store.folder, name, written_at
    with _known_lock:
        if key in _known:
            return _known[key]
    arrays = store.map(name) or {}
    found = {
        of: FileSource.of_map(values)
        if isinstance(values, np.memmap)
        else FileSource(store.folder, values.shape, values.dtype, 0)  # an empty one is no map
        for of, values in arrays.items()
    }
    with _known_lock:
        _known[key] = found
        if len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)
    return found
