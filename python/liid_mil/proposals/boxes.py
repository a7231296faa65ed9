"""Boxes (xyxy, right and bottom exclusive): areas and overlaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import as_boxes


def box_areas(boxes: Any) -> npt.NDArray[np.float64]:
    """Areas in pixels, (P,), of boxes (P, 4)."""
    corners = as_boxes("boxes", boxes).astype(np.float64)
    areas: npt.NDArray[np.float64] = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    return areas


def box_iou(a: Any, b: Any) -> npt.NDArray[np.float64]:
    """Intersection over union of every box of ``a`` (P, 4) with every box of ``b`` (Q, 4)."""
    one = as_boxes("a", a).astype(np.float64)[:, None]
    two = as_boxes("b", b).astype(np.float64)[None]
    shared = np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2])
    intersection = np.clip(shared, 0, None).prod(axis=2)
    union = box_areas(a)[:, None] + box_areas(b)[None] - intersection
    overlap: npt.NDArray[np.float64] = intersection / union
    return overlap
