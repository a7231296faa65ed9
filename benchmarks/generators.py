"""Seeded instance generators, NumPy only: families on which the CKR relaxation has a gap.

`proposals` (from its own file) gives probabilities and features, from which the package builds a
graph. The functions here give whole instances; all but `triangle` and `simplex_grid` take a seed,
and the same seed gives the same arrays.

Sources of the gap families: Calinescu, Karloff, Rabani (2000) for the relaxation; Cunningham and
Tang (1999) and Karger, Klein, Stein, Thorup, Young (2004) for the gap 12/11 of three terminals.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.instances import FloatArray, Instance, make_instance
from benchmarks.proposals import Proposals, proposals

__all__ = [
    "Proposals",
    "gadgets",
    "potts_grid",
    "proposals",
    "random_regular",
    "simplex_grid",
    "triangle",
]

Point = tuple[int, int, int]


def triangle() -> Instance:
    """Three nodes, each torn between two of three terminals: LP value 3.75, optimum 4."""
    probs = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    return make_instance(probs, np.array([[0, 1], [0, 2], [1, 2]]), np.full(3, 0.5))


def simplex_grid(size: int) -> Instance:
    """Triangulated triangle, terminals at its corners: optimum / LP = 12 / (11 + 1 / (3 q + 1)).

    Here ``size`` is ``3 q`` or ``3 q + 1``; other sizes are not built.

    Nodes are the points ``(i, j, k)`` with ``i + j + k = size``; edges join points at distance 1.
    The central hexagon (no coordinate above ``2 q``) has weight 1 inside; the triangle's sides have
    weight ``t = 2 q`` (``size = 3 q + 1``) or ``2 q + 2`` (``size = 3 q``). Each cut-off corner
    routes ``t`` units along each side from its terminal into the hexagon, and 2 to each inner point
    of the hexagon's edge. The points themselves are an optimal fractional solution; the optimum,
    ``12 q`` or ``12 q + 4``, cuts off two corners. Cunningham and Tang (1999) and Karger et al.
    (2004) prove the limit 12/11; the weights here were read off a linear program that maximises
    the ratio over all weights on the grid, and may differ from theirs.

    Raises
    ------
    ValueError
        ``size`` is not 3, 4, 6, 7, 9, 10, ...
    """
    q, remainder = divmod(size, 3)
    if q < 1 or remainder == 2:
        raise ValueError(f"size: expected 3, 4, 6, 7, 9, 10, ..., got {size}")
    side = 2 * q if remainder else 2 * q + 2
    points = [(i, j, size - i - j) for i in range(size + 1) for j in range(size + 1 - i)]
    index = {point: u for u, point in enumerate(points)}
    steps = ((1, -1, 0), (0, 1, -1), (-1, 0, 1))
    edges: list[tuple[int, int]] = []
    weights: list[float] = []

    def add(start: Point, end: Point, weight: float) -> None:
        edges.append((index[start], index[end]))
        weights.append(weight)

    def turned(point: Point, corner: int) -> Point:
        a, b, c = point
        return ((a, b, c), (c, a, b), (b, c, a))[corner]

    for point in points:
        for a, b, c in steps:
            end = (point[0] + a, point[1] + b, point[2] + c)
            if min(end) < 0:
                continue
            on_side = any(here == 0 and there == 0 for here, there in zip(point, end, strict=True))
            if on_side:
                add(point, end, float(side))
            elif max(point) <= 2 * q and max(end) <= 2 * q:
                add(point, end, 1.0)

    # One unit to inner point (i, j) of the hexagon's edge from either side: along that side, then
    # straight in.
    for corner in range(3):
        depth = size - 2 * q
        for i in range(1, depth):
            j = depth - i
            for turn in ((0, j), (i, 0)):
                path = [(0, 0)]
                for goal in (turn, (i, j)):
                    while path[-1] != goal:
                        a, b = path[-1]
                        path.append((a + (a < goal[0]), b + (b < goal[1])))
                full = [turned((a, b, size - a - b), corner) for a, b in path]
                for start, end in pairwise(full):
                    add(start, end, 1.0)

    probs = np.zeros((len(points), 3))
    for corner in range(3):
        # More than the corner's degree, so no solution, fractional or not, moves it.
        probs[index[turned((0, 0, size), corner)], corner] = 2.0 * (side + depth)
    return make_instance(probs, np.array(edges), np.array(weights))


def potts_grid(rows: int, cols: int, labels: int, seed: int, weight: float = 0.2) -> Instance:
    """Grid with 4 neighbours a node, equal edge weights, terminal weights uniform in 0..1."""
    u = np.arange(rows * cols).reshape(rows, cols)
    right = np.stack([u[:, :-1].ravel(), u[:, 1:].ravel()], axis=1)
    down = np.stack([u[:-1].ravel(), u[1:].ravel()], axis=1)
    edges = np.concatenate([right, down])
    probs = np.random.default_rng(seed).random((rows * cols, labels))
    return make_instance(probs, edges, np.full(len(edges), weight))


def gadgets(n: int, labels: int, seed: int, weight: float = 0.25) -> Instance:
    """Random tangle of triangles and size-4 simplex grids on random labels.

    Random edges join them. Every gadget has a gap, so the tangle's gap is large and spread out.
    ``weight`` is the largest weight of the ``n // 3`` tangling edges; nodes that no gadget fits in
    (``n`` mod 3) have only those.

    Raises
    ------
    ValueError
        Fewer than 3 nodes or labels.
    """
    if n < 3 or labels < 3:
        raise ValueError(f"n, labels: at least 3 each, got {n} and {labels}")
    rng = np.random.default_rng(seed)
    grid = simplex_grid(4)
    # To the triangle's scale, in which a node's terminal weights are about 1.
    grid = Instance(grid.probs / 7.0, grid.edges, grid.weights / 7.0)
    probs = np.zeros((n, labels))
    edges: list[NDArray[np.int32]] = []
    weights: list[FloatArray] = []
    used = 0
    while used + 3 <= n:
        gadget = grid if used + len(grid.probs) <= n and rng.random() < 0.25 else triangle()
        size = len(gadget.probs)
        # A little extra for the wanted terminals breaks the ties between the gadget's best
        # labellings.
        extra = (1.0 + 0.1 * rng.random(gadget.probs.shape)) * gadget.probs
        probs[used : used + size, rng.choice(labels, 3, replace=False)] = extra
        edges.append(gadget.edges + np.int32(used))
        weights.append(gadget.weights)
        used += size
    tangle = rng.integers(n, size=(n // 3, 2))
    tangle = tangle[tangle[:, 0] != tangle[:, 1]]
    edges.append(tangle.astype(np.int32))
    weights.append(weight * rng.random(len(tangle)))
    return make_instance(probs, np.concatenate(edges), np.concatenate(weights))


def random_regular(n: int, degree: int, labels: int, seed: int, weight: float = 0.18) -> Instance:
    """Random graph with ``degree`` neighbours a node: small gaps that are hard to close.

    Edge weights are equal, terminal weights uniform in 0..1.

    Gaps are largest just below the weight at which one label takes all; the default is such a
    weight for 5 neighbours and 6 labels.

    Pairing model; pairs that would be loops or repeat an edge are broken up and drawn again with
    random others.

    Raises
    ------
    ValueError
        ``n * degree`` is odd, or ``degree >= n``.
    """
    if n * degree % 2 or degree >= n:
        raise ValueError(
            f"n, degree: n * degree must be even and degree below n, got {n} and {degree}"
        )
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.permutation(np.repeat(np.arange(n), degree)).reshape(-1, 2), axis=1)
    while True:
        _, first = np.unique(pairs, axis=0, return_index=True)
        bad = np.setdiff1d(np.arange(len(pairs)), first)
        bad = np.union1d(bad, np.flatnonzero(pairs[:, 0] == pairs[:, 1]))
        if not len(bad):
            break
        redraw = np.union1d(bad, rng.integers(len(pairs), size=len(bad)))
        pairs[redraw] = np.sort(rng.permutation(pairs[redraw].ravel()).reshape(-1, 2), axis=1)
    return make_instance(rng.random((n, labels)), pairs, np.full(len(pairs), weight))
