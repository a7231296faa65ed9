"""The same bits for any number of threads, and from run to run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hard_instances import THREE_LABELS
from instances import (
    Instance,
    features,
    grid,
    necklace,
    probabilities,
    simplex_grid,
    star,
    triangle,
    union,
)
from reference import assert_same_bits

from liid_cut import multiway_cut


def mixture() -> Instance:
    """Components of all sizes, many of them with a gap."""
    rng = np.random.default_rng(8)
    with_gaps = [triangle(), simplex_grid(3), necklace(2), necklace(3, 1), necklace(6)]
    small = [*with_gaps, star(), THREE_LABELS]
    grids = [grid(side, 3, seed=side, weight=0.8) for side in range(2, 13)]
    return union(*[small[i] for i in rng.integers(0, len(small), 40)], *grids)


@pytest.mark.parametrize("method", ["auto", "ckr"])
def test_same_bits_for_any_number_of_threads(method: str) -> None:
    inst = mixture()
    one = inst.solve(method=method, n_jobs=1)
    for n_jobs in (1, 2, 4, None):
        assert_same_bits(inst.solve(method=method, n_jobs=n_jobs), one)


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
def test_same_bits_from_features(symmetrize: str) -> None:
    probs, feats = probabilities(500, 5, 0), features(500, 16, 0)
    settings: dict[str, Any] = {"delta": 0.5, "symmetrize": symmetrize}
    one = multiway_cut(probs, feats, n_jobs=1, **settings)
    for n_jobs in (1, 2, 4, None):
        assert_same_bits(multiway_cut(probs, feats, n_jobs=n_jobs, **settings), one)


def digest(inst: Instance) -> str:
    result = inst.solve()
    parts = [result.labels, result.messages, result.components["lower_bound"]]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_same_bits_in_another_process() -> None:
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n" + (
        "from test_determinism import digest, mixture\nprint(digest(mixture()))"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert other.stdout.splitlines()[-1:] == [digest(mixture())], other.stderr
