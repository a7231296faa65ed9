"""Progress of a search on disk, so that it goes on after a kill.

One file, ``neighbors.npz``, in the folder that the user names; written in one step under a
temporary name, at most every half minute. It carries a fingerprint of features and settings, and a
checksum: a search never goes on from another one's state, or from a damaged file. The methods
``"exact"``, ``"certified"`` and ``"pca"`` keep their state; others start again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from liid_cut.inputs import Matrix
from liid_cut.npz import read_arrays, replacing

FILE_NAME = "neighbors.npz"
_SECONDS_BETWEEN = 30.0
_ROWS_PER_BLOCK = 4096


class Stage:
    """One pass of a search: how many of its steps are done, and lists that change with them."""

    def __init__(self, checkpoint: Checkpoint, name: str, lists: Any) -> None:
        self.done = 0
        self._checkpoint = checkpoint
        self._name = name
        self._lists = lists
        self._last = time.monotonic()
        state = checkpoint.read(name)
        if state is not None:
            self.done = int(state["done"])
            lists.restore(state["ids"], state["similarities"])

    def save(self, done: int, *, now: bool = False) -> None:
        """Note that ``done`` steps are done; writes when the last time is long ago."""
        self.done = done
        # Never more than a tenth of the time goes into writing.
        pause = max(self._checkpoint.seconds_between, 10 * self._checkpoint.seconds_to_write)
        if now or time.monotonic() - self._last > pause:
            ids, similarities = self._lists.arrays()
            self._checkpoint.write(
                self._name, done=np.array(done), ids=ids, similarities=similarities
            )
            self._last = time.monotonic()


class Checkpoint:
    """The file of one search; without a folder nothing is read or written.

    Raises
    ------
    ValueError : the folder holds the state of a search with other features or settings, or the file
        is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, key: str = "") -> None:
        self.seconds_between = _SECONDS_BETWEEN
        self.seconds_to_write = 0.0
        self._key = key
        self._state: dict[str, Any] = {}
        self._path = None if folder is None else Path(folder, FILE_NAME)
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._state = self._read_file(self._path)

    def _read_file(self, path: Path) -> dict[str, Any]:
        state: dict[str, Any] = read_arrays(path)
        checksum = state.pop("checksum", np.array(""))
        if str(checksum) != _checksum(state):
            raise ValueError(f"checkpoint: {path} is damaged; delete it to start again")
        if str(state["key"]) != self._key:
            raise ValueError(
                f"checkpoint: {path} belongs to a search with other features or settings; "
                "name another folder, or delete the file"
            )
        return state

    def read(self, stage: str) -> dict[str, Any] | None:
        """Arrays that the stage wrote last; None where it wrote none, or another stage is on."""
        return self._state if str(self._state.get("stage")) == stage else None

    def write(self, stage: str, **arrays: Any) -> None:
        """Replace the file's content by this stage's arrays."""
        if self._path is None:
            return
        start = time.monotonic()
        state = {"stage": np.array(stage), "key": np.array(self._key), **arrays}
        with replacing(self._path) as file:
            np.savez(file, checksum=np.array(_checksum(state)), **state)
        self.seconds_to_write = time.monotonic() - start

    @contextmanager
    def stage(self, name: str, lists: Any) -> Iterator[Stage]:
        """A pass whose state is ``lists``; it starts where a killed search left it."""
        stage = Stage(self, name, lists)
        yield stage
        stage.save(stage.done, now=True)


def search_key(feats: Matrix, settings: dict[str, Any], *arrays: Any) -> str:
    """Fingerprint of features and settings, of every byte."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    digest.update(f"{feats.shape} {feats.dtype}".encode())
    for start in range(0, len(feats), _ROWS_PER_BLOCK):
        digest.update(feats[start : start + _ROWS_PER_BLOCK].tobytes())
    for array in arrays:
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _checksum(state: dict[str, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
