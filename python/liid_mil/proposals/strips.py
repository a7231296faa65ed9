"""Masks of one image cut into strips of pixels on which none of them changes.

Input: COCO run-length codes. Output: the length of each strip, down the columns, and which masks
cover it. What asks every pixel which masks lie there asks a few thousand strips instead, and
decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import RLE, Bools, Ints
from liid_mil.proposals.runs import read_runs


@dataclass(frozen=True, eq=False)
class Strips:
    """S strips of an image and P masks.

    size : height and width. lengths : int64 (S,), in pixels; together they fill the image, column
    by column. inside : bool (P, S), which masks cover a strip.
    """

    size: tuple[int, int]
    lengths: Ints
    inside: Bools

    def pixels(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One value a strip, (S,), as one a pixel, (H, W)."""
        height, width = self.size
        columns = np.repeat(values, self.lengths).reshape(width, height)
        return np.ascontiguousarray(columns.T)


def strips_of(masks: Sequence[RLE], size: tuple[int, int]) -> Strips:
    """The strips of P masks of an image of height and width ``size``.

    Raises
    ------
    ValueError : a mask is of another size, or its code is damaged.
    """
    height, width = (int(n) for n in size)
    for i, mask in enumerate(masks):
        if tuple(mask["size"]) != (height, width):
            raise ValueError(
                f"masks[{i}] has size {list(mask['size'])}; the image has {[height, width]}"
            )
    runs = read_runs([mask["counts"] for mask in masks])
    damaged = runs.damaged | (runs.n_pixels != height * width)
    if damaged.any():
        raise ValueError(f"masks[{int(np.argmax(damaged))}] has a damaged run-length code")
    n_runs = np.diff(runs.offsets)
    ends = np.cumsum(runs.lengths) - np.repeat(np.arange(len(masks)), n_runs) * (height * width)
    # Strips end where a run of any mask does; each mask's ends rise, which this sort makes use of.
    order = np.argsort(ends, kind="stable")
    is_new = np.diff(ends[order], prepend=-1) > 0
    bounds = ends[order][is_new] if len(masks) > 0 else np.array([height * width])
    n_before = np.empty(len(ends), dtype=np.int64)
    n_before[order] = np.cumsum(is_new)
    n_strips = np.diff(n_before, prepend=0)
    n_strips[runs.offsets[:-1]] = n_before[runs.offsets[:-1]]
    in_object = (np.arange(len(ends)) - np.repeat(runs.offsets[:-1], n_runs)) % 2 == 1
    inside = np.repeat(in_object, n_strips).reshape(len(masks), len(bounds))
    return Strips((height, width), np.diff(bounds, prepend=0), inside)
