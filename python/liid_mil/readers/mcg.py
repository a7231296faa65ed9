"""Multiscale Combinatorial Grouping's files (Arbelaez, Pont-Tuset et al., CVPR 2014).

Input: a ``.mat`` file an image, of any MATLAB version, or a folder of them, with ``superpixels``
(H, W; values from 1, 0 for none), ``labels`` (P cells, the superpixels of a proposal, or a P x S
table of 0 and 1) and ``scores`` (P); or with ``bboxes`` (P, 4), which count pixels from 1 and
include both ends: (y1, x1, y2, x2) becomes (x1 - 1, y1 - 1, x2, y2). The same names in a struct,
such as ``candidates``, are found, too. Output: proposals, with masks where there are superpixels;
then ``bboxes`` are not read. Image ids: names of the files without their ending.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import DatasetError, ImageProposals, Ints
from liid_mil.readers.files import read_each
from liid_mil.readers.mat_files import read_mat
from liid_mil.readers.mat_hdf5 import Cells, Variable
from liid_mil.readers.reading import Reading
from liid_mil.readers.superpixels import masks_of_sets, superpixel_map

_NAMES = ("superpixels", "labels", "scores", "bboxes", "bboxes_scores", "boxes")


def read_mcg(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of MCG's files; see the file's head.

    Raises :class:`DatasetError`, naming the file and the proposal.
    """
    return read_each(path, (".mat",), reading, lambda file, name: _read(file, name, reading))


def _read(path: Path, image_id: str, reading: Reading) -> ImageProposals:
    found = read_mat(path, _NAMES, reading)
    scores = None if "scores" not in found else _numbers(path, "scores", found["scores"])
    if "superpixels" in found and "labels" in found:
        return _masks(path, image_id, found["superpixels"], found["labels"], scores, reading)
    name = "bboxes" if "bboxes" in found else "boxes"
    if name not in found:
        have = ", ".join(found) or "none of them"
        raise DatasetError(path, f"needs superpixels and labels, or bboxes; it has {have}")
    boxes = _numbers(path, name, found[name])
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4):
        raise DatasetError(path, f"{name} is {boxes.shape}; it must be (P, 4)")
    if scores is None and "bboxes_scores" in found:
        scores = _numbers(path, "bboxes_scores", found["bboxes_scores"])
    y1, x1, y2, x2 = boxes.reshape(-1, 4).astype(np.float64).T
    corners = np.stack([x1 - 1, y1 - 1, x2, y2], axis=1)
    return reading.from_boxes(path, image_id, None, corners, scores)


def _masks(
    path: Path,
    image_id: str,
    superpixels: Variable,
    labels: Variable,
    scores: npt.NDArray[Any] | None,
    reading: Reading,
) -> ImageProposals:
    pixels = _numbers(path, "superpixels", superpixels)
    if pixels.ndim != 2 or pixels.size == 0:
        raise DatasetError(path, f"superpixels is {pixels.shape}; it must be (H, W)")
    size = reading.check_size(path, pixels.shape)

    def check_bytes(n_bytes: int) -> None:
        reading.check_bytes(path, n_bytes)

    known = superpixel_map(_whole(path, "superpixels", pixels, 0, pixels.size), check_bytes)
    if not isinstance(labels, Cells):
        labels = _cells_of_table(path, labels)
    n = len(labels.offsets) - 1
    reading.check_number(path, image_id, n)
    members = _whole(path, "labels", labels.values, 1, int(known.values[-1]))
    sets = Cells(members, labels.offsets)
    if scores is not None:
        scores = scores.ravel()
        if len(scores) != n:
            raise DatasetError(path, f"scores has {len(scores)} numbers for {n} labels")
        if reading.top is not None:  # those that are left out need no mask
            rows = reading.best(path, image_id, scores)
            sets, scores = _take(sets, rows), scores[rows]
    codes, areas, boxes = masks_of_sets(known, sets.values, sets.offsets, check_bytes)
    return reading.from_masks(path, image_id, size, codes, areas, boxes, scores)


def _numbers(path: Path, name: str, value: Variable) -> npt.NDArray[Any]:
    if isinstance(value, Cells):
        raise DatasetError(path, f"{name} is a cell array; one image a file is read")
    return value


def _whole(path: Path, name: str, values: npt.NDArray[Any], low: int, high: int) -> Ints:
    """``values`` as int64, after a check that they are whole numbers from low to high."""
    good = (values >= low) & (values <= high)
    if values.dtype.kind == "f":
        good &= values == np.floor(values)
    if not good.all():
        value = values.ravel()[int(np.argmin(good.ravel()))]
        raise DatasetError(path, f"{name} holds {value}; it must hold numbers from {low} to {high}")
    return values.astype(np.int64)


def _cells_of_table(path: Path, table: npt.NDArray[Any]) -> Cells:
    if table.size == 0:
        return Cells(np.zeros(0), np.zeros(1, np.int64))
    if table.ndim != 2 or not np.isin(table, (0, 1)).all():
        raise DatasetError(path, "labels is neither cells nor a P x S table of 0 and 1")
    rows, columns = np.nonzero(table)
    return Cells(columns + 1, np.searchsorted(rows, np.arange(len(table) + 1)))


def _take(cells: Cells, rows: Ints) -> Cells:
    return Cells.of([cells.values[cells.offsets[i] : cells.offsets[i + 1]] for i in rows])
