"""Labelled proposals of an image beside its objects: the overlaps that all metrics count from.

Input: boxes or masks of P labelled proposals and of G annotated objects. Output: their IoU, and for
COCO's rules the same with crowds, where it is the share of the proposal inside the crowd that
counts (a proposal of one person in a crowd of many is not wrong).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from liid_mil.data.types import RLE, Bools, Boxes, ImageLabels, Ints, Proposals, Truth
from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.masks import mask_iou

Overlap = npt.NDArray[np.float64]
REGIONS = ("mask", "box")


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Overlaps of P proposals with G objects, float64 (P, G) in [0, 1].

    iou : intersection over union. crowd_iou : the same, but in columns of difficult objects the
    share of the proposal inside, as COCO counts crowds.
    """

    iou: Overlap
    crowd_iou: Overlap

    def rows(self, index: Ints) -> Overlaps:
        """Those of some proposals."""
        return Overlaps(self.iou[index], self.crowd_iou[index])


def overlaps(
    boxes: Boxes, masks: Sequence[RLE] | None, truth: Truth, region: str, image_id: str
) -> Overlaps:
    """Overlaps of the proposals of one image with its objects.

    Parameters
    ----------
    boxes, masks : of P proposals.
    region : ``"box"`` or ``"mask"``.
    image_id : for messages.

    Raises
    ------
    ValueError : ``region`` is ``"mask"`` and there are objects or proposals without masks, or
        masks of different sizes.
    """
    crowd = np.flatnonzero(truth.difficult)
    if region == "box":
        iou = box_iou(boxes, truth.boxes)
    else:
        masks = _masks("proposals", masks, len(boxes), image_id)
        objects = _masks("annotated objects", truth.masks, len(truth), image_id)
        sizes = sorted({tuple(mask["size"]) for mask in (*masks, *objects)})
        if len(sizes) > 1:
            raise ValueError(f"image {image_id!r} has masks of sizes {sizes}; they must be equal")
        iou = mask_iou(masks, objects)
    if len(crowd) == 0 or len(boxes) == 0:
        return Overlaps(iou, iou)
    of_crowds: Any = _xywh(truth.boxes[crowd])
    of_all: Any = _xywh(boxes)
    if region == "mask":
        of_crowds, of_all = [objects[g] for g in crowd], list(masks)
    crowd_iou = iou.copy()
    crowd_iou[:, crowd] = coco_mask.iou(of_all, of_crowds, [1] * len(crowd))
    return Overlaps(iou, crowd_iou)


@dataclass(frozen=True, eq=False)
class ScoredImage:
    """Labelled proposals of one annotated image, best first, beside its objects.

    labels, scores : (P,), of the proposals. truth_labels, difficult : (G,), of the objects.
    overlaps : (P, G).
    """

    labels: Ints
    scores: npt.NDArray[np.floating[Any]]
    truth_labels: Ints
    difficult: Bools
    overlaps: Overlaps

    @cached_property
    def same_class(self) -> Bools:
        """Whether a proposal has an object's class, (P, G)."""
        same: Bools = self.labels[:, None] == self.truth_labels
        return same


def have_masks(*sides: Proposals | ImageLabels | Truth) -> bool:
    """Whether the objects of all have masks; without objects none are missing."""
    return all(side.masks is not None or len(side) == 0 for side in sides)


def _masks(what: str, masks: Sequence[RLE] | None, n_boxes: int, image_id: str) -> Sequence[RLE]:
    if masks is None and n_boxes > 0:
        raise ValueError(f"region is 'mask', but the {what} of image {image_id} have no masks")
    return masks or []


def _xywh(boxes: Boxes) -> npt.NDArray[np.float64]:
    corners = boxes.astype(np.float64)
    return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
