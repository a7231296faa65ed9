r"""Finished blocks of a long run as files, so that a run that was killed goes on.

A store is a folder of one stage of one run. Its key, settings and fingerprints of the input, is in
every file: a block of another run is refused, and the message says what differs. A file appears
under its name when it is complete, and holds a checksum of every byte: one that was damaged since
counts as not there, so that its block is computed again. Several processes may share a store.

    <BLAKE2b of the rest, 64 hexadecimal digits> \n <facts, one line of JSON> \n <.npy> <.npy> ...

Every part is padded to a multiple of 64 bytes, so that the arrays can be mapped. No pickle is
written or read. The key also stands in ``settings.json``, for a refusal before any
work, and for people.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from liid_cut.npz import Arrays, FilePath, replacing

FORMAT = "liid_cut block 1"
SUFFIX = ".ckpt"
SETTINGS = "settings.json"

_DIGEST_BYTES = 32
_HEADER = 2 * _DIGEST_BYTES + 1
_ALIGNMENT = 64
_CHUNK = 1 << 22
ROWS_PER_FINGERPRINT = 1 << 16
# A write that was killed leaves its temporary file; one in progress changes it all the time.
_ABANDONED_AFTER_S = 600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Block:
    """What a file of a store holds."""

    arrays: Arrays
    facts: dict[str, Any]


@dataclass
class Journal:
    """What happened to the stores of a run.

    Attributes
    ----------
    reused, written : names of blocks, ``stage/block``, in the order of events.
    notes : sentences on what the user should know: files that were damaged or could not be written.
    """

    reused: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Keep a sentence and log it as a warning."""
        self.notes.append(sentence)
        _log.warning(sentence)


class Store:
    """The folder of one stage; small, and can be sent to other processes.

    Parameters
    ----------
    folder : made where it is missing.
    key : settings and fingerprints that decide on the content of the blocks: plain JSON values.
    journal : shared by the stages of a run; in another process it is a copy, whose notes have to be
        brought back.

    Raises
    ------
    ValueError : the folder belongs to a run with another key; the message says what differs.
    OSError : it cannot be read or written.
    """

    def __init__(
        self, folder: FilePath, key: Mapping[str, Any], journal: Journal | None = None
    ) -> None:
        self.folder = Path(folder)
        self.key: dict[str, Any] = json.loads(json.dumps(dict(key)))
        self.journal = Journal() if journal is None else journal
        self.folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self.folder)
        self._check_settings()

    def read(self, name: str) -> Block | None:
        """A block; None where it is not there, or damaged, which the journal then says.

        Raises
        ------
        ValueError : it belongs to another run.
        """
        path = self.path(name)
        try:
            block, key = _read(path)
        except FileNotFoundError:
            return None
        except _DamagedError as damage:
            self.journal.note(f"checkpoint: {path} is damaged ({damage}); its part is done again")
            return None
        self._refuse_other(path, key)
        self.journal.reused.append(f"{self.folder.name}/{name}")
        _log.debug("read %s", path)
        return block

    def map(self, name: str) -> Arrays | None:
        """The arrays of a block as read-only maps of its file; None where it is not there.

        Neither its checksum nor its key is looked at: for blocks that this run has read or written.
        """
        path = self.path(name)
        try:
            with open(path, "rb") as file:
                file.seek(_HEADER)
                names = json.loads(file.readline())["arrays"]
                return {of: _next_array(file, mapped=True) for of in names}
        except FileNotFoundError:
            return None

    def write(self, name: str, arrays: Mapping[str, npt.ArrayLike], **facts: Any) -> None:
        """Write a block in one step; an older one is replaced.

        Raises
        ------
        OSError : no space is left, or the folder is gone.
        TypeError : an array of Python objects, or facts that JSON cannot hold.
        """
        plain = {of: np.asarray(array) for of, array in arrays.items()}
        for of, array in plain.items():
            if array.dtype.hasobject:
                raise TypeError(f"{name}: {of} holds Python objects; only plain arrays are written")
        header = {"format": FORMAT, "key": self.key, "facts": facts, "arrays": list(plain)}
        with replacing(self.path(name)) as file:
            file.write(b" " * (_HEADER - 1) + b"\n")
            digest = _Hashing(file)
            text = json.dumps(header).encode()
            digest.write(text + b" " * _padding(_HEADER + len(text) + 1) + b"\n")
            for array in plain.values():
                np.lib.format.write_array(digest, array, allow_pickle=False)
                digest.write(b"\0" * _padding(array.nbytes))
            file.seek(0)  # the checksum comes last, and stands first
            file.write(digest.hexdigest().encode())
        self.journal.written.append(f"{self.folder.name}/{name}")
        _log.debug("wrote %s", self.path(name))

    def try_write(self, name: str, arrays: Mapping[str, npt.ArrayLike], **facts: Any) -> bool:
        """Like :meth:`write`, but a disk that is full or gone is noted, and no error."""
        try:
            self.write(name, arrays, **facts)
        except OSError as error:
            self.journal.note(
                f"checkpoint: {self.path(name)} could not be written ({error.strerror}); "
                "the run goes on, and would do this part again after a kill"
            )
            return False
        return True

    def remove(self, name: str) -> None:
        """Delete a block, if it is there."""
        self.path(name).unlink(missing_ok=True)

    def get(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a block: read, or computed and written."""
        block = self.read(name)
        if block is not None:
            return block.arrays
        arrays = compute()
        self.try_write(name, arrays)
        return arrays

    def path(self, name: str) -> Path:
        """The file of a block."""
        return self.folder / (name + SUFFIX)

    def _check_settings(self) -> None:
        path = self.folder / SETTINGS
        try:
            stored = json.loads(path.read_text())
            if stored.pop("checksum") != _checksum(stored):
                raise ValueError("wrong checksum")
        except FileNotFoundError:
            pass
        except (ValueError, LookupError, AttributeError, TypeError):  # encoding, JSON, content
            self.journal.note(f"checkpoint: {path} is damaged; it is written again")
        else:
            self._refuse_other(self.folder, stored)
            return
        told = {**self.key, "checksum": _checksum(self.key)}
        with replacing(path) as file:
            file.write(json.dumps(told, indent=1).encode() + b"\n")

    def _refuse_other(self, path: Path, stored: dict[str, Any]) -> None:
        different = differences(stored, self.key)
        if different:
            raise ValueError(
                f"checkpoint: {path} belongs to another run: {'; '.join(different)}; "
                f"name another folder, or delete {path}"
            )


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Phrases on the entries of two keys that differ; settings come before fingerprints."""
    names = [*given, *(name for name in stored if name not in given)]
    missing = "missing"

    def shown(key: Mapping[str, Any], name: str) -> str:
        return json.dumps(key[name]) if name in key else missing

    return [
        f"{name} is {shown(stored, name)} there and {shown(given, name)} here"
        for name in names
        if shown(stored, name) != shown(given, name)
    ]


def fingerprint(array: Any) -> str | None:
    """Type, shape and a digest of every byte of an array; None for None.

    Of the digests of blocks of 65,536 rows, so that blocks can be digested by themselves.
    """
    if array is None:
        return None
    rows = array if np.ndim(array) else np.asarray(array)[None]
    digest = hashlib.blake2b(digest_size=16)
    for start in range(0, len(rows), ROWS_PER_FINGERPRINT):
        digest.update(_digest_of_rows(rows[start : start + ROWS_PER_FINGERPRINT]))
    return f"{array.dtype} {list(np.shape(array))} {digest.hexdigest()}"


def fingerprints(**arrays: Any) -> dict[str, str | None]:
    """Fingerprints by name, for a key."""
    return {name: fingerprint(array) for name, array in arrays.items()}


def _digest_of_rows(rows: Any) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    n_bytes = rows.dtype.itemsize * int(np.prod(rows.shape[1:]))
    step = max(1, _CHUNK // max(1, n_bytes))
    for start in range(0, len(rows), step):
        digest.update(np.ascontiguousarray(rows[start : start + step]).data)
    return digest.digest()


def _checksum(key: Any) -> str:
    return hashlib.blake2b(json.dumps(key).encode(), digest_size=_DIGEST_BYTES).hexdigest()


class _DamagedError(Exception):
    """A file that is not what was written."""


class _Hashing:
    """Writes on, and digests what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = _new_digest()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._file.write(data)

    def hexdigest(self) -> str:
        text: str = self._digest.hexdigest()
        return text


def _new_digest() -> Any:
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)


def _read(path: Path) -> tuple[Block, dict[str, Any]]:
    """A block and the key of its run."""
    with open(path, "rb") as file:
        try:
            expected = file.read(_HEADER)
            digest = _new_digest()
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise _DamagedError("cannot be read") from None
        if expected != digest.hexdigest().encode() + b"\n":
            raise _DamagedError("wrong checksum")
        file.seek(_HEADER)
        # The bytes are those that were written; what differs now is a format of another version.
        header = json.loads(file.readline())
        if header.get("format") != FORMAT:
            raise _DamagedError(f"its format is {header.get('format')!r}, not {FORMAT!r}")
        arrays = {of: _next_array(file) for of in header["arrays"]}
    return Block(arrays, header["facts"]), header["key"]


def _next_array(file: IO[bytes], *, mapped: bool = False) -> npt.NDArray[Any]:
    """The array that begins here; leaves the file where the next one begins."""
    start = file.tell()
    array: npt.NDArray[Any]
    if mapped:
        np.lib.format.read_magic(file)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        offset = file.tell()
        if 0 in shape:  # nothing to map
            array = np.empty(shape, dtype)
        else:
            array = np.memmap(file, dtype, "r", offset, shape, "F" if fortran else "C")
        file.seek(offset + array.nbytes)
    else:
        array = np.lib.format.read_array(file, allow_pickle=False)
    file.seek(_padding(file.tell() - start), os.SEEK_CUR)
    return array


def _padding(n_bytes: int) -> int:
    return -n_bytes % _ALIGNMENT


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                path.unlink()
                _log.info("removed %s, which a killed run left", path)
        except FileNotFoundError:
            pass  # another process was faster
