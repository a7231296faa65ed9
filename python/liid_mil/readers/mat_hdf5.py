"""Variables of MATLAB v7.3 files, which are HDF5: numeric arrays, cells and structs of them.

Input: a ``.mat`` file and the names of variables. Output: as :mod:`liid_mil.readers.mat_files`.
MATLAB's layout: arrays transposed, structs as groups, cells as references to arrays in the group
``#refs#``; the attribute ``MATLAB_empty`` marks an array without items, whose values are its shape.
Sizes are looked at before anything is read; links out of the file and data in other files are
refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import DatasetError, Ints
from liid_mil.readers.reading import Reading

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NUMBERS = "iufb"


@dataclass(frozen=True, eq=False)
class Cells:
    """A cell array of numeric arrays: cell i has values[offsets[i]:offsets[i+1]].

    values : (V,), of any numeric type. offsets : int64 (P+1,).
    """

    values: npt.NDArray[Any]
    offsets: Ints

    @classmethod
    def of(cls, parts: Sequence[npt.NDArray[Any]]) -> Cells:
        """Cells of arrays, each one-dimensional."""
        offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return cls(np.concatenate(parts) if len(parts) > 0 else np.zeros(0), offsets)


Variable = npt.NDArray[Any] | Cells


def is_hdf5(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is HDF5, maybe behind MATLAB's 512 bytes of text."""
    return head[:8] == _SIGNATURE or head[512:520] == _SIGNATURE


def read_hdf5(path: Path, names: Sequence[str], reading: Reading) -> dict[str, Variable]:
    """Those of the variables ``names`` that the file has, or that its structs have as fields.

    Raises :class:`DatasetError`, naming the file, and ``ImportError`` without h5py.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("MATLAB v7.3 files need h5py: pip install h5py") from error
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path, file, reading).variables(names)
    except (DatasetError, MemoryError):
        raise
    except Exception as error:
        # HDF5 raises whatever the bytes lead it to: OSError, KeyError, RuntimeError, ...
        raise DatasetError(path, f"damaged MATLAB v7.3 file ({error})") from error


class _Reader:
    def __init__(self, path: Path, file: Any, reading: Reading) -> None:
        self._path = path
        self._file = file
        self._reading = reading
        self._n_bytes = 0
        self._kind: Any = None
        self._dtype = np.dtype(np.float64)

    def variables(self, names: Sequence[str]) -> dict[str, Variable]:
        import h5py

        found: dict[str, Variable] = {}
        groups = [self._file]
        for name in self._file:
            if name not in names and not name.startswith("#"):
                item = self._item(self._file, name)
                groups += [item] if isinstance(item, h5py.Group) else []
        for group in groups:
            for name in names:
                if name in group and name not in found:
                    found[name] = self._variable(name, self._item(group, name))
        return found

    def _item(self, group: Any, name: str) -> Any:
        import h5py

        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise DatasetError(self._path, f"{name} is a link to elsewhere, which is not read")
        return group[name]

    def _variable(self, name: str, item: Any) -> Variable:
        import h5py

        if not isinstance(item, h5py.Dataset):
            raise DatasetError(self._path, f"{name} is no array")
        if h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
            return np.asarray(self._numbers(name, item.id)).T
        self._reading.check_number(self._path, name, math.prod(item.shape))
        references = item[()].ravel()  # transposed: down MATLAB's columns
        return Cells.of(
            [
                self._numbers(name, h5py.h5r.dereference(reference, self._file.id)).ravel()
                for reference in references
            ]
        )

    def _numbers(self, name: str, dataset: Any) -> npt.NDArray[Any]:
        """The numbers of a low-level dataset: the high-level one takes longer than its contents."""
        import h5py

        if not isinstance(dataset, h5py.h5d.DatasetID):
            raise DatasetError(self._path, f"{name} has a cell that is no array")
        shape, kind = dataset.shape, dataset.get_type()
        if kind != self._kind:  # cells are of one type, which takes long to translate
            self._kind, self._dtype = kind, dataset.dtype
        dtype = self._dtype
        if dtype.kind not in _NUMBERS:
            raise DatasetError(self._path, f"{name} holds {dtype}; numbers are read")
        n_bytes = math.prod(shape) * dtype.itemsize
        if dataset.get_offset() is None:  # not one piece of this file
            creation = dataset.get_create_plist()
            layout = creation.get_layout()
            if creation.get_external_count() > 0 or layout == h5py.h5d.VIRTUAL:
                raise DatasetError(self._path, f"{name} lies in another file, which is not read")
            if layout == h5py.h5d.CHUNKED:
                n_bytes = max(n_bytes, math.prod(creation.get_chunk()) * dtype.itemsize)
        self._n_bytes += n_bytes
        self._reading.check_bytes(self._path, self._n_bytes)
        if h5py.h5a.exists(dataset, b"MATLAB_empty"):
            return np.zeros(0, dtype)
        values = np.empty(shape, dtype)
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        return values
