"""Descriptions of regions, against loops over pixels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")

from skimage.color import rgb2lab

from liid_mil.proposals.regions import describe_regions, pixel_features


def example() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    labels = rng.integers(0, 5, (3, 4)).repeat(3, axis=0).repeat(3, axis=1)
    labels = np.unique(labels, return_inverse=True)[1].reshape(9, 12)
    return image, labels


def test_sizes_boxes_and_colours() -> None:
    image, labels = example()
    regions = describe_regions(labels, pixel_features(image))
    lab = rgb2lab(image)
    rim = np.ones(labels.shape, dtype=bool)
    rim[1:-1, 1:-1] = False
    for k in range(labels.max() + 1):
        inside = labels == k
        rows, columns = np.nonzero(inside)
        assert regions.sizes[k] == inside.sum()
        assert regions.rim[k] == (inside & rim).sum()
        assert regions.boxes[k].tolist() == [
            columns.min(),
            rows.min(),
            columns.max() + 1,
            rows.max() + 1,
        ]
        np.testing.assert_allclose(regions.colours[k], lab[inside].mean(axis=0))


def test_borders_count_neighbouring_pixels() -> None:
    image, labels = example()
    regions = describe_regions(labels, pixel_features(image))
    expected: dict[tuple[int, int], int] = {}
    for r in range(9):
        for c in range(12):
            for r2, c2 in ((r + 1, c), (r, c + 1)):
                if r2 < 9 and c2 < 12 and labels[r, c] != labels[r2, c2]:
                    pair = tuple(sorted((int(labels[r, c]), int(labels[r2, c2]))))
                    expected[pair] = expected.get(pair, 0) + 1
    found = {
        tuple(pair): length
        for pair, length in zip(regions.pairs.tolist(), regions.lengths, strict=True)
    }
    assert found == expected


def test_histograms_are_shares_and_tell_colours_apart() -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    image[:, 4:] = (200, 30, 30)
    labels = np.zeros((8, 8), dtype=np.int64)
    labels[:, 4:] = 1
    regions = describe_regions(labels, pixel_features(image))
    np.testing.assert_allclose(regions.colour_bins.sum(axis=1), 1)
    np.testing.assert_allclose(regions.texture_bins.sum(axis=1), 1)
    assert np.minimum(*regions.colour_bins).sum() == 0
