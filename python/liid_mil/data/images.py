"""Reads image files: any format that Pillow knows, 8-bit RGB out, one clear error for bad files.

Input: a path. Output: uint8 (H, W, 3), RGB, upright as the file's orientation tag says. Pixels are
counted before they are decoded, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PillowImage

from liid_mil.data.types import DatasetError, Image

MAX_PIXELS = 100_000_000


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read an image as uint8 (H, W, 3), RGB.

    Transparent pixels keep their colour, palettes and grey are expanded, 16-bit grey is scaled.
    Raises :class:`DatasetError` where the file is missing, damaged, not an image, or larger than
    ``max_pixels``.
    """
    pixels = _decode(path, max_pixels, to_rgb=True)
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def read_image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image as :func:`read_image` gives it, from the file's head alone.

    Raises :class:`DatasetError` where the file is missing, damaged at its start, or not an image.
    """
    with _opened(path) as file:
        width, height = file.size
        turned = file.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def read_index_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Read a palette or grey image as its indices, uint8 (H, W), such as VOC's segmentations.

    Raises :class:`DatasetError` as :func:`read_image`, and where the file holds colours.
    """
    pixels = _decode(path, max_pixels, to_rgb=False)
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise DatasetError(path, "must be an image with a palette or 8-bit grey, one index a pixel")
    return pixels


def read_label_map(
    path: str | Path, *, max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.integer[Any]]:
    """Read a palette or grey image of any depth as its values, non-negative integers (H, W).

    Raises :class:`DatasetError` as :func:`read_image`, and where the file holds colours or numbers
    below 0 or with a fraction.
    """
    pixels = _decode(path, max_pixels, to_rgb=False)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8)
    if pixels.ndim != 2 or pixels.dtype.kind not in "iu" or pixels.min(initial=0) < 0:
        raise DatasetError(path, "must be an image with a palette or grey, one value a pixel")
    return pixels


def _decode(path: str | Path, max_pixels: int, *, to_rgb: bool) -> npt.NDArray[Any]:
    with _opened(path) as file:
        width, height = file.size
        if width * height > max_pixels:
            raise DatasetError(
                path, f"has {width} x {height} pixels; at most {max_pixels} are read"
            )
        if not to_rgb:
            return np.array(file)
        upright = ImageOps.exif_transpose(file)
        if upright.mode.startswith("I;16") or upright.mode == "I":
            return np.repeat(_from_16_bit(path, np.array(upright))[..., None], 3, axis=2)
        return np.array(upright.convert("RGB"))


@contextmanager
def _opened(path: str | Path) -> Iterator[PillowImage.Image]:
    """The image file; whatever goes wrong with it becomes a :class:`DatasetError`."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images; the limit here is ours. Other warnings of its decoders
            # are about metadata, which is not read.
            warnings.simplefilter("ignore")
            with PillowImage.open(path) as file:
                yield file
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(path, "no such file") from None
    except UnidentifiedImageError:
        raise DatasetError(path, "not an image, or of an unknown format") from None
    except MemoryError:
        raise
    except Exception as error:
        # Decoders raise whatever their format leads them to: OSError, SyntaxError, struct.error...
        raise DatasetError(path, f"damaged image ({error})") from error


def _from_16_bit(path: str | Path, grey: npt.NDArray[Any]) -> Image:
    if grey.min() < 0 or grey.max() > 65535:
        raise DatasetError(path, f"grey values reach {grey.max()}; 8 or 16 bits are read")
    return (grey // 257).astype(np.uint8)
