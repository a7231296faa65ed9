"""Labels of a large result as files of blocks: a folder of ``.npy`` files, or a zarr array.

Beside them stands what the result says of itself, as JSON. ``liid-cut verify`` needs more: an
``.npz`` file (:func:`liid_cut.files.write_result`), which gathers the messages.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from liid_cut.distributed.ranges import ranges, starts_of
from liid_cut.npz import FilePath, replacing

ROWS_PER_BLOCK = 1 << 20
SUMMARY = "result.json"
SUMMARY_ATTRIBUTE = "liid_cut"


def check_blocks(path: FilePath) -> None:
    """Raise what writing would raise: before long work, not after it.

    Raises
    ------
    OSError : it cannot be written.
    FileExistsError : it holds something other than labels.
    ImportError : zarr is missing.
    """
    folder = Path(path)
    is_zarr = str(path).endswith(".zarr")
    if is_zarr:
        import zarr
    if folder.exists():
        if not folder.is_dir():
            raise FileExistsError(f"{folder}: exists and is no folder")
        if is_zarr and SUMMARY_ATTRIBUTE not in zarr.open(str(folder), mode="r").attrs:
            raise FileExistsError(f"{folder}: is not an earlier result; name another")
        for old in () if is_zarr else folder.iterdir():
            if old.name != SUMMARY and not (old.match("labels-*.npy") or old.match(".*.tmp")):
                raise FileExistsError(f"{folder}: holds {old.name}; name a folder of its own")
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder}: {there} cannot be written to")


def write_labels(path: FilePath, result: Any, summary: dict[str, Any]) -> None:
    """Write ``labels`` in blocks of about a million, and ``summary``.

    Parameters
    ----------
    path : ``NAME.zarr``: a zarr array (n,) int32, the summary as its attribute ``liid_cut``. Else a
        folder: ``labels-000000.npy``, ... and ``result.json``, which is written last.

    Raises
    ------
    OSError, ImportError : as `check_blocks`; or the disk is full.
    """
    check_blocks(path)
    labels = np.asarray(result.labels, dtype=np.int32)
    if str(path).endswith(".zarr"):
        import zarr

        array = zarr.create_array(
            str(path),
            shape=labels.shape,
            dtype=labels.dtype,
            chunks=(max(1, min(len(labels), ROWS_PER_BLOCK)),),
            overwrite=True,
        )
        array[:] = labels
        array.attrs[SUMMARY_ATTRIBUTE] = summary
        return
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for old in [folder / SUMMARY, *folder.glob("labels-*.npy")]:
        old.unlink(missing_ok=True)
    for i, (begin, end) in enumerate(ranges(starts_of(len(labels), ROWS_PER_BLOCK))):
        with replacing(folder / f"labels-{i:06d}.npy") as file:
            np.lib.format.write_array(file, labels[begin:end], allow_pickle=False)
    with replacing(folder / SUMMARY) as file:
        file.write(json.dumps(summary, indent=1).encode() + b"\n")
