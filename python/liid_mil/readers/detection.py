"""Which format a file or folder of proposals has, by its contents; and pickles under any name.

Input: a path. Output: the name of a format. Nothing is unpickled: the first bytes tell.
"""

from __future__ import annotations

import re
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from liid_cut.npz import DAMAGE
from liid_mil.data.types import DatasetError
from liid_mil.readers.files import check_file, files_of
from liid_mil.readers.json_records import json_records
from liid_mil.readers.mat_hdf5 import is_hdf5

_ENDINGS = (".mat", ".json", ".png", ".npz", ".npy", ".pkl", ".pickle", ".pth", ".pt")
_PNG = b"\x89PNG\r\n\x1a\n"
_NPY = b"\x93NUMPY"
_HINT = (
    "reading a pickle runs whatever program it holds, so it is not read; if you trust the file, "
    "convert it where it came from to npz or json: the recipe is in "
    "help(liid_mil.readers.authors)"
)
# How pickles of protocols 0 and 1 begin: marks, then a list, dictionary or tuple that is put aside,
# or the name of what is called. Later protocols begin with 0x80 and their number.
_OLD_PICKLE = re.compile(rb"\(*(?:[dlt]p\d|t\.|[ci][\w.]+\n[\w.]+\n|[\]}]q|\)[.q])")


def format_of(path: Path) -> str:
    """The format of a file, or of a folder by its first file.

    Raises :class:`DatasetError` where it is none that is read; of a pickle, saying what to do.
    """
    if path.is_dir():
        if (path / "SegmentationObject").is_dir():
            return "voc"
        _, path = next(files_of(path, _ENDINGS))
    refuse_pickle(path)
    head = _head(path)
    if head[:6] == b"MATLAB" or is_hdf5(head):
        return "mcg"
    if head[:8] == _PNG:
        return "voc" if _has_voc_palette(path) else "label-maps"
    if head[:4] == b"PK\x03\x04":
        return "authors"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{"):
        return _format_of_json(path)
    raise DatasetError(path, "is of no format of proposals that is read, nor a pickle of one")


def refuse_pickle(path: Path) -> None:
    """Raise :class:`DatasetError` where a file is a pickle, holds one, or was made with one."""
    check_file(path)
    head = _head(path)
    if (head[:1] == b"\x80" and head[1:2] <= b"\x08") or _OLD_PICKLE.match(head):
        raise DatasetError(path, f"is a pickle; {_HINT}")
    if head[:6] == _NPY and b"'|O'" in head:
        raise DatasetError(path, f"is an npy file with pickled objects; {_HINT}")
    if head[:6] == _NPY:
        raise DatasetError(path, "is an npy file; save the arrays as npz, with their names")
    if head[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                objects = [name for name in names if name.endswith(".npy")]
                objects = [name for name in objects if _holds_objects(archive, name)]
        except DAMAGE as error:
            raise DatasetError(path, f"damaged zip file ({error})") from error
        if objects or any(name.endswith((".pkl", ".pickle")) for name in names):
            raise DatasetError(path, f"is a zip file with pickled objects; {_HINT}")


def _holds_objects(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as file:
        return b"'|O'" in file.read(256)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(520)
    except OSError as error:
        raise DatasetError(path, f"cannot be read ({error.strerror})") from error


def _format_of_json(path: Path) -> str:
    keys: set[str] = set()
    for record in islice(json_records(path, "annotations"), 100):
        if record.key is not None:
            keys.add(record.key)
            if {"categories", "images"} & keys:
                raise DatasetError(
                    path, "holds COCO's annotations of objects, no proposals (CocoDataset reads it)"
                )
            if record.key == "image":
                return "sam"
            continue
        return "sam" if "image" in keys else _format_of_record(path, record.value)
    return "sam" if "image" in keys else _format_of_record(path, None)


def _format_of_record(path: Path, record: Any) -> str:
    keys = set(record) if isinstance(record, dict) else set()
    if {"data", "shape"} <= keys:
        return "prm"
    if "image_id" in keys and {"boxes", "masks"} & keys:
        return "authors"
    if "image_id" in keys:
        return "coco"
    if "segmentation" in keys:
        return "sam"
    raise DatasetError(path, "is JSON, but of no format of proposals; name the format")


def _has_voc_palette(path: Path) -> bool:
    """Whether a palette is VOC's colour map: the bits of an index spread over the colours."""
    try:
        with PillowImage.open(path) as file:
            palette = file.getpalette() if file.mode == "P" else None
    except Exception as error:
        raise DatasetError(path, f"damaged image ({error})") from error
    found = np.array(palette or [], dtype=np.int64)[: 3 * 21].reshape(-1, 3)
    index = np.arange(len(found))[:, None]
    expected = sum(((index >> (3 * bit + np.arange(3))) & 1) << (7 - bit) for bit in range(8))
    return len(found) > 1 and bool((found == expected).all())
