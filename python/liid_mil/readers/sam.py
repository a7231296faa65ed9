"""Segment Anything's automatic masks: the files of SA-1B, and what the mask generator returns.

Input: a ``.json`` file an image, or a folder of them. SA-1B: an object with ``image`` (``width``,
``height``, ``file_name``) and ``annotations``; the generator: the list of annotations alone. Each
has a ``segmentation``: a run-length encoding, as text or numbers, or polygons. Output: proposals
with masks; boxes are those of the masks, for SAM's ``bbox`` (x, y, width, height) ends at the last
pixel, not behind it. Scores: ``predicted_iou``, else ``stability_score``, else ``score``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.readers.files import image_id_of, read_each, stem
from liid_mil.readers.json_records import json_records
from liid_mil.readers.reading import Reading, Size
from liid_mil.readers.records import proposals_of_records

SCORES = ("predicted_iou", "stability_score", "score")


def read_sam(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of SAM's files; see the file's head.

    Image ids: the image's ``file_name``, or else the name of the file, both without their endings.
    Raises :class:`DatasetError`, naming the file and the annotation.
    """
    return read_each(path, (".json",), reading, lambda file, name: _read(file, name, reading))


def _read(path: Path, image_id: str, reading: Reading) -> ImageProposals:
    size: Size | None = None
    records: list[dict[str, Any]] = []
    n_bytes = 0
    for record in json_records(path, "annotations"):
        if record.key == "image":
            image_id, size = _image(path, record.value, image_id, reading)
        if record.key is not None:
            continue
        if not isinstance(record.value, dict):
            raise DatasetError(path, f"annotation {len(records)} is no object")
        n_bytes += record.end - record.start
        reading.check_bytes(path, n_bytes)
        reading.check_number(path, image_id, len(records) + 1)
        records.append({key: record.value.get(key) for key in (*SCORES, "segmentation", "bbox")})
    return proposals_of_records(path, image_id, size, records, SCORES, reading)


def _image(path: Path, image: Any, image_id: str, reading: Reading) -> tuple[str, Size]:
    if not isinstance(image, dict):
        raise DatasetError(path, "has an image that is no object")
    name = image.get("file_name")
    if name is not None:
        image_id = stem(image_id_of(path, name))
    return image_id, reading.check_size(path, [image.get("height"), image.get("width")])
