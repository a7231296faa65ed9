"""Pictures within a budget, crops where they belong, outlines that cover the mask."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
coco = pytest.importorskip("pycocotools.mask", reason="masks need pycocotools")
pytest.importorskip("contourpy", reason="outlines need contourpy")

from liid_cut.report.images import Encoder, as_picture, outline  # noqa: E402


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def encoded_mask(mask: np.ndarray) -> dict:
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))


def filled(path: str, shape: tuple[int, int]) -> np.ndarray:
    """The inside of an SVG path by the even-odd rule, at the centres of the pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, dtype=bool)
    for loop in path.strip("Z").split("Z"):
        points = np.array([p.split() for p in loop.lstrip("M").split("L")], dtype=float)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
            inside ^= ((y0 > rows) != (y1 > rows)) & (columns < crossing)
    return inside


def test_small_pictures_are_exact() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(Encoder(10**6).encode(picture, 600)), picture)


def test_large_pictures_shrink() -> None:
    picture = np.full((300, 900), 77, np.uint8)
    found = decoded(Encoder(10**6).encode(picture, 600))
    assert found.shape[:2] == (200, 600)
    assert np.abs(found.astype(int) - 77).max() <= 2


def test_budget_is_kept() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8)
    one = len(Encoder(10**6).encode(picture, 600))
    encoder = Encoder(2 * one + 5)
    assert [encoder.encode(picture, 600) is None for _ in range(4)] == [False, False, True, True]
    assert encoder.left == 5


def test_crop_is_the_box_and_a_margin() -> None:
    picture = np.zeros((100, 100), np.uint8)
    picture[40:60, 20:40] = 255
    found = decoded(Encoder(10**6).crop(picture, np.array([20.0, 40, 40, 60])))
    assert found.shape == (24, 24)
    np.testing.assert_array_equal(found[2:-2, 2:-2], 255)
    assert found[0, 0] == 0


def test_crop_outside_the_picture_is_not_empty() -> None:
    found = decoded(Encoder(10**6).crop(np.zeros((10, 10), np.uint8), np.array([50.0, 50, 60, 60])))
    assert found.size > 0


@pytest.mark.parametrize("shape", [(40, 60), (400, 300)])
@pytest.mark.parametrize("seed", range(3))
def test_outline_covers_the_mask(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, dtype=bool)
    for _ in range(3):  # discs, one of them with a hole
        y, x = rng.uniform(0.2, 0.8, 2) * shape
        mask |= (rows - y) ** 2 + (columns - x) ** 2 < (0.25 * min(shape)) ** 2
    mask &= (rows - y) ** 2 + (columns - x) ** 2 > (0.08 * min(shape)) ** 2
    path = outline(encoded_mask(mask))
    assert path.count("M") >= 2
    assert (filled(path, shape) != mask).sum() <= 0.06 * mask.sum()
    assert len(path) < 4000


def test_outline_of_nothing_is_empty() -> None:
    assert outline(encoded_mask(np.zeros((5, 5)))) == ""


def test_single_pixel_has_an_outline() -> None:
    mask = np.zeros((9, 9))
    mask[3, 4] = 1
    assert re.fullmatch(r"M[\d. L]+Z", outline(encoded_mask(mask)))
    assert filled(outline(encoded_mask(mask)), (9, 9))[3, 4]


def test_whole_image_is_closed_at_its_border() -> None:
    np.testing.assert_array_equal(filled(outline(encoded_mask(np.ones((7, 8)))), (7, 8)), True)


@pytest.mark.parametrize(
    "mask",
    [
        {},
        {"size": [3, 3]},
        "x",
        {"size": 3, "counts": b"1"},
        {"size": [10, 10], "counts": b""},
        {"size": [10, 10], "counts": b"ooooooooooo"},
    ],
)
def test_broken_masks(mask: object) -> None:
    with pytest.raises(ValueError, match="a mask is no run-length encoding"):
        outline(mask)


@pytest.mark.parametrize(
    "value", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_bad_pictures(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"photo has shape .* it must be uint8"):
        as_picture("photo", value)
