"""Scenes: images composed on the fly from real pictures, with exact tags, boxes and masks.

Objects (handwritten digits, or clothes) in many colours, sizes and turns lie on crops of
photographs, among clutter, and hide one another in part. Image i depends on the settings and i
alone: three random streams decide what it shows, where, and how it looks, so that tags need no
rendering and the truth no colours. The data on which a newcomer can train; the paper has none.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from liid_mil.data.scene_backgrounds import background
from liid_mil.data.scene_layout import Item, LayoutSettings, place_items
from liid_mil.data.scene_look import paint
from liid_mil.data.scene_objects import SOURCES, SPLITS
from liid_mil.data.types import Image, Truth
from liid_mil.proposals.masks import boxes_of_masks, encode_masks

Number = TypeVar("Number", int, float)

_WHAT, _WHERE, _LOOK = range(3)
_REPEATS_A_CLASS = 0.3
_DIFFICULT_BELOW = 2 / 3


class SceneDataset:
    """Composed images; see the module. An :class:`~liid_mil.data.types.ImageDataset`.

    Parameters
    ----------
    n_images : N.
    n_classes : K, the first K classes of ``objects``; 1 to 10.
    size : side of the images, or (height, width), in pixels; 32 to 2048.
    seed : another seed, other images; >= 0.
    split : ``"train"`` or ``"val"``; they share neither objects' pictures nor photographs.
    objects : ``"digits"`` (scikit-learn), or ``"fashion"`` (Debian's dataset-fashion-mnist).
    n_objects : fewest and most objects an image.
    n_clutter : fewest and most pieces of clutter an image; fewer where there is no room.
    scale : smallest and largest side of an object, relative to the image's shorter side.
    min_visible : least share of an object that borders and other items leave visible; objects
        that show less than two thirds are marked difficult.
    hue_spread : 0 paints every object in the hue of its class, 1 in any hue.

    Raises
    ------
    ValueError, TypeError : a setting out of range, or of a wrong type; the message names it.
    DatasetError : a file of ``objects`` or of the photographs is missing or damaged.
    """

    def __init__(
        self,
        n_images: int,
        *,
        n_classes: int = 10,
        size: int | tuple[int, int] = 128,
        seed: int = 0,
        split: str = "train",
        objects: str = "digits",
        n_objects: tuple[int, int] = (1, 4),
        n_clutter: tuple[int, int] = (0, 3),
        scale: tuple[float, float] = (0.25, 0.5),
        min_visible: float = 0.5,
        hue_spread: float = 0.5,
    ) -> None:
        height, width = _pair("size", (size, size) if np.isscalar(size) else size, 32, 2048, False)
        n_images = _number("n_images", n_images, 0, 10**9)
        self._n_classes = _number("n_classes", n_classes, 1, 10)
        self._n_objects = _pair("n_objects", n_objects, 1, 20)
        self._seed = _number("seed", seed, 0, 2**63)
        self._hue_spread = _number("hue_spread", hue_spread, 0.0, 1.0)
        for name, value, allowed in (("split", split, SPLITS), ("objects", objects, SOURCES)):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; it must be one of {sorted(allowed)}")
        self._split, self._objects = split, objects
        self._layout = LayoutSettings(
            height,
            width,
            _pair("n_clutter", n_clutter, 0, 100),
            _pair("scale", scale, 0.05, 1.0),
            _number("min_visible", min_visible, 0.01, 0.9),
        )
        # Proposals are stored with image ids: those of other settings must not look the same.
        settings = vars(self) | {"_layout": asdict(self._layout)}
        digest = hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:8]
        self.class_names = SOURCES[objects](split).class_names[: self._n_classes]
        self.image_ids = tuple(f"scene-{digest}-{i:06d}" for i in range(n_images))
        self.tags = np.zeros((n_images, self._n_classes), dtype=np.bool_)
        for i in range(n_images):
            self.tags[i, self._classes(i)] = True

    def __len__(self) -> int:
        return len(self.image_ids)

    def image(self, i: int) -> Image:
        """Image i, uint8 (H, W, 3), RGB. Raises ``IndexError`` beyond N."""
        items, _ = self._place(i)
        rng = self._stream(i, _LOOK)
        canvas = background(self._split, self._layout.height, self._layout.width, rng)
        return paint(canvas, items, self._n_classes, self._hue_spread, rng)

    def truth(self, i: int) -> Truth:
        """Objects of image i, lowest first; boxes and masks are of the visible parts."""
        items, owner = self._place(i)
        objects = [u for u, item in enumerate(items) if item.label > 0]
        visible = np.stack([owner == u for u in objects])
        whole = np.array([items[u].area for u in objects])
        masks = encode_masks(visible)
        return Truth(
            boxes=boxes_of_masks(masks),
            labels=np.array([items[u].label for u in objects]),
            masks=masks,
            difficult=visible.sum(axis=(1, 2)) < _DIFFICULT_BELOW * whole,
        )

    def _stream(self, i: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, SPLITS.index(self._split), i, purpose])

    def _classes(self, i: int) -> list[int]:
        rng = self._stream(i, _WHAT)
        classes: list[int] = []
        for _ in range(rng.integers(self._n_objects[0], self._n_objects[1] + 1)):
            repeats = len(classes) > 0 and rng.random() < _REPEATS_A_CLASS
            classes.append(classes[-1] if repeats else int(rng.integers(self._n_classes)))
        return classes

    def _place(self, i: int) -> tuple[list[Item], npt.NDArray[np.int16]]:
        if not 0 <= i < len(self):
            raise IndexError(f"image {i} of {len(self)}")
        source = SOURCES[self._objects](self._split)
        return place_items(self._classes(i), source, self._layout, self._stream(i, _WHERE))


def _number(name: str, value: Any, least: Number, most: Number) -> Number:
    """A setting as a plain number, after checks; an integer where ``least`` is one."""
    kinds = int | np.integer if isinstance(least, int) else int | float | np.number
    if not isinstance(value, kinds) or isinstance(value, bool):
        what = "an integer" if isinstance(least, int) else "a number"
        raise TypeError(f"{name} is {value!r}; it must be {what}")
    if not least <= value <= most:
        raise ValueError(f"{name} is {value}; it must lie in {least} to {most}")
    return type(least)(value)


def _pair(
    name: str, value: Any, least: Number, most: Number, rising: bool = True
) -> tuple[Number, Number]:
    """A setting of two numbers; the first must not be the larger one where ``rising``."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{name} is {value!r}; it must be a pair of numbers")
    first, second = (_number(name, number, least, most) for number in value)
    if rising and first > second:
        raise ValueError(f"{name} is {value}; its second number must not be the smaller one")
    return first, second
