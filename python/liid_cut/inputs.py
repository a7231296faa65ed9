"""Checks and conversions of what users pass in.

Every check raises a ``ValueError`` that names the argument, the first offending row and what is
allowed. Entries of ``probs`` are checked by the C++ core, and those of ``feats`` by the neighbour
search, which read the arrays anyway.
"""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.npz import read_array

Matrix = npt.NDArray[np.floating[Any]]

MAX_INDEX = np.iinfo(np.int32).max
_MOST_THREADS = 1 << 15


def as_array(name: str, value: Any) -> npt.NDArray[Any]:
    """``value`` as an array, without copying where it is one; torch tensors come to the CPU."""
    if type(value).__module__.partition(".")[0] == "torch":
        if value.is_floating_point() and value.element_size() == 2:
            value = value.float()  # NumPy has no bfloat16
        value = value.numpy(force=True)
    if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
        raise ValueError(f"{name} has masked entries; fill them or leave their rows out")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None


def as_float_matrix(name: str, value: Any) -> Matrix:
    """A 2-d array of float16, float32 or float64 in native byte order; integers become float64."""
    if isinstance(value, str | os.PathLike):
        raise ValueError(
            f"{name} is the path {value!s}; pass the array: numpy.load({str(value)!r})"
        )
    array = as_array(name, value)
    check_float_matrix(name, array.shape, array.dtype)
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_float_matrix(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Shape and type of a matrix of numbers, wherever its entries are."""
    if len(shape) != 2:
        raise ValueError(f"{name} has shape {shape}; it must be 2-dimensional")
    if max(shape) > MAX_INDEX:
        raise ValueError(f"{name} has shape {shape}; at most {MAX_INDEX} rows and columns")
    if dtype.kind not in "iub" and (dtype.kind != "f" or dtype.itemsize > 8):
        raise ValueError(f"{name} has dtype {dtype}; it must be float16, float32 or float64")


def as_probs(value: Any, *, allow_zero_rows: bool) -> Matrix:
    """Class probabilities (n, K+1): finite, non-negative, and by default no row all zero."""
    probs = as_float_matrix("probs", value)
    check_probs_shape(probs.shape)
    _core.check_probs(probs, allow_zero_rows)
    return probs


def check_probs_shape(shape: tuple[int, ...]) -> None:
    """At least one label."""
    if shape[1] == 0:
        raise ValueError(f"probs has shape {shape}; it needs at least one column (label)")


def as_feats(value: Any, n_nodes: int | None = None) -> Matrix:
    """Features (n, d), or the path of an ``.npy`` file; entries are checked by the search.

    ``n_nodes``: the number of rows that ``probs`` has.
    """
    if isinstance(value, str | os.PathLike):
        value = _mapped(value)
    feats = as_float_matrix("feats", value)
    check_feats_shape(feats.shape, n_nodes)
    return feats


def check_feats_shape(shape: tuple[int, ...], n_nodes: int | None) -> None:
    """As many rows as ``probs`` has (None: any number), and a column."""
    if n_nodes is not None and shape[0] != n_nodes:
        raise ValueError(f"feats has {shape[0]} rows but probs has {n_nodes}; both must agree")
    if shape[1] == 0 and shape[0] > 0:
        raise ValueError(f"feats has shape {shape}; it needs at least one column")


def _mapped(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """The array of an .npy file, mapped, not read."""
    try:
        return read_array(path, "r")
    except ValueError as error:
        raise ValueError(f"feats: {path} is no .npy file of numbers: {error}") from None


def as_bool_matrix(name: str, value: Any, n_rows: int) -> npt.NDArray[np.bool_]:
    """A bool matrix of ``n_rows`` rows."""
    array = as_array(name, value)
    if array.ndim != 2 or len(array) != n_rows:
        raise ValueError(f"{name} has shape {array.shape}; it must be ({n_rows}, m)")
    if array.dtype != np.bool_:
        raise ValueError(f"{name} has dtype {array.dtype}; it must be bool")
    return array


def as_bytes(name: str, value: int | str) -> int:
    """A number of bytes, given as such or with a unit: ``"512 MiB"``, ``"2GB"``."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kKMGT]?)(i?)B)?\s*", value)
        if match is None:
            raise ValueError(f"{name} is {value!r}; write it as '512 MiB' or '2 GB', or in bytes")
        number, prefix, binary = match.groups()
        value = int(
            float(number) * (1024 if binary else 1000) ** " KMGT".index((prefix or " ").upper())
        )
    return as_positive_int(name, value)


def as_allowed(value: Any, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Allowed labels, bool of ``shape``, with at least one in every row."""
    allowed = as_array("allowed", value)
    if allowed.shape != shape:
        raise ValueError(f"allowed has shape {allowed.shape}; probs has {shape}, both must agree")
    if allowed.dtype != np.bool_:
        raise ValueError(f"allowed has dtype {allowed.dtype}; it must be bool")
    rows = allowed.any(axis=1)
    if not rows.all():
        row = int(np.argmin(rows))
        raise ValueError(f"allowed[{row}] allows no label; every row needs at least one True")
    return np.ascontiguousarray(allowed)


def as_index_array(name: str, value: Any, n: int, what: str) -> npt.NDArray[np.int64]:
    """Integers in 0..n-1, of any shape."""
    array = as_array(name, value)
    if array.size == 0:  # of whatever type, as [] has one of floats
        return np.zeros(array.shape, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {array.dtype}; it must be an integer type")
    bad = (array < 0) | (array >= n)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        index = ", ".join(map(str, where))
        allowed = f"{what} are 0 to {n - 1}" if n > 0 else f"there are no {what}"
        raise ValueError(f"{name}[{index}] is {array[where]}; {allowed}")
    return array.astype(np.int64, copy=False)


def as_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """``value`` if it is one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, choices))}")
    return value


def as_number(name: str, value: Any, *, positive: bool) -> float:
    """A finite float that is positive, or not negative."""
    try:
        number = float(value) if not isinstance(value, str) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise ValueError(f"{name} is {value!r}; it must be a number")
    if not np.isfinite(number) or number < 0 or (positive and number == 0):
        raise ValueError(
            f"{name} is {value}; it must be finite and {'> 0' if positive else '>= 0'}"
        )
    return number


def as_positive_int(name: str, value: Any) -> int:
    """An int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}; it must be an integer >= 1")
    return int(value)


def as_n_threads(n_jobs: int | None) -> int:
    """``n_jobs`` in scikit-learn's meaning as a number of threads; 0 stands for all cores."""
    is_int = isinstance(n_jobs, int | np.integer) and not isinstance(n_jobs, bool)
    if n_jobs is None or (is_int and n_jobs == -1):
        return 0
    if not is_int or not 1 <= n_jobs <= _MOST_THREADS:
        raise ValueError(
            f"n_jobs is {n_jobs!r}; it must be an integer from 1 to {_MOST_THREADS}, "
            "or None or -1 (all cores)"
        )
    return int(n_jobs)
