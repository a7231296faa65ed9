"""From runs along the rows of an image to COCO's codes, whose runs go down the columns.

Input: the runs of some masks. Output: codes. Steps: a mask changes between a pixel and the one
above it just where one of the two rows, but not both, has it. The ends of the runs of two
neighbouring rows, sorted, bound the stretches where they differ; each pixel in those is a change.
Nothing is painted: the work is that of the runs that come in and go out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from liid_mil.data.types import Ints
from liid_mil.proposals.runs import codes_of_changes


def codes_of_row_runs(
    starts: Ints,
    ends: Ints,
    owners: Ints,
    n: int,
    size: tuple[int, int],
    check_changes: Callable[[int], None],
) -> list[bytes]:
    """COCO codes of ``n`` masks.

    starts, ends : int64 (R,), first pixel of each run and the one behind it, along the rows from 0;
    runs of a mask do not overlap. owners : int64 (R,), the mask 0..n-1 of each. check_changes :
    called with the number of runs that the codes will have, before they take memory.
    """
    height, width = size
    first, last = starts // width, (ends - 1) // width
    if (first < last).any():  # cut runs at the ends of rows
        pieces = last - first + 1
        check_changes(int(pieces.sum()))
        place = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        owners, row = np.repeat(owners, pieces), np.repeat(first, pieces) + place
        starts = np.maximum(np.repeat(starts, pieces), row * width)
        ends = np.minimum(np.repeat(ends, pieces), (row + 1) * width)
    else:
        row = first
    # A run bounds differences to the row above it and, as part of that one, to the row below.
    lines = np.concatenate([owners * (height + 1) + row, owners * (height + 1) + row + 1] * 2)
    columns = np.concatenate([starts - row * width] * 2 + [ends - row * width] * 2)
    bounds = np.sort(lines * (width + 1) + columns)
    left, right = bounds[0::2], bounds[1::2]
    lengths = right - left
    check_changes(int(lengths.sum()))
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    line, column = np.divmod(left, width + 1)
    owner, row = np.divmod(line, height + 1)
    changes = np.repeat(column * height + row, lengths) + place * height
    owner = np.repeat(owner, lengths)
    # The end of a column is the top of the next one: a mask that goes on there changes twice, which
    # is not at all.
    inside = changes < height * width
    return codes_of_changes(owner[inside], changes[inside], n, size)
