"""Semantic maps: one class (or object) a pixel, from the objects of an image.

Input: labelled or annotated objects with masks. Output: uint8 (H, W), 0 the background, 1..K the
classes, 255 void, as VOC's ``SegmentationClass`` has them.
Source: LIID, section 6.5 (masks of one class of an image are merged); PASCAL VOC's development kit
(difficult objects are void).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from liid_mil.data.types import RLE, Bools, ImageLabels, Ints, Truth

SemanticMap = npt.NDArray[np.uint8]
VOID = 255
_MASKS_AT_A_TIME = 16


def semantic_map(objects: ImageLabels) -> SemanticMap:
    """Merge the masks of each class; where classes overlap, the object of higher score wins.

    Of equal scores the first object wins.

    Raises
    ------
    ValueError : there are objects, but no masks, or a label is above 254.
    """
    return _painted(objects, objects.labels)


def object_map(objects: ImageLabels) -> SemanticMap:
    """The object of each pixel: i + 1 for row i of ``objects``, 0 for none; who wins as above.

    The classes at these objects are :func:`semantic_map`.

    Raises
    ------
    ValueError : as :func:`semantic_map`, or there are more than 254 objects.
    """
    if len(objects) >= VOID:
        raise ValueError(
            f"image {objects.image_id!r} has {len(objects)} objects; a map has room for {VOID - 1}"
        )
    return _painted(objects, np.arange(1, len(objects) + 1))


def _painted(objects: ImageLabels, values: Ints) -> SemanticMap:
    """A map with the value of each object where its mask is and no better object's."""
    masks = _masks_of(objects, objects.image_id)
    canvas = _empty_canvas(objects.size)
    worst_first = np.argsort(-objects.scores, kind="stable")[::-1]
    for i, inside in _decoded(masks, worst_first, objects.size):
        np.copyto(canvas, np.uint8(values[i]), where=inside)
    return np.ascontiguousarray(canvas)


def truth_map(truth: Truth, size: tuple[int, int], image_id: str = "") -> SemanticMap:
    """Merge annotated masks. Difficult objects, and pixels of two classes, are void.

    Raises
    ------
    ValueError : there are objects, but no masks; a mask is not of ``size``; a label is above 254.
    """
    masks = _masks_of(truth, image_id)
    canvas = _empty_canvas(size)
    for i, inside in _decoded(masks, np.flatnonzero(~truth.difficult), size):
        label = np.uint8(truth.labels[i])
        contested = inside & (canvas != 0) & (canvas != label)
        np.copyto(canvas, label, where=inside)
        np.copyto(canvas, np.uint8(VOID), where=contested)
    for _, inside in _decoded(masks, np.flatnonzero(truth.difficult), size):
        np.copyto(canvas, np.uint8(VOID), where=inside)
    return np.ascontiguousarray(canvas)


def _masks_of(objects: ImageLabels | Truth, image_id: str) -> Sequence[RLE]:
    if (objects.labels >= VOID).any():
        row = int(np.argmax(objects.labels >= VOID))
        raise ValueError(
            f"labels[{row}] of image {image_id!r} is {objects.labels[row]}; a map has room for "
            f"1 to {VOID - 1}"
        )
    if objects.masks is None and len(objects) > 0:
        raise ValueError(f"the objects of image {image_id!r} have boxes only; a map needs masks")
    return objects.masks or []


def _empty_canvas(size: tuple[int, int]) -> SemanticMap:
    return np.zeros(size, dtype=np.uint8, order="F")  # columns first, as masks are decoded


def _decoded(
    masks: Sequence[RLE], rows: Ints, size: tuple[int, int]
) -> Iterator[tuple[int, Bools]]:
    """The rows, and their masks as bool (H, W), columns first; a few at a time to bound memory."""
    for begin in range(0, len(rows), _MASKS_AT_A_TIME):
        block = rows[begin : begin + _MASKS_AT_A_TIME]
        for i in block:
            if tuple(masks[i]["size"]) != tuple(size):
                given = list(masks[i]["size"])
                raise ValueError(f"masks[{i}] has size {given}; the image has {list(size)}")
        with warnings.catch_warnings():
            # pycocotools 2.0.11 hands its result over in a way that NumPy 2 deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            pixels = coco_mask.decode([masks[i] for i in block])
        for column, i in enumerate(block):
            yield int(i), pixels[:, :, column].view(np.bool_)
