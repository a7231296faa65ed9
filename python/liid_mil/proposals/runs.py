"""COCO run-length codes of many masks at once: check, areas and boxes, without decoding pixels.

Input: codes of masks of one size. Output: run lengths, whether a code is whole, areas, tight boxes.
A code counts pixels down the columns, background first. A run is a number in base 32, low digits
first, 5 bits a character from "0" on, bit 6 for "goes on", the last one with a sign; from the
fourth on it is stored as the difference to the run before the last.

Codes from files must be checked: pycocotools decodes one that is too short to whatever lay in
memory, and boxes of runs without a pixel to whatever comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from liid_mil.data.types import Bools, Boxes, Ints

_MOST_DIGITS = 7  # of a run of at most 2**31 pixels


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of P masks, one mask after another: those of mask i are offsets[i] to offsets[i+1].

    lengths : int64 (R,), in pixels. offsets : int64 (P+1,). damaged : bool (P,), codes that no
    encoder writes; their lengths mean nothing.
    """

    lengths: Ints
    offsets: Ints
    damaged: Bools

    @property
    def n_pixels(self) -> Ints:
        """Pixels that each mask covers, object and background, int64 (P,)."""
        return _sums(self.lengths, self.offsets)

    @property
    def areas(self) -> Ints:
        """Pixels of each object, int64 (P,)."""
        return _sums(np.where(self._in_object(), self.lengths, 0), self.offsets)

    @property
    def has_gaps(self) -> Bools:
        """Whether a run but the first has no pixel, which encoders do not write, bool (P,)."""
        empty = self.lengths == 0
        empty[self.offsets[:-1][np.diff(self.offsets) > 0]] = False
        return _sums(empty.astype(np.int64), self.offsets) > 0

    def boxes(self, height: int) -> Boxes:
        """Tight boxes, float32 (P, 4), xyxy, right and bottom exclusive; zeros for empty masks."""
        rows = np.flatnonzero(self._in_object() & (self.lengths > 0))
        ends = np.cumsum(self.lengths)
        before = np.concatenate([[0], ends])[self.offsets]  # pixels of all masks before this one
        n_masks = len(self.offsets) - 1
        owners = np.repeat(np.arange(n_masks), np.diff(self.offsets))[rows]
        last = ends[rows] - before[owners] - 1
        first = last - self.lengths[rows] + 1
        left, right = first // height, last // height
        whole_column = left < right
        top = np.where(whole_column, 0, first - left * height)
        bottom = np.where(whole_column, height - 1, last - right * height)
        boxes = np.zeros((n_masks, 4), dtype=np.float32)
        filled, starts = np.unique(owners, return_index=True)
        if len(filled) > 0:
            boxes[filled, 0] = left[starts]  # runs are in the order of columns
            boxes[filled, 1] = np.minimum.reduceat(top, starts)
            boxes[filled, 2] = right[np.append(starts[1:], len(rows)) - 1] + 1
            boxes[filled, 3] = np.maximum.reduceat(bottom, starts) + 1
        return boxes

    def _in_object(self) -> Bools:
        odd = np.arange(len(self.lengths)) - np.repeat(self.offsets[:-1], np.diff(self.offsets))
        in_object: Bools = odd % 2 == 1
        return in_object


def read_runs(codes: Sequence[bytes]) -> Runs:
    """The runs of COCO run-length codes."""
    ends_of_codes = np.cumsum([0, *map(len, codes)], dtype=np.int64)
    digits = np.frombuffer(b"".join(codes), dtype=np.uint8) - np.uint8(48)
    is_last = (digits & 32) == 0
    filled = np.flatnonzero(np.diff(ends_of_codes) > 0)
    final = ends_of_codes[filled + 1] - 1
    damaged = np.zeros(len(codes), dtype=np.bool_)
    damaged[filled] = ~is_last[final]  # cut short
    is_last[final] = True  # so that no number goes on into the next code
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    n_digits = ends - starts + 1
    lengths = np.zeros(len(ends), dtype=np.int64)
    longer = np.arange(len(ends))
    for place in range(min(int(n_digits.max(initial=0)), _MOST_DIGITS)):
        longer = longer[n_digits[longer] > place]
        lengths[longer] |= (digits[starts[longer] + place] & 31).astype(np.int64) << (5 * place)
    negative = np.flatnonzero(digits[ends] & 16)
    lengths[negative] -= np.int64(1) << (5 * np.minimum(n_digits[negative], _MOST_DIGITS))

    offsets = np.searchsorted(ends, ends_of_codes)
    place_in_code = np.arange(len(ends)) - np.repeat(offsets[:-1], np.diff(offsets))
    for parity in (1, 2):
        chain = np.flatnonzero((place_in_code % 2 == parity % 2) & (place_in_code > 0))
        sums = np.cumsum(lengths[chain])
        heads = np.flatnonzero(place_in_code[chain] == parity)
        base = sums[heads] - lengths[chain[heads]]
        lengths[chain] = sums - np.repeat(base, np.diff(np.append(heads, len(chain))))

    for wrong in (
        starts[n_digits > _MOST_DIGITS],
        starts[lengths < 0],
        np.flatnonzero(digits > 63),
    ):
        damaged[np.searchsorted(ends_of_codes, wrong, side="right") - 1] = True
    return Runs(lengths, offsets.astype(np.int64), damaged)


def are_run_length_codes(codes: Sequence[bytes], n_pixels: int) -> Bools:
    """Which of ``codes`` are COCO codes of just ``n_pixels`` pixels, bool (P,)."""
    runs = read_runs(codes)
    whole: Bools = ~runs.damaged & (runs.n_pixels == n_pixels)
    return whole


def _sums(values: npt.NDArray[np.int64], offsets: Ints) -> Ints:
    total = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(total[offsets[1:]] - total[offsets[:-1]], dtype=np.int64)


def encode_runs(runs: Sequence[npt.NDArray[np.int64]], size: tuple[int, int]) -> list[bytes]:
    """COCO codes of runs, each int64 (r,), that start with the background and fill ``size``."""
    records = [{"size": list(size), "counts": counts} for counts in runs]
    if len(records) == 0:
        return []
    return [mask["counts"] for mask in coco_mask.frPyObjects(records, *size)]


def codes_of_changes(owners: Ints, places: Ints, n: int, size: tuple[int, int]) -> list[bytes]:
    """COCO codes of ``n`` masks that change between background and object at given pixels.

    owners : int64 (C,), the mask 0..n-1 of each change. places : int64 (C,), pixels down the
    columns from 0 to the number of pixels - 1, in any order; two changes of a
    mask at one place are none.
    """
    n_pixels = size[0] * size[1]
    if n * (n_pixels + 1) >= 2**63:
        raise ValueError(f"{n} masks of {n_pixels} pixels are too many at once")
    ends = np.arange(n, dtype=np.int64) * (n_pixels + 1) + n_pixels
    keys = np.concatenate([owners * (n_pixels + 1) + places, ends])
    keys.sort()
    twice = keys[1:] == keys[:-1]
    if twice.any():
        once = np.ones(len(keys), dtype=np.bool_)
        once[1:] &= ~twice
        once[:-1] &= ~twice
        keys = keys[once]
    last = np.searchsorted(keys, ends)
    lengths = np.diff(keys, prepend=0)
    first = np.concatenate([[0], last[:-1] + 1])[:n]
    lengths[first] = keys[first] - ends + n_pixels
    return encode_runs([lengths[i : j + 1] for i, j in zip(first, last, strict=True)], size)
