"""The same bits whatever a CPU can; for all builds: `python -m benchmarks.reproducibility`."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import bits, reproducibility

# Weights that go through logarithms and exponentials; prints their digests.
WEIGHTS = """
import numpy as np
from benchmarks.bits import digest
from liid_cut.confidence import fit_temperature
from liid_cut.neighbors import NeighborTable
from liid_cut.weights import as_terminal_weights, weighted_table
rng = np.random.Generator(np.random.PCG64(0))
probs = rng.random((3000, 9))
probs /= probs.sum(axis=1, keepdims=True)
print(digest(as_terminal_weights(probs, "log", 1.0, None)))
print(digest(as_terminal_weights(probs, "linear", 1.3, None)))
print(digest(fit_temperature(probs, np.arange(3000) % 9)))
ids = rng.integers(0, 3000, (3000, 5))
print(digest(weighted_table(NeighborTable(ids, rng.random((3000, 5)), {}), "local").similarities))
"""


def weights_on(cpu: str) -> str:
    environment = os.environ | reproducibility.masks(cpu) | {"PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-c", WEIGHTS],
        env=environment,
        cwd=reproducibility.REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_weights_have_the_same_bits_without_avx512_and_fused_multiply_add() -> None:
    masked = reproducibility.masks(reproducibility.NO_FMA)
    if not masked["NPY_DISABLE_CPU_FEATURES"]:
        pytest.skip("NumPy has no code for this CPU that it could be kept from")
    assert weights_on(reproducibility.NO_FMA) == weights_on(reproducibility.NATIVE)


def test_digests_tell_every_difference() -> None:
    values = [
        0,
        0.0,
        -0.0,
        "0",
        None,
        [0],
        [[0]],
        [0, 0],
        {"a": 0},
        {"b": 0},
        np.zeros(1),
        np.zeros(2),
        np.zeros((1, 1)),
        np.zeros(1, np.float32),
        np.full(1, -0.0),
        np.nextafter(0.0, 1.0),
    ]
    assert len({bits.digest(value) for value in values}) == len(values)
    with pytest.raises(TypeError, match="cannot hash a object"):
        bits.digest(object())


def test_a_difference_is_reported() -> None:
    first = {"build": "a", "cpu": "c", "threads": 1, "digests": {"x: one": "1", "x: two": "2"}}
    other = first | {"threads": 2, "digests": {"x: one": "1", "x: two": "3"}}
    assert reproducibility.unexpected([first, first]) == []
    assert reproducibility.unexpected([first, other]) == ["x: two"]
    record = {
        "command": "command",
        "date": "2026-01-01",
        "environment": {"machine": "m", "python": "p", "numpy": "n", "scipy": "s"},
        "data": {"cpu": "c", "rows": [first, other]},
    }
    assert "| a     | c   | 2       | **differ: two** |" in reproducibility.page(record)
