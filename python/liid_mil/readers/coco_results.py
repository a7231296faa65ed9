"""COCO's results format: a list of detections of a whole dataset in one JSON file.

Input: records with ``image_id``, ``segmentation`` and / or ``bbox`` (x, y, width, height), and
``score``; ``category_id`` is not read, for proposals have no category. Output: proposals, images in
the order in which they first come. Steps: find out which bytes of the file belong to which image,
then read the bytes of one image after another, wherever they lie.

Memory: one image, a table of images, and 32 bytes for each stretch of records of the same image:
one stretch an image where the file is sorted, at worst one a record.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from liid_mil.data.types import DatasetError, ImageProposals, Ints
from liid_mil.readers.files import image_id_of
from liid_mil.readers.json_records import json_records
from liid_mil.readers.reading import Reading
from liid_mil.readers.records import proposals_of_records


def read_coco(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of a results file. Image ids: ``image_id`` as text.

    Raises :class:`DatasetError`, naming the file and the record.
    """
    if path.is_dir():
        raise DatasetError(path, "is a folder; name the results file in it")
    names, stretches = _stretches(path)
    of_image = stretches[:, 0]
    order = np.argsort(of_image, kind="stable")
    bounds = np.searchsorted(of_image[order], np.arange(len(names) + 1))
    with path.open("rb") as file:
        for i, name in enumerate(names):
            own = stretches[order[bounds[i] : bounds[i + 1]]]
            yield from reading.attempt(name, _image, path, file, name, own, reading)


def _image(
    path: Path, file: BinaryIO, name: str, stretches: Ints, reading: Reading
) -> ImageProposals:
    reading.check_number(path, name, int(stretches[:, 3].sum()))
    reading.check_bytes(path, int((stretches[:, 2] - stretches[:, 1]).sum()))
    records = [record for stretch in stretches for record in _read(path, file, stretch)]
    return proposals_of_records(path, name, None, records, ("score",), reading)


def _stretches(path: Path) -> tuple[list[str], Ints]:
    """Image ids, and for each stretch of records its image, first byte, end and number."""
    numbers: dict[str, int] = {}
    table = array("q")
    last = None
    for row, record in enumerate(json_records(path, "")):
        if record.key is not None:
            raise DatasetError(path, f"holds an object with {record.key!r:.40}, no list of results")
        if not isinstance(record.value, dict) or "image_id" not in record.value:
            raise DatasetError(path, f"record {row} has no image_id")
        name = image_id_of(path, record.value["image_id"])
        if name == last:
            table[-2], table[-1] = record.end, table[-1] + 1
        else:
            last = name
            number = numbers.setdefault(name, len(numbers))
            table.extend((number, record.start, record.end, 1))
    return list(numbers), np.frombuffer(table, dtype=np.int64).reshape(-1, 4)


def _read(path: Path, file: BinaryIO, stretch: Ints) -> list[dict[str, Any]]:
    _, start, end, number = stretch.tolist()
    file.seek(start)
    try:
        records: list[dict[str, Any]] = json.loads(b"[" + file.read(end - start) + b"]")
    except ValueError as error:
        raise DatasetError(path, f"changed while it was read ({error})") from error
    if len(records) != number:
        raise DatasetError(path, "changed while it was read")
    return records
