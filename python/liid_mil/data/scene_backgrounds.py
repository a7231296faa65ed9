"""Backgrounds of the scenes: crops of the photographs that lie inside scikit-image's wheel.

Training and validation use different photographs. A crop is taken at a random place and scale,
turned, mirrored, tinted and re-lit. Nothing is downloaded: the files are read where they lie.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from liid_mil.data.images import read_image

PHOTOGRAPHS = {
    "train": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coins.png",
        "grass.png",
        "hubble_deep_field.jpg",
        "moon.png",
        "motorcycle_left.png",
        "retina.jpg",
    ),
    "val": ("coffee.png", "gravel.png", "ihc.png", "rocket.jpg"),
}


@lru_cache(maxsize=2)
def photographs(split: str) -> tuple[PillowImage.Image, ...]:
    """The photographs of a split. Raises :class:`DatasetError` where a file is missing."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    return tuple(PillowImage.fromarray(read_image(folder / name)) for name in PHOTOGRAPHS[split])


def background(
    split: str, height: int, width: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """A random background, float32 (height, width, 3), 0 to 255."""
    photos = photographs(split)
    photo = photos[rng.integers(len(photos))]
    turned = bool(rng.random() < 0.5)
    rows, columns = (width, height) if turned else (height, width)
    # The largest crop of the wanted shape, times a random factor.
    zoom = rng.uniform(0.35, 1.0) * min(photo.width / columns, photo.height / rows)
    crop_width, crop_height = zoom * columns, zoom * rows
    left = rng.uniform(0, photo.width - crop_width)
    top = rng.uniform(0, photo.height - crop_height)
    crop = photo.resize(
        (columns, rows),
        PillowImage.Resampling.BILINEAR,
        box=(left, top, left + crop_width, top + crop_height),
        reducing_gap=2.0,
    )
    pixels = np.asarray(crop, dtype=np.float32)
    if turned:
        pixels = pixels.transpose(1, 0, 2)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    gain = rng.uniform(0.6, 1.2) * rng.uniform(0.8, 1.2, 3)
    contrast = rng.uniform(0.5, 1.0)
    mean = pixels.mean(dtype=np.float64)
    scaled = (pixels - np.float32(mean)) * np.float32(contrast) + np.float32(mean)
    lit: npt.NDArray[np.float32] = np.clip(scaled * gain.astype(np.float32), 0, 255)
    return lit
