"""Greedy non-maximum suppression of many images' boxes or masks in one call (LIID, section 5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.inputs import as_array, as_float_matrix, as_n_threads, as_number

_Ids = npt.NDArray[np.int64]


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
    return _core.batched_nms(
        corners,
        *_ranking("boxes", len(corners), scores, labels, groups),
        as_number("iou_threshold", iou_threshold, positive=False),
        as_n_threads(n_jobs),
    )


def batched_mask_nms(
    masks: Sequence[Mapping[str, Any]],
    scores: Any,
    labels: Any = None,
    iou_threshold: float = 0.4,
    *,
    groups: Any = None,
    n_jobs: int | None = None,
) -> npt.NDArray[np.int64]:
    """Suppress as :func:`batched_nms` does, by the overlap of masks.

    Parameters
    ----------
    masks : n masks as compressed run-length codes of COCO: ``{"size": [height, width], "counts":
        bytes or str}``, as ``pycocotools.mask.encode`` gives them. Those of one group and class
        must be of one size. An empty mask overlaps nothing.
    scores, labels, iou_threshold, groups, n_jobs : as of :func:`batched_nms`.

    Returns
    -------
    int64 (m,), as :func:`batched_nms`.

    Raises
    ------
    ValueError : as :func:`batched_nms`; a mask that is no code of its size, or of another size than
        others of its group.
    """
    codes = _as_codes(masks)
    return _core.batched_mask_nms(
        *codes,
        *_ranking("masks", len(codes[1]), scores, labels, groups),
        as_number("iou_threshold", iou_threshold, positive=False),
        as_n_threads(n_jobs),
    )


def mask_areas(masks: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.int64]:
    """Pixels of each mask, after a check of each code.

    pycocotools checks nothing: it decodes a code that is too short to whatever lay in memory.

    Parameters
    ----------
    masks : n compressed run-length codes, as of :func:`batched_mask_nms`.

    Returns
    -------
    int64 (n,).

    Raises
    ------
    ValueError : a mask that is no code of just height x width pixels; the first is named.
    """
    return _core.mask_areas(*_as_codes(masks))


def _ranking(
    things: str, n: int, scores: Any, labels: Any, groups: Any
) -> tuple[npt.NDArray[np.float64], _Ids | None, _Ids | None]:
    """Scores as float64 (n,), and labels and groups as int64 (n,) or None."""
    values = as_array("scores", scores)
    if values.shape != (n,):
        raise ValueError(f"scores has shape {values.shape}; {things} needs ({n},)")
    if values.dtype.kind not in "iuf" and n > 0:
        raise ValueError(f"scores has dtype {values.dtype}; it must be numbers")
    return (
        np.ascontiguousarray(values, dtype=np.float64),
        _as_ids("labels", labels, things, n),
        _as_ids("groups", groups, things, n),
    )


def _as_ids(name: str, value: Any, things: str, n: int) -> _Ids | None:
    """``value`` as int64 (n,), or None."""
    if value is None:
        return None
    ids = as_array(name, value)
    if ids.shape != (n,):
        raise ValueError(f"{name} has shape {ids.shape}; {things} needs ({n},)")
    if ids.dtype.kind not in "iu" and n > 0:
        raise ValueError(f"{name} has dtype {ids.dtype}; it must be an integer type")
    return np.ascontiguousarray(ids, dtype=np.int64)


def _as_codes(masks: Sequence[Mapping[str, Any]]) -> tuple[bytes, _Ids, _Ids]:
    """All codes in a row, the end of each (n,), and the sizes (n, 2)."""
    codes = []
    sizes = np.empty((len(masks), 2), dtype=np.int64)
    for row, mask in enumerate(masks):
        try:
            counts = mask["counts"]
            codes.append(counts.encode() if isinstance(counts, str) else bytes(memoryview(counts)))
            sizes[row] = mask["size"]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ValueError(
                f"masks[{row}] is {str(mask)[:80]}; a mask is a dict of size, [height, width], and "
                "counts, a compressed run-length code in bytes or str"
            ) from None
    ends = np.cumsum(np.fromiter(map(len, codes), dtype=np.int64, count=len(codes)))
    return b"".join(codes), ends, sizes
