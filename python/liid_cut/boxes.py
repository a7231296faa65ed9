"""Greedy non-maximum suppression of many images' boxes in one call (LIID, section 5.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.inputs import as_array, as_float_matrix, as_n_threads, as_number


def batched_nms(
    boxes: Any,
    scores: Any,
    labels: Any = None,
    iou_threshold: float = 0.4,
    *,
    groups: Any = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.int64]:
    """Rows that greedy non-maximum suppression keeps, within each image and class.

    Within a group and class, boxes are taken by falling score, of equal scores the lower row first,
    and one is kept unless its intersection over union with a kept one is above ``iou_threshold``.
    Boxes of different groups or classes never suppress each other. The call fits where
    ``torchvision.ops.batched_nms`` does, and gives its rows, but that overlaps are computed in
    double: integer corners are compared exactly, where float32 takes 2/5 to be above 0.4.

    Parameters
    ----------
    boxes : (n, 4) float16, float32 or float64, in any unit: x0, y0, x1, y1, right and bottom
        exclusive, x0 < x1 and y0 < y1. NumPy array or torch tensor, as all arguments.
    scores : (n,) finite numbers, higher is better.
    labels : (n,) integers, the class of each box; None: one class. No label is special: drop the
        background before.
    iou_threshold : in [0, 1]; the paper's value is 0.4.
    groups : (n,) integers, the image of each box, in any order; None: one image.
    n_jobs : threads; None or -1 for all cores. Never changes the result.

    Returns
    -------
    int64 (m,), kept rows by falling score over all groups, of equal scores the lower row first;
    ``rows[np.argsort(groups[rows], kind="stable")]`` has them image by image, best first.

    Raises
    ------
    ValueError : a wrong shape or dtype, a box without area, a number that is not finite, or a
        threshold outside [0, 1].
    """
    corners = as_float_matrix("boxes", boxes)
    if corners.shape[1] != 4:
        raise ValueError(f"boxes has shape {corners.shape}; it must be (n, 4)")
    n = len(corners)
    values = as_array("scores", scores)
    if values.shape != (n,):
        raise ValueError(f"scores has shape {values.shape}; boxes needs ({n},)")
    if values.dtype.kind not in "iuf" and n > 0:
        raise ValueError(f"scores has dtype {values.dtype}; it must be numbers")
    return _core.batched_nms(
        corners,
        np.ascontiguousarray(values, dtype=np.float64),
        _as_ids("labels", labels, n),
        _as_ids("groups", groups, n),
        as_number("iou_threshold", iou_threshold, positive=False),
        as_n_threads(n_jobs),
    )


def _as_ids(name: str, value: Any, n: int) -> npt.NDArray[np.int64] | None:
    """``value`` as int64 (n,), or None."""
    if value is None:
        return None
    ids = as_array(name, value)
    if ids.shape != (n,):
        raise ValueError(f"{name} has shape {ids.shape}; boxes needs ({n},)")
    if ids.dtype.kind not in "iu" and n > 0:
        raise ValueError(f"{name} has dtype {ids.dtype}; it must be an integer type")
    return np.ascontiguousarray(ids, dtype=np.int64)
