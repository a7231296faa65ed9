"""Object sources: digits as scikit-learn has them, Fashion-MNIST's files read and checked."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from liid_mil.data import scene_objects
from liid_mil.data.types import DatasetError

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Twenty garments: class k is a bright square with a side of 4 + k pixels and a dark hole."""
    pixels = np.zeros((20, 28, 28), dtype=np.uint8)
    for i in range(20):
        pixels[i, 5 : 9 + i % 10, 5 : 9 + i % 10] = 200
        pixels[i, 7, 7] = 0
    (tmp_path / IMAGES).write_bytes(gzip.compress(idx(pixels)))
    (tmp_path / LABELS).write_bytes(gzip.compress(idx(np.arange(20, dtype=np.uint8) % 10)))
    monkeypatch.setattr(scene_objects, "FASHION_FOLDER", tmp_path)
    scene_objects.fashion.cache_clear()
    yield tmp_path
    scene_objects.fashion.cache_clear()


def test_digits_keep_their_shape() -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    source = scene_objects.digits("train")
    assert source.opacity.shape == source.shade.shape == (1347, 48, 48)
    np.testing.assert_array_equal(source.labels, labels[:1347])
    # Back at 8 x 8 the opacity is the ink.
    small = source.opacity[:, 8:40, 8:40].reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
    for ink, shown in zip(pixels[:50], small[:50].reshape(50, 64), strict=True):
        assert np.corrcoef(ink, shown)[0, 1] > 0.9


def test_clothes_are_read_and_their_holes_filled(folder: Path) -> None:
    source = scene_objects.fashion("train")
    assert source.opacity.shape == (20, 42, 42)
    np.testing.assert_array_equal(source.labels, np.arange(20) % 10)
    for i in range(20):
        assert (source.opacity[i] == 255).sum() == (4 + i % 10) ** 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (IMAGES, b"not gzip", "damaged gzip file"),
        (IMAGES, gzip.compress(b"")[:-3], "damaged gzip file"),
        (IMAGES, gzip.compress(b"abc"), "is not an IDX file of bytes"),
        (IMAGES, gzip.compress(idx(np.zeros((20, 28, 27), np.uint8))), "is not an IDX file"),
        (IMAGES, gzip.compress(idx(np.zeros((20, 28, 28), np.uint8))[:-1]), "is not an IDX file"),
        (IMAGES, gzip.compress(idx(np.zeros((0, 28, 28), np.uint8))), "is not an IDX file"),
        (LABELS, gzip.compress(idx(np.zeros(19, np.uint8))), "does not fit the images"),
        (LABELS, gzip.compress(idx(np.full(20, 10, np.uint8))), "does not fit the images"),
    ],
)
def test_damaged_files(folder: Path, name: str, content: bytes, reason: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DatasetError, match=f"{name}: {reason}"):
        scene_objects.fashion("train")


def test_clothes_of_debians_package() -> None:
    if not (scene_objects.FASHION_FOLDER / "t10k-images-idx3-ubyte.gz").exists():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    source = scene_objects.fashion("val")
    assert set(source.labels) == set(range(10))
    assert 0.1 < (source.opacity > 127).mean() < 0.5
