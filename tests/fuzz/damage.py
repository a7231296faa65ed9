"""Files that something happened to: bytes, JSON values and arrays, changed as the input says."""

from __future__ import annotations

import copy
import io
import json
from typing import Any

import numpy as np
from fuzzing import Bytes

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e308, -1e308, 2**31, 2**63, 2**64, -(2**70)),
    *("", "x", "\0", "\u0661", "..", "/", [], [None], [[]], [1, 2], [-1, 0], [1e308, 2**40], {}),
    *({"a": 1}, {"size": [1, 1], "counts": "1"}, float("nan"), float("inf"), [[0, 0, 1, 1]], "1"),
)
DTYPES = ("u1", "i4", "i8", "u8", "f2", "f4", "f8", "?", "U3", "S2", "c16", "M8[s]", ">f8", "V4")
SHAPES = ((), (0,), (1,), (3,), (3, 2), (2, 3), (0, 2), (3, 0), (1, 1, 1), (4, 4), (2**20,))
TEXTS = (
    b"\0",
    b"\xff",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b",",
    b"-",
    b"1e999",
    b"&",
    b"<",
    b"\n",
    b":",
)


def damaged(data: bytes, stream: Bytes) -> bytes:
    """Bytes overwritten, put in, taken out, moved, or cut off."""
    changed = bytearray(data)
    for _ in range(stream.integer(1, 4)):
        at = (256 * stream.next() + stream.next()) * (len(changed) + 1) // 65536
        what = stream.integer(0, 6)
        if what == 0:
            changed[at : at + 1] = bytes([stream.next()])
        elif what == 1:
            changed[at:at] = stream.choice(TEXTS)
        elif what == 2:
            del changed[at : at + stream.next()]
        elif what == 3:
            changed[at : at + 4] = stream.choice([-1, 0, 1, 2**31 - 1, 2**16]).to_bytes(
                4, "little", signed=True
            )
        elif what == 4:
            del changed[at:]
        elif what == 5:
            changed[at:at] = changed[at : at + stream.next()]
        elif at < len(changed):
            changed[at] ^= 1 << stream.integer(0, 7)
    return bytes(changed)


def changed_json(value: Any, stream: Bytes) -> Any:
    """The value with junk in up to three places, at any depth."""
    box = [copy.deepcopy(value)]
    for _ in range(stream.integer(1, 3)):
        parent: Any = box
        key: Any = 0
        while stream.next() % 8 != 0:
            inner = parent[key]
            keys = list(inner) if isinstance(inner, dict) else []
            if isinstance(inner, list):
                keys = list(range(len(inner)))
            if not keys:
                break
            parent, key = inner, keys[stream.next() % len(keys)]
        what = stream.integer(0, 5)
        if what == 0 and isinstance(parent, dict):
            del parent[key]
        elif what == 1 and isinstance(parent, list) and parent is not box:
            parent.append(copy.deepcopy(parent[key]))
        elif what == 2 and isinstance(parent[key], int | float) and stream.next() % 2:
            parent[key] = parent[key] * stream.choice([-1, 0, 2, 0.5, 1000])
        else:
            parent[key] = copy.deepcopy(stream.choice(JUNK))
    return box[0]


def as_text(value: Any) -> bytes:
    """JSON as files hold it."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def changed_arrays(arrays: dict[str, Any], stream: Bytes) -> dict[str, Any]:
    """The arrays of an npz file with some left out, cut, of another type, or with other entries."""
    changed = dict(arrays)
    for _ in range(stream.integer(1, 3)):
        name = stream.choice(sorted(changed) or ["none"])
        array = changed.get(name, np.zeros(3))
        what = stream.integer(0, 6)
        if what == 0:
            changed.pop(name, None)
        elif what == 1:
            changed[name] = np.zeros(stream.choice(SHAPES), stream.choice(DTYPES))
        elif what == 2:
            with np.errstate(all="ignore"):
                changed[name] = _cast(array, stream.choice(DTYPES))
        elif what == 3 and array.ndim:
            changed[name] = array[: stream.next() % (len(array) + 1)]
        elif what == 4 and array.size and array.dtype.kind in "iuf":
            array = array.copy()
            value = stream.choice([-1, 0, 1, 2, 2**31 - 1, 1e300, np.nan, np.inf, -np.inf])
            if array.dtype.kind != "f":
                value = int(value) if np.isfinite(value) and abs(value) < 2**31 else -1
            with np.errstate(all="ignore"):
                array.flat[stream.next() % array.size] = np.array(value).astype(array.dtype)
            changed[name] = array
        elif what == 5:
            changed[name] = array.T
        else:
            changed[name] = array[None]
    return changed


def npz_bytes(arrays: dict[str, Any]) -> bytes:
    """An npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _cast(array: Any, dtype: str) -> Any:
    try:
        return array.astype(dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return np.zeros(array.shape, dtype)
