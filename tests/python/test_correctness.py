"""Optimal costs and bounds against brute force, an LP solver and a MIP solver."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from instances import (
    Instance,
    grid,
    instance,
    path,
    random_instance,
    simplex_grid,
    star,
    triangle,
    union,
)
from reference import (
    assert_optimal,
    cheapest_cut,
    cut_cost,
    is_allowed,
    lp_value,
    messages_bound,
    steps_of,
)

from liid_cut import verify

METHODS = ("auto", "ckr", "brute_force")
# Name: problem, value of the relaxation, optimum.
KNOWN = {
    "path": (path(), 1.3, 1.3),
    "triangle": (triangle(), 3.75, 4.0),
    "star": (star(), 1.0, 1.0),
    "two-triangles": (union(triangle(), star(), triangle()), 8.5, 9.0),
    **{
        f"simplex-grid-{side}": (simplex_grid(side), 1.5 * (side + 1), 2.0 * side + 1)
        for side in range(1, 7)
    },
}


def assert_methods_agree(inst: Instance) -> None:
    results = [inst.solve(method=method, n_jobs=1) for method in METHODS]
    for result in results:
        assert_optimal(inst, result, results[-1].cost)
        verification = verify(result, inst.probs, inst.graph, allowed=inst.allowed)
        assert verification, verification.problems
        assert verification.optimal


@pytest.mark.parametrize("batch", range(10))
def test_methods_agree_on_random_problems(batch: int) -> None:
    for seed in range(200 * batch, 200 * (batch + 1)):
        try:
            assert_methods_agree(random_instance(seed))
        except AssertionError as error:
            raise AssertionError(f"random_instance({seed})") from error


@pytest.mark.parametrize("batch", range(4))
def test_random_optima_are_those_of_plain_enumeration(batch: int) -> None:
    for seed in range(10_000 + 100 * batch, 10_000 + 100 * (batch + 1)):
        inst = random_instance(seed, most_nodes=5, most_labels=3)
        assert inst.solve().cost == pytest.approx(cheapest_cut(inst), abs=1e-9), f"seed {seed}"


def test_optima_of_small_searches_are_those_of_plain_enumeration() -> None:
    # Every node is indifferent between all labels but one, which makes gaps common.
    searched = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        pairs = np.argwhere(np.triu(np.ones((6, 6)), k=1) > 0)
        edges = pairs[rng.random(len(pairs)) < 0.6]
        inst = instance(1 - np.eye(3)[rng.integers(0, 3, 6)], edges, np.full(len(edges), 0.25))
        result = inst.solve()
        if "branch_and_bound" not in result.components["stage"]:
            continue
        searched += 1
        steps = [step for _, step in steps_of(result.proofs)]
        assert any(step["kind"] == "branch" for step in steps), f"seed {seed}"
        optimum = cheapest_cut(inst)
        assert_optimal(inst, result, optimum)
        assert messages_bound(inst, result.edges, result.messages) < optimum - 1e-3, f"seed {seed}"
        verification = verify(result, inst.probs, inst.graph)
        assert verification, f"seed {seed}: {verification.problems}"
        assert verification.optimal, f"seed {seed}"
    assert searched > 20


@pytest.mark.parametrize("batch", range(4))
def test_relaxation_and_bounds_of_random_problems(batch: int) -> None:
    for seed in range(20_000 + 75 * batch, 20_000 + 75 * (batch + 1)):
        inst = random_instance(seed, most_nodes=9, most_labels=5)
        by_lp = inst.solve(method="ckr")
        relaxed = lp_value(inst)
        root = messages_bound(inst, by_lp.edges, by_lp.messages)
        assert root == pytest.approx(relaxed, rel=1e-7, abs=1e-7), f"seed {seed}"
        assert relaxed <= by_lp.cost + 1e-7, f"seed {seed}"
        optimum = lp_value(inst, integer=True)
        assert by_lp.cost == pytest.approx(optimum, rel=1e-6, abs=1e-6), f"seed {seed}"


@st.composite
def problems(draw: st.DrawFn) -> Instance:
    """Quarters as weights, so that ties and gaps are common and failures shrink well."""
    n, n_labels = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    quarters = st.integers(0, 4).map(lambda i: i / 4)
    probs = [draw(st.lists(quarters, min_size=n_labels, max_size=n_labels)) for _ in range(n)]
    for row in probs:
        row[0] += 0.25 if not any(row) else 0.0
    pairs = [(u, v) for u in range(n) for v in range(u + 1, n)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=9)) if pairs else []
    weights = draw(st.lists(quarters, min_size=len(edges), max_size=len(edges)))
    masks = st.lists(st.booleans(), min_size=n_labels, max_size=n_labels).filter(any)
    allowed = [draw(masks) for _ in range(n)] if draw(st.booleans()) else None
    return instance(probs, edges, weights, allowed)


@given(problems())
def test_methods_agree_on_generated_problems(inst: Instance) -> None:
    assert_methods_agree(inst)


@given(problems())
def test_no_relabelling_of_one_node_is_cheaper(inst: Instance) -> None:
    result = inst.solve()
    for u in range(len(inst.probs)):
        for k in range(inst.probs.shape[1]):
            labels = result.labels.copy()
            labels[u] = k
            if is_allowed(inst, labels):
                assert cut_cost(inst, labels) >= result.cost - 1e-9


@pytest.mark.parametrize("method", ["auto", "ckr"])
@pytest.mark.parametrize("name", KNOWN)
def test_known_optimum(name: str, method: str) -> None:
    inst, _, optimum = KNOWN[name]
    result = inst.solve(method=method)
    assert_optimal(inst, result, optimum)
    assert verify(result, inst.probs, inst.graph, allowed=inst.allowed).optimal


@pytest.mark.parametrize("name", KNOWN)
def test_known_relaxation(name: str) -> None:
    inst, relaxed, optimum = KNOWN[name]
    assert lp_value(inst) == pytest.approx(relaxed, rel=1e-9)
    assert lp_value(inst, integer=True) == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize("name", KNOWN)
def test_root_messages_prove_the_value_of_the_relaxation(name: str) -> None:
    inst, relaxed, _ = KNOWN[name]
    result = inst.solve(method="ckr")
    assert messages_bound(inst, result.edges, result.messages) == pytest.approx(relaxed, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("side", "n_labels", "weight"), [(12, 3, 0.3), (12, 6, 0.7), (20, 5, 0.5), (20, 8, 0.7)]
)
def test_grids_agree_with_the_relaxation(
    side: int, n_labels: int, weight: float, seed: int
) -> None:
    inst = grid(side, n_labels, seed, weight)
    by_lp, auto = inst.solve(method="ckr"), inst.solve()
    assert_optimal(inst, by_lp, auto.cost)
    assert_optimal(inst, auto, by_lp.cost)
    assert verify(auto, inst.probs).optimal
    relaxed = lp_value(inst)
    root = messages_bound(inst, by_lp.edges, by_lp.messages)
    assert root == pytest.approx(relaxed, rel=1e-8)
    assert relaxed <= by_lp.cost + 1e-8 * by_lp.cost


def test_rows_of_ties_take_the_lowest_label() -> None:
    inst = instance(np.ones((3, 4)), [], [])
    assert inst.solve().labels.tolist() == [0, 0, 0]
