"""Paints the items of a scene over its background.

Each item gets a colour of its own that stands out from what lies below it, a gradient and
stripes; noise as of a camera's sensor ends it. The class moves the hue only as far as the settings
ask for.
"""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt

from liid_mil.data.scene_layout import Item
from liid_mil.data.types import Image

_NOISE_SD = 4.0
# Distance in RGB, of 441 at most, from which a colour is taken at once.
_STANDS_OUT = 130.0
_TRIES_PER_COLOUR = 8

Canvas = npt.NDArray[np.float32]


def paint(
    canvas: Canvas, items: list[Item], n_classes: int, hue_spread: float, rng: np.random.Generator
) -> Image:
    """Paint the items, lowest first, over ``canvas`` (float32 (H, W, 3), changed in place)."""
    for item in items:
        below = canvas[item.window]
        solid = item.solid
        colour = _colour(item.label, n_classes, hue_spread, below[solid].mean(axis=0), rng)
        light = _light(solid.shape, rng) * (item.shade / np.float32(255))
        opacity = (item.opacity / np.float32(255))[..., None]
        below += opacity * (light[..., None] * colour - below)
    canvas += np.float32(_NOISE_SD) * rng.standard_normal(canvas.shape, dtype=np.float32)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _colour(
    label: int, n_classes: int, hue_spread: float, below: Canvas, rng: np.random.Generator
) -> Canvas:
    best, largest = np.zeros(3, np.float32), -1.0
    for _ in range(_TRIES_PER_COLOUR):
        hue, saturation, value = rng.random(3)
        if label > 0:
            hue = ((label - 1) / n_classes + hue_spread * (hue - 0.5)) % 1.0
        rgb = colorsys.hsv_to_rgb(hue, 0.4 + 0.6 * saturation, 0.3 + 0.7 * value)
        colour = 255 * np.array(rgb, dtype=np.float32)
        distance = float(np.linalg.norm(colour - below))
        if distance > largest:
            best, largest = colour, distance
        if distance >= _STANDS_OUT:
            break
    return best


def _light(shape: tuple[int, ...], rng: np.random.Generator) -> Canvas:
    """A gradient and stripes, about 1."""
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    slope = rng.uniform(-0.2, 0.2, 2).astype(np.float32)
    wave = rng.uniform(-12, 12, 2).astype(np.float32)
    stripes = np.sin(wave[0] * rows[:, None] + wave[1] * columns)
    strength = np.float32(rng.uniform(0, 0.15))
    light: Canvas = 1 + slope[0] * rows[:, None] + slope[1] * columns + strength * stripes
    return light
