"""COCO's instance annotations: one JSON file and a folder of images.

Input: ``instances_*.json`` and the folder with its images. Output: a dataset whose tags are the
categories of all annotations, crowds included. Polygons and both kinds of run-length encodings
become masks; crowds count as difficult. Boxes x, y, width, height become xyxy.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liid_mil.data.files import ImageFiles, distinct, image_path, read_entries, read_json
from liid_mil.data.segmentations import segmentation_code
from liid_mil.data.types import RLE, DatasetError, Truth
from liid_mil.proposals.runs import are_run_length_codes

logger = logging.getLogger(__name__)

_MOST_PIXELS = 2**31 - 1
_LARGEST = float(np.finfo(np.float32).max)


class CocoDataset(ImageFiles):
    """Images with COCO annotations. An :class:`~liid_mil.data.types.ImageDataset`.

    Image ids are COCO's numbers as strings; the classes 1..K are the categories by rising id, which
    ``category_ids`` has.
    Annotations without a pixel in their box count for the tags and are left out of the truth.

    Parameters
    ----------
    annotations : the JSON file.
    image_dir : folder of the images' ``file_name``.
    image_ids : the images to use, in this order; None: all, by rising id.
    on_error : ``"raise"``, or ``"skip"``: leave out, log and list in ``skipped`` the images that
        are missing or have a damaged annotation. The masks are read by :meth:`truth`.

    Raises
    ------
    DatasetError : the JSON file is damaged, or an image is missing; names the file.
    """

    def __init__(
        self,
        annotations: str | Path,
        image_dir: str | Path,
        *,
        image_ids: Sequence[int | str] | None = None,
        on_error: str = "raise",
    ) -> None:
        self._file = path = Path(annotations)
        content = _read_json(path)
        categories = sorted(_records(path, content, "categories", {"id": int, "name": str}))
        names = [record["name"] for _, record in categories]
        columns = {number: k for k, (number, _) in enumerate(categories)}
        images = dict(_records(path, content, "images", _IMAGE))
        by_image: dict[int, list[dict[str, Any]]] = {number: [] for number in images}
        for number, record in _records(path, content, "annotations", _ANNOTATION):
            if record["image_id"] not in images or record["category_id"] not in columns:
                raise DatasetError(path, f"annotation {number} has an unknown image or category")
            by_image[record["image_id"]].append(record)
        wanted = [str(n) for n in (sorted(images) if image_ids is None else image_ids)]
        unknown = [name for name in distinct(path, wanted) if not _is_id(name, images)]
        if unknown:
            raise DatasetError(path, f"has no image {unknown[0]!r}")

        def read(name: str) -> Path:
            for record in by_image[int(name)]:
                _check_box(path, record)
            return image_path(Path(image_dir), images[int(name)]["file_name"])

        paths, skipped = read_entries(wanted, read, on_error)
        tags = np.zeros((len(paths), len(columns)), dtype=np.bool_)
        self._records = [by_image[int(name)] for name in paths]
        self._sizes = [(images[int(n)]["height"], images[int(n)]["width"]) for n in paths]
        self._columns = columns
        self.category_ids = tuple(columns)
        for i, records in enumerate(self._records):
            tags[i, [columns[record["category_id"]] for record in records]] = True
        super().__init__(names, tuple(paths), tags, tuple(paths.values()), skipped)

    @property
    def truth_paths(self) -> tuple[Path, ...]:
        """The files that :meth:`truth` depends on."""
        return (self._file,)

    def truth(self, i: int) -> Truth:
        """Annotated objects of image i. Raises :class:`DatasetError` for a damaged mask."""
        height, width = self._sizes[i]
        boxes, labels, masks, difficult = [], [], [], []
        for record in self._records[i]:
            x, y, w, h = record["bbox"]
            box = [max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)]
            if box[0] >= box[2] or box[1] >= box[3]:
                logger.info("annotation %s of image %s has no pixel", record["id"], i)
                continue
            boxes.append(box)
            labels.append(self._columns[record["category_id"]] + 1)
            masks.append(self._mask(record, height, width))
            difficult.append(bool(record.get("iscrowd", 0)))
        known = [mask for mask in masks if mask is not None]
        return Truth(
            np.array(boxes, dtype=np.float32).reshape(-1, 4),
            np.array(labels, dtype=np.int64),
            known if len(known) == len(masks) else None,
            np.array(difficult, dtype=np.bool_),
        )

    def _mask(self, record: dict[str, Any], height: int, width: int) -> RLE | None:
        """The mask of an annotation; None where it has only a box."""
        shape = record.get("segmentation")
        if not shape:
            return None
        try:
            code = segmentation_code(shape, height, width)
        except ValueError:
            code = b""
        if not are_run_length_codes([code], height * width)[0]:
            raise DatasetError(self._file, f"annotation {record['id']} has a damaged segmentation")
        return {"size": [height, width], "counts": code}


_IMAGE = {"id": int, "file_name": str, "height": int, "width": int}
_ANNOTATION = {"id": int, "image_id": int, "category_id": int, "bbox": list}


def _read_json(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DatasetError(path, "must hold images, annotations and categories")
    return content


def _records(
    path: Path, content: dict[str, Any], key: str, fields: dict[str, type]
) -> list[tuple[int, dict[str, Any]]]:
    """The records of a list by their ids, after a check of their fields."""
    records = content.get(key)
    if not isinstance(records, list):
        raise DatasetError(path, f"has no list {key!r}")
    by_id: dict[int, dict[str, Any]] = {}
    for row, record in enumerate(records):
        for name, kind in fields.items():
            if not isinstance(record, dict) or not isinstance(record.get(name), kind):
                raise DatasetError(path, f"{key}[{row}] needs {name!r}, of type {kind.__name__}")
        if record["id"] in by_id:
            raise DatasetError(path, f"{key}[{row}] has the id {record['id']} of an earlier one")
        by_id[record["id"]] = record
        if key == "images" and not 0 < record["height"] * record["width"] <= _MOST_PIXELS:
            raise DatasetError(path, f"images[{row}] is {record['height']} x {record['width']}")
    return list(by_id.items())


def _is_id(name: str, images: dict[int, dict[str, Any]]) -> bool:
    return name.lstrip("-").isdecimal() and int(name) in images


def _check_box(path: Path, record: dict[str, Any]) -> None:
    box = record["bbox"]
    if len(box) != 4 or not all(_is_number(n) for n in box):
        raise DatasetError(path, f"annotation {record['id']} has bbox {box}; it must be 4 numbers")


def _is_number(value: Any) -> bool:
    """A number that single precision holds."""
    return type(value) in (int, float) and abs(value) <= _LARGEST
