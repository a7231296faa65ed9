"""Masks of sets of superpixels, from the runs of the superpixel map rather than from its pixels.

Input: a map of superpixels and, for each proposal, which of them it consists of. Output: run-length
codes, areas and tight boxes. Steps: cut the map, column after column, into runs of one superpixel;
a proposal changes from one run to the next where just one of the two superpixels is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Boxes, Ints
from liid_mil.proposals.runs import encode_runs

_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class SuperpixelMap:
    """A map of superpixels 0..S as its runs down the columns.

    size : height, width. starts : int64 (R,), first pixel of each run. owners : int64 (R,), its
    superpixel. areas : int64 (S+1,). boxes : int64 (S+1, 4), xyxy; of a superpixel without a pixel
    x0 and y0 lie beyond x1 and y1.
    """

    size: tuple[int, int]
    starts: Ints
    owners: Ints
    areas: Ints
    boxes: Ints


def superpixel_map(labels: npt.NDArray[np.integer]) -> SuperpixelMap:
    """The runs of ``labels`` (H, W), whose values are 0..S."""
    height, width = labels.shape
    flat = np.asarray(labels).ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    owners = flat[starts].astype(np.int64)
    ends = np.append(starts[1:], flat.size)
    n = int(owners.max()) + 1
    areas = np.bincount(owners, weights=ends - starts, minlength=n).astype(np.int64)
    left, right = starts // height, (ends - 1) // height
    crosses = left < right
    boxes = np.tile(np.array([width, height, 0, 0], dtype=np.int64), (n, 1))
    np.minimum.at(boxes[:, 0], owners, left)
    np.minimum.at(boxes[:, 1], owners, np.where(crosses, 0, starts - left * height))
    np.maximum.at(boxes[:, 2], owners, right + 1)
    np.maximum.at(boxes[:, 3], owners, np.where(crosses, height, ends - right * height))
    return SuperpixelMap((height, width), starts.astype(np.int64), owners, areas, boxes)


def masks_of_sets(
    superpixels: SuperpixelMap,
    members: Ints,
    offsets: Ints,
    check_bytes: Callable[[int], None],
) -> tuple[list[bytes], Ints, Boxes]:
    """Codes, areas (P,) and boxes (P, 4) of P sets; zeros where a set has no pixel.

    members : superpixels of the sets, one after another; set i has those from offsets[i] to
    offsets[i+1]. One that comes twice counts once. check_bytes : called on the way with the size of
    the codes so far; what it raises ends the work.
    """
    n_sets, n_superpixels = len(offsets) - 1, len(superpixels.areas)
    n_runs = len(superpixels.starts)
    n_pixels = superpixels.size[0] * superpixels.size[1]
    codes: list[bytes] = []
    n_bytes = 0
    areas = np.zeros(n_sets, dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // max(n_superpixels, n_runs))
    for start in range(0, n_sets, step):
        stop = min(start + step, n_sets)
        own = members[offsets[start] : offsets[stop]]
        rows = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        is_member = np.zeros((stop - start, n_superpixels), dtype=np.bool_)
        is_member[rows, own] = True
        areas[start:stop] = is_member @ superpixels.areas
        in_set = is_member[:, superpixels.owners]
        changes = in_set.copy()
        changes[:, 1:] ^= in_set[:, :-1]
        changed_sets, changed_runs = np.nonzero(changes)
        places = superpixels.starts[changed_runs]
        bounds = np.searchsorted(changed_sets, np.arange(stop - start + 1))
        counts = [
            np.diff(places[bounds[i] : bounds[i + 1]], prepend=0, append=n_pixels)
            for i in range(stop - start)
        ]
        codes += encode_runs(counts, superpixels.size)
        n_bytes += sum(map(len, codes[start:]))
        check_bytes(n_bytes)
    return codes, areas, _boxes(superpixels.boxes, members, offsets, areas)


def _boxes(boxes: Ints, members: Ints, offsets: Ints, areas: Ints) -> Boxes:
    result = np.zeros((len(areas), 4), dtype=np.float32)
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if len(filled) > 0:
        of_members = boxes[members]
        result[filled, :2] = np.minimum.reduceat(of_members[:, :2], offsets[filled])
        result[filled, 2:] = np.maximum.reduceat(of_members[:, 2:], offsets[filled])
    result[areas == 0] = 0
    return result
