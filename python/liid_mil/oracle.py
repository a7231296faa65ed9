"""The upper bound of a labelling: annotated boxes filter and label the proposals.

A proposal takes the class of the annotated box that its own box overlaps most where that IoU is
above one half, and is dropped otherwise; its score is that IoU. Suppression and the rest are those
of :mod:`liid_mil.assignment`. Source: LIID, section 6.2 ("the upper bound of LIID") and Table 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from liid_mil.assignment import Selection
from liid_mil.data.types import Boxes, Floats, ImageLabels, ImageProposals, Ints, Truth
from liid_mil.proposals.boxes import box_iou

MIN_IOU = 0.5


def oracle_labels(boxes: Boxes, truth: Truth) -> tuple[Ints, Floats]:
    """Labels (P,), 0 for dropped ones, and scores (P,) of the proposals with ``boxes`` (P, 4).

    Of annotated boxes with equal overlap the first counts; difficult ones count too.
    """
    if len(truth) == 0:
        return np.zeros(len(boxes), dtype=np.int64), np.zeros(len(boxes), dtype=np.float32)
    overlap = box_iou(boxes, truth.boxes)
    best = overlap.max(axis=1)
    labels = np.where(best > MIN_IOU, truth.labels[overlap.argmax(axis=1)], 0)
    return labels, best.astype(np.float32)


def oracle(
    proposals: Iterable[ImageProposals], truths: Iterable[Truth | None], **settings: Any
) -> Iterator[ImageLabels]:
    """Yield what :func:`liid_mil.assignment.assign` would if labels were right.

    Parameters
    ----------
    proposals, truths : of the same images in the same order. Images that nobody annotated (None)
        are left out.
    settings : fields of :class:`liid_mil.assignment.Selection`.

    Raises
    ------
    ValueError : a setting that is not allowed, or numbers of images that differ.
    """
    return _labelled(proposals, truths, Selection(**settings))


def _labelled(
    proposals: Iterable[ImageProposals], truths: Iterable[Truth | None], selection: Selection
) -> Iterator[ImageLabels]:
    for image, truth in zip(proposals, truths, strict=True):
        if truth is not None:
            yield selection.objects(image, *oracle_labels(image.proposals.boxes, truth))
