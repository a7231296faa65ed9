"""``verify`` on true results, on other problems, on stopped solves, on malformed arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hard_instances import HARD
from instances import grid, random_instance, simplex_grid, star, triangle, union
from reference import assert_rejected

from liid_cut import MultiwayCutResult, verify

INST = union(triangle(), star())
RESULT = INST.solve()


# ---- another problem


def test_other_probs() -> None:
    probs = INST.probs.copy()
    probs[3, 1] += 0.1
    assert_rejected(verify(RESULT, probs), "component 1: cost is claimed to be")


def test_other_probs_of_the_same_cost() -> None:
    # All that a node does not take moves to one label, which makes that label cheaper.
    inst = grid(6, 4, seed=0)
    result = inst.solve()
    probs, nodes = inst.probs.copy(), np.arange(36)
    taken = probs[nodes, result.labels]
    probs[nodes, (result.labels + 1) % 4] = probs.sum(axis=1) - taken
    for shift in (2, 3):
        probs[nodes, (result.labels + shift) % 4] = 0
    verification = verify(result, probs)
    assert verification.cost == pytest.approx(result.cost, rel=1e-12)
    assert_rejected(verification, "component 0: lower bound is claimed to be .* but only")


@pytest.mark.parametrize("shape", [(7, 4), (7, 2), (6, 3), (8, 3)])
def test_probs_of_another_shape(shape: tuple[int, int]) -> None:
    assert_rejected(verify(RESULT, np.ones(shape)), "has shape .* this problem needs")


@pytest.mark.parametrize("change", ["weight", "edge missing", "edge more"])
def test_other_graph(change: str) -> None:
    edges, weights = INST.edges.copy(), INST.weights.copy()
    if change == "weight":
        weights[0] += 1e-6
    elif change == "edge missing":
        edges, weights = edges[1:], weights[1:]
    else:
        edges, weights = np.append(edges, [[0, 6]], axis=0), np.append(weights, 0.1)
    message = "the result belongs to another graph"
    assert_rejected(verify(RESULT, INST.probs, (edges, weights)), message)


def test_allowed_missing() -> None:
    inst = simplex_grid(3)
    message = r"component 0: .* is proven \(is `allowed` the same as in the solve\?\)"
    assert_rejected(verify(inst.solve(), inst.probs, inst.graph), message)


def test_allowed_that_rules_a_label_out() -> None:
    allowed = np.ones(INST.probs.shape, dtype=bool)
    allowed[5, RESULT.labels[5]] = False
    verification = verify(RESULT, INST.probs, allowed=allowed)
    assert_rejected(verification, r"labels\[5\] is not allowed")


# ---- limits


@pytest.fixture
def stopped() -> MultiwayCutResult:
    result = HARD.solve(time_limit=0.05)
    assert result.status == "time_limit"
    return result


def test_a_stopped_solve_is_true_but_never_optimal(stopped: MultiwayCutResult) -> None:
    verification = verify(stopped, HARD.probs)
    assert verification, verification.problems
    assert not verification.optimal
    assert verification.lower_bound < verification.cost - 0.1
    assert verification.lower_bound == pytest.approx(stopped.lower_bound, rel=1e-9)


def test_stopped_but_claimed_optimal(stopped: MultiwayCutResult) -> None:
    stopped.status = "optimal"
    message = "status '.*' and success .* do not fit to .*, of which not all are opt"
    assert_rejected(verify(stopped, HARD.probs), message)


def test_stopped_but_claimed_a_success(stopped: MultiwayCutResult) -> None:
    stopped.success = True
    message = "status '.*' and success .* do not fit to .*, of which not all are opt"
    assert_rejected(verify(stopped, HARD.probs), message)


def test_stopped_and_everything_claimed_optimal(stopped: MultiwayCutResult) -> None:
    stopped.update(status="optimal", success=True, lower_bound=stopped.cost)
    stopped.components["status"] = "optimal"
    stopped.components["lower_bound"] = stopped.components["cost"]
    assert_rejected(verify(stopped, HARD.probs), "component 0 is claimed optimal with a ga")


@pytest.mark.parametrize(
    "contradiction",
    [{"success": False}, {"status": "time_limit"}, {"status": "interrupted", "success": True}],
)
def test_status_and_success_that_contradict_each_other(contradiction: dict[str, object]) -> None:
    result = INST.solve()
    result.update(contradiction)
    verification = verify(result, INST.probs)
    assert not verification
    assert "success" in "\n".join(verification.problems)


def test_stopped_component_claimed_optimal(stopped: MultiwayCutResult) -> None:
    stopped.components["status"] = "optimal"
    assert_rejected(verify(stopped, HARD.probs), "component 0 is claimed optimal")


# ---- malformed arguments are errors, not claims


def test_bad_probs() -> None:
    with pytest.raises(ValueError, match=r"probs\[0, 0\] is -1"):
        verify(RESULT, -INST.probs)


def test_bad_allowed() -> None:
    with pytest.raises(ValueError, match="allowed has dtype int64; it must be bool"):
        verify(RESULT, INST.probs, allowed=np.ones(INST.probs.shape, int))


def test_bad_graph() -> None:
    with pytest.raises(ValueError, match="graph is a str"):
        verify(RESULT, INST.probs, "graph")


# ---- what it recomputes


@pytest.mark.parametrize("seed", range(40))
def test_recomputed_cost_and_bound(seed: int) -> None:
    inst = random_instance(seed)
    result = inst.solve()
    verification = verify(result, inst.probs, inst.graph, allowed=inst.allowed)
    assert verification.cost == pytest.approx(result.cost, abs=1e-9)
    assert verification.lower_bound == pytest.approx(result.lower_bound, abs=1e-9)


def test_it_does_not_need_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    from liid_cut import _core

    inst = grid(6, 3, seed=1)
    result = inst.solve()
    monkeypatch.setattr(_core, "solve", None)
    monkeypatch.setattr(_core, "ckr_relaxation", None)
    assert verify(result, inst.probs).optimal
