"""Inputs that are no plain files of numbers: zarr arrays, parquet tables, dask arrays.

A reader has a shape and a dtype and reads ranges of rows, on a worker. Units read it once, block by
block, into the run's folder (`liid_cut.distributed.inputs`). The libraries are imported when such
an input is met. Nothing is unpickled that a user's file holds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Reader(Protocol):
    """A matrix that is read by ranges of rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the entries."""


@dataclass(frozen=True)
class ZarrReader:
    """A zarr array in a local folder."""

    path: Path
    component: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, begin: int, end: int) -> npt.NDArray[Any]:
        """Rows [begin, end)."""
        return np.asarray(_open_zarr(self.path, self.component)[begin:end])


@dataclass(frozen=True)
class ParquetReader:
    """Columns of parquet files, or one column of lists of equal length, as a matrix.

    Attributes
    ----------
    groups : (file, row group, first row) of every row group, in order.
    """

    groups: tuple[tuple[Path, int, int], ...]
    columns: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, begin: int, end: int) -> npt.NDArray[Any]:
        """Rows [begin, end), from the row groups that hold them."""
        import pyarrow.parquet as pq

        out = np.empty((end - begin, self.shape[1]), self.dtype)
        nexts = [first for _, _, first in self.groups[1:]] + [self.shape[0]]
        for (path, number, first), next_first in zip(self.groups, nexts, strict=True):
            a, b = max(begin, first), min(end, next_first)
            if a >= b:
                continue
            with pq.ParquetFile(path) as file:
                table = file.read_row_group(number, columns=list(self.columns))
            part = _matrix(table.slice(a - first, b - a), path, a)
            if part.shape[1] != self.shape[1]:
                raise ValueError(
                    f"{path}: rows from {a} on have {part.shape[1]} values; the first row has "
                    f"{self.shape[1]}"
                )
            out[a - begin : b - begin] = part
        return out


@dataclass(frozen=True)
class DaskReader:
    """A dask array; its chunks are computed where the engine puts them."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""
        return tuple(int(size) for size in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the entries."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def block(self, begin: int, end: int) -> Any:
        """Rows [begin, end), a collection."""
        return self.array[begin:end]


def as_reader(name: str, value: Any) -> Reader | None:
    """The reader of an argument; None where it is none of these kinds.

    Raises
    ------
    ValueError : the argument cannot be read; the message names it.
    """
    kind = type(value).__module__.partition(".")[0]
    if kind == "zarr":
        return _zarr_reader(name, value)
    if kind == "dask":
        if not type(value).__module__.startswith("dask.array"):  # Delayed has any attribute
            raise ValueError(f"{name} is a {type(value).__name__} of dask; it must be an array")
        if any(np.isnan(size) for size in value.shape):
            raise ValueError(f"{name} has unknown chunk sizes; call compute_chunk_sizes() before")
        return DaskReader(value)
    if isinstance(value, str | os.PathLike):
        path = Path(value)
        if path.suffix == ".zarr":
            return _zarr_reader(name, _open_zarr(path, ""))
        if path.suffix == ".parquet":
            return from_parquet(path, name=name)
    return value if isinstance(value, ParquetReader | ZarrReader) else None


def from_parquet(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None, *, name: str = "parquet"
) -> ParquetReader:
    """Columns of a parquet file, or of all parquet files of a folder in the order of their names.

    Parameters
    ----------
    path : file or folder.
    columns : numbers, each a column of the matrix; or one column of lists of equal length. None:
        all.

    Raises
    ------
    ValueError : no rows, or columns that are no numbers.
    OSError : it cannot be read.
    """
    import pyarrow.parquet as pq

    path = Path(path).resolve()  # workers have other working directories
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    groups: list[tuple[Path, int, int]] = []
    n = 0
    head: npt.NDArray[Any] | None = None
    names: list[str] = []
    for file_path in files:
        with pq.ParquetFile(file_path) as file:
            if head is None and file.metadata.num_rows:
                known = file.schema_arrow.names
                missing = [c for c in columns or () if c not in known]
                if missing:
                    raise ValueError(f"{name}: {file_path} has no column {missing[0]!r}")
                names = list(known if columns is None else columns)
                row = next(file.iter_batches(1, columns=names))
                head = _matrix(row, file_path, 0)
            for number in range(file.num_row_groups):
                groups.append((file_path, number, n))
                n += file.metadata.row_group(number).num_rows
    if head is None:
        raise ValueError(f"{name}: {path} holds no rows of parquet")
    return ParquetReader(tuple(groups), tuple(names), (n, head.shape[1]), head.dtype)


def _matrix(table: Any, path: Path, first: int) -> npt.NDArray[Any]:
    """Columns of numbers side by side, or the lists of a single column below each other."""
    import pyarrow as pa

    columns = [
        pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
        for column in table.columns
    ]
    for title, column in zip(table.schema.names, columns, strict=True):
        if column.null_count:
            raise ValueError(f"{path}: column {title!r} has an empty entry after row {first}")
    if len(columns) == 1 and pa.types.is_nested(columns[0].type):
        values = columns[0].flatten().to_numpy(zero_copy_only=False)
        if values.size % max(1, len(table)):
            raise ValueError(f"{path}: lists from row {first} on are not of equal length")
        return np.asarray(values).reshape(len(table), -1)
    return np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])


def _zarr_reader(name: str, array: Any) -> ZarrReader:
    root = getattr(array.store, "root", None)
    if root is None:
        raise ValueError(f"{name} is a zarr array that is not in a local folder; save it in one")
    if not hasattr(array, "shape"):
        raise ValueError(f"{name}: {root} is a zarr group; it must be an array")
    return ZarrReader(Path(root).resolve(), array.path, tuple(array.shape), np.dtype(array.dtype))


def _open_zarr(path: Path, component: str) -> Any:
    import zarr

    return zarr.open(str(path), mode="r", path=component)
