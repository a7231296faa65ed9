"""Every labelling of a few nodes that meets constraints: the oracle, and its check.

Input: a block. Output: its cheapest labelling, or none. In NumPy, many labellings at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.constraints.blocks import Block, Labels
from liid_cut.labellings import all_labellings


def choices_of(block: Block) -> list[npt.NDArray[np.intp]]:
    """The labels that each node may take, constraints aside."""
    return [np.flatnonzero(row) for row in block.allowed]


def enumerate_block(block: Block) -> tuple[Any, Labels | None]:
    """The least cost, and the first labelling that has it."""
    logic = block.logic
    best: Any = block.infinite
    best_labels = None
    for labels in all_labellings(choices_of(block)):
        total = np.zeros(labels.shape[1], dtype=block.costs.dtype)
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
