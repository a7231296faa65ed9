"""Image files: every mode becomes RGB, and every kind of damage names the file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image as PillowImage

from liid_mil.data.images import (
    read_image,
    read_image_size,
    read_index_image,
    read_label_map,
)
from liid_mil.data.types import DatasetError

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **more: object) -> Path:
    image = PillowImage.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **more)
    return path


def test_colours_come_back(tmp_path: Path) -> None:
    found = read_image(save(tmp_path / "a.png", RGB))
    np.testing.assert_array_equal(found, RGB)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "CMYK", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), RGB, mode)
    with PillowImage.open(path) as file:
        expected = np.array(file.convert("RGB"))
    np.testing.assert_array_equal(read_image(path), expected)


def test_16_bit_grey_is_scaled(tmp_path: Path) -> None:
    grey = np.array([[0, 257, 65535], [128 * 257, 1, 65278]], dtype=np.uint16)
    found = read_image(save(tmp_path / "a.png", grey))
    np.testing.assert_array_equal(found[..., 1], [[0, 1, 255], [128, 0, 254]])


def test_photographs_stand_upright(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned by a quarter
    path = save(tmp_path / "a.png", RGB, exif=exif)
    np.testing.assert_array_equal(read_image(path), np.rot90(RGB, -1))


def test_indices_come_back(tmp_path: Path) -> None:
    indices = np.array([[0, 1, 255], [20, 3, 0]], dtype=np.uint8)
    image = PillowImage.fromarray(indices)
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_index_image(tmp_path / "a.png"), indices)


def test_colours_are_no_indices(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a\.png: must be an image with a palette"):
        read_index_image(save(tmp_path / "a.png", RGB))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a\.png: no such file"):
        read_image(tmp_path / "a.png")


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>not found</html>")
    with pytest.raises(DatasetError, match=r"a\.jpg: not an image, or of an unknown format"):
        read_image(tmp_path / "a.jpg")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="damaged image"):
        read_image(tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "gif", "bmp", "webp"])
def test_cut_files(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = save(tmp_path / f"whole.{ending}", noise).read_bytes()
    cut = tmp_path / f"cut.{ending}"
    for share in (0.02, 0.3, 0.6):
        cut.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DatasetError, match=rf"cut\.{ending}: "):
            read_image(cut)


def test_flipped_bytes_give_pixels_or_an_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    outcomes = set()
    for ending in ("png", "jpg"):
        content = save(tmp_path / f"whole.{ending}", RGB).read_bytes()
        for _ in range(100):
            damaged = bytearray(content)
            for place in rng.integers(0, len(content), 3):
                damaged[place] = rng.integers(256)
            path = tmp_path / f"damaged.{ending}"
            path.write_bytes(damaged)
            try:
                outcomes.add(read_image(path, max_pixels=10_000).ndim)
            except DatasetError as error:
                outcomes.add(error.path)
    assert {tmp_path / "damaged.png", tmp_path / "damaged.jpg", 3} == outcomes


def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(bomb)
    message = r"bomb\.png: has 60000 x 60000 pixels; at most 100000000 are read|damaged image"
    with pytest.raises(DatasetError, match=message):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(DatasetError, match="has 9 x 6 pixels; at most 53 are read"):
        read_image(save(tmp_path / "a.png", RGB), max_pixels=53)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_of_upright_images(tmp_path: Path, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    PillowImage.new("RGB", (7, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image_size(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").shape[:2]


def test_sizes_of_files_that_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(DatasetError, match="not an image"):
        read_image_size(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match="no such file"):
        read_image_size(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("mode", "values"), [("1", [0, 1]), ("L", [0, 255]), ("I;16", [0, 65535]), ("I", [0, 70000])]
)
def test_label_maps_of_any_depth(tmp_path: Path, mode: str, values: list[int]) -> None:
    dtype = {"1": np.bool_, "L": np.uint8, "I;16": np.uint16, "I": np.int32}[mode]
    PillowImage.fromarray(np.array([values], dtype)).save(tmp_path / "a.tif")
    assert read_label_map(tmp_path / "a.tif").tolist() == [values]


@pytest.mark.parametrize("pixels", [np.zeros((1, 1), np.float32), np.full((1, 1), -1, np.int32)])
def test_label_maps_hold_whole_numbers_from_0(tmp_path: Path, pixels: np.ndarray) -> None:
    PillowImage.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(DatasetError, match="must be an image with a palette or grey"):
        read_label_map(tmp_path / "a.tif")
