"""A cut in batches: components packed so that a batch is about a second, and stands alone.

Components do not know of each other (Eq. 12, 13), so that a core call on any set of them gives the
same bits as one on the whole graph. The plan depends on their sizes alone, never on time, threads
or workers: a run that goes on meets the batches that it left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import Matrix

Edges = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# (nodes + edges) * labels that take about a second, where dual ascent closes a component: from .2 s
# in memory close by to 2 s in one component of 150,000 nodes. Searches take longer.
_WORK_OF_A_SECOND = 1 << 24
# A short run is divided too: searches may make it long. Below the least a file costs more than it
# saves.
_BATCHES_OF_A_SHORT_RUN = 64
_LEAST_WORK = 1 << 16


@dataclass(frozen=True)
class Part:
    """One batch: its place in the problem.

    Attributes
    ----------
    components : (c,) ids, ascending, numbered in the problem by their smallest node.
    nodes, edges : (n_b,), (m_b,) indices of the problem's nodes and edges, ascending.
    """

    components: Ints
    nodes: Ints
    edges: Ints


def pack(n_nodes: npt.ArrayLike, n_edges: npt.ArrayLike, n_labels: int) -> list[Ints]:
    """Divide components of these sizes into batches.

    Parameters
    ----------
    n_nodes, n_edges : (c,) sizes of the components.

    Returns
    -------
    list of (b,) int64, ascending ids of components: the batch of most work first. A component that
    is more than a batch has one for itself; the others are taken in their order.
    """
    work = (np.asarray(n_nodes, np.int64) + np.asarray(n_edges, np.int64)) * n_labels
    total = int(work.sum())
    most = int(np.clip(total // _BATCHES_OF_A_SHORT_RUN, _LEAST_WORK, _WORK_OF_A_SECOND))
    large = work >= most
    small = np.flatnonzero(~large)
    number = (np.cumsum(work[small]) - 1) // most
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    batches = [np.array([t]) for t in np.flatnonzero(large)]
    batches += np.split(small, starts[1:]) if len(small) else []
    if not batches:  # of no component: the core's answer to nothing
        return [small]
    return sorted(batches, key=lambda batch: (-int(work[batch].sum()), int(batch[0])))


def divide(
    component_ids: npt.NDArray[np.integer], edges: Edges, batches: Sequence[Ints]
) -> list[Part]:
    """The parts of a problem that batches of its components are.

    Parameters
    ----------
    component_ids : (n,), numbered by their smallest node.
    edges : (m, 2).
    """
    of_component = np.empty(int(component_ids.max(initial=-1)) + 1, dtype=np.int64)
    for i, batch in enumerate(batches):
        of_component[batch] = i
    of_node = of_component[component_ids]
    nodes = _split(of_node, len(batches))
    of_batch = _split(of_node[edges[:, 0]], len(batches))
    return [Part(*part) for part in zip(batches, nodes, of_batch, strict=True)]


def _split(number: Ints, count: int) -> list[Ints]:
    """Indices, ascending, of each value of ``number``."""
    order = np.argsort(number, kind="stable")
    return np.split(order, np.searchsorted(number[order], np.arange(1, count)))


def arrays_of(
    part: Part, probs: Matrix, edges: Edges, weights: Weights, allowed: Bools | None
) -> tuple[Any, Edges, Weights, Bools | None]:
    """The arguments of a core call on one part, from those of the problem."""
    ends = np.searchsorted(part.nodes, edges[part.edges]).astype(np.int32)
    mask = None if allowed is None else np.ascontiguousarray(allowed[part.nodes])
    return probs[part.nodes], ends, weights[part.edges], mask
