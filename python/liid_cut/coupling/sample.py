"""The part of a large graph that delta is estimated on.

What the estimate reads off a graph are means over nodes, and a quarter of a million tell them to a
thousandth. Whole components are taken, so that every node keeps its neighbours. Where one component
is larger than the part, there are no such parts, and all nodes are looked at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST_NODES = 1 << 18
# Tables (n, K+1) in double that are alive in the estimate at once, as measured.
TABLES_ALIVE = 11
_SEED = 20211


def sampled_nodes(
    component_ids: npt.NDArray[np.integer], most: int = MOST_NODES
) -> npt.NDArray[np.int64] | None:
    """Nodes of components in a seeded random order, together at most ``most``, ascending.

    None: all nodes. ``component_ids`` (n,) are numbered by their smallest node.
    """
    if len(component_ids) <= most:
        return None
    sizes = np.bincount(component_ids)
    if sizes.max() > most:
        return None
    order = np.random.default_rng(_SEED).permutation(len(sizes))
    taken = np.zeros(len(sizes), dtype=bool)
    taken[order[np.cumsum(sizes[order]) <= most]] = True
    return np.flatnonzero(taken[component_ids])
