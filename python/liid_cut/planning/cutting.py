"""What comes after the neighbours: graph, delta, components, cut, files.

Counts and bytes follow `liid_cut.graph`, `liid_cut.coupling` and the core's own estimates of its
memory. Edges a row and the share of the largest component were
measured on features like those of deep networks (``benchmarks/PLAN.md``); the cost of the cut is
that of a problem whose components are mostly closed without a search, as nearest-neighbour graphs
at an estimated delta are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from liid_cut import _core
from liid_cut.coupling.sample import MOST_NODES, TABLES_ALIVE
from liid_cut.planning.parts import Part
from liid_cut.runs import batches

# Edges a row and neighbour: an edge where both ends name each other, or where one does.
EDGES = {"mutual": 0.2, "union": 0.75}
# Share of the rows in the largest component. A mutual graph may also fall into small pieces alone,
# a union graph hangs together.
LARGEST = {"mutual": 0.2, "union": 1.0}

_DOUBLE = 8
# Ids and cosines of a table, once more while edges are made of it.
_SLOT_BYTES = 2 * (8 + 8)
_EDGE_BYTES = 4 + 4 + 8
# Of a row in a file of a batch: its label, and its share of the table of components.
_KEPT_BYTES = 24


@dataclass(frozen=True)
class CutSize:
    """A cut: n rows, labels, edges; bytes of an entry of probs."""

    n: int
    labels: int
    k: int
    symmetrize: str

    @property
    def edges(self) -> float:
        """Edges that are expected."""
        return EDGES[self.symmetrize] * self.n * self.k

    @property
    def messages(self) -> float:
        """Bytes of the certificate's messages: a double for every label of every edge."""
        return self.edges * self.labels * _DOUBLE

    @property
    def largest(self) -> float:
        """Bytes that cutting the largest component takes."""
        share = LARGEST[self.symmetrize]
        return _core.estimated_cut_bytes(int(share * self.n), int(share * self.edges), self.labels)

    @property
    def result(self) -> float:
        """Bytes that stay until the result is returned."""
        return _core.estimated_result_bytes(self.n, int(self.edges), self.labels)


def graph(size: CutSize) -> Part:
    """Edges of the table of neighbours."""
    memory = size.n * size.k * _SLOT_BYTES + size.edges * _EDGE_BYTES
    return Part("edges", {"slot": size.n * size.k}, memory, parallel=False)


def delta_nodes(size: CutSize) -> float:
    """Nodes that the estimate looks at: a part of a large graph, unless it hangs together."""
    is_part = size.n > MOST_NODES and LARGEST[size.symmetrize] * size.n <= MOST_NODES
    return MOST_NODES if is_part else size.n


def delta(size: CutSize) -> Part:
    """The estimate."""
    values = delta_nodes(size) * size.labels
    table = size.n * size.k * _SLOT_BYTES / 2 + size.edges * _EDGE_BYTES
    memory = table + TABLES_ALIVE * values * _DOUBLE
    return Part("expected accuracy of some cuts", {"delta_value": values}, memory, parallel=False)


def components(size: CutSize) -> Part:
    """Connected components and a first look at each."""
    counts = {"cut_node": float(size.n)}
    return Part("components inspected", counts, size.result, parallel=False)


def cut(size: CutSize, *, kept: bool) -> Part:
    """Components whose first labelling is not optimal; ``kept``: batches are written."""
    memory = size.result + size.largest
    counts = {"cut_value": float(size.n * size.labels)}
    if not kept:
        return Part("components cut", counts, memory)
    disk = size.messages + size.n * _KEPT_BYTES
    return Part(
        "components cut",
        {**counts, "hash_byte": disk, "file": batches_of(size)[0]},
        memory,
        disk=disk,
    )


def batches_of(size: CutSize) -> tuple[int, int]:
    """Batches that a run with files makes, and the (nodes + edges) * labels of one."""
    total = int((size.n + size.edges) * size.labels)
    most = min(
        max(total // batches._BATCHES_OF_A_SHORT_RUN, batches._LEAST_WORK),
        batches._WORK_OF_A_SECOND,
    )
    return max(1, math.ceil(total / most)), most


def written(size: CutSize, compressed: float) -> Part:
    """The compressed result file."""
    plain = size.messages + size.edges * (_EDGE_BYTES + 8) + size.n * 12
    return Part(
        "result file",
        {"written_byte": plain},
        size.result,
        parallel=False,
        disk=compressed * plain,
    )
