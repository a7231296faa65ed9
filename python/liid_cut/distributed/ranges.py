"""Division of rows into ranges, by size alone: never by the number of workers or by chunks."""

from __future__ import annotations

import itertools

# Of a matrix, a unit reads about this much; and at most so many rows.
_UNIT_BYTES = 64 << 20
_MOST_ROWS = 1 << 16
# Products of a search have shapes that divide this, so that their last bits stay the same.
_MULTIPLE = 1 << 12


def row_starts(n: int, row_bytes: int) -> tuple[int, ...]:
    """Where ranges of rows begin, and n; all but the last range have the same size."""
    fitting = _UNIT_BYTES // max(1, row_bytes) // _MULTIPLE * _MULTIPLE
    return starts_of(n, min(_MOST_ROWS, max(_MULTIPLE, fitting)))


def starts_of(n: int, size: int) -> tuple[int, ...]:
    """Where ranges of ``size`` rows begin, and n."""
    return (*range(0, n, size), n)


def ranges(starts: tuple[int, ...]) -> list[tuple[int, int]]:
    """Begin and end of each range."""
    return list(itertools.pairwise(starts))
