"""Files with the tags of images: CSV and NPZ.

CSV, UTF-8, with a header. Either ``image,tags`` with names separated by semicolons, or ``image``
and one column for each class with 0 or 1. NPZ: ``image_ids`` (strings) and ``tags`` bool (N, K).
Output: class names, image ids, tags.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from liid_cut.npz import read_arrays, require
from liid_mil.data.files import distinct
from liid_mil.data.types import Bools, DatasetError

_SEPARATOR_RULE = "tags of an image are separated by semicolons"

Tags = tuple[tuple[str, ...], tuple[str, ...], Bools]


def read_tags(path: str | Path, class_names: Sequence[str] | None = None) -> Tags:
    """Read class names (K), image ids (N) and tags (N, K) from a ``.csv`` or ``.npz`` file.

    ``class_names`` gives the classes and their order; without it they are those of the columns, or
    all names in the column ``tags``, sorted. An NPZ needs it. Raises :class:`DatasetError` where
    the file is missing or damaged, names another class, or an image twice.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(path, "no such file")
    if path.suffix == ".npz":
        return _read_npz(path, class_names)
    if path.suffix == ".csv":
        return _read_csv(path, class_names)
    raise DatasetError(path, "tags are read from .csv and .npz files")


def _read_npz(path: Path, class_names: Sequence[str] | None) -> Tags:
    if class_names is None:
        raise ValueError("class_names must be given where tags come from an .npz file")
    names = ("image_ids", "tags")
    try:
        arrays = read_arrays(path, only=names)
        require(path, arrays, names, "tags need both")
    except (OSError, ValueError) as error:
        raise DatasetError(path, f"needs the arrays image_ids and tags ({error})") from error
    image_ids, tags = arrays["image_ids"], arrays["tags"]
    if image_ids.ndim != 1 or image_ids.dtype.kind != "U":
        raise DatasetError(path, f"image_ids is {image_ids.dtype} {image_ids.shape}, not strings")
    shape = len(image_ids), len(class_names)
    if tags.dtype != np.bool_ or tags.shape != shape:
        raise DatasetError(path, f"tags is {tags.dtype} {tags.shape}; it must be bool {shape}")
    return tuple(class_names), distinct(path, image_ids.tolist()), tags


def _read_csv(path: Path, class_names: Sequence[str] | None) -> Tags:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(path, f"damaged CSV ({error})") from error
    if not rows or rows[0][0] != "image" or len(rows[0]) < 2:
        raise DatasetError(path, "needs a header: image,tags or image,<class>,<class>,...")
    header = rows[0]
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            hint = f"; {_SEPARATOR_RULE}" if header[1:] == ["tags"] else ""
            raise DatasetError(
                path, f"row {number} has {len(row)} cells; the header {len(header)}{hint}"
            )
    if len(rows) == 1:
        raise DatasetError(path, "has a header but no image")
    image_ids = distinct(path, [row[0] for row in rows[1:]])
    tagged = _names_by_row(path, header, rows[1:])
    if class_names is None:
        class_names = _found(path, tagged) if header[1:] == ["tags"] else header[1:]
    columns = {name: k for k, name in enumerate(class_names)}
    tags = np.zeros((len(image_ids), len(columns)), dtype=np.bool_)
    for i, names in enumerate(tagged):
        for name in names:
            if name not in columns:
                raise DatasetError(path, f"row {i + 1} has tag {name!r}; not in {class_names}")
            tags[i, columns[name]] = True
    return tuple(class_names), image_ids, tags


def _found(path: Path, tagged: list[list[str]]) -> list[str]:
    """All names, sorted; other separators than the semicolon show by names that share a part."""
    found = sorted({name for names in tagged for name in names})
    if not found:
        raise DatasetError(path, "tags no image")
    parts = {name: [part.strip() for part in re.split(r"[,|]", name)] for name in found}
    count = Counter(part for name in found for part in set(parts[name]))
    for i, names in enumerate(tagged):
        for name in names:
            if len(parts[name]) > 1 and any(count[part] > 1 for part in parts[name]):
                raise DatasetError(path, f"row {i + 1} has the tag {name!r}; {_SEPARATOR_RULE}")
    return found


def _names_by_row(path: Path, header: list[str], rows: list[list[str]]) -> list[list[str]]:
    if header[1:] == ["tags"]:
        return [[name.strip() for name in row[1].split(";") if name.strip()] for row in rows]
    for number, row in enumerate(rows, start=1):
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell not in ("0", "1"):
                raise DatasetError(path, f"row {number}, column {name!r} is {cell!r}, not 0 or 1")
    return [
        [name for name, cell in zip(header[1:], row[1:], strict=True) if cell == "1"]
        for row in rows
    ]
