"""Changes of a problem whose effect on the cheapest cut is known, and results equal to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from instances import (
    Instance,
    grid,
    instance,
    necklace,
    random_instance,
    simplex_grid,
    star,
    union,
)
from reference import assert_same_bits

# Continuous random weights: the optimum is unique, so labels can be compared too.
UNIQUE = {
    "tight-grid": grid(6, 4, seed=1, weight=0.4),
    "larger-grid": grid(12, 5, seed=2, weight=0.6),
    "gap": necklace(4),
    "random": random_instance(seed=13, most_nodes=12),
    "restricted": random_instance(seed=17, most_nodes=12, most_labels=6),
}


def assert_same_cut(inst: Instance, other: Instance, scale: float = 1, shift: float = 0) -> None:
    """``other`` has the labels of ``inst``, and its cost after scaling and shifting."""
    before, after = inst.solve(), other.solve()
    assert after.status == "optimal"
    assert after.cost == pytest.approx(scale * before.cost + shift, rel=1e-9)
    np.testing.assert_array_equal(after.labels, before.labels)


def changed(inst: Instance, **fields: Any) -> Instance:
    return Instance(**{**vars(inst), **fields})


@pytest.fixture(params=UNIQUE)
def inst(request: pytest.FixtureRequest) -> Instance:
    return UNIQUE[request.param]


# ---- the same problem in other words: the same bits


def test_edges_in_any_order_and_direction(inst: Instance) -> None:
    order = np.random.default_rng(0).permutation(len(inst.edges))
    other = changed(inst, edges=inst.edges[order, ::-1], weights=inst.weights[order])
    assert_same_bits(other.solve(), inst.solve())


def test_an_edge_split_into_two_parallel_ones(inst: Instance) -> None:
    other = changed(
        inst,
        edges=np.concatenate([inst.edges, inst.edges[:, ::-1]]),
        weights=np.tile(inst.weights / 2, 2),
    )
    assert_same_bits(other.solve(), inst.solve())


def test_edges_of_weight_zero_change_nothing(inst: Instance) -> None:
    taken = {(u, v) for u, v in inst.edges.tolist()}
    nodes = range(len(inst.probs))
    free = next((u, v) for u in nodes for v in nodes if u < v and (u, v) not in taken)
    other = changed(
        inst, edges=np.concatenate([inst.edges, [free]]), weights=np.append(inst.weights, 0.0)
    )
    assert_same_bits(other.solve(), inst.solve())


def test_every_label_allowed_is_no_constraint() -> None:
    inst = grid(8, 4, seed=3)
    other = changed(inst, allowed=np.ones(inst.probs.shape, dtype=bool))
    assert_same_bits(other.solve(), inst.solve())


# ---- the optimum moves as the problem does


def test_permuted_nodes(inst: Instance) -> None:
    order = np.random.default_rng(1).permutation(len(inst.probs))
    place = np.argsort(order)
    other = changed(
        inst,
        probs=inst.probs[order],
        edges=place[inst.edges],
        allowed=None if inst.allowed is None else inst.allowed[order],
    )
    before, after = inst.solve(), other.solve()
    assert after.cost == pytest.approx(before.cost, rel=1e-9)
    np.testing.assert_array_equal(after.labels, before.labels[order])


def test_permuted_labels(inst: Instance) -> None:
    order = np.random.default_rng(2).permutation(inst.probs.shape[1])
    other = changed(
        inst,
        probs=inst.probs[:, order],
        allowed=None if inst.allowed is None else inst.allowed[:, order],
    )
    before, after = inst.solve(), other.solve()
    assert after.cost == pytest.approx(before.cost, rel=1e-9)
    np.testing.assert_array_equal(order[after.labels], before.labels)


@pytest.mark.parametrize("power", [-10, -1, 10, 40])
def test_scaled_weights(inst: Instance, power: int) -> None:
    scale = 2.0**power
    other = changed(inst, probs=inst.probs * scale, weights=inst.weights * scale)
    assert_same_cut(inst, other, scale)


@pytest.mark.parametrize("method", ["auto", "ckr"])
@pytest.mark.parametrize("power", [80, 900])
def test_weights_near_the_largest_doubles(power: int, method: str) -> None:
    # LP solvers take such numbers for infinite.
    inst, scale = grid(5, 3, seed=9), 2.0**power
    assert inst.solve(method=method).components["stage"] != ["inspection"]
    other = changed(inst, probs=inst.probs * scale, weights=inst.weights * scale)
    result = other.solve(method=method, time_limit=1)
    assert result.status == "optimal"
    assert result.cost == pytest.approx(scale * inst.solve().cost, rel=1e-9)
    np.testing.assert_array_equal(result.labels, inst.solve().labels)


def test_a_constant_added_to_a_row(inst: Instance) -> None:
    # A node loses all its terminal edges but one: K of the K+1 constants.
    constants = np.random.default_rng(3).random((len(inst.probs), 1))
    shift = float(constants.sum()) * (inst.probs.shape[1] - 1)
    assert_same_cut(inst, changed(inst, probs=inst.probs + constants), shift=shift)


def test_a_label_that_nobody_wants() -> None:
    inst = grid(6, 3, seed=5, weight=0.4)
    wider = np.pad(inst.probs, ((0, 0), (0, 1)))
    assert_same_cut(inst, changed(inst, probs=wider))


def test_only_the_optimal_labels_allowed(inst: Instance) -> None:
    only = np.eye(inst.probs.shape[1], dtype=bool)[inst.solve().labels]
    assert_same_cut(inst, changed(inst, allowed=only))


def test_two_problems_side_by_side() -> None:
    parts = [grid(5, 3, seed=6), necklace(3), grid(4, 3, seed=7), star(), simplex_grid(3)]
    alone = [part.solve() for part in parts]
    together = union(*parts).solve()
    assert together.cost == pytest.approx(sum(r.cost for r in alone), rel=1e-12)
    assert together.n_components == sum(r.n_components for r in alone)
    np.testing.assert_array_equal(together.labels, np.concatenate([r.labels for r in alone]))


@pytest.mark.parametrize("seed", range(20))
def test_heavier_edges_never_make_the_cut_cheaper(seed: int) -> None:
    inst = random_instance(seed, most_nodes=9)
    heavier = changed(inst, weights=inst.weights + 0.25)
    assert heavier.solve().cost >= inst.solve().cost - 1e-9


def test_an_edge_too_heavy_to_cut_joins_its_ends() -> None:
    inst = instance([[5, 0], [0, 4]], [[0, 1]], [100])
    result = inst.solve()
    assert result.labels.tolist() == [0, 0]
    assert result.cost == 4
