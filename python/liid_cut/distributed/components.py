"""Connected components (Eq. 12) by a union-find over blocks of edges, as units.

A block's edges become a forest: of each of its nodes that is not the smallest of its tree, that
smallest node. Forests are edge lists again, shorter ones; several are joined into one, until one is
left.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.distributed.ranges import ranges, starts_of
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import FileSource, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.graph import Edges
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

_EDGES_PER_BLOCK = 1 << 20
_FORESTS_PER_UNIT = 8


def component_ids(run: Run, store: Store, edges: Edges, n_nodes: int) -> npt.NDArray[np.int32]:
    """The component of each node (n,), numbered by their smallest node."""
    write_once(store, "graph", {"edges": edges})
    source = file_source(store, "graph", "edges")
    level = 0
    count = 0
    starts = starts_of(len(edges), _EDGES_PER_BLOCK)
    units = [
        Unit(block_name("forest-0", i), _forest_of_edges, (source, *rows), store)
        for i, rows in enumerate(ranges(starts))
    ]
    while True:
        run.do(units)
        count = len(units)
        if count <= 1:
            break
        level += 1
        units = [
            Unit(
                block_name(f"forest-{level}", i),
                _forest_of_forests,
                (store, f"forest-{level - 1}", first, min(first + _FORESTS_PER_UNIT, count)),
                store,
            )
            for i, first in enumerate(range(0, count, _FORESTS_PER_UNIT))
        ]
    root = np.arange(n_nodes)
    if count:
        last = file_source(store, block_name(f"forest-{level}", 0), "forest")
        forest = last.read(0, last.shape[0])
        root[forest[:, 0]] = forest[:, 1]
    number = np.cumsum(root == np.arange(n_nodes)) - 1
    return number[root].astype(np.int32)


def _forest_of_edges(edges: FileSource, begin: int, end: int) -> Arrays:
    return _forest(edges.read(begin, end))


def _forest_of_forests(store: Store, prefix: str, first: int, last: int) -> Arrays:
    sources = [file_source(store, block_name(prefix, i), "forest") for i in range(first, last)]
    return _forest(np.concatenate([source.read(0, source.shape[0]) for source in sources]))


def _forest(edges: Edges) -> Arrays:
    """(node, smallest node of its tree) of every node but those smallest ones, (t, 2) int32."""
    nodes, places = np.unique(edges, return_inverse=True)
    ends = np.ascontiguousarray(places.reshape(-1, 2), dtype=np.int32)
    ids = _core.component_ids(len(nodes), ends, np.ones(len(ends)))
    smallest = np.zeros(int(ids.max(initial=-1)) + 1, dtype=np.int64)
    smallest[ids[::-1]] = np.arange(len(nodes))[::-1]
    roots = smallest[ids]
    others = np.flatnonzero(roots != np.arange(len(nodes)))
    return {"forest": np.stack([nodes[others], nodes[roots[others]]], axis=1).astype(np.int32)}
