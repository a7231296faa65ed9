"""Masks as COCO run-length encodings: to and from bool arrays, areas, boxes, overlaps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from liid_cut import mask_areas
from liid_mil.data.types import RLE, Bools, Boxes, Ints


def encode_masks(masks: Bools) -> list[RLE]:
    """Run-length encodings of bool masks (P, H, W)."""
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype != np.bool_:
        raise ValueError(f"masks is {masks.dtype} {masks.shape}; it must be bool (P, H, W)")
    columns_first = np.asfortranarray(masks.transpose(1, 2, 0), dtype=np.uint8)
    encoded: list[RLE] = coco_mask.encode(columns_first)
    return encoded


def encode_label_map(labels: npt.NDArray[np.integer[Any]]) -> list[RLE]:
    """Run-length encodings of the regions 0..R-1 of ``labels`` (H, W); negative: no region."""
    height, width = (int(n) for n in labels.shape)
    flat = np.asarray(labels).ravel(order="F")
    starts = np.flatnonzero(np.diff(flat, prepend=flat[:1] - 1))
    ends = np.append(starts[1:], flat.size)
    owners = flat[starts]
    order = np.argsort(owners, kind="stable")
    order = order[np.searchsorted(owners[order], 0) :]
    n_regions = int(owners.max(initial=-1)) + 1
    bounds = np.searchsorted(owners[order], np.arange(n_regions + 1))
    encoded: list[RLE] = []
    for k in range(n_regions):
        runs = order[bounds[k] : bounds[k + 1]]
        encoded.append(encode_spans(starts[runs], ends[runs], (height, width)))
    return encoded


def encode_spans(starts: Ints, ends: Ints, size: tuple[int, int]) -> RLE:
    """Run-length encoding of the pixels starts[i] to ends[i] - 1, counted down the columns.

    Runs must rise and not overlap; they may touch.
    """
    touching = np.flatnonzero(starts[1:] == ends[:-1])
    starts, ends = np.delete(starts, touching + 1), np.delete(ends, touching)
    changes = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(changes, prepend=0, append=size[0] * size[1]).tolist()
    encoded: RLE = coco_mask.frPyObjects({"size": list(size), "counts": counts}, *size)
    return encoded


def decode_masks(masks: Sequence[RLE]) -> Bools:
    """Bool masks (P, H, W) of run-length encodings of one image. No mask gives (0, 0, 0)."""
    if len(masks) == 0:
        return np.zeros((0, 0, 0), dtype=np.bool_)
    with warnings.catch_warnings():
        # pycocotools 2.0.11 hands its result over in a way that NumPy 2 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        decoded = coco_mask.decode(list(masks))
    return np.ascontiguousarray(decoded.transpose(2, 0, 1)).astype(np.bool_)


def areas_of_masks(masks: Sequence[RLE]) -> npt.NDArray[np.int64]:
    """Number of pixels of each mask, int64 (P,); raises ``ValueError`` for a damaged one."""
    return mask_areas(masks)


def boxes_of_masks(masks: Sequence[RLE]) -> Boxes:
    """Tight boxes, float32 (P, 4), xyxy, right and bottom exclusive. Masks must not be empty."""
    if len(masks) == 0:
        return np.zeros((0, 4), dtype=np.float32)
    empty = areas_of_masks(masks) == 0
    if empty.any():
        raise ValueError(f"masks[{int(np.argmax(empty))}] is empty; an empty mask has no box")
    xywh = np.asarray(coco_mask.toBbox(list(masks)), dtype=np.float32).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def mask_iou(a: Sequence[RLE], b: Sequence[RLE]) -> npt.NDArray[np.float64]:
    """Intersection over union of every mask of ``a`` with every mask of ``b``, (P, Q)."""
    if len(a) == 0 or len(b) == 0:
        return np.zeros((len(a), len(b)))
    return np.asarray(coco_mask.iou(list(a), list(b), [0] * len(b)), dtype=np.float64)
