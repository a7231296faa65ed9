"""Every labelling of a few nodes that meets constraints: the oracle, and its check.

Input: a block. Output: its cheapest labelling, or none. In NumPy, many labellings at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from liid_cut.constraints.blocks import Block, Labels

MOST_LABELLINGS = 1 << 22
_PER_CALL = 1 << 16


def n_labellings(block: Block) -> int:
    """How many labellings there are, constraints aside."""
    return math.prod(block.allowed.sum(axis=1).tolist())


def enumerate_block(block: Block) -> tuple[Any, Labels | None]:
    """The least cost, and the first labelling that has it."""
    choices = [np.flatnonzero(row) for row in block.allowed]
    sizes = [len(choice) for choice in choices]
    logic = block.logic
    best: Any = block.infinite
    best_labels = None
    for start in range(0, math.prod(sizes), _PER_CALL):
        index = np.arange(start, min(start + _PER_CALL, math.prod(sizes)))
        digits = np.unravel_index(index, sizes)
        labels = np.stack([c[d] for c, d in zip(choices, digits, strict=True)])
        total = np.zeros(len(index), dtype=block.costs.dtype)
        for row, taken in zip(block.costs, labels, strict=True):
            total += row[taken]
        for (u, v), weight in zip(block.ends, block.weights, strict=True):
            total[labels[u] != labels[v]] += weight
        for u, v in logic.pairs:
            total[labels[u] == labels[v]] = block.infinite
        for j, label in enumerate(logic.labels):
            total[~(labels[logic.nodes[logic.of == j]] == label).any(axis=0)] = block.infinite
        i = int(np.argmin(total))
        if total[i] < best:
            best, best_labels = total[i], labels[:, i].astype(np.int32)
    return best, best_labels
