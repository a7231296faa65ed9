"""Min-marginals against brute force: every labelling of small problems."""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
from hard_instances import HARD, NESTED, NESTED_WITH_CUTS, SMALL, THREE_LABELS
from instances import (
    Instance,
    grid,
    instance,
    necklace,
    path,
    random_instance,
    simplex_grid,
    star,
    triangle,
    union,
)
from reference import cut_cost, is_allowed, steps_of
from scipy.sparse.csgraph import connected_components

from liid_cut import min_marginals, multiway_cut


def by_trying(inst: Instance, cost: float) -> Any:
    """Cheapest labelling with each label at each node, less ``cost``; inf where there is none."""
    n, n_labels = inst.probs.shape
    least = np.full((n, n_labels), np.inf)
    for labels in product(range(n_labels), repeat=n):
        if is_allowed(inst, labels):
            rows = np.arange(n), list(labels)
            least[rows] = np.minimum(least[rows], cut_cost(inst, labels))
    return least - cost


def is_forest(inst: Instance) -> bool:
    n = len(inst.probs)
    joined = np.zeros((n, n))
    for (u, v), w in zip(inst.edges, inst.weights, strict=True):
        joined[u, v] += w
    return bool((joined > 0).sum() == n - connected_components(joined)[0])


def assert_brackets(inst: Instance, result: Any, truth: Any, **settings: Any) -> Any:
    found = min_marginals(result, inst.probs, allowed=inst.allowed, **settings)
    assert (found.lower <= truth + 1e-8).all()
    assert (found.upper >= truth - 1e-8).all()
    np.testing.assert_allclose(found.upper[found.exact], truth[found.exact], atol=1e-8)
    own = np.arange(len(inst.probs)), result.labels
    assert (np.abs(found.upper[own]) <= 1e-8).all()
    return found


@pytest.mark.parametrize("method", ["auto", "ckr", "brute_force"])
@pytest.mark.parametrize("seed", range(60))
def test_brackets_hold_the_truth(seed: int, method: str) -> None:
    inst = random_instance(seed, most_nodes=6)
    result = inst.solve(method=method)
    truth = by_trying(inst, result.cost)
    found = assert_brackets(inst, result, truth)
    assert method == "brute_force" or (found.lower >= -1e-8).all()  # there nothing but the optimum
    if is_forest(inst):
        assert found.exact.all()
        np.testing.assert_allclose(found.lower, truth, atol=1e-8)
    solved = assert_brackets(inst, result, truth, solve_up_to=100)
    assert solved.exact.all()
    np.testing.assert_allclose(solved.lower, truth, atol=1e-8)


SHAPES = {
    "path": path(),
    "star": star(),
    "triangle": triangle(),
    "necklace": necklace(2),
    "simplex grid": simplex_grid(2),
    "grid": grid(3, 2, 0),
    "triangle beside a path": union(
        triangle(), Instance(np.eye(3), np.array([[0, 1]]), np.ones(1))
    ),
    "all kinds of steps": SMALL,
}


@pytest.mark.parametrize("name", SHAPES)
def test_named_shapes(name: str) -> None:
    inst = SHAPES[name]
    truth = by_trying(inst, 0.0)
    for method in ("auto", "ckr"):
        result = inst.solve(method=method)
        assert_brackets(inst, result, truth - result.cost)
        solved = assert_brackets(inst, result, truth - result.cost, solve_up_to=20)
        assert solved.exact.all()


def by_solving(inst: Instance, cost: float) -> Any:
    """As ``by_trying``, by one solve of the whole problem for each label of each node."""
    least = np.empty(inst.probs.shape)
    for u, k in np.ndindex(*least.shape):
        allowed = np.ones(least.shape, dtype=bool)
        allowed[u] = np.arange(least.shape[1]) == k
        least[u, k] = Instance(inst.probs, inst.edges, inst.weights, allowed).solve().cost
    return least - cost


@pytest.mark.parametrize("method", ["auto", "ckr"])
@pytest.mark.parametrize("inst", [THREE_LABELS, NESTED], ids=["three labels", "nested"])
def test_inside_nested_proofs(inst: Instance, method: str) -> None:
    result = inst.solve(method=method)
    if method == "auto":
        kinds = {step["kind"] for _, step in steps_of(result.proofs)}
        assert kinds == {"bound", "branch", "rule_out"}
    found = assert_brackets(inst, result, by_solving(inst, result.cost))
    assert (found.lower > -1e-8).all()


def test_inside_proofs_with_cuts() -> None:
    """Too large to try every label: a sample of those with the smallest bounds is solved."""
    result = NESTED_WITH_CUTS.solve()
    assert any(step.get("cuts") for _, step in steps_of(result.proofs))
    found = min_marginals(result, NESTED_WITH_CUTS.probs)
    assert (found.lower > -1e-8).all()
    order = np.argsort(found.lower, axis=None)[:: found.lower.size // 8]
    for u, k in zip(*np.unravel_index(order, found.lower.shape), strict=True):
        allowed = np.ones(found.lower.shape, dtype=bool)
        allowed[u] = np.arange(allowed.shape[1]) == k
        forced = multiway_cut(
            NESTED_WITH_CUTS.probs, graph=NESTED_WITH_CUTS.graph, allowed=allowed, time_limit=10
        )
        assert found.lower[u, k] <= forced.cost - result.cost + 1e-8
        assert found.upper[u, k] >= forced.lower_bound - result.cost - 1e-8


# ---- laws


def test_margins_prove_labels() -> None:
    """A positive proven margin: no cheapest labelling has another label there."""
    inst = random_instance(9)
    result = inst.solve()
    found = min_marginals(result, inst.probs, allowed=inst.allowed)
    truth = by_trying(inst, result.cost)
    truth[np.arange(len(truth)), result.labels] = np.inf
    assert (found.margins <= truth.min(axis=1) + 1e-8).all()
    np.testing.assert_array_equal(found.margins > 1e-8, truth.min(axis=1) > 1e-8)


def test_copies_are_solved_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    inst = grid(3, 3, 1)
    result = inst.solve()
    whole = min_marginals(result, inst.probs, solve_up_to=9)
    # The name in the package is that of the function.
    monkeypatch.setattr(sys.modules["liid_cut.min_marginals"], "_NODES_PER_SOLVE", 20)
    pieces = min_marginals(result, inst.probs, solve_up_to=9)
    np.testing.assert_allclose(pieces.lower, whole.lower, atol=1e-9)
    assert not min_marginals(result, inst.probs, solve_up_to=8).exact.all()


def test_unfinished_results_have_brackets_too() -> None:
    inst = HARD
    result = inst.solve(time_limit=0.2)
    assert result.status == "time_limit"
    found = min_marginals(result, inst.probs)
    assert (found.lower <= found.upper).all()
    gaps = result.components["lower_bound"] - result.components["cost"]
    assert (found.lower >= gaps[result.component_ids][:, None] - 1e-8).all()


def test_no_nodes() -> None:
    result = multiway_cut(np.empty((0, 3)), graph=([], []))
    assert min_marginals(result, np.empty((0, 3))).lower.shape == (0, 3)


def test_long_paths_need_no_recursion() -> None:
    n = 3000
    rng = np.random.default_rng(0)
    edges = np.stack([np.arange(n - 1), np.arange(1, n)], axis=1)
    inst = instance(rng.random((n, 3)), edges, rng.random(n - 1))
    result = inst.solve()
    found = min_marginals(result, inst.probs)
    assert found.exact.all()
    for u in (0, n // 2, n - 1):
        for k in range(3):
            allowed = np.ones((n, 3), dtype=bool)
            allowed[u] = np.arange(3) == k
            forced = multiway_cut(inst.probs, graph=inst.graph, allowed=allowed)
            assert found.lower[u, k] == pytest.approx(forced.cost - result.cost, abs=1e-6)


# ---- faults


def test_malformed_certificate() -> None:
    result = triangle().solve()
    result.messages = result.messages + np.arange(3) * 10.0
    with pytest.raises(ValueError, match="the certificate of the result is malformed: messages of"):
        min_marginals(result, triangle().probs)


def test_constraints_between_nodes() -> None:
    result = triangle().solve()
    result.certificate = {}
    with pytest.raises(ValueError, match="result has links or coverage, of which min-marginals"):
        min_marginals(result, triangle().probs)


def test_other_probs() -> None:
    with pytest.raises(ValueError, match=r"probs has shape \(2, 3\); the result belongs to one"):
        min_marginals(triangle().solve(), np.ones((2, 3)))


def test_solve_up_to_nothing() -> None:
    with pytest.raises(ValueError, match="solve_up_to is 0; it must be an integer >= 1"):
        min_marginals(triangle().solve(), triangle().probs, solve_up_to=0)
