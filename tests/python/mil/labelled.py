"""Random proposals and labelled objects with real masks, for the tests of assignment and export."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liid_mil.data.types import ImageLabels, ImageProposals, Proposals
from liid_mil.proposals.masks import boxes_of_masks, encode_masks

SIZE = (37, 52)
CLASS_NAMES = ("cat", "dog", "sea \u00e9lephant")


def blob(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A mask of one to three discs, some with a hole, bool (H, W), never empty."""
    height, width = size
    y, x = np.mgrid[:height, :width] + 0.5
    mask = np.zeros(size, dtype=bool)
    for _ in range(rng.integers(1, 4)):
        centre, radius = rng.random(2) * size, rng.uniform(1.5, min(size) / 3)
        distance = np.hypot(y - centre[0], x - centre[1])
        mask |= (distance < radius) & (distance >= rng.choice([0, radius / 2]))
    mask[rng.integers(height), rng.integers(width)] = True
    return mask


def image_proposals(
    rng: np.random.Generator, image_id: str, n: int, size: tuple[int, int] = SIZE
) -> ImageProposals:
    """An image with n proposals."""
    blobs = [blob(rng, size) for _ in range(n)]
    masks = encode_masks(np.array(blobs, dtype=bool).reshape(n, *size))
    scores = np.sort(rng.random(n))[::-1]
    return ImageProposals(image_id, size, Proposals(boxes_of_masks(masks), masks, scores))


def image_labels(
    rng: np.random.Generator, image_id: str, n: int, size: tuple[int, int] = SIZE
) -> ImageLabels:
    """An image with n labelled objects of CLASS_NAMES, surest first."""
    found = image_proposals(rng, image_id, n, size).proposals
    labels = rng.integers(1, len(CLASS_NAMES) + 1, n)
    return ImageLabels(image_id, size, found.boxes, labels, found.scores, found.masks)


def some_images(counts: Sequence[int] = (4, 0, 7, 1), seed: int = 0) -> list[ImageLabels]:
    """Images a0, a1, ... of different sizes with so many objects each."""
    rng = np.random.default_rng(seed)
    return [image_labels(rng, f"a{i}", n, (30 + i, 60 - i)) for i, n in enumerate(counts)]
