"""Proposals of one image from JSON records with COCO's fields: what SAM and COCO results share.

Input: records with ``segmentation`` (:mod:`liid_mil.data.segmentations`) or ``bbox`` (x, y, width,
height). Output: proposals. Either all records of an image have a mask or none has; boxes are those
of the masks, and ``bbox`` is read where there is no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liid_mil.data.segmentations import segmentation_code
from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.readers.reading import Reading, Size


def proposals_of_records(
    path: Path,
    image_id: str,
    size: Size | None,
    records: Sequence[dict[str, Any]],
    score_keys: Sequence[str],
    reading: Reading,
) -> ImageProposals:
    """The proposals of ``records``; ``size`` of the image, None where only the masks tell.

    Raises :class:`DatasetError`, naming the file, the image and the record.
    """
    scores = _scores(path, image_id, records, score_keys)
    n_masks = sum(bool(record.get("segmentation")) for record in records)
    if n_masks not in (0, len(records)):
        raise DatasetError(
            path,
            f"{n_masks} of {len(records)} proposals of image {image_id!r} have a segmentation; "
            "either all or none must have one",
        )
    if n_masks == 0:
        boxes = [_box(path, image_id, i, record.get("bbox")) for i, record in enumerate(records)]
        return reading.from_boxes(path, image_id, size, boxes, scores)
    shapes = [record["segmentation"] for record in records]
    if size is None:
        sizes = [shape.get("size") for shape in shapes if isinstance(shape, dict)]
        size = reading.check_size(path, sizes[0]) if _is_list(sizes[:1]) else None
        size = reading.known_size(path, image_id, size)
    if size is None:
        raise DatasetError(
            path,
            f"has no run-length code of image {image_id!r} that tells its size; name the images' "
            "source",
        )
    codes = []
    for i, shape in enumerate(shapes):
        try:
            codes.append(segmentation_code(shape, *size))
        except ValueError as error:
            raise DatasetError(
                path, f"the segmentation of proposal {i} of image {image_id!r} {error}"
            ) from None
    return reading.from_codes(path, image_id, size, codes, scores)


def _scores(
    path: Path, image_id: str, records: Sequence[dict[str, Any]], keys: Sequence[str]
) -> list[float] | None:
    """The first of ``keys`` that any record has, of all; None where none has any."""
    for key in keys:
        values = [record.get(key) for record in records]
        for i, value in enumerate(values):
            if type(value) in (int, float):
                continue
            if value is None and all(other is None for other in values):
                break
            raise DatasetError(
                path,
                f"proposal {i} of image {image_id!r} has the {key} {value!r:.40}; "
                "it must be a number, as of the image's other proposals",
            )
        else:
            if len(values) > 0:
                return [_as_float(value) for value in values]
    return None


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return np.inf


def _box(path: Path, image_id: str, i: int, box: Any) -> list[float]:
    if not isinstance(box, list) or [type(n) in (int, float) for n in box] != [True] * 4:
        raise DatasetError(
            path,
            f"proposal {i} of image {image_id!r} has neither a segmentation nor a bbox of 4 "
            f"numbers, but {box!r:.60}",
        )
    x, y, width, height = map(_as_float, box)
    return [x, y, x + width, y + height]


def _is_list(sizes: list[Any]) -> bool:
    return len(sizes) > 0 and isinstance(sizes[0], list)
