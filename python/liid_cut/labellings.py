"""Every labelling of a few nodes, many at a time: what enumeration, and its check, go through."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]

# As many as method="brute_force" looks at.
MOST_LABELLINGS = 1 << 22
_AT_A_TIME = 1 << 16


def count_labellings(choices: Sequence[npt.NDArray[Any]]) -> int:
    """How many there are: the product of the numbers of labels that each node may take."""
    return math.prod(len(labels) for labels in choices)


def all_labellings(choices: Sequence[npt.NDArray[Any]]) -> Iterator[Labels]:
    """All of them, (n, at most 65,536) at a time; the last node changes fastest.

    ``choices``: the labels that each node may take. Only nodes with several count as digits, for
    NumPy knows no more than 64 of them, or 32.
    """
    open_nodes = [u for u, labels in enumerate(choices) if len(labels) > 1]
    sizes = [len(choices[u]) for u in open_nodes] or [1]
    count = count_labellings(choices)
    for start in range(0, count, _AT_A_TIME):
        index = np.arange(start, min(start + _AT_A_TIME, count))
        first = np.array([labels[0] for labels in choices], dtype=np.int64)
        found = np.repeat(first[:, None], len(index), axis=1)
        for u, digits in zip(open_nodes, np.unravel_index(index, sizes), strict=False):
            found[u] = choices[u][digits]
        yield found
