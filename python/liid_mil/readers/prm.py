"""The proposals of Peak Response Mapping's demo (Zhou et al., CVPR 2018).

Input: a ``.json`` file an image, or a folder of them: a list of objects with ``shape`` (height,
width) and ``data``, base64 of little-endian int32 pairs (start, length). A run goes along the rows
of the image; pixels are counted from 1. Output: proposals with masks. The files have no scores;
their order is kept. Image ids: names of the files without their ending.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.proposals.runs import encode_runs
from liid_mil.readers.files import read_each
from liid_mil.readers.json_records import json_records
from liid_mil.readers.reading import Reading, Size


def read_prm(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of PRM's files; see the file's head.

    Raises :class:`DatasetError`, naming the file and the proposal.
    """
    return read_each(path, (".json",), reading, lambda file, name: _read(file, name, reading))


def _read(path: Path, image_id: str, reading: Reading) -> ImageProposals:
    size: Size | None = None
    codes: list[bytes] = []
    areas: list[int] = []
    boxes: list[tuple[int, int, int, int]] = []
    n_bytes = 0
    for i, record in enumerate(json_records(path, "")):
        value = record.value
        if record.key is not None or not isinstance(value, dict) or "data" not in value:
            raise DatasetError(path, f"proposal {i} is no object with data and shape")
        shape = value.get("shape")
        own = reading.check_size(path, shape if isinstance(shape, list) else [])
        if size is not None and own != size:
            raise DatasetError(path, f"proposal {i} has the shape {own}, the first one {size}")
        size = own
        reading.check_number(path, image_id, i + 1)
        code, area, box = _encode(_row_runs(path, i, value["data"], size), size)
        n_bytes += len(code)
        reading.check_bytes(path, n_bytes)
        codes.append(code)
        areas.append(area)
        boxes.append(box)
    if size is None:
        return reading.from_boxes(path, image_id, None, [], None)
    corners = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return reading.from_masks(path, image_id, size, codes, np.array(areas), corners, None)


def _row_runs(path: Path, i: int, data: Any, size: Size) -> npt.NDArray[np.int64]:
    """First pixels and ends of the runs of proposal i, int64 (r, 2), counted from 0, rising."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise DatasetError(path, f"proposal {i} has data that is no base64 ({error})") from None
    if len(raw) % 8 != 0:
        raise DatasetError(path, f"proposal {i} has {len(raw)} bytes, no pairs of int32")
    runs = np.frombuffer(raw, dtype="<i4").astype(np.int64).reshape(-1, 2)
    runs[:, 0] -= 1
    runs[:, 1] += runs[:, 0]
    wrong = (runs[:, 0] < 0) | (runs[:, 1] <= runs[:, 0]) | (runs[:, 1] > size[0] * size[1])
    wrong[1:] |= runs[1:, 0] < runs[:-1, 1]
    if wrong.any():
        row = int(np.argmax(wrong))
        start, end = runs[row].tolist()
        raise DatasetError(
            path,
            f"run {row} of proposal {i} starts at pixel {start + 1} and is {end - start} long; "
            f"runs rise, do not overlap and lie within 1 to {size[0] * size[1]}",
        )
    return runs


def _encode(
    runs: npt.NDArray[np.int64], size: Size
) -> tuple[bytes, int, tuple[int, int, int, int]]:
    """Code, area and box of runs along the rows.

    Codes run down the columns: the mask is painted, but only within its box.
    """
    height, width = size
    if len(runs) == 0:
        return encode_runs([np.array([height * width])], size)[0], 0, (0, 0, 0, 0)
    first, last = runs[:, 0] // width, (runs[:, 1] - 1) // width
    top, bottom = int(first[0]), int(last[-1]) + 1
    if (first < last).any():
        left, right = 0, width  # such a run has the last pixel of a row and the first of the next
    else:
        left, right = int((runs[:, 0] % width).min()), int(((runs[:, 1] - 1) % width).max()) + 1
    across = right - left
    # Where a run ends beside the box, the next row begins: the same place in the painted part.
    changes = np.zeros((bottom - top) * across + 1, dtype=np.int8)
    place = (runs // width - top) * across + np.clip(runs % width - left, 0, across)
    changes[place[:, 0]] += 1
    changes[place[:, 1]] -= 1
    painted = np.cumsum(changes[:-1], dtype=np.int8).reshape(-1, across).T
    if bottom - top < height:  # a row of background, so that runs end with their column
        painted = np.pad(painted, ((0, 0), (0, 1)))
    changed = np.flatnonzero(np.diff(painted.ravel(), prepend=0, append=0))
    columns, rows = np.divmod(changed, painted.shape[1])
    starts = (left + columns) * height + top + rows
    counts = np.diff(starts[starts < height * width], prepend=0, append=height * width)
    area = int((runs[:, 1] - runs[:, 0]).sum())
    return encode_runs([counts], size)[0], area, (left, top, right, bottom)
