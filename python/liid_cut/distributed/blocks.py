"""Blocks of a store, mapped into memory: single rows are read without the rest.

The checksum is not looked at here: a unit of the same run has written or verified the block.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.runs.store import SUFFIX, Store


def block_name(prefix: str, i: int) -> str:
    """The name of a stage's block i in its store."""
    return f"{prefix}-{i:06d}"


def mapped_block(store: Store, name: str) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays of a block, read-only maps of its file (empty ones are no maps).

    Raises
    ------
    FileNotFoundError : somebody removed it during the run.
    """
    path = Path(store.folder, name + SUFFIX)
    arrays: dict[str, npt.NDArray[Any]] = {}
    with open(path, "rb") as file:
        file.readline()  # the checksum
        header = json.loads(file.readline())
        for of in header["arrays"]:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(file)
            n_bytes = dtype.itemsize * int(np.prod(shape))
            order: Any = "F" if fortran else "C"
            arrays[of] = (
                np.memmap(path, dtype, "r", file.tell(), shape, order)
                if n_bytes
                else np.empty(shape, dtype)
            )
            file.seek(n_bytes, 1)
    return arrays
