"""Hierarchical grouping of regions: the two most similar neighbours merge until one is left.

Input: the regions of a segmentation. Output: the merge tree, with box, size and contrast of every
group. Similarity is the sum that Uijlings et al. (selective search, IJCV 2013, section 3.2) give:
colour and texture by histogram intersection, size, and fit of the boxes. All groups are candidates
for objects; how much a group stands out from what surrounds it tells how good a candidate it is.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.proposals.regions import Floats, Ints, Regions


@dataclass(frozen=True, eq=False)
class Groups:
    """G groups: the R regions, then one for each merge.

    merges : int64 (G - R, 2), the groups that group R + i unites.
    boxes : int64 (G, 4), xyxy.
    sizes : float64 (G,), pixels.
    contrasts : float64 (G,), CIELAB distance to the adjacent groups, averaged along the border;
        the image's own border counts as 0.
    """

    merges: Ints
    boxes: Ints
    sizes: Floats
    contrasts: Floats


def group_regions(regions: Regions, weights: npt.ArrayLike) -> Groups:
    """Merge the regions two by two, the most similar first; ties go to the lower numbers.

    ``weights`` (4,), >= 0, multiply the similarities by colour, texture, size and fit.
    """
    state = _State(regions, np.asarray(weights, dtype=np.float64))
    queue: list[tuple[float, int, int]] = []
    for u in range(len(regions.sizes)):
        state.close(u, queue)
    while queue:
        _, u, v = heapq.heappop(queue)
        if u in state.borders and v in state.borders:
            state.merge(u, v)
            state.close(state.n - 1, queue)
    n = state.n
    return Groups(
        np.array(state.merges, dtype=np.int64).reshape(-1, 2),
        state.boxes[:n],
        state.sizes[:n],
        state.contrasts[:n],
    )


class _State:
    """The groups so far; ``borders`` holds those that are not part of a larger one yet."""

    def __init__(self, regions: Regions, weights: Floats) -> None:
        self.n = n = len(regions.sizes)
        self.weights = weights
        self.image_size = float(regions.sizes.sum())
        self.merges: list[tuple[int, int]] = []
        self.borders: dict[int, dict[int, float]] = {u: {} for u in range(n)}
        for (u, v), length in zip(regions.pairs.tolist(), regions.lengths.tolist(), strict=True):
            self.borders[u][v] = self.borders[v][u] = length
        # min(w a, w b) = w min(a, b): weighted once here, both histograms intersect in one go.
        weighted = [
            weight * bins
            for weight, bins in zip(
                weights, (regions.colour_bins, regions.texture_bins), strict=False
            )
            if weight > 0
        ]
        bins = np.concatenate([np.zeros((n, 0)), *weighted], axis=1)
        self.sizes, self.rim, self.boxes, self.colours, self.bins = (
            _with_room(array, 2 * n)
            for array in (regions.sizes, regions.rim, regions.boxes, regions.colours, bins)
        )
        self.contrasts = np.zeros(2 * n)

    def close(self, u: int, queue: list[tuple[float, int, int]]) -> None:
        """Note the contrast of the newest group and offer its merges with earlier ones."""
        around = self.borders[u]
        if not around:
            return
        others = np.fromiter(around, dtype=np.int64, count=len(around))
        lengths = np.fromiter(around.values(), dtype=np.float64, count=len(around))
        distances = np.sqrt(((self.colours[others] - self.colours[u]) ** 2).sum(axis=1))
        self.contrasts[u] = (lengths * distances).sum() / (lengths.sum() + self.rim[u])
        earlier = others[others < u]
        for v, similarity in zip(earlier.tolist(), self._similarity(u, earlier), strict=True):
            heapq.heappush(queue, (-similarity, v, u))

    def merge(self, u: int, v: int) -> None:
        new, parts = self.n, [u, v]
        self.n += 1
        self.merges.append((u, v))
        sizes = self.sizes[parts]
        share = sizes / sizes.sum()
        self.sizes[new] = sizes.sum()
        self.rim[new] = self.rim[parts].sum()
        self.boxes[new, :2] = self.boxes[parts, :2].min(axis=0)
        self.boxes[new, 2:] = self.boxes[parts, 2:].max(axis=0)
        for array in (self.colours, self.bins):
            array[new] = share[0] * array[u] + share[1] * array[v]
        around: dict[int, float] = {}
        for part in parts:
            for other, length in self.borders.pop(part).items():
                if other not in parts:
                    around[other] = around.get(other, 0.0) + length
                    del self.borders[other][part]
        for other, length in around.items():
            self.borders[other][new] = length
        self.borders[new] = around

    def _similarity(self, u: int, others: Ints) -> list[float]:
        sizes = self.sizes[u] + self.sizes[others]
        low = np.minimum(self.boxes[u, :2], self.boxes[others, :2])
        high = np.maximum(self.boxes[u, 2:], self.boxes[others, 2:])
        spans = high - low
        covered = sizes / self.image_size
        fit = 1 - (spans[:, 0] * spans[:, 1] / self.image_size - covered)
        total = np.minimum(self.bins[u], self.bins[others]).sum(axis=1)
        total += self.weights[2] * (1 - covered) + self.weights[3] * fit
        similarity: list[float] = total.tolist()
        return similarity


def _with_room(array: npt.NDArray[Any], n_rows: int) -> npt.NDArray[Any]:
    larger = np.zeros((n_rows, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
