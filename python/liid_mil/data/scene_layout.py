"""What lies where in a scene: outlines of objects and clutter, placed so that every object shows.

Input: classes of the objects, an object source, a random generator. Output: the items from the
lowest to the topmost, and for each pixel the topmost item. Steps: draw an outline, turn it, try
places until no object is hidden by more than the settings allow; start over where that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw

from liid_mil.data.scene_objects import MARGIN, Bytes, ObjectSource

_MAX_TURN_RAD = 0.3
_MAX_SHEAR = 0.15
_TRIES_PER_ITEM = 20
_TRIES_PER_LAYOUT = 100
_HALF = 128  # an item owns the pixels that it covers by half or more


@dataclass(frozen=True)
class LayoutSettings:
    """What :class:`liid_mil.data.scenes.SceneDataset` documents."""

    height: int
    width: int
    n_clutter: tuple[int, int]
    scale: tuple[float, float]
    min_visible: float


@dataclass(frozen=True, eq=False)
class Item:
    """One object (label 1..K) or piece of clutter (0), cut at the borders of the image."""

    label: int
    opacity: Bytes
    shade: Bytes
    top: int
    left: int
    area: int  # pixels that it would own if nothing hid it and no border cut it

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns in the image."""
        height, width = self.opacity.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    @property
    def solid(self) -> npt.NDArray[np.bool_]:
        """The pixels of its window that it owns unless another item covers them."""
        return self.opacity >= _HALF


def place_items(
    classes: Sequence[int], source: ObjectSource, settings: LayoutSettings, rng: np.random.Generator
) -> tuple[list[Item], npt.NDArray[np.int16]]:
    """Place an object of each class (0-based) and some clutter.

    Returns the items from the lowest to the topmost, and the index of the topmost item at each
    pixel (int16 (H, W), -1: none). Raises ``RuntimeError`` where the objects do not fit.
    """
    for _ in range(_TRIES_PER_LAYOUT):
        n_clutter = int(rng.integers(settings.n_clutter[0], settings.n_clutter[1] + 1))
        labels = rng.permutation([k + 1 for k in classes] + [0] * n_clutter)
        items: list[Item] = []
        owner = np.full((settings.height, settings.width), -1, dtype=np.int16)
        for label in labels.tolist():
            if not _place(label, source, settings, rng, items, owner) and label > 0:
                break
        else:
            return items, owner
    raise RuntimeError(
        f"no room for {len(classes)} objects at scale {settings.scale} in {settings.height} x "
        f"{settings.width} pixels; allow fewer or smaller objects, or a lower min_visible"
    )


def _place(
    label: int,
    source: ObjectSource,
    settings: LayoutSettings,
    rng: np.random.Generator,
    items: list[Item],
    owner: npt.NDArray[np.int16],
) -> bool:
    """Put one more item on top, if it finds a place where every object stays visible."""
    for _ in range(_TRIES_PER_ITEM):
        item = _random_item(label, source, settings, rng)
        under = owner[item.window]
        hidden = np.bincount(under[item.solid] + 1, minlength=len(items) + 1)[1:]
        shown = np.bincount(owner.ravel() + 1, minlength=len(items) + 1)[1:] - hidden
        needed = [settings.min_visible * other.area * (other.label > 0) for other in items]
        own_share_is_enough = item.solid.sum() >= max(1, settings.min_visible * item.area)
        if own_share_is_enough and (shown >= np.array(needed)).all():
            under[item.solid] = len(items)
            items.append(item)
            return True
    return False


def _random_item(
    label: int, source: ObjectSource, settings: LayoutSettings, rng: np.random.Generator
) -> Item:
    opacity, shade = _object(label, source, rng) if label > 0 else _clutter(source, rng)
    extent = rng.uniform(*settings.scale) * min(settings.height, settings.width)
    side = max(4, round(MARGIN * extent))
    opacity, shade = _turn([opacity, shade], side, rng)
    area = int((opacity >= _HALF).sum())
    # The object's own square may leave the image by a tenth, the margin around it by more.
    overhang = 0.5 * (side - extent) + 0.1 * extent
    top, left = (
        round(rng.uniform(-overhang, length - side + overhang))
        for length in (settings.height, settings.width)
    )
    rows = slice(max(0, -top), min(side, settings.height - top))
    columns = slice(max(0, -left), min(side, settings.width - left))
    return Item(
        label, opacity[rows, columns], shade[rows, columns], max(0, top), max(0, left), area
    )


def _object(label: int, source: ObjectSource, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    members = np.flatnonzero(source.labels == label - 1)
    chosen = members[rng.integers(len(members))]
    return source.opacity[chosen], source.shade[chosen]


def _clutter(source: ObjectSource, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    kind = rng.integers(5)
    side = source.opacity.shape[1]
    if kind >= 3:
        chosen = rng.integers(len(source.labels))
        order = rng.permutation(4)
        return _swap_quarters(source.opacity[chosen], order), _swap_quarters(
            source.shade[chosen], order
        )
    canvas = PillowImage.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    low, high = side * (1 - 1 / MARGIN) / 2, side * (1 + 1 / MARGIN) / 2
    if kind == 0:
        x, y = rng.uniform(low, side / 2, 2)
        draw.ellipse((x, y, side - x, side - y), fill=255)
    elif kind == 1:
        draw.polygon([tuple(point) for point in rng.uniform(low, high, (3, 2))], fill=255)
    else:
        start, end = rng.uniform(low, high, (2, 2))
        draw.line([*start, *end], fill=255, width=int(rng.integers(side // 12, side // 5)))
    return np.asarray(canvas), np.full((side, side), 255, dtype=np.uint8)


def _swap_quarters(picture: Bytes, order: npt.NDArray[np.int64]) -> Bytes:
    side = picture.shape[0]
    low, middle = round(side * (1 - 1 / MARGIN) / 2), side // 2
    spans = slice(low, middle), slice(middle, 2 * middle - low)
    quarters = [(rows, columns) for rows in spans for columns in spans]
    swapped = np.zeros_like(picture)
    for to, source in zip(quarters, order, strict=True):
        swapped[to] = picture[quarters[source]]
    return swapped


def _turn(pictures: list[Bytes], side: int, rng: np.random.Generator) -> list[Bytes]:
    """The pictures at ``side`` pixels, turned and sheared alike around their middle."""
    angle = rng.uniform(-_MAX_TURN_RAD, _MAX_TURN_RAD)
    shear = rng.uniform(-_MAX_SHEAR, _MAX_SHEAR)
    zoom = len(pictures[0]) / side
    a, b = zoom * np.cos(angle), zoom * (np.sin(angle) + shear)
    d, e = -zoom * np.sin(angle), zoom * np.cos(angle)
    middle = len(pictures[0]) / 2
    # Pillow maps places of the output to places of the input.
    c, f = middle - (a + b) * side / 2, middle - (d + e) * side / 2
    return [
        np.asarray(
            PillowImage.fromarray(picture).transform(
                (side, side),
                PillowImage.Transform.AFFINE,
                (a, b, c, d, e, f),
                PillowImage.Resampling.BILINEAR,
            )
        )
        for picture in pictures
    ]
