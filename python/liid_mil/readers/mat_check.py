"""Looks over a MATLAB v5 to v7 file before SciPy builds arrays from it.

Input: the bytes of a file. Output: the same file with the wanted variables alone, unpacked. SciPy
takes the sizes in a file at their word: cells of 10^9 x 10^9, numbers that go on behind the end,
cells in cells until the stack is full. Here every size is held against the bytes that are there.
Layout: MathWorks, "MAT-File Format", the level 5 format.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from liid_mil.data.types import DatasetError
from liid_mil.readers.reading import Reading

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR, _NUMBERS = 1, 2, 4, range(6, 16)
_COMPLEX = 0x800
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
_LONGEST_HEAD = 512  # flags, 32 sides and a name of 63 letters
_DEEPEST = 3  # numbers in cells in a struct


class _DamagedError(Exception):
    pass


def check_mat(path: Path, data: bytes, names: Sequence[str], reading: Reading) -> bytes:
    """``data`` with the variables ``names`` and all structs alone, unpacked.

    Raises :class:`DatasetError` where they are damaged or unpack to more than ``max_bytes``.
    """
    order = "<" if data[126:128] == b"IM" else ">"
    kept = [data[:_HEADER]]
    n_bytes = 0
    try:
        for element in _variables(path, data, order, names, reading):
            n_bytes += len(element)
            reading.check_bytes(path, n_bytes)
            _check(memoryview(element)[8:], order, _DEEPEST)
            kept.append(element + bytes(-len(element) % 8))
    except (_DamagedError, struct.error, zlib.error) as error:
        raise DatasetError(path, f"damaged MATLAB file ({error})") from None
    return b"".join(kept)


def _variables(
    path: Path, data: bytes, order: str, names: Sequence[str], reading: Reading
) -> Iterator[bytes]:
    """The wanted variables of the file, with their tags, unpacked."""
    at = _HEADER
    while at < len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if at + 8 + size > len(data):
            raise _DamagedError(f"{size} bytes at {at} go on behind the end")
        if kind == _COMPRESSED:
            unpack = zlib.decompressobj()
            packed = memoryview(data)[at + 8 : at + 8 + size]
            start = unpack.decompress(packed, 8 + _LONGEST_HEAD)
            kind, inner = struct.unpack_from(order + "II", start)
            if kind == _MATRIX and _is_wanted(start[8:], order, names):
                reading.check_bytes(path, inner)
                body = start[8 : 8 + inner]
                if inner > len(body):
                    body += unpack.decompress(unpack.unconsumed_tail, inner - len(body))
                unpack.decompress(unpack.unconsumed_tail, 1)  # compares the checksum
                if len(body) != inner:
                    raise _DamagedError(f"{len(body)} bytes unpacked at {at}, not {inner}")
                yield start[:8] + body
            at += 8 + size
        else:
            if kind == _MATRIX and _is_wanted(data[at + 8 : at + 8 + size], order, names):
                yield data[at : at + 8 + size]
            at += 8 + size + -size % 8


def _is_wanted(data: bytes, order: str, names: Sequence[str]) -> bool:
    kind, name, n, _ = _head(memoryview(data), order)
    return name in names or (kind, n) == (_STRUCT, 1)


def _element(data: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and bytes of the element at ``at``, and where the next one begins."""
    kind, size = struct.unpack_from(order + "II", data, at)
    if kind >> 16:  # up to 4 bytes lie in the tag itself
        kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if size > 4:
            raise _DamagedError(f"a short element of {size} bytes")
    else:
        start = at + 8
        end = start + size + -size % 8
    if start + size > len(data):
        raise _DamagedError(f"an element of {size} bytes where {len(data) - start} are left")
    return kind, data[start : start + size], end


def _head(data: memoryview, order: str) -> tuple[int, str, int, int]:
    """Class, name and number of items of an array, and where its contents begin."""
    _, flags, at = _element(data, 0, order)
    (word,) = struct.unpack_from(order + "I", flags)
    _, sides, at = _element(data, at, order)
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    if len(shape) < 2 or len(shape) > 32 or min(shape) < 0:
        raise _DamagedError(f"an array of shape {shape[:4]}")
    _, name, at = _element(data, at, order)
    return word & (_COMPLEX | 0xFF), bytes(name).decode("latin-1"), math.prod(shape), at


def _check(data: memoryview, order: str, depth: int) -> None:
    """Raise unless everything that the array announces is there."""
    if len(data) == 0:
        return  # an empty cell
    if depth == 0:
        raise _DamagedError("arrays in arrays too deep")
    kind, _, n, at = _head(data, order)
    if kind in _NUMBERS or kind == _CHAR:
        stored, values, _ = _element(data, at, order)
        if stored not in _WIDTHS or len(values) != n * _WIDTHS[stored]:
            raise _DamagedError(f"an array of {n} items in {len(values)} bytes")
        return
    if kind == _STRUCT:
        _, width, at = _element(data, at, order)
        _, fields, at = _element(data, at, order)
        (length,) = struct.unpack_from(order + "i", width)
        if n > 1 or length < 1 or len(fields) % length:
            raise _DamagedError("an array of structs, or damaged names")
        n *= len(fields) // length
    elif kind & _COMPLEX:
        raise _DamagedError("complex numbers")
    elif kind != _CELL:
        raise _DamagedError(f"an array of class {kind}, which is not read")
    if n > (len(data) - at) // 8:  # every item has a tag
        raise _DamagedError(f"{n} cells in {len(data) - at} bytes")
    for _ in range(n):
        inner, values, at = _element(data, at, order)
        if inner != _MATRIX:
            raise _DamagedError(f"a cell of type {inner}")
        _check(values, order, depth - 1)
