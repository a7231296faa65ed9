"""The regions of a segmentation, described for grouping: size, box, colour, texture, borders.

Input: an image and a label map. Output: arrays with a row for each region, and the length of the
border that each pair of adjacent regions shares. The descriptors are those of Uijlings et al.
(selective search, IJCV 2013, section 3.2): histograms of colour, here CIELAB, and of gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.color import rgb2lab

from liid_mil.data.types import Image

_COLOUR_BINS = 25
_ORIENTATIONS = 8
# Gradients of lightness (0 to 100) between the bins of strength.
_STRENGTHS = np.array([1.0, 3.0, 8.0, 20.0])
_LAB_LOW = np.array([0.0, -100.0, -100.0])
_LAB_HIGH = np.array([100.0, 100.0, 100.0])

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """CIELAB colour of each pixel (H W, 3), and its bins: three of colour, one of texture."""

    lab: Floats
    bins: tuple[Ints, ...]
    n_bins: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Regions:
    """R regions and the E pairs of adjacent ones.

    sizes, rim : pixels, and how many of them lie on the image's border (R,).
    boxes : int64 (R, 4), xyxy.
    colours : mean CIELAB (R, 3).
    colour_bins, texture_bins : histograms, (R, 75) and (R, 40); rows sum to 1.
    pairs, lengths : int64 (E, 2), u < v, and the pixels along the common border (E,).
    """

    sizes: Floats
    rim: Floats
    boxes: Ints
    colours: Floats
    colour_bins: Floats
    texture_bins: Floats
    pairs: Ints
    lengths: Floats


def pixel_features(image: Image) -> PixelFeatures:
    """Colour and texture of each pixel of an image (H, W, 3)."""
    lab = rgb2lab(image)
    span = (lab - _LAB_LOW) / (_LAB_HIGH - _LAB_LOW)
    colour = np.clip((span * _COLOUR_BINS).astype(np.int64), 0, _COLOUR_BINS - 1)
    padded = np.pad(lab[..., 0], 1, mode="edge")
    down, right = (slope[1:-1, 1:-1] for slope in np.gradient(padded))
    turn = np.floor((np.arctan2(down, right) / (2 * np.pi) + 0.5) * _ORIENTATIONS)
    strength = np.searchsorted(_STRENGTHS, np.hypot(down, right))
    texture = (turn.astype(np.int64) % _ORIENTATIONS) * (len(_STRENGTHS) + 1) + strength
    return PixelFeatures(
        lab.reshape(-1, 3),
        (*(colour[..., c].ravel() for c in range(3)), texture.ravel()),
        (_COLOUR_BINS,) * 3 + (_ORIENTATIONS * (len(_STRENGTHS) + 1),),
    )


def describe_regions(labels: Ints, features: PixelFeatures) -> Regions:
    """Describe the regions 0..R-1 of ``labels`` (H, W); every one must have a pixel."""
    flat = labels.ravel()
    n = int(flat.max()) + 1
    sizes = np.bincount(flat, minlength=n).astype(np.float64)
    histograms = [
        np.bincount(flat * n_bins + bins, minlength=n * n_bins).reshape(n, n_bins) / sizes[:, None]
        for bins, n_bins in zip(features.bins, features.n_bins, strict=True)
    ]
    colours = [np.bincount(flat, channel, minlength=n) / sizes for channel in features.lab.T]
    border = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    spans = ndimage.find_objects(labels + 1)
    pairs, lengths = _borders(labels, n)
    return Regions(
        sizes=sizes,
        rim=np.bincount(border, minlength=n).astype(np.float64),
        boxes=np.array([(x.start, y.start, x.stop, y.stop) for y, x in spans], dtype=np.int64),
        colours=np.stack(colours, axis=1),
        colour_bins=np.concatenate(histograms[:3], axis=1) / 3,
        texture_bins=histograms[3],
        pairs=pairs,
        lengths=lengths,
    )


def _borders(labels: Ints, n: int) -> tuple[Ints, Floats]:
    sides = [(labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])]
    a = np.concatenate([first.ravel() for first, _ in sides])
    b = np.concatenate([second.ravel() for _, second in sides])
    differ = a != b
    keys = np.minimum(a, b)[differ] * n + np.maximum(a, b)[differ]
    unique, counts = np.unique(keys, return_counts=True)
    return np.stack([unique // n, unique % n], axis=1), counts.astype(np.float64)
