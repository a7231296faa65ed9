"""Why the cut changed a label: what it costs at the node's terminals, what it saves on its edges.

Input: the data of a report. Output: the changed nodes, the clearest changes first, each with its
dearest edges. With the labels of all others as they are, a node that keeps its most probable label
a instead of the cut's label b costs (terms of Eq. 9)::

    p[b] - p[a]   at its terminals, and
    sum of w(u, v) over neighbours v with x_v = b, minus the same for a,   on its edges

more; the sum is the saving of the change, >= 0 in a cheapest cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.report.inputs import Floats, Ints, ReportData

_ROWS_PER_BLOCK = 1 << 14
MOST_NEIGHBORS = 8


@dataclass(frozen=True)
class Changes:
    """The changed nodes, those with the largest saving first; of equal ones the lower node.

    ``nodes`` (c,). ``terminal`` (c, 2): terminal cost with the label before and with that after.
    ``cut`` (c, 2): weight of the node's cut edges with each. ``saving`` (c,): what the change saves
    in all.
    """

    nodes: Ints
    terminal: Floats
    cut: Floats

    @property
    def saving(self) -> Floats:
        """Cost with the label before, minus that with the label after, (c,)."""
        kept: Floats = self.terminal[:, 0] + self.cut[:, 0] - self.terminal[:, 1] - self.cut[:, 1]
        return kept


def find_changes(data: ReportData) -> Changes:
    """All changed nodes and what each change costs and saves."""
    nodes = data.changed
    terminal, cut = np.zeros((len(nodes), 2)), np.zeros((len(nodes), 2))
    if data.before is None or data.costs is None:
        return Changes(nodes, terminal, cut)
    labels = np.asarray(data.result.cut_labels, dtype=np.int64)
    for begin in range(0, len(nodes), _ROWS_PER_BLOCK):
        block = slice(begin, begin + _ROWS_PER_BLOCK)
        rows = nodes[block]
        edges = data.result.graph[rows]
        owner = np.repeat(np.arange(len(rows)), np.diff(edges.indptr))
        for column, own in enumerate((data.before[rows], data.after[rows])):
            terminal[block, column] = data.costs[rows, own]
            is_cut = labels[edges.indices] != own[owner]
            cut[block, column] = np.bincount(owner, edges.data * is_cut, minlength=len(rows))
    changes = Changes(nodes, terminal, cut)
    order = np.lexsort((nodes, -changes.saving))
    return Changes(nodes[order], terminal[order], cut[order])


def neighbors_of(data: ReportData, node: int) -> tuple[Ints, Floats]:
    """Neighbours of a node and the weights of its edges, heaviest first."""
    graph: Any = data.result.graph
    part = slice(graph.indptr[node], graph.indptr[node + 1])
    ids: npt.NDArray[Any] = graph.indices[part].astype(np.int64)
    weights: Floats = graph.data[part]
    order = np.lexsort((ids, -weights))
    return ids[order], weights[order]
