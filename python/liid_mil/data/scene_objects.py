"""Objects of the scenes: small real pictures with known outline, class and split.

``digits``: scikit-learn's 1,797 handwritten digits, 8 x 8 pixels, enlarged by cubic splines; the
stroke is the object, and the last quarter of the file is kept for validation. ``fashion``: clothes
of Fashion-MNIST, 28 x 28, from Debian's package ``dataset-fashion-mnist``; its test set serves for
validation. Output: opacity, brightness and class of each object, in the middle of a square whose
side is ``MARGIN`` times the object's, so that it can turn.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from liid_mil.data.types import DatasetError, Ints

Bytes = npt.NDArray[np.uint8]

SPLITS = ("train", "val")
MARGIN = 1.5
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
# Enough for every class to show its variety; all 60,000 would need 200 MB.
_FASHION_PER_CLASS = 1000


@dataclass(frozen=True, eq=False)
class ObjectSource:
    """M objects. opacity, shade: uint8 (M, S, S); labels: int64 (M,), 0-based classes."""

    class_names: tuple[str, ...]
    opacity: Bytes
    shade: Bytes
    labels: Ints


@lru_cache(maxsize=4)
def digits(split: str) -> ObjectSource:
    """Handwritten digits of scikit-learn, 1,347 for training and 450 for validation."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    n_train = 3 * len(labels) // 4
    kept = slice(None, n_train) if split == "train" else slice(n_train, None)
    strokes = np.pad(pixels[kept].reshape(-1, 8, 8) / 16, ((0, 0), (2, 2), (2, 2)))
    strokes = ndimage.zoom(strokes, (1, 4, 4), order=3, mode="grid-constant", grid_mode=True)
    # A ramp of about two pixels instead of the grey skirt that the small pictures have.
    opacity = np.clip((strokes - 0.4) / 0.15, 0, 1)
    shade = 0.75 + 0.25 * np.clip(strokes, 0, 1)
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return ObjectSource(names, _to_bytes(opacity), _to_bytes(shade), labels[kept].astype(np.int64))


@lru_cache(maxsize=4)
def fashion(split: str) -> ObjectSource:
    """Clothes of Fashion-MNIST. Raises :class:`DatasetError` where a file is missing or bad."""
    prefix = "train" if split == "train" else "t10k"
    pixels = _read_idx(FASHION_FOLDER / f"{prefix}-images-idx3-ubyte.gz", (28, 28))
    labels = _read_idx(FASHION_FOLDER / f"{prefix}-labels-idx1-ubyte.gz", ()).astype(np.int64)
    if len(labels) != len(pixels) or labels.max() >= len(FASHION_CLASSES):
        raise DatasetError(
            FASHION_FOLDER / f"{prefix}-labels-idx1-ubyte.gz", "does not fit the images"
        )
    kept = np.sort(
        np.concatenate(
            [np.flatnonzero(labels == k)[:_FASHION_PER_CLASS] for k in range(len(FASHION_CLASSES))]
        )
    )
    images = np.pad(pixels[kept], ((0, 0), (7, 7), (7, 7)))
    opacity = np.stack([ndimage.binary_fill_holes(image > 20) for image in images])
    shade = (60 + 195 * (images / 255)).astype(np.uint8)
    return ObjectSource(FASHION_CLASSES, _to_bytes(opacity), shade, labels[kept])


SOURCES: dict[str, Callable[[str], ObjectSource]] = {"digits": digits, "fashion": fashion}


def _to_bytes(values: npt.NDArray[np.floating]) -> Bytes:
    return np.round(255 * np.asarray(values, dtype=float)).astype(np.uint8)


def _read_idx(path: Path, item_shape: tuple[int, ...]) -> Bytes:
    """The array of an IDX file (big-endian header, then bytes) with items of ``item_shape``."""
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(
            path, "no such file; objects='fashion' needs Debian's package dataset-fashion-mnist"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(path, f"damaged gzip file ({error})") from error
    n_bytes = 4 * (2 + len(item_shape))
    header = np.frombuffer(content[: min(n_bytes, len(content) // 4 * 4)], dtype=">u4").tolist()
    item_size = int(np.prod(item_shape, dtype=int))
    if (
        len(content) <= n_bytes
        or header[0] != 0x801 + len(item_shape)
        or tuple(header[2:]) != item_shape
        or len(content) != n_bytes + header[1] * item_size
    ):
        raise DatasetError(path, f"is not an IDX file of bytes with items of shape {item_shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=n_bytes).reshape(-1, *item_shape)
