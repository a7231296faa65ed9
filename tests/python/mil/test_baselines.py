"""Rectangles, ellipses and best proposals: against pixel centres tested one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.baselines import (
    best_proposal_masks,
    ellipse_masks,
    rectangle_masks,
    with_masks,
)
from liid_mil.data.types import RLE, Proposals
from liid_mil.proposals.masks import decode_masks
from liid_mil.proposals.runs import are_run_length_codes
from mil.labelled import image_proposals, some_images

SIZE = (23, 31)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5


def random_boxes(seed: int) -> np.ndarray:
    """Boxes with and without fractions, some beyond the image."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(-5, 20, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(6, 30, (40, 2))], axis=1)
    boxes[::2] = np.round(boxes[::2])
    return boxes


def test_rectangles() -> None:
    boxes = random_boxes(0)
    for (x0, y0, x1, y1), mask in zip(
        boxes, decode_masks(rectangle_masks(boxes, SIZE)), strict=True
    ):
        np.testing.assert_array_equal(mask, (x0 <= X) & (x1 > X) & (y0 <= Y) & (y1 > Y))


def test_ellipses() -> None:
    boxes = random_boxes(1) + 0.123  # no centre of a pixel on a border, where rounding decides
    for (x0, y0, x1, y1), mask in zip(boxes, decode_masks(ellipse_masks(boxes, SIZE)), strict=True):
        a, b = (x1 - x0) / 2, (y1 - y0) / 2
        inside = ((X - (x0 + x1) / 2) / a) ** 2 + ((Y - (y0 + y1) / 2) / b) ** 2 < 1
        np.testing.assert_array_equal(mask, inside)


@pytest.mark.parametrize("make", [rectangle_masks, ellipse_masks])
def test_thin_shapes_keep_one_pixel(make: Callable[..., list[RLE]]) -> None:
    boxes = np.array([[3.6, 2.1, 4.4, 2.4], [30.9, 22.9, 31, 23], [-5, -5, 0.2, 0.2]])
    masks = make(boxes, SIZE)
    assert are_run_length_codes([mask["counts"] for mask in masks], SIZE[0] * SIZE[1]).all()
    found = [np.argwhere(mask).tolist() for mask in decode_masks(masks)]
    assert found == [[[2, 4]], [[22, 30]], [[0, 0]]]


@pytest.mark.parametrize("make", [rectangle_masks, ellipse_masks])
def test_the_whole_image_and_no_box(make: Callable[..., list[RLE]]) -> None:
    (mask,) = decode_masks(make(np.array([[0, 0, SIZE[1], SIZE[0]]]), SIZE))
    assert mask.mean() == pytest.approx(1 if make is rectangle_masks else np.pi / 4, abs=0.02)
    assert make(np.zeros((0, 4)), SIZE) == []


def test_a_box_outside_the_image() -> None:
    with pytest.raises(ValueError, match=r"boxes\[0\] is .*; no pixel of the 31 x 23 image"):
        rectangle_masks(np.array([[31, 0, 40, 5]]), SIZE)


def test_best_proposals() -> None:
    proposals = image_proposals(np.random.default_rng(2), "one", 8).proposals
    assert proposals.masks is not None
    moved = proposals.boxes[[5, 2]] + np.float32(0.25)
    assert best_proposal_masks(moved, proposals) == [proposals.masks[5], proposals.masks[2]]
    assert best_proposal_masks(np.zeros((0, 4)), proposals) == []
    with pytest.raises(ValueError, match="there is no proposal to take a mask from"):
        best_proposal_masks(moved, proposals[[]])
    with pytest.raises(ValueError, match="the proposals have no masks"):
        best_proposal_masks(moved, Proposals(proposals.boxes, None, proposals.scores))


def test_masks_of_labelled_boxes() -> None:
    images = [replace(image, masks=None) for image in some_images()]
    for image, made in zip(images, with_masks(iter(images), "ellipse"), strict=True):
        assert made.masks == ellipse_masks(image.boxes, image.size)
        np.testing.assert_array_equal(made.labels, image.labels)
    with pytest.raises(ValueError, match=r"kind is 'round'; it must be one of \('rectangle', "):
        with_masks(images, "round")
