"""Masks of sets of superpixels, from where superpixels meet rather than from pixels.

Input: a map of superpixels and, for each proposal, which of them it consists of. Output: run-length
codes, areas and tight boxes. Steps: cut the map, column after column, into runs of one superpixel
and sort the places between runs by the two superpixels that meet there; a proposal's mask changes
at all places of a pair of which just one is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Boxes, Ints
from liid_mil.proposals.runs import codes_of_changes

_CELLS_AT_ONCE = 1 << 22
_BYTES_OF_RUN = 32


@dataclass(frozen=True, eq=False)
class SuperpixelMap:
    """A map of S superpixels as the places, down the columns, where they meet.

    size : height, width. values : (S,), those that the map has, rising; superpixel s is values[s].
    pairs : int64 (M, 2), the superpixels that meet, before and behind; S stands for the outside.
    places : int64 (R,), pixels where a new run begins, by pair; pair m has those from offsets[m] to
    offsets[m+1]. areas : int64 (S+1,), the last one 0. boxes : int64 (S+1, 4), xyxy; the last one
    ends before it starts.
    """

    size: tuple[int, int]
    values: Ints
    pairs: Ints
    places: Ints
    offsets: Ints
    areas: Ints
    boxes: Ints


def superpixel_map(
    labels: npt.NDArray[np.integer[Any]], check_bytes: Callable[[int], None]
) -> SuperpixelMap:
    """The runs of ``labels`` (H, W), whole numbers from 0 on.

    check_bytes : called with the size of the runs before they are made; what it raises ends that.
    """
    height, width = labels.shape
    flat = np.asarray(labels).ravel(order="F")
    is_start = flat[1:] != flat[:-1]
    check_bytes(_BYTES_OF_RUN * int(np.count_nonzero(is_start)))
    starts = np.concatenate([[0], np.flatnonzero(is_start) + 1])
    ends = np.append(starts[1:], flat.size)
    values, owners = np.unique(flat[starts], return_inverse=True)
    n = len(values)
    areas = np.bincount(owners, weights=ends - starts, minlength=n + 1).astype(np.int64)
    left, right = starts // height, (ends - 1) // height
    crosses = left < right
    boxes = np.tile(np.array([width, height, 0, 0], dtype=np.int64), (n + 1, 1))
    np.minimum.at(boxes[:, 0], owners, left)
    np.minimum.at(boxes[:, 1], owners, np.where(crosses, 0, starts - left * height))
    np.maximum.at(boxes[:, 2], owners, right + 1)
    np.maximum.at(boxes[:, 3], owners, np.where(crosses, height, ends - right * height))
    before = np.concatenate([[n], owners[:-1]])
    keys = before * (n + 1) + owners
    order = np.argsort(keys, kind="stable")
    pairs, offsets = np.unique(keys[order], return_index=True)
    return SuperpixelMap(
        (height, width),
        values.astype(np.int64),
        np.stack(np.divmod(pairs, n + 1), axis=1),
        starts[order],
        np.append(offsets, len(starts)),
        areas,
        boxes,
    )


def masks_of_sets(
    superpixels: SuperpixelMap,
    members: Ints,
    offsets: Ints,
    check_bytes: Callable[[int], None],
) -> tuple[list[bytes], Ints, Boxes]:
    """Codes, areas (P,) and boxes (P, 4) of P sets; zeros where a set has no pixel.

    members : values of the superpixels of the sets, one after another; set i has those from
    offsets[i] to offsets[i+1]. One that comes twice counts once, one that the map has not counts
    for nothing. check_bytes : called on the way with the size of
    the codes so far; what it raises ends the work.
    """
    n_sets, n = len(offsets) - 1, len(superpixels.values)
    place = np.minimum(np.searchsorted(superpixels.values, members), n - 1)
    members = np.where(superpixels.values[place] == members, place, n)
    places_of_pairs = np.diff(superpixels.offsets)
    codes: list[bytes] = []
    n_bytes = 0
    areas = np.zeros(n_sets, dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // max(n, len(superpixels.places)))
    for start in range(0, n_sets, step):
        stop = min(start + step, n_sets)
        own = members[offsets[start] : offsets[stop]]
        rows = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        is_member = np.zeros((stop - start, n + 1), dtype=np.bool_)
        is_member[rows, own] = True
        is_member[:, n] = False
        areas[start:stop] = is_member @ superpixels.areas
        before, behind = superpixels.pairs.T
        sets, pairs = np.nonzero(is_member[:, before] != is_member[:, behind])
        n_places = places_of_pairs[pairs]
        # places of these pairs: each pair's first one, and on from there
        first = np.repeat(superpixels.offsets[pairs] - np.cumsum(n_places) + n_places, n_places)
        places = superpixels.places[first + np.arange(len(first))]
        found = codes_of_changes(np.repeat(sets, n_places), places, stop - start, superpixels.size)
        codes += found
        n_bytes += sum(map(len, found))
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
