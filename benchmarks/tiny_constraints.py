"""Tiny random problems with links, tags and known labels, held against brute force.

    python -m benchmarks.tiny_problems --constraints --n 10000
    python -m benchmarks.tiny_problems --relaxed --n 10000

Each problem has some of: allowed labels, known labels, must-links, cannot-links, coverage, node
weights and further edges; about one in eight has no labelling at all. The oracle enumerates all
labellings in NumPy, here, from the definition: nothing is merged or ruled out beforehand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np

import liid_cut
from benchmarks.instances import FloatArray, Instance, make_instance
from liid_cut.constraints import pieces, relaxation, solve

METHODS = ("auto", "ckr", "brute_force")
TOLERANCE = 1e-9
MOST_NODES, MOST_LABELS = 6, 4
STAGES = (*liid_cut._core.STAGES, "constraints")


@dataclass
class Constrained:
    """An instance and the keywords of the solve, which are those of ``verify`` too."""

    instance: Instance
    keywords: dict[str, Any] = field(default_factory=dict)


def constrained_problem(seed: int) -> Constrained:
    """Random sizes, graphs, weights (ties in every second problem) and constraints."""
    rng = np.random.default_rng([7, seed])
    n, labels = int(rng.integers(1, MOST_NODES + 1)), int(rng.integers(2, MOST_LABELS + 1))
    pairs = np.argwhere(np.triu(np.ones((n, n), dtype=bool), k=1))
    pairs = pairs[rng.random(len(pairs)) < rng.choice([0.15, 0.4, 0.8])]
    weights = rng.integers(0, 5, len(pairs)) / 4
    probs = rng.integers(0, 5, (n, labels)) / 4
    if rng.random() < 0.5:  # no ties
        probs = probs + 0.1 * rng.random((n, labels))
        weights = weights * rng.uniform(0.8, 1.2, len(pairs))
    if rng.random() < 0.5:  # one label that most want
        probs[:, 0] += rng.uniform(0.5, 2)
    probs[np.arange(n), rng.integers(labels, size=n)] += 0.05  # no row all zero

    keywords: dict[str, Any] = {}
    wanted = rng.random(7) < [0.3, 0.3, 0.35, 0.5, 0.65, 0.3, 0.3]
    if wanted[0]:
        allowed = rng.random((n, labels)) < 0.8
        allowed[np.arange(n), rng.integers(labels, size=n)] = True
        keywords["allowed"] = allowed
    if wanted[1]:
        known = np.where(rng.random(n) < 0.25, rng.integers(labels, size=n), -1)
        if wanted[0]:
            known[~keywords["allowed"][np.arange(n), known]] = -1
        keywords["labels"] = known
    if wanted[2]:
        keywords["must_link"] = rng.integers(n, size=(rng.integers(1, 3), 2))
    if wanted[3] and n > 1:
        first = rng.integers(n, size=rng.integers(1, 5))
        keywords["cannot_link"] = np.stack([first, (first + rng.integers(1, n, len(first))) % n], 1)
    if wanted[4]:
        n_images = int(rng.integers(1, 4))
        tags = rng.random((n_images, labels - 1)) < rng.choice([0.3, 0.6])
        image_ids = rng.integers(n_images, size=n)
        tags &= np.isin(np.arange(n_images), image_ids)[:, None]  # else a warning
        keywords["coverage"] = image_ids, tags
    if wanted[5]:
        keywords["node_weights"] = rng.integers(1, 5, n) / 2
    if wanted[6]:
        first = rng.integers(n, size=rng.integers(0, 4)) if n > 1 else np.empty(0, np.int64)
        second = (first + rng.integers(1, max(2, n), len(first))) % n
        keywords["extra_edges"] = np.stack([first, second], 1), rng.integers(0, 4, len(first)) / 4
    return Constrained(make_instance(probs, pairs, weights), keywords)


def all_costs(problem: Constrained) -> FloatArray:
    """Cost of every labelling, infinite where it breaks a constraint."""
    from benchmarks.tiny_problems import all_labellings

    instance, given = problem.instance, problem.keywords
    n, labels = instance.probs.shape
    every = all_labellings(n, labels)
    weights = given.get("node_weights", np.ones(n))
    costs: FloatArray = np.zeros(len(every))
    for u in range(n):
        row = instance.probs[u] * weights[u]
        costs += (row.sum() - row)[every[:, u]]
    edges = [*zip(instance.edges.tolist(), instance.weights.tolist(), strict=True)]
    if "extra_edges" in given:
        ends, more = given["extra_edges"]
        edges += zip(ends.tolist(), more.tolist(), strict=True)
    for (u, v), w in edges:
        costs += w * (every[:, u] != every[:, v])

    broken = np.zeros(len(every), dtype=bool)
    for u in range(n):
        if "allowed" in given:
            broken |= ~given["allowed"][u][every[:, u]]
        if "labels" in given and given["labels"][u] >= 0:
            broken |= every[:, u] != given["labels"][u]
    for u, v in given.get("must_link", ()):
        broken |= every[:, u] != every[:, v]
    for u, v in given.get("cannot_link", ()):
        broken |= every[:, u] == every[:, v]
    if "coverage" in given:
        image_ids, tags = given["coverage"]
        for image, column in np.argwhere(tags):
            broken |= ~(every[:, image_ids == image] == column + 1).any(axis=1)
    return np.where(broken, np.inf, costs)


def check_constrained(seed: int) -> tuple[Counter[str], list[str]]:
    """Solve one problem by every method: counts of stages, and what is wrong."""
    from benchmarks.tiny_problems import faults

    problem = constrained_problem(seed)
    instance, graph = problem.instance, (problem.instance.edges, problem.instance.weights)
    costs = all_costs(problem)
    feasible = bool(np.isfinite(costs).any())
    stages: Counter[str] = Counter()
    wrong = []
    for method in METHODS:
        name = f"problem {seed}, {method}, {' '.join(problem.keywords)}"
        try:
            result = liid_cut.multiway_cut(
                instance.probs, graph=graph, method=method, n_jobs=1, **problem.keywords
            )
        except ValueError as error:
            stages[f"{method}: no labelling"] += 1
            found = [f"ValueError: {error}"] if feasible else []
        except Exception as error:  # a crash is a finding like any other
            found = [f"{type(error).__name__}: {error}"]
        else:
            found = ["a labelling where there is none"] if not feasible else []
            found = found or faults(result, instance, costs, problem.keywords)
            latest = max(result.diagnostics["closed_by"], key=STAGES.index)
            stages[f"{method}: {latest}"] += 1
        wrong += [f"{name}: {text}" for text in found]
    return stages, wrong


def check_relaxed(seed: int) -> tuple[Counter[str], list[str]]:
    """:func:`check_constrained`, by way of a relaxation wherever a constraint is broken.

    The search starts from its prices in every second problem; some have a few steps, or no program.
    """
    with (
        patch.object(pieces, "LARGE", 0),
        patch.object(solve, "_TIGHT", (0.1, np.inf)[seed % 2]),
        patch.object(relaxation, "_STEPS", (60, 5, 1)[seed // 2 % 3]),
        patch.object(relaxation, "_LARGEST_PROGRAM", (60_000, 0, 12)[seed // 6 % 3]),
    ):
        return check_constrained(seed)
