"""Small problems, each with a drawing and with its optimum, and random ones from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import MultiwayCutProblem, MultiwayCutResult, make_problem, multiway_cut

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Instance:
    """Terminal weights (n, K+1), edges (m, 2), weights (m,), allowed labels (n, K+1) or None."""

    probs: Floats
    edges: Ints
    weights: Floats
    allowed: Bools | None = None

    @property
    def graph(self) -> tuple[Ints, Floats]:
        return self.edges, self.weights

    def problem(self) -> MultiwayCutProblem:
        return make_problem(self.probs, graph=self.graph, allowed=self.allowed)

    def solve(self, **settings: Any) -> MultiwayCutResult:
        return multiway_cut(self.probs, graph=self.graph, allowed=self.allowed, **settings)


def instance(probs: Any, edges: Any, weights: Any, allowed: Any = None) -> Instance:
    return Instance(
        np.array(probs, dtype=float),
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        np.array(weights, dtype=float),
        None if allowed is None else np.array(allowed, dtype=bool),
    )


def path() -> Instance:
    """Undecided nodes between two decided ones; the cut loses .5 at each of them and one edge: 1.3.

    (1, 0)     (.5, .5)     (.5, .5)     (0, 1)
      0 --- .3 --- 1 --- .3 --- 2 --- .3 --- 3
    """
    return instance([[1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1]], [[0, 1], [1, 2], [2, 3]], [0.3] * 3)


def triangle() -> Instance:
    """The smallest gap: the relaxation costs 3.75, the cheapest cut 4 (one label, or two edges).

    (1, 1, 0)  0 --- .5 --- 1  (0, 1, 1)
                 .5      .5
                     2
                 (1, 0, 1)
    """
    return instance([[1, 1, 0], [0, 1, 1], [1, 0, 1]], [[0, 1], [1, 2], [0, 2]], [0.5, 0.5, 0.5])


def star() -> Instance:
    """Three decided leaves; the centre joins one of them and loses the edges to the others: 1.

               1 (1, 0, 0)
               |
               .5
               |
      2 -- .5 -- 0 -- .5 -- 3
    (0, 1, 0)          (0, 0, 1)
    """
    probs = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    return instance(probs, [[0, 1], [0, 2], [0, 3]], [0.5, 0.5, 0.5])


def grid(side: int, n_labels: int, seed: int, weight: float = 0.5, equal: bool = False) -> Instance:
    """A square grid with random terminal weights and edge weights up to, or all, ``weight``.

    0 - 1 - 2
    |   |   |
    3 - 4 - 5   ...
    """
    rng = np.random.default_rng(seed)
    node = np.arange(side * side).reshape(side, side)
    across = np.stack([node[:, :-1].ravel(), node[:, 1:].ravel()], axis=1)
    down = np.stack([node[:-1].ravel(), node[1:].ravel()], axis=1)
    edges = np.concatenate([across, down])
    probs = rng.random((side * side, n_labels))
    weights = np.ones(len(edges)) if equal else rng.random(len(edges))
    return instance(probs, edges, weight * weights)


def simplex_grid(side: int) -> Instance:
    r"""A Sperner labelling: label k is ruled out on the side opposite to corner k; unit weights.

        0            The points (i, j, l) with i + j + l = N, joined at distance 2; label k needs
       / \           its coordinate > 0. Relaxation: x = the coordinates / N, every edge costs
    0,1 - 0,2        1 / N, together 3 (N + 1) / 2. Optimum: label 0 wherever it is allowed,
     / \ / \         2 N edges, and one more on the side without it: 2 N + 1.
    1 - 1,2 - 2      (N = 2 is drawn, with the labels that are allowed)
    """
    points = np.array([(i, j, side - i - j) for i in range(side + 1) for j in range(side + 1 - i)])
    distance = np.abs(points[:, None] - points).sum(axis=2)
    edges = np.argwhere(np.triu(distance == 2))
    return instance(np.zeros(points.shape), edges, np.ones(len(edges)), points > 0)


def necklace(n_triangles: int, seed: int = 0) -> Instance:
    r"""Triangles of :func:`triangle`, a little perturbed, in a ring of weak edges.

      0       3       6
     / \     / \     / \         Every triangle adds its own gap; a cut for each closes it.
    1 - 2 - 4 - 5 - 7 - 8 -
    """
    rng = np.random.default_rng(seed)
    one, first = triangle(), 3 * np.arange(n_triangles)
    ring = [[a + 2, b + 1] for a, b in pairwise([*first, *first[:1]])]
    return instance(
        np.tile(one.probs, (n_triangles, 1)) * (1 + 0.01 * rng.random((3 * n_triangles, 3))),
        np.concatenate([(one.edges + first[:, None, None]).reshape(-1, 2), np.array(ring)]),
        np.concatenate([np.tile(one.weights, n_triangles), np.full(n_triangles, 0.05)]),
    )


def random_instance(seed: int, most_nodes: int = 7, most_labels: int = 4) -> Instance:
    """A random graph; ties and ruled-out labels in every second problem, decided or hesitant."""
    rng = np.random.default_rng(seed)
    ties, restricted = seed % 2 == 0, seed // 2 % 2 == 0
    shape = int(rng.integers(1, most_nodes + 1)), int(rng.integers(1, most_labels + 1))
    pairs = np.argwhere(np.triu(np.ones((shape[0], shape[0])), k=1) > 0)
    edges = pairs[rng.random(len(pairs)) < rng.uniform(0.3, 1)]
    hesitant = rng.random() < 0.5
    probs = rng.integers(0, 2 if hesitant else 5, shape) / (1 if hesitant else 4)
    weights = rng.integers(0, 5, len(edges)) / 4
    if not ties:
        probs = probs + 0.5 * rng.random(shape)
        weights = weights * rng.random(len(edges))
    probs[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] += 0.25  # no row all zero
    allowed = None
    if restricted:
        allowed = rng.random(shape) < 0.6
        allowed[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = True
    return instance(probs, edges, weights, allowed)


def union(*parts: Instance) -> Instance:
    """Problems side by side, without an edge between them."""
    offsets = np.cumsum([0, *(len(part.probs) for part in parts)])
    return instance(
        np.concatenate([part.probs for part in parts]),
        np.concatenate([part.edges + o for part, o in zip(parts, offsets, strict=False)]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate(
            [
                np.ones(part.probs.shape, bool) if part.allowed is None else part.allowed
                for part in parts
            ]
        ),
    )


def features(n: int, d: int, seed: int, n_clusters: int = 8) -> Floats:
    """Non-negative features in clusters, as a network's last layer gives them."""
    rng = np.random.default_rng(seed)
    centres = rng.random((n_clusters, d))
    return np.abs(centres[rng.integers(n_clusters, size=n)] + 0.2 * rng.normal(size=(n, d)))


def probabilities(n: int, n_labels: int, seed: int) -> Floats:
    """Rows that sum to 1."""
    return np.random.default_rng(seed).dirichlet(np.full(n_labels, 0.5), size=n)
