"""The three forms that COCO's ``segmentation`` takes in JSON, as one run-length code.

Input: a list of polygons, a run-length encoding as a list of numbers, or one as text. Output: the
code that :mod:`pycocotools.mask` reads. Text is handed on as it is: its reader checks it, for many
masks at once, by :func:`liid_mil.proposals.runs.are_run_length_codes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask


def segmentation_code(value: Any, height: int, width: int) -> bytes:
    """Run-length code of a mask of ``height`` x ``width`` pixels.

    Corners of polygons outside the image are moved to its edge. Raises ``ValueError`` where
    ``value`` is of no such form, of another size, or has runs of another number of pixels.
    """
    if isinstance(value, list):
        return _polygons_code(value, height, width)
    if not isinstance(value, dict):
        raise ValueError("is neither a list of polygons nor a run-length encoding")
    if value.get("size") != [height, width]:
        raise ValueError(f"is of size {value.get('size')!r:.40}, not [{height}, {width}]")
    counts = value.get("counts")
    if isinstance(counts, str):
        try:
            return counts.encode("ascii")
        except UnicodeEncodeError:
            raise ValueError("has counts with letters that no run-length code has") from None
    if isinstance(counts, list) and len(counts) > 0:
        runs = _numbers(counts)
        if runs is None or runs.dtype.kind != "i" or runs.min() < 0:
            raise ValueError("has counts that are not all whole numbers from 0 on")
        # No run is longer than the image, so that the sum cannot overflow.
        if runs.max() > height * width or runs.sum() != height * width:
            raise ValueError(f"has runs of other than {height * width} pixels")
        code: bytes = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, 0, 0)[
            "counts"
        ]
        return code
    raise ValueError("has no counts")


def _polygons_code(polygons: list[Any], height: int, width: int) -> bytes:
    if len(polygons) == 0:
        raise ValueError("has no polygon")
    limits = np.array([width, height])
    inside = []
    for polygon in polygons:
        points = _numbers(polygon) if isinstance(polygon, list) else None
        if points is None or len(points) < 6 or len(points) % 2 or not np.isfinite(points).all():
            raise ValueError("is a list, but not of polygons x, y, x, y, ... of 3 corners or more")
        # Corners outside would make pycocotools walk there pixel by pixel.
        inside.append(np.clip(points.reshape(-1, 2), 0, limits).ravel().tolist())
    code: bytes = coco_mask.merge(coco_mask.frPyObjects(inside, height, width))["counts"]
    return code


def _numbers(values: list[Any]) -> Any:
    """``values`` as an array of integers or floats; None where it holds anything else."""
    try:
        array = np.array(values)
    except (ValueError, TypeError, OverflowError):  # lists of several lengths
        return None
    return array if array.ndim == 1 and array.dtype.kind in "if" else None
