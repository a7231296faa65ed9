"""Masks as polygons: filled again, they are the mask to the pixel, holes and parts included."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("skimage")

from pycocotools import mask as coco_mask

from liid_mil.export.polygons import polygon_of_mask
from liid_mil.proposals.masks import decode_masks, encode_masks, mask_iou
from mil.labelled import SIZE, blob


def filled(ring: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Pixels whose centres an odd number of edges separates from the left border."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, dtype=bool)
    for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        low, high = sorted((a, b), key=lambda point: point[1])
        if low[1] < high[1]:
            slope = (high[0] - low[0]) / (high[1] - low[1])
            inside ^= (low[1] <= y) & (y < high[1]) & (x < low[0] + (y - low[1]) * slope)
    return inside


@pytest.mark.parametrize("seed", range(40))
def test_the_polygon_is_the_mask(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Every other mask is noise: hundreds of parts and holes that touch at corners.
    mask = blob(rng) if seed % 2 else rng.random(SIZE) < 0.4
    np.testing.assert_array_equal(filled(polygon_of_mask(mask)), mask)


def test_cocos_tools_fill_it_alike() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = blob(rng)
        codes = coco_mask.frPyObjects([polygon_of_mask(mask).ravel().tolist()], *SIZE)
        assert mask_iou(codes, encode_masks(mask[None]))[0, 0] > 0.98
        assert decode_masks(codes).shape == (1, *SIZE)


def test_few_points_where_borders_are_straight() -> None:
    mask = np.zeros(SIZE, dtype=bool)
    mask[3:20, 5:40] = True
    ring = polygon_of_mask(mask)
    assert len(ring) == 8  # the corners are cut by half a pixel
    assert ring.min(axis=0).tolist() == [5, 3]
    assert ring.max(axis=0).tolist() == [40, 20]


def test_one_pixel() -> None:
    mask = np.zeros(SIZE, dtype=bool)
    mask[4, 7] = True
    ring = polygon_of_mask(mask)
    assert sorted(map(tuple, ring.tolist())) == [(7, 4.5), (7.5, 4), (7.5, 5), (8, 4.5)]


def test_a_mask_that_fills_the_image() -> None:
    ring = polygon_of_mask(np.ones(SIZE, dtype=bool))
    assert ring.min() == 0
    assert ring.max(axis=0).tolist() == [SIZE[1], SIZE[0]]
    assert filled(ring).all()


def test_tolerance_saves_points() -> None:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    disc = np.hypot(y - 18, x - 25) < 15
    exact, rough = polygon_of_mask(disc), polygon_of_mask(disc, 1.0)
    assert len(rough) < len(exact) / 2
    share = (filled(rough) & disc).sum() / (filled(rough) | disc).sum()
    assert share > 0.9
    dot = np.zeros(SIZE, dtype=bool)
    dot[4, 7] = True
    np.testing.assert_array_equal(filled(polygon_of_mask(dot, 50.0)), dot)


def test_an_empty_mask() -> None:
    with pytest.raises(ValueError, match="the mask is empty; an empty mask has no polygon"):
        polygon_of_mask(np.zeros(SIZE, dtype=bool))
