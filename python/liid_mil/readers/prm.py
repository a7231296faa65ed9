"""The proposals of Peak Response Mapping's demo (Zhou et al., CVPR 2018).

Input: a ``.json`` file an image, or a folder of them: a list of objects with ``shape`` (height,
width) and ``data``, base64 of little-endian int32 pairs (start, length). A run goes along the rows
of the image; pixels are counted from 1. Output: proposals with masks. The files have no scores;
their order is kept. Image ids: names of the files without their ending.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from liid_mil.data.types import Boxes, DatasetError, ImageProposals, Ints
from liid_mil.readers.files import read_each
from liid_mil.readers.json_records import json_records
from liid_mil.readers.reading import Reading, Size
from liid_mil.readers.row_runs import codes_of_row_runs

_BYTES_AT_ONCE = 1 << 22
_CHANGES_AT_ONCE = 1 << 22


def read_prm(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of PRM's files; see the file's head.

    Raises :class:`DatasetError`, naming the file and the proposal.
    """
    return read_each(path, (".json",), reading, lambda file, name: _read(file, name, reading))


def _read(path: Path, image_id: str, reading: Reading) -> ImageProposals:
    masks: _Masks | None = None
    for i, record in enumerate(json_records(path, "")):
        value = record.value
        if record.key is not None or not isinstance(value, dict) or "data" not in value:
            raise DatasetError(path, f"proposal {i} is no object with data and shape")
        shape = value.get("shape")
        size = reading.check_size(path, shape if isinstance(shape, list) else [])
        masks = masks or _Masks(path, size, reading)
        if size != masks.size:
            raise DatasetError(path, f"proposal {i} has the shape {size}, the first {masks.size}")
        reading.check_number(path, image_id, i + 1)
        masks.add(i, value["data"])
    if masks is None:
        return reading.from_boxes(path, image_id, None, [], None)
    masks.encode()
    areas, boxes = np.concatenate(masks.areas), np.concatenate(masks.boxes)
    return reading.from_masks(path, image_id, masks.size, masks.codes, areas, boxes, None)


class _Masks:
    """The masks of one image; many are encoded at once, but no more than fit into memory."""

    def __init__(self, path: Path, size: Size, reading: Reading) -> None:
        self.size = size
        self.codes: list[bytes] = []
        self.areas: list[Ints] = []
        self.boxes: list[Boxes] = []
        self._path, self._reading = path, reading
        self._waiting: list[bytes] = []
        self._n_waiting = self._n_bytes = 0

    def add(self, i: int, data: Any) -> None:
        """Take the ``data`` of proposal i."""
        try:
            raw = binascii.a2b_base64(data, strict_mode=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise DatasetError(
                self._path, f"proposal {i} has data that is no base64 ({error})"
            ) from None
        if len(raw) % 8 != 0:
            raise DatasetError(self._path, f"proposal {i} has {len(raw)} bytes, no pairs of int32")
        self._waiting.append(raw)
        self._n_waiting += len(raw)
        if self._n_waiting > _BYTES_AT_ONCE:
            self.encode()

    def encode(self) -> None:
        """Encode what was taken so far."""
        offsets = np.cumsum([0, *map(len, self._waiting)]) // 8
        runs = np.frombuffer(b"".join(self._waiting), dtype="<i4").astype(np.int64).reshape(-1, 2)
        owners = np.repeat(np.arange(len(self._waiting)), np.diff(offsets))
        starts = runs[:, 0] - 1
        ends = starts + runs[:, 1]
        self._check_runs(starts, ends, owners)
        total = np.concatenate([[0], np.cumsum(runs[:, 1])])[offsets]
        areas = np.diff(total)
        first = 0
        while first < len(areas):
            # Above and below a pixel there may be changes, 2 for each at most.
            last = int(np.searchsorted(total, total[first] + _CHANGES_AT_ONCE // 2, "right")) - 1
            last = max(last, first + 1)
            span = slice(int(offsets[first]), int(offsets[last]))
            own = owners[span] - first
            found = codes_of_row_runs(
                starts[span], ends[span], own, last - first, self.size, self._check_changes
            )
            self._n_bytes += sum(map(len, found))
            self._reading.check_bytes(self._path, self._n_bytes)
            self.codes += found
            first = last
        self.areas.append(areas)
        self.boxes.append(_boxes(starts, ends, offsets, self.size[1]))
        self._waiting.clear()
        self._n_waiting = 0

    def _check_changes(self, n: int) -> None:
        self._reading.check_bytes(self._path, 8 * n)

    def _check_runs(self, starts: Ints, ends: Ints, owners: Ints) -> None:
        n_pixels = self.size[0] * self.size[1]
        wrong = (starts < 0) | (ends <= starts) | (ends > n_pixels)
        wrong[1:] |= (starts[1:] < ends[:-1]) & (owners[1:] == owners[:-1])
        if wrong.any():
            row = int(np.argmax(wrong))
            i = len(self.codes) + int(owners[row])
            length = int(ends[row] - starts[row])
            raise DatasetError(
                self._path,
                f"proposal {i} has a run of {length} pixels from {int(starts[row]) + 1} on; runs "
                f"rise, do not overlap and lie within 1 to {n_pixels}",
            )


def _boxes(starts: Ints, ends: Ints, offsets: Ints, width: int) -> Boxes:
    """Tight boxes of runs along the rows; zeros where there is no run."""
    boxes = np.zeros((len(offsets) - 1, 4), dtype=np.float32)
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if len(filled) == 0:
        return boxes
    first, last = starts // width, (ends - 1) // width
    # A run over several rows has the last pixel of one and the first of the next.
    left = np.where(first < last, 0, starts - first * width)
    right = np.where(first < last, width, ends - last * width)
    heads, tails = offsets[filled], offsets[filled + 1] - 1
    boxes[filled, 0] = np.minimum.reduceat(left, heads)
    boxes[filled, 1] = first[heads]
    boxes[filled, 2] = np.maximum.reduceat(right, heads)
    boxes[filled, 3] = last[tails] + 1
    return boxes
