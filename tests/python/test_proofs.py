"""Proofs of every kind: problems whose solve makes them, and small ones written out by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hard_instances import NESTED, SMALL, THREE_LABELS, with_chains
from instances import (
    Instance,
    features,
    grid,
    instance,
    necklace,
    probabilities,
    triangle,
    union,
)
from proof_steps import bound, branch, claiming, part, rule_out
from reference import assert_rejected, messages_bound, steps_of

from liid_cut import MultiwayCutResult, multiway_cut, verify

# Potts grids of equal weights, on most of which dual ascent alone does not reach the optimum.
HARD_GRIDS = [
    (6, 5, 0.3, 1),
    (7, 5, 0.3, 2),
    (8, 5, 0.25, 0),
    (9, 3, 0.3, 0),
    (9, 5, 0.15, 1),
    (10, 5, 0.15, 0),
    (10, 5, 0.25, 2),
    (11, 5, 0.2, 1),
    (12, 3, 0.25, 0),
    (12, 5, 0.25, 2),
]


def hard_grid(side: int, n_labels: int, weight: float, seed: int) -> Instance:
    return grid(side, n_labels, seed, weight, equal=True)


def kinds(result: MultiwayCutResult) -> Counter[str]:
    return Counter(step["kind"] for _, step in steps_of(result.proofs))


def cuts(result: MultiwayCutResult) -> list[Any]:
    return [cut for _, step in steps_of(result.proofs) for cut in step.get("cuts", [])]


def assert_proven(inst: Instance, result: MultiwayCutResult) -> None:
    verification = verify(result, inst.probs, inst.graph, allowed=inst.allowed)
    assert verification, verification.problems
    assert verification.optimal
    assert verification.lower_bound == pytest.approx(result.cost, rel=1e-9)


# ---- what solves make


@pytest.mark.parametrize("side", range(6, 13))
@pytest.mark.parametrize("n_labels", [3, 5])
def test_potts_grids_are_proven(side: int, n_labels: int) -> None:
    for weight in (0.15, 0.2, 0.25, 0.3):
        for seed in range(3):
            inst = hard_grid(side, n_labels, weight, seed)
            result = inst.solve()
            assert result.status == "optimal", f"weight {weight}, seed {seed}"
            assert_proven(inst, result)


def test_potts_grids_need_every_kind_of_proof_and_nested_parts() -> None:
    found: Counter[str] = Counter()
    deepest = 0
    for settings in HARD_GRIDS:
        result = hard_grid(*settings).solve()
        found += kinds(result)
        deepest = max([deepest, *(depth for depth, _ in steps_of(result.proofs))])
    assert set(found) == {"bound", "branch", "rule_out"}
    assert deepest >= 3


@pytest.mark.parametrize("seed", [1, 2, 4])
@pytest.mark.parametrize("core", [SMALL, THREE_LABELS, NESTED], ids=["small", "three", "nested"])
def test_trees_are_reduced_and_only_the_core_branched_on(core: Instance, seed: int) -> None:
    inst = with_chains(core, seed, probs=0.002)  # larger ones break the ties, and close the gap
    result = inst.solve()
    assert result.components["stage"].tolist() == ["branch_and_bound"]
    assert kinds(result)["branch"] > 0
    assert kinds(result)["rule_out"] > 0
    for proof in result.proofs:
        assert (proof["nodes"] < len(core.probs)).all()
    assert_proven(inst, result)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_triangles", [5, 8, 12])
def test_trees_are_reduced_and_only_the_triangles_cut(n_triangles: int, seed: int) -> None:
    inst = with_chains(necklace(n_triangles, seed), seed, probs=0.02)
    result = inst.solve()
    assert result.components["stage"].tolist() == ["linear_program"]
    assert len(cuts(result)) >= n_triangles
    for proof in result.proofs:
        assert (proof["nodes"] < 3 * n_triangles).all()
    assert_proven(inst, result)


@pytest.mark.parametrize("seed", range(3))
def test_two_triangles_are_branched_on_or_cut(seed: int) -> None:
    inst = with_chains(necklace(2, seed), seed)
    auto, by_lp = inst.solve(), inst.solve(method="ckr")
    assert auto.components["stage"].tolist() == ["branch_and_bound"]
    assert kinds(auto)["branch"] > 0
    assert cuts(auto) == []
    for proof in auto.proofs:
        assert (proof["nodes"] < 6).all()
    assert by_lp.components["stage"].tolist() == ["linear_program"]
    assert kinds(by_lp)["branch"] == 0
    assert len(cuts(by_lp)) >= 2
    for result in (auto, by_lp):
        assert_proven(inst, result)


def test_without_the_proofs_only_the_messages_count() -> None:
    inst = with_chains(necklace(3), 0)
    result = inst.solve()
    result.proofs = []
    verification = verify(result, inst.probs)
    assert_rejected(verification, "component 0: lower bound is claimed to be")
    by_hand = messages_bound(inst, result.edges, result.messages)
    assert verification.lower_bound == pytest.approx(by_hand, rel=1e-12)
    assert by_hand < result.cost - 0.1


# ---- which stage closes what


def stages(inst: Instance, method: str = "auto") -> list[str]:
    result = inst.solve(method=method)
    assert_proven(inst, result)
    return [str(stage) for stage in result.components["stage"]]


def test_trees_are_closed_by_reduction() -> None:
    rng = np.random.default_rng(0)
    parents = [int(rng.integers(0, v)) for v in range(1, 200)]
    edges = np.stack([parents, np.arange(1, 200)], axis=1)
    assert stages(instance(rng.random((200, 5)), edges, 0.5 * rng.random(199))) == ["reduction"]


def test_tight_grids_are_closed_by_dual_ascent() -> None:
    assert set(stages(union(*(grid(10, 3, seed, 0.5) for seed in range(4))))) == {"dual_ascent"}


def test_gaps_are_closed_by_cuts_or_branching_alone() -> None:
    inst = union(triangle(), necklace(2), necklace(6), THREE_LABELS)
    cut, branched = "linear_program", "branch_and_bound"
    assert stages(inst) == [branched, branched, cut, branched]
    assert stages(inst, method="ckr") == [cut, cut, cut, branched]


@pytest.mark.parametrize("delta", [0.1, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_mutual_neighbours_need_no_linear_program(seed: int, delta: float) -> None:
    probs, feats = probabilities(2000, 8, seed), features(2000, 16, seed, n_clusters=40)
    result = multiway_cut(probs, feats, delta=delta)
    assert verify(result, probs).optimal
    assert set(result.components["stage"]) <= {"inspection", "reduction", "dual_ascent"}
    assert {"reduction"} <= set(result.components["stage"])
    assert result.components["search_nodes"].sum() == 0


# ---- proofs by hand: (1, 0) --- .5 --- (0, 1); without a cut both ends pay 1 together, with it .5

PAIR = instance([[1, 0], [0, 1]], [[0, 1]], [0.5])
TIGHT = np.array([[0.5, 0.0]])  # the bound that these messages give is .5
HAND_MADE: dict[str, Any] = {
    "bound": bound(TIGHT),
    "bound of a part": bound(None, [part([0, 1], [0], bound(TIGHT))]),
    "bound of two parts": bound(TIGHT, [part([0], [], bound()), part([1], [], bound())]),
    "branch": branch(0, 0, [bound(TIGHT), bound(np.zeros((1, 2)))]),
    "branch that inherits": branch(0, 0, [bound(), bound()], messages=TIGHT),
    "rule out": rule_out([(0, 1), (1, 0)], [bound(TIGHT)], messages=TIGHT),
    "rule out nothing": rule_out(np.empty((0, 2), int), [bound(TIGHT)], messages=TIGHT),
    "rule out all of a node": rule_out([(0, 0), (0, 1)], [bound()], messages=TIGHT),
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_proof(name: str) -> None:
    right = claiming(PAIR, [0, 1], [part([0, 1], [0], HAND_MADE[name])])
    verification = verify(right, PAIR.probs, PAIR.graph)
    assert verification, verification.problems
    assert verification.optimal
    assert verification.lower_bound == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("name", HAND_MADE)
def test_no_proof_of_a_cost_above_the_optimum(name: str) -> None:
    too_high = claiming(PAIR, [0, 0], [part([0, 1], [0], HAND_MADE[name])])
    message = "component 0: lower bound is claimed to be 1.0 but only 0.5"
    assert_rejected(verify(too_high, PAIR.probs, PAIR.graph), message)
