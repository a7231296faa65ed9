"""Folders that are whole or absent, and names of files from names of images."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_NAME = 200  # bytes; file systems take 255, and endings are added


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A folder beside ``path`` to fill, which gets its name when the block ends without an error.

    After an error it is removed; a process that is killed leaves it as ``.NAME.*.tmp``.

    Raises
    ------
    FileExistsError : there is something at ``path``.
    """
    path = Path(path)
    if path.is_symlink() or path.exists():
        raise FileExistsError(f"{path} exists; remove it or choose another path")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def file_stem(image_id: str) -> str:
    """``image_id``, after a check that it can name a file in a folder and nothing else.

    Raises
    ------
    ValueError : it is empty, too long, begins with a dot, or holds a slash, a backslash, a line
        break or another control character.
    """
    bad = [letter for letter in image_id if letter in '/\\<>:"|?*' or not letter.isprintable()]
    length = len(image_id.encode(errors="replace"))
    if bad or image_id.startswith(".") or not 0 < length <= _LONGEST_NAME:
        reason = f"it holds {bad[0]!r}" if bad else "it is empty, too long or begins with a dot"
        raise ValueError(f"image id {image_id[:80]!r} cannot name a file: {reason}")
    return image_id
