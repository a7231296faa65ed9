"""Hierarchical grouping, against a version that looks at all pairs of pixel sets in every step."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")

from liid_mil.proposals.grouping import group_regions
from liid_mil.proposals.regions import PixelFeatures, Regions, describe_regions, pixel_features


def example(seed: int) -> tuple[np.ndarray, PixelFeatures, Regions]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (4, 5, 3)).repeat(3, axis=0).repeat(3, axis=1).astype(np.uint8)
    labels = np.arange(20).reshape(4, 5).repeat(3, axis=0).repeat(3, axis=1)
    features = pixel_features(image)
    return labels, features, describe_regions(labels, features)


def slow_merges(
    labels: np.ndarray, features: PixelFeatures, weights: tuple[float, ...]
) -> list[tuple[int, int]]:
    alive = list(range(labels.max() + 1))
    labels, merges = labels.copy(), []
    while len(alive) > 1:
        # Every step describes the present groups afresh, from their pixels.
        numbers, dense = np.unique(labels, return_inverse=True)
        now = describe_regions(dense.reshape(labels.shape), features)
        best = None
        for a, b in now.pairs.tolist():
            size = now.sizes[a] + now.sizes[b]
            low = np.minimum(now.boxes[a, :2], now.boxes[b, :2])
            high = np.maximum(now.boxes[a, 2:], now.boxes[b, 2:])
            terms = (
                np.minimum(now.colour_bins[a], now.colour_bins[b]).sum(),
                np.minimum(now.texture_bins[a], now.texture_bins[b]).sum(),
                1 - size / labels.size,
                1 - ((high - low).prod() - size) / labels.size,
            )
            similarity = round(float(np.dot(weights, terms)), 9)
            candidate = (-similarity, int(numbers[a]), int(numbers[b]))
            best = candidate if best is None else min(best, candidate)
        assert best is not None
        _, u, v = best
        merges.append((u, v))
        labels[(labels == u) | (labels == v)] = new = 19 + len(merges)
        alive = [w for w in alive if w not in (u, v)] + [new]
    return merges


@pytest.mark.parametrize("seed", range(4))
def test_merges_are_those_of_the_slow_version(seed: int) -> None:
    labels, features, regions = example(seed)
    weights = (1.0, 0.9, 0.8, 0.7)
    groups = group_regions(regions, weights)
    assert [tuple(pair) for pair in groups.merges.tolist()] == slow_merges(
        labels, features, weights
    )


def test_groups_know_their_size_box_and_contrast() -> None:
    labels, _, regions = example(7)
    groups = group_regions(regions, (1, 1, 1, 1))
    members = [{u} for u in range(20)]
    for u, v in groups.merges.tolist():
        members.append(members[u] | members[v])
    assert members[-1] == set(range(20))
    for g, parts in enumerate(members):
        inside = np.isin(labels, sorted(parts))
        rows, columns = np.nonzero(inside)
        assert groups.sizes[g] == inside.sum()
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert groups.boxes[g].tolist() == corners
    assert groups.contrasts[-1] == 0  # nothing lies around the whole image


def test_a_spot_stands_out_and_its_surroundings_do_so_less() -> None:
    image = np.full((12, 12, 3), 60, dtype=np.uint8)
    image[4:8, 4:8] = (220, 30, 30)
    labels = (image[..., 0] > 100).astype(np.int64)
    groups = group_regions(describe_regions(labels, pixel_features(image)), (1, 1, 1, 1))
    lab = pixel_features(image).lab.reshape(12, 12, 3)
    distance = np.linalg.norm(lab[5, 5] - lab[0, 0])
    # The surroundings have the spot's 16 border pixels and the image's 44.
    np.testing.assert_allclose(groups.contrasts, [distance * 16 / (16 + 44), distance, 0])
