"""Files of proposals: which ones a folder holds, what they are named, what they may not be.

Files come from anywhere. Read are regular files alone, below the folder named and nowhere else: a
link that leads out of it, a pipe or a device is refused. Names of images become names of files
later on, so none may lead out of a folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.readers.reading import Reading

_MAX_ID = 255
_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")


def image_id_of(path: Path, value: Any) -> str:
    """``value`` of a file as the name of an image, a text or a whole number.

    Raises :class:`DatasetError` where it is neither, or could lead out of a folder.
    """
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    if not isinstance(value, str):
        raise DatasetError(path, f"names an image {value!r:.60}; it must be a text or a number")
    parts = value.split("/")
    if len(value) > _MAX_ID or _NOT_IN_IDS.search(value) or {"", ".", ".."} & set(parts):
        raise DatasetError(path, f"names an image {value!r:.60}, which is no safe name of a file")
    return value


def stem(name: str) -> str:
    """``name`` without its ending, if it has one."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + (last[: last.rindex(".")] if "." in last[1:] else last)


def check_file(path: Path) -> None:
    """Raise :class:`DatasetError` unless ``path`` is a regular file."""
    if not path.is_file():
        known = path.exists() or path.is_symlink()
        raise DatasetError(path, "is not a regular file" if known else "no such file")


def read_file(path: Path, reading: Reading) -> bytes:
    """The bytes of a regular file of at most ``max_bytes``; raises :class:`DatasetError`."""
    check_file(path)
    try:
        reading.check_bytes(path, path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(path, f"cannot be read ({error.strerror})") from error


def files_of(path: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Image ids and files: ``path`` itself, or what lies in it and below by rising name.

    The id is the file's name without its ending, within the folder. Files with other endings and
    hidden ones are left out. Raises :class:`DatasetError` where there is no file, or one may not
    be read.
    """
    if not path.is_dir():
        check_file(path)
        yield image_id_of(path, stem(path.name)), path
        return
    root = path.resolve()
    found = False
    folders = [path]
    while folders:
        folder = folders.pop()
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        below = []
        for each in (folder / name for name in names):
            if each.is_symlink() and not each.resolve().is_relative_to(root):
                raise DatasetError(each, f"is a link that leads out of {path}, or nowhere")
            if each.is_dir():
                if not each.is_symlink():
                    below.append(each)
            elif each.suffix.lower() in endings:
                check_file(each)
                found = True
                yield image_id_of(each, stem(each.relative_to(path).as_posix())), each
        folders += reversed(below)
    if not found:
        raise DatasetError(path, f"holds no file that ends in {' or '.join(endings)}")


def read_each(
    path: Path,
    endings: tuple[str, ...],
    reading: Reading,
    read: Callable[[Path, str], ImageProposals],
) -> Iterator[ImageProposals]:
    """``read(file, image id)`` of each file; damaged ones are skipped if ``reading`` says so."""
    for image_id, file in files_of(path, endings):
        yield from reading.attempt(image_id, read, file, image_id)
