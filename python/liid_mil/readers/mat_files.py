"""Variables of MATLAB files of all versions in use: v5 to v7 by SciPy, v7.3 by h5py.

Input: a ``.mat`` file and the names of variables. Output: numeric arrays, and cell arrays as their
numbers one after another. A file is looked over before a library builds arrays from it: packed
parts may unpack to at most ``max_bytes``, sizes must fit the bytes that are there, nothing may lie
outside the file. Other classes (objects, functions, sparse matrices) are not read.

The layout is that of MathWorks' "MAT-File Format" and, for v7.3, what MATLAB writes into HDF5:
arrays transposed, cells as references into the group ``#refs#``, ``MATLAB_class`` and
``MATLAB_empty`` as attributes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from liid_mil.data.types import DatasetError
from liid_mil.readers.files import check_file, read_file
from liid_mil.readers.mat_check import check_mat
from liid_mil.readers.mat_hdf5 import Cells, Variable, is_hdf5, read_hdf5
from liid_mil.readers.reading import Reading


def read_mat(path: Path, names: Sequence[str], reading: Reading) -> dict[str, Variable]:
    """Those of the variables ``names`` that the file has, or that its structs have as fields.

    Raises :class:`DatasetError`, naming the file, where it is no MATLAB file, is damaged, or needs
    more than ``max_bytes``; ``ImportError`` where a v7.3 file needs h5py, which is not installed.
    """
    check_file(path)
    with path.open("rb") as file:
        head = file.read(520)
    if is_hdf5(head):
        return read_hdf5(path, names, reading)
    if head[:6] != b"MATLAB" or len(head) < 128 or head[126:128] not in (b"IM", b"MI"):
        raise DatasetError(path, "is no MATLAB file of version 5 to 7.3")
    checked = check_mat(path, read_file(path, reading), names, reading)
    try:
        found = loadmat(io.BytesIO(checked), squeeze_me=False, struct_as_record=True)
    except Exception as error:
        # SciPy raises whatever the bytes lead it to: ValueError, TypeError, struct.error, ...
        raise DatasetError(path, f"damaged MATLAB file ({error})") from error
    variables: dict[str, Any] = {}
    for name, value in found.items():
        if name in names:
            variables[name] = value
        elif getattr(value, "dtype", None) is not None and value.dtype.names and value.size == 1:
            record = value.ravel()[0]
            variables |= {key: record[key] for key in value.dtype.names if key in names}
    return {name: _variable(path, name, value) for name, value in variables.items()}


def _variable(path: Path, name: str, value: Any) -> Variable:
    if value.dtype.kind in "iufb":
        return np.asarray(value)
    if value.dtype != object or not all(part.dtype.kind in "iufb" for part in value.ravel()):
        raise DatasetError(path, f"{name} is neither an array of numbers nor cells of such")
    # MATLAB counts down the columns.
    return Cells.of([part.ravel(order="F") for part in value.ravel(order="F")])
