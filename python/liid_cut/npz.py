"""npz and npy files without pickle: read with clear errors, written in one step.

A file is written under a temporary name in its folder and renamed at the end, so that a
half-written file never has the final name.
"""

from __future__ import annotations

import errno
import lzma
import os
import secrets
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.format import MAGIC_PREFIX

FilePath = str | os.PathLike[str]
Arrays = dict[str, npt.NDArray[Any]]

# What zipfile, the decompressors and NumPy raise on bytes that make no sense; of OSError, a seek to
# before the file.
DAMAGE = (
    *(ValueError, TypeError, LookupError, EOFError, OSError, RuntimeError, OverflowError),
    *(SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
    *(lzma.LZMAError, RecursionError),
)


def read_arrays(path: FilePath, only: Collection[str] | None = None) -> Arrays:
    """The arrays of an npz file by name; with ``only``, those of them that it holds.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it is no npz file, is damaged, or holds pickled objects.
    """
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: not an npz file, or cut short")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                names = [name for name in archive.files if only is None or name in only]
                return {name: archive[name] for name in names}
        except DAMAGE as error:
            raise _told(path, "npz", error) from None


def read_array(path: FilePath, mmap_mode: Literal["r"] | None = None) -> npt.NDArray[Any]:
    """The array of an npy file; with ``mmap_mode`` it stays on disk.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it is no npy file, is damaged, or holds pickled objects.
    """
    with open(path, "rb") as file:
        if file.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
            raise ValueError(f"{path}: damaged npy file: it does not begin as one")
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except DAMAGE as error:
        raise _told(path, "npy", error) from None
    return array


def _told(path: FilePath, kind: str, error: Exception) -> Exception:
    """What to raise for an error of NumPy's at such a file."""
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        return error
    if "allow_pickle" in str(error):
        return ValueError(f"{path}: holds pickled objects, which are not read; save plain arrays")
    return ValueError(f"{path}: damaged {kind} file: {error}")


def require(path: FilePath, found: Collection[str], names: tuple[str, ...], needs: str) -> None:
    """Raise a ``ValueError`` where ``names`` are missing, with what was found and ``needs``."""
    missing = [name for name in names if name not in found]
    if missing:
        have = ", ".join(found) or "no array"
        raise ValueError(f"{path}: {', '.join(missing)} missing; found {have}; {needs}")


def write_arrays(path: FilePath, arrays: Mapping[str, Any]) -> None:
    """Write an npz file under exactly this name; an older file there is replaced at the end.

    Raises
    ------
    OSError : the folder is missing or cannot be written to, or ``path`` is not a regular file.
    TypeError : an array of Python objects, which only pickle could store.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} holds Python objects; only plain arrays are written")
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)


def check_writable(path: FilePath) -> None:
    """Raise what writing would raise: before long work, not after it."""
    with _temporary(path):
        pass


@contextmanager
def replacing(path: FilePath) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` when the block ends without an error."""
    with _temporary(path) as (target, file):
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()  # Windows renames no open file
        os.replace(file.name, target)


@contextmanager
def _temporary(path: FilePath) -> Iterator[tuple[Path, IO[bytes]]]:
    target = Path(path).resolve()  # replace what a link points to, not the link
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path}: exists and is not a regular file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: no such folder: {target.parent}")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield target, file
    finally:
        temporary.unlink(missing_ok=True)
