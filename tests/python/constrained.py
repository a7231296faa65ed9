"""Problems with links and tags, too large to enumerate, and an integer program as the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from instances import Instance, features, instance, probabilities
from reference import neighbor_graph
from scipy.optimize import Bounds, LinearConstraint, milp


def tagged_images(n_images: int, seed: int, delta: float = 0.4) -> tuple[Instance, Any]:
    """Proposals that mostly show background, on a neighbour graph; (instance, coverage)."""
    rng = np.random.default_rng(seed)
    n, n_labels = 6 * n_images, 5
    probs = probabilities(n, n_labels, seed)
    probs[:, 0] += 0.3
    matrix = np.triu(neighbor_graph(features(n, 6, seed), 3, delta, "mutual"))
    edges = np.argwhere(matrix)
    inst = instance(probs, edges, matrix[edges[:, 0], edges[:, 1]])
    tags = rng.random((n_images, n_labels - 1)) < 0.35
    return inst, (rng.permutation(np.repeat(np.arange(n_images), 6)), tags)


def links(n: int, count: int, seed: int) -> np.ndarray:
    """Pairs of different nodes, (count, 2)."""
    rng = np.random.default_rng(seed)
    first = rng.integers(n, size=count)
    return np.stack([first, (first + rng.integers(1, n, size=count)) % n], axis=1)


def program_optimum(
    inst: Instance, coverage: Any = None, cannot_link: Any = (), must_link: Any = ()
) -> float:
    """The least cost by one integer program of the whole problem, from its definition."""
    n, n_labels = inst.probs.shape
    m = len(inst.edges)
    costs = inst.probs.sum(axis=1, keepdims=True) - inst.probs
    objective = np.concatenate([costs.ravel(), inst.weights])
    rows: list[tuple[dict[int, float], float, float]] = []
    for u in range(n):
        rows.append(({u * n_labels + k: 1.0 for k in range(n_labels)}, 1, 1))
    for e, (u, v) in enumerate(inst.edges.tolist()):
        for k in range(n_labels):
            for a, b in ((u, v), (v, u)):
                entries = {a * n_labels + k: 1.0, b * n_labels + k: -1.0, n * n_labels + e: -1.0}
                rows.append((entries, -np.inf, 0))
    for u, v in cannot_link:
        rows += [({u * n_labels + k: 1.0, v * n_labels + k: 1.0}, 0, 1) for k in range(n_labels)]
    for u, v in must_link:
        rows += [({u * n_labels + k: 1.0, v * n_labels + k: -1.0}, 0, 0) for k in range(n_labels)]
    if coverage is not None:
        ids, tags = coverage
        for image, column in np.argwhere(tags):
            members = np.flatnonzero(ids == image)
            rows.append(({u * n_labels + column + 1: 1.0 for u in members}, 1, np.inf))
    matrix = sp.lil_array((len(rows), n * n_labels + m))
    for i, (entries, _, _) in enumerate(rows):
        for column, value in entries.items():
            matrix[i, column] = value
    found = milp(
        objective,
        constraints=LinearConstraint(
            matrix.tocsr(), [low for _, low, _ in rows], [high for _, _, high in rows]
        ),
        integrality=np.repeat([1, 0], [n * n_labels, m]),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    assert found.status == 0, found.message
    return float(found.fun)
