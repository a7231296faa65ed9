"""Masks made from boxes alone: what a method with real masks has to beat.

The three of the paper: the box itself, the largest ellipse in it, and the proposal whose box
overlaps it most. A pixel belongs to a shape where its centre does; a shape too thin to hold a
centre gets the pixel at its own. Source: LIID, section 6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import RLE, Boxes, ImageLabels, Proposals
from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.masks import encode_spans

Size = tuple[int, int]
Numbers = npt.NDArray[np.float64]


def rectangle_masks(boxes: Boxes, size: Size) -> list[RLE]:
    """Masks of the pixels in each box (P, 4); ``size``: height and width of the image.

    Raises
    ------
    ValueError : a box with no pixel of the image in it.
    """
    return _masks(boxes, size, lambda offsets: np.ones_like(offsets))


def ellipse_masks(boxes: Boxes, size: Size) -> list[RLE]:
    """Masks of the pixels in the largest ellipse of each box; else as :func:`rectangle_masks`."""
    return _masks(boxes, size, lambda offsets: np.sqrt(np.maximum(1 - offsets**2, 0)))


def best_proposal_masks(boxes: Boxes, proposals: Proposals) -> list[RLE]:
    """For each box the mask of the proposal with the largest IoU of boxes; the first of equal ones.

    Raises
    ------
    ValueError : the proposals have no masks, or there is none.
    """
    if proposals.masks is None:
        raise ValueError("the proposals have no masks")
    if len(boxes) == 0:
        return []
    if len(proposals) == 0:
        raise ValueError("there is no proposal to take a mask from")
    return [proposals.masks[i] for i in box_iou(boxes, proposals.boxes).argmax(axis=1)]


MAKERS: dict[str, Callable[[Boxes, Size], list[RLE]]] = {
    "rectangle": rectangle_masks,
    "ellipse": ellipse_masks,
}


def with_masks(images: Iterable[ImageLabels], kind: str) -> Iterator[ImageLabels]:
    """The same objects with masks of their boxes: ``"rectangle"`` or ``"ellipse"``."""
    if kind not in MAKERS:
        raise ValueError(f"kind is {kind!r}; it must be one of {tuple(MAKERS)}")
    make = MAKERS[kind]
    return (replace(image, masks=make(image.boxes, image.size)) for image in images)


def _masks(boxes: Boxes, size: Size, half_height: Callable[[Numbers], Numbers]) -> list[RLE]:
    """Shapes that are symmetric about the middle of their box.

    ``half_height``: half of the shape's height at horizontal offsets from its middle, both as
    shares of half the box, -1 to 1 and 0 to 1.
    """
    height, width = size
    masks = []
    for row, (x0, y0, x1, y1) in enumerate(np.asarray(boxes, dtype=np.float64)):
        if min(x1, width) <= max(x0, 0) or min(y1, height) <= max(y0, 0):
            raise ValueError(
                f"boxes[{row}] is {[x0, y0, x1, y1]}; no pixel of the {width} x {height} image"
            )
        middle, centre = (y0 + y1) / 2, (x0 + x1) / 2
        columns = np.arange(*_pixels(x0, x1, width))
        half = (y1 - y0) / 2 * half_height(np.clip((columns + 0.5 - centre) / (x1 - x0) * 2, -1, 1))
        tops = np.clip(np.ceil(middle - half - 0.5), 0, height).astype(np.int64)
        bottoms = np.clip(np.ceil(middle + half - 0.5), 0, height).astype(np.int64)
        if not (tops < bottoms).any():
            columns = np.array([np.clip(int(centre), 0, width - 1)])
            tops = np.array([np.clip(int(middle), 0, height - 1)])
            bottoms = tops + 1
        starts, ends = columns * height + tops, columns * height + bottoms
        some = tops < bottoms
        masks.append(encode_spans(starts[some], ends[some], size))
    return masks


def _pixels(begin: float, end: float, n: int) -> tuple[int, int]:
    """Pixels of 0..n-1 whose centres lie in [begin, end)."""
    first, stop = (int(np.clip(np.ceil(edge - 0.5), 0, n)) for edge in (begin, end))
    return first, stop
