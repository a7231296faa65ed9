"""Problems that cuts at the root do not close: they are branched on, or stay open for long."""

from __future__ import annotations

import numpy as np
from instances import Instance, instance


def hesitant(n: int, n_labels: int, degree: int, seed: int) -> Instance:
    """A random graph whose nodes are indifferent between half of the labels, more or less."""
    rng = np.random.default_rng(seed)
    probs = (rng.random((n, n_labels)) < 0.5) * 1.0
    probs[probs.sum(axis=1) == 0, 0] = 1
    pairs = rng.integers(0, n, (n * degree // 2, 2))
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    return instance(probs, pairs, np.full(len(pairs), 0.25))


def with_chains(inst: Instance, seed: int, probs: float = 0.2) -> Instance:
    """A chain of two nodes hung on every node, with terminal weights up to ``probs``."""
    rng, (n, n_labels) = np.random.default_rng(seed), inst.probs.shape
    first, second = n + np.arange(n), 2 * n + np.arange(n)
    chains = [np.stack([np.arange(n), first], axis=1), np.stack([first, second], axis=1)]
    return instance(
        np.concatenate([inst.probs, probs * rng.random((2 * n, n_labels))]),
        np.concatenate([inst.edges, *chains]),
        np.concatenate([inst.weights, rng.random(2 * n)]),
    )


# Connected; their proofs hold all kinds of steps, in parts that are nested 2, 2, 4 and 4 deep. Dual
# ascent closes a few branches of the first three; the last needs linear programs, and has cuts.
# Found among a few hundred seeds.
SMALL = hesitant(7, 5, 5, seed=8)
THREE_LABELS = hesitant(20, 3, 5, seed=11)
NESTED = hesitant(14, 6, 6, seed=1)
NESTED_WITH_CUTS = hesitant(40, 5, 5, seed=51)

# Open for longer than any test waits.
HARD = hesitant(300, 6, 6, seed=0)
