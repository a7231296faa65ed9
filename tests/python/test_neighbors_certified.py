"""The bound search against the exact one: equal in every row, whatever the features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instances import Floats, features

from liid_cut.neighbors import certified as module
from liid_cut.neighbors.basis import (
    lengths_outside,
    orthonormality_error,
    principal_directions,
    project,
)
from liid_cut.neighbors.certified import certified
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.exact import exact
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.rows import UnitRows
from liid_cut.neighbors.workers import workers

DATA = Path(__file__).parents[3] / "shared" / "data" / "real_features_10k.npz"
MEMORY = 1 << 30


def decaying(n: int, d: int, seed: int, power: float) -> Floats:
    """Gaussian rows whose energy falls off with the column."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -power


CASES = {
    "fast decay": decaying(1500, 160, 1, 1.0),
    "slow decay": decaying(1500, 160, 2, 0.3),
    "no decay": decaying(1500, 160, 3, 0.0),  # the bound is worthless: tiles are multiplied in full
    "clusters": features(1500, 160, seed=4, n_clusters=30),
    "copies": np.repeat(decaying(300, 160, 5, 0.8), 5, axis=0),
    "low rank": decaying(1500, 20, 6, 0.0) @ np.random.default_rng(7).normal(size=(20, 160)),
}


def assert_identical(feats: Floats, k: int, groups: Groups) -> None:
    with workers(2) as pool:
        rows = UnitRows(feats, pool)
        arguments = (rows, k, groups, MEMORY, Checkpoint(None))
        found, how = certified(*arguments, most_work=np.inf)
        assert found is not None, how
        for a, b in zip(found.arrays(), exact(*arguments).arrays(), strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("case", CASES)
def test_certified_is_exact(case: str, k: int) -> None:
    assert_identical(CASES[case], k, Groups())


@pytest.mark.parametrize("head", [64, 128, 192])
def test_certified_is_exact_with_a_tail_of_any_length(
    head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_plan", lambda rows, q, *rest: module.Plan(head, 192, 0.0, q))
    assert_identical(decaying(1300, 400, 8, 0.6), 3, Groups())


def test_certified_respects_groups() -> None:
    members = np.random.default_rng(9).random((1500, 70)) < 0.03
    assert_identical(CASES["fast decay"], 3, Groups.of(members))


def test_certified_is_exact_on_photos() -> None:
    if not DATA.exists():
        pytest.skip(f"{DATA} is not there")
    with np.load(DATA) as data:
        feats = data["feats"][:4000]
    assert_identical(feats, 3, Groups())


def test_features_without_structure_are_refused() -> None:
    with workers(1) as pool:
        rows = UnitRows(CASES["no decay"], pool)
        found, why = certified(rows, 3, Groups(), MEMORY, Checkpoint(None))
    assert found is None
    assert "of the work of an exact search" in why


def test_bounds_hold() -> None:
    feats = CASES["slow decay"][:200]
    with workers(1) as pool:
        rows = UnitRows(feats, pool)
        directions = principal_directions(rows, 64)
        parts: list[tuple[slice, Floats]] = []
        project(rows, directions, lambda block, c: parts.append((block, c)))
    assert orthonormality_error(directions) < 1e-12
    ((_, coordinates),) = parts
    unit = feats / np.linalg.norm(feats, axis=1, keepdims=True)
    np.testing.assert_allclose(coordinates, unit @ directions, atol=1e-6)
    for level, rest in zip((16, 64), lengths_outside(coordinates, (16, 64)).T, strict=True):
        inside = unit @ directions[:, :level]
        true_rest = np.sqrt(np.maximum(1 - (inside**2).sum(axis=1), 0))
        assert (rest >= true_rest - 1e-7).all()
        np.testing.assert_allclose(rest, true_rest, atol=1e-5)
        bound = inside @ inside.T + np.outer(rest, rest)
        assert (bound >= unit @ unit.T - 1e-6).all()


def test_leading_directions_keep_the_most_energy() -> None:
    feats = CASES["fast decay"]
    unit = feats / np.linalg.norm(feats, axis=1, keepdims=True)
    with workers(1) as pool:
        directions = principal_directions(UnitRows(feats, pool), 32)
    kept = np.linalg.norm(unit @ directions) ** 2
    best = np.linalg.eigvalsh(unit.T @ unit)[-32:].sum()
    assert kept == pytest.approx(best, rel=1e-3)
