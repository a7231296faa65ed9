"""Problems whose relaxation is below the optimum, against a MIP solver."""

from __future__ import annotations

import numpy as np
import pytest
from hard_instances import NESTED, NESTED_WITH_CUTS, SMALL, THREE_LABELS, hesitant, with_chains
from instances import (
    Instance,
    grid,
    instance,
    necklace,
    simplex_grid,
    star,
    triangle,
    union,
)
from reference import assert_optimal, lp_value

from liid_cut import verify

# Problems of 3 to 54 nodes whose relaxation is below the optimum: closed by cuts; by a few branches
# with "auto" and by cuts with "ckr"; by branching with both.
CLOSED_BY_CUTS: dict[str, Instance] = {
    **{f"necklace-{n}": necklace(n, seed=n) for n in (3, 4, 5, 8)},
    **{f"with-trees-{n}": with_chains(necklace(n, seed=n), seed=n) for n in (4, 5, 6)},
    **{f"simplex-grid-{side}": simplex_grid(side) for side in (5, 7)},
    "side-by-side": union(triangle(), necklace(4), simplex_grid(4), star()),
}
CLOSED_BY_FEW_BRANCHES: dict[str, Instance] = {
    "triangle": triangle(),
    "necklace-2": necklace(2),
    **{f"with-trees-{n}": with_chains(necklace(n, seed=n), seed=n) for n in (2, 3)},
    **{f"simplex-grid-{side}": simplex_grid(side) for side in (2, 3)},
    "grid-6": grid(6, 5, seed=1, weight=0.3, equal=True),
}
BRANCHED: dict[str, Instance] = {
    "small": SMALL,
    "three-labels": THREE_LABELS,
    "nested": NESTED,
    "nested-with-cuts": NESTED_WITH_CUTS,
    "small-with-chains": with_chains(SMALL, seed=0, probs=0.02),
    "nested-with-chains": with_chains(NESTED, seed=1, probs=0.002),
    **{f"hesitant-{n}": hesitant(n, 6, 6, seed) for n, seed in ((12, 5), (16, 7), (25, 5))},
    "side-by-side": union(triangle(), THREE_LABELS, star()),
}


def assert_closed_by(stages: dict[str, str], inst: Instance) -> None:
    optimum = lp_value(inst, integer=True)
    assert lp_value(inst) < optimum - 1e-4
    for method, stage in stages.items():
        result = inst.solve(method=method)
        assert stage in result.components["stage"]
        assert_optimal(inst, result, optimum)
        assert verify(result, inst.probs, inst.graph, allowed=inst.allowed).optimal


@pytest.mark.parametrize("name", CLOSED_BY_CUTS)
def test_gaps_that_cuts_close_agree_with_a_mip_solver(name: str) -> None:
    assert_closed_by({"auto": "linear_program", "ckr": "linear_program"}, CLOSED_BY_CUTS[name])


@pytest.mark.parametrize("name", CLOSED_BY_FEW_BRANCHES)
def test_gaps_that_cuts_or_few_branches_close_agree_with_a_mip_solver(name: str) -> None:
    stages = {"auto": "branch_and_bound", "ckr": "linear_program"}
    assert_closed_by(stages, CLOSED_BY_FEW_BRANCHES[name])


@pytest.mark.parametrize("name", BRANCHED)
def test_gaps_that_branching_closes_agree_with_a_mip_solver(name: str) -> None:
    assert_closed_by({"auto": "branch_and_bound", "ckr": "branch_and_bound"}, BRANCHED[name])


@pytest.mark.parametrize("batch", range(4))
def test_random_graphs_agree_with_a_mip_solver(batch: int) -> None:
    # Every node is indifferent between all labels but one, which makes gaps common.
    gaps = 0
    for seed in range(40_000 + 10 * batch, 40_000 + 10 * (batch + 1)):
        rng = np.random.default_rng(seed)
        n, n_labels = int(rng.integers(8, 41)), int(rng.integers(3, 6))
        pairs = np.argwhere(np.triu(np.ones((n, n)), k=1) > 0)
        edges = pairs[rng.random(len(pairs)) < 4 / n]
        probs = 1.0 - np.eye(n_labels)[rng.integers(0, n_labels, n)]
        inst = instance(probs, edges, np.full(len(edges), 0.25))
        optimum = lp_value(inst, integer=True)
        gaps += lp_value(inst) < optimum - 1e-6
        for method in ("auto", "ckr"):
            result = inst.solve(method=method)
            assert result.status == "optimal", f"seed {seed}"
            assert result.cost == pytest.approx(optimum, rel=1e-7), f"seed {seed}"
            assert verify(result, inst.probs, inst.graph).optimal, f"seed {seed}"
    assert gaps > 0


@pytest.mark.parametrize("seed", range(3))
def test_gap_of_many_triangles_is_closed(seed: int) -> None:
    inst = necklace(5, seed)
    result = inst.solve()
    assert lp_value(inst) < result.cost - 1
    assert_optimal(inst, result, lp_value(inst, integer=True))
    assert verify(result, inst.probs).optimal
