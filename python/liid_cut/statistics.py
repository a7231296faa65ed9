"""Summaries of a result that the report's tables and the figures of papers share.

Input: a result, and where it is needed the labels before the cut or the true labels. Output: small
structured arrays and matrices, whatever the number of nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StageSummary:
    """The components that one stage closed: their number, nodes, cost and lower bound, summed."""

    stage: str
    n_components: int
    n_nodes: int
    cost: float
    lower_bound: float

    @property
    def gap(self) -> float:
        """What is not proven of the cost."""
        return self.cost - self.lower_bound


def by_stage(components: npt.NDArray[Any]) -> list[StageSummary]:
    """What each stage closed, in the order of the stages; components left open come last.

    Parameters
    ----------
    components : table of a result (:class:`liid_cut.MultiwayCutResult`).
    """
    order = {stage: i for i, stage in enumerate(s for s in _core.STAGES if s != "open")}
    found = set(components["stage"].tolist())
    rows = []
    for stage in sorted(found, key=lambda s: (s == "open", order.get(s, len(order)), s)):
        of_stage = components[components["stage"] == stage]
        sums = (float(of_stage[name].sum()) for name in ("cost", "lower_bound"))
        rows.append(StageSummary(stage, len(of_stage), int(of_stage["size"].sum()), *sums))
    return rows


@dataclass(frozen=True)
class SizeClass:
    """Components of ``smallest`` to ``largest`` nodes: how many, and nodes in them."""

    smallest: int
    largest: int
    n_components: int
    n_nodes: int

    @property
    def name(self) -> str:
        """``"1"`` or ``"3-4"``, with an en dash."""
        if self.smallest == self.largest:
            return f"{self.smallest:,}"
        return f"{self.smallest:,}\N{EN DASH}{self.largest:,}"


def size_classes(components: npt.NDArray[Any]) -> list[SizeClass]:
    """Component sizes in classes 1, 2, 3-4, 5-8, 9-16, ...; classes without components too."""
    sizes = components["size"]
    if len(sizes) == 0:
        return []
    classes = np.ceil(np.log2(sizes)).astype(np.int64)  # exact: powers of two are exact
    rows = []
    for c in range(int(classes.max()) + 1):
        members = sizes[classes == c]
        smallest = 1 if c == 0 else 2 ** (c - 1) + 1
        rows.append(SizeClass(smallest, 2**c, len(members), int(members.sum())))
    return rows


def confusion(truth: Any, labels: Any, n_labels: int) -> Ints:
    """Nodes of true label i that got label j, (n_labels, n_labels); a truth of -1 is unknown.

    Raises
    ------
    ValueError : the shapes differ, or a true label is not below ``n_labels``.
    """
    known = as_truth(truth, len(labels), n_labels)
    rows = known >= 0
    pairs = known[rows] * n_labels + np.asarray(labels, dtype=np.int64)[rows]
    counts = np.bincount(pairs, minlength=n_labels**2)
    return counts.reshape(n_labels, n_labels).astype(np.int64)


def as_truth(truth: Any, n: int, n_labels: int) -> Ints:
    """``truth`` as int64 (n,) of -1..n_labels-1; raises ``ValueError``, or ``TypeError``."""
    array = np.asarray(truth)
    if array.dtype.kind not in "iu":
        raise TypeError(f"truth has dtype {array.dtype}; it must be integers")
    if array.shape != (n,):
        raise ValueError(f"truth has shape {array.shape}; it must be ({n},)")
    array = array.astype(np.int64)
    bad = np.flatnonzero((array < -1) | (array >= n_labels))
    if bad.size:
        raise ValueError(
            f"truth[{bad[0]}] is {array[bad[0]]}; it must be -1 (unknown) to {n_labels - 1}"
        )
    return array


def accuracy(truth: Ints, labels: Any) -> float:
    """Share of the nodes with a known truth that have it; NaN where none is known."""
    known = truth >= 0
    return (
        float((np.asarray(labels)[known] == truth[known]).mean()) if known.any() else float("nan")
    )
