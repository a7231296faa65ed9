"""Semantic maps: one class (or object) a pixel, from the objects of an image.

Input: labelled or annotated objects with masks. Output: uint8 (H, W), 0 the background, 1..K the
classes, 255 void, as VOC's ``SegmentationClass`` has them.
Source: LIID, section 6.5 (masks of one class of an image are merged); PASCAL VOC's development kit
(difficult objects are void).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import RLE, Bools, ImageLabels, Ints, Truth
from liid_mil.proposals.strips import strips_of

SemanticMap = npt.NDArray[np.uint8]
VOID = 255


def semantic_map(objects: ImageLabels) -> SemanticMap:
    """Merge the masks of each class; where classes overlap, the object of higher score wins.

    Of equal scores the first object wins.

    Raises
    ------
    ValueError : there are objects, but no masks; a mask is damaged; a label is above 254.
    """
    strips = strips_of(masks_for_map(objects, objects.image_id), objects.size)
    return strips.pixels(surest(strips.inside, objects.labels, objects.scores))


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
    strips = strips_of(masks_for_map(objects, objects.image_id), objects.size)
    rows = np.arange(1, len(objects) + 1)
    return strips.pixels(surest(strips.inside, rows, objects.scores))


def truth_map(truth: Truth, size: tuple[int, int], image_id: str = "") -> SemanticMap:
    """Merge annotated masks. Difficult objects, and pixels of two classes, are void.

    Raises
    ------
    ValueError : there are objects, but no masks; a mask is damaged or not of ``size``; a label is
        above 254.
    """
    strips = strips_of(masks_for_map(truth, image_id), size)
    return strips.pixels(agreed(strips.inside, truth.labels, truth.difficult))


def surest(inside: Bools, values: Ints, scores: npt.NDArray[Any]) -> SemanticMap:
    """The value of the object of highest score among those inside; 0 where there is none.

    inside : (P, S), the objects that cover S strips or pixels; values : (P,), 1 to 254.
    """
    if len(inside) == 0:
        return np.zeros(inside.shape[1], dtype=np.uint8)
    best_first = np.argsort(-scores, kind="stable")
    covered = inside[best_first]
    winners = values[best_first].astype(np.uint8)[covered.argmax(axis=0)]
    return np.where(covered.any(axis=0), winners, np.uint8(0))


def agreed(inside: Bools, labels: Ints, difficult: Bools) -> SemanticMap:
    """The class of annotated objects inside, void where they differ or one is difficult.

    inside : (G, S), the objects that cover S strips or pixels.
    """
    plain = inside & ~difficult[:, None]
    classes = labels.astype(np.uint8)[:, None]
    highest = np.where(plain, classes, np.uint8(0)).max(axis=0, initial=0)
    lowest = np.where(plain, classes, np.uint8(VOID)).min(axis=0, initial=VOID)
    void = (lowest < highest) | inside[difficult].any(axis=0)
    return np.where(void, np.uint8(VOID), highest)


def masks_for_map(objects: ImageLabels | Truth, image_id: str) -> Sequence[RLE]:
    """The masks of objects whose labels fit in a byte; raises ``ValueError``."""
    if (objects.labels >= VOID).any():
        row = int(np.argmax(objects.labels >= VOID))
        raise ValueError(
            f"labels[{row}] of image {image_id!r} is {objects.labels[row]}; a map has room for "
            f"1 to {VOID - 1}"
        )
    if objects.masks is None and len(objects) > 0:
        raise ValueError(f"the objects of image {image_id!r} have boxes only; a map needs masks")
    return objects.masks or []
