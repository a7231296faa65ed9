"""Masks of sets of superpixels, against their pixels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.proposals.masks import decode_masks
from liid_mil.readers import superpixels as module
from liid_mil.readers.superpixels import masks_of_sets, superpixel_map


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_masks_areas_and_boxes(monkeypatch: pytest.MonkeyPatch, seed: int, at_once: int) -> None:
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", at_once)
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(1, 20, 2))
    labels = rng.integers(0, rng.integers(1, 9), (height, width)).astype(rng.choice(["u1", "i8"]))
    if seed % 2:
        labels = np.sort(labels, axis=seed % 4 // 2)
    labels = labels * 7
    known = superpixel_map(labels, lambda n: None)
    sets = [rng.choice([0, 3, 7, 14, 21, 28, 35, 42, 49, 99], n) for n in rng.integers(0, 6, 10)]
    offsets = np.cumsum([0, *map(len, sets)])
    sizes: list[int] = []
    codes, areas, boxes = masks_of_sets(known, np.concatenate(sets), offsets, sizes.append)
    masks = np.stack([np.isin(labels, one) for one in sets])
    found = decode_masks([{"size": [height, width], "counts": code} for code in codes])
    np.testing.assert_array_equal(found, masks)
    np.testing.assert_array_equal(areas, masks.sum(axis=(1, 2)))
    assert sizes[-1] == sum(map(len, codes))
    for mask, box in zip(masks, boxes, strict=True):
        y, x = np.nonzero(mask)
        expected = [x.min(), y.min(), x.max() + 1, y.max() + 1] if mask.any() else [0] * 4
        assert box.tolist() == expected


def test_codes_that_take_too_much() -> None:
    labels = np.indices((40, 40)).sum(axis=0) % 2

    def stop(n_bytes: int) -> None:
        raise ValueError(f"{n_bytes} bytes")

    known = superpixel_map(labels, lambda n: None)
    with pytest.raises(ValueError, match=r"^\d{4} bytes"):
        masks_of_sets(known, np.array([1]), np.array([0, 1]), stop)
    with pytest.raises(ValueError, match=r"^49920 bytes"):  # 32 for each of 40 x 39 changes
        superpixel_map(labels, stop)
