"""Warnings about results that are optimal but hardly what was wanted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hard_instances import SMALL
from instances import features, grid, instance, necklace, probabilities, star, triangle

from benchmarks.generators import proposals
from liid_cut import (
    MultiwayCutResult,
    MultiwayCutWarning,
    find_neighbors,
    make_problem,
    multiway_cut,
)
from liid_cut.diagnostics import diagnose, preferences_of

PROBS, FEATS = probabilities(300, 4, 0), features(300, 8, 0, n_clusters=1)


def quiet(*args: Any, **settings: Any) -> MultiwayCutResult:
    """The result of a call that must not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return multiway_cut(*args, **settings)


@pytest.fixture
def collapsed() -> tuple[MultiwayCutResult, warnings.WarningMessage]:
    with pytest.warns(MultiwayCutWarning) as caught:
        result = multiway_cut(PROBS, FEATS, delta=100, symmetrize="union")
    (warning,) = caught
    return result, warning


def test_collapse_is_reported(collapsed: tuple[MultiwayCutResult, Any]) -> None:
    result, warning = collapsed
    assert result.status == "optimal"
    assert len(set(result.labels)) == 1
    assert result.diagnostics["collapsed"] is True
    assert result.diagnostics["warnings"][-1] == str(warning.message)


@pytest.mark.parametrize("setting", ["delta", "symmetrize='mutual'"])
def test_collapse_names_the_setting(collapsed: tuple[MultiwayCutResult, Any], setting: str) -> None:
    result, warning = collapsed
    assert setting in str(warning.message)
    assert f"label {result.labels[0]} for all 300 nodes" in str(warning.message)


def test_all_but_constant_is_collapsed_too() -> None:
    # A chain of strong edges, with three nodes that prefer label 3 at the end of a weak one.
    probs = np.vstack([np.repeat(np.eye(3), [110, 100, 87], axis=0), np.zeros((3, 3))])
    probs = np.hstack([probs, np.repeat([[0.0], [1.0]], [297, 3], axis=0)])
    edges = np.stack([np.arange(299), np.arange(1, 300)], axis=1)
    weights = np.repeat([100.0, 0.1], [296, 3])
    with pytest.warns(MultiwayCutWarning, match="one label 0 for all but 3 of the 300 nodes of"):
        result = multiway_cut(probs, graph=(edges, weights))
    assert result.labels.tolist() == [0] * 297 + [3] * 3
    assert result.diagnostics["collapsed"] is True


def test_components_that_collapse_one_by_one() -> None:
    # Three in four nodes prefer one of the labels 1, 2, 3, but every ring's sum prefers 0.
    n, ring = 400, 8
    probs = np.full((n, 4), 0.1)
    probs[np.arange(n), np.arange(n) % 4] = 0.7
    probs[::4, 0] = 1.0
    nodes = np.arange(n)
    edges = np.stack([nodes, nodes // ring * ring + (nodes + 1) % ring], axis=1)
    quiet(probs, graph=(edges, np.full(n, 0.01)))
    with pytest.warns(
        MultiwayCutWarning, match=r"loses 3 labels \(1, 2, 3\) that 75% of the nodes"
    ):
        result = multiway_cut(probs, graph=(edges, np.full(n, 5.0)))
    assert result.n_components == n // ring
    assert result.diagnostics["lost_labels"] == [1, 2, 3]


def test_a_rare_label_may_go() -> None:
    probs = np.tile([0.6, 0.4, 0.0], (300, 1))
    probs[150:] = [0.4, 0.6, 0.0]
    probs[[0, 290], 2] = 0.61
    chains = np.stack([np.arange(299), np.arange(1, 300)], axis=1)
    result = quiet(probs, graph=(chains, np.full(299, 0.3)))
    assert (result.labels != 2).all()
    assert result.diagnostics["collapsed"] is False
    assert result.diagnostics["lost_labels"] == []


@pytest.mark.parametrize("noise", [1.5, 2.0, 2.5, 3.0])
def test_generated_proposals(noise: float) -> None:
    made = proposals(60, noise=noise, seed=0)
    table = find_neighbors(made.feats, 3)
    with pytest.warns(MultiwayCutWarning, match="lower delta .now 5; delta='auto' estimates one"):
        multiway_cut(made.probs, neighbors=table, delta=5, symmetrize="union")
    for symmetrize in ("mutual", "union"):
        quiet(made.probs, neighbors=table, symmetrize=symmetrize)


def test_warning_points_at_the_callers_line(collapsed: tuple[Any, Any]) -> None:
    _, warning = collapsed
    assert warning.filename == __file__


def test_warnings_can_be_errors() -> None:
    with pytest.raises(MultiwayCutWarning, match="lower delta"):
        quiet(PROBS, FEATS, delta=100, symmetrize="union")


def test_healthy_graph_is_quiet() -> None:
    result = quiet(PROBS, FEATS, delta=0.2)
    assert result.diagnostics["collapsed"] is False
    assert result.diagnostics["warnings"] == []
    assert len(set(result.labels)) == 4


def test_one_large_component_that_is_proven_is_nothing_to_say() -> None:
    result = quiet(PROBS, FEATS, delta=0.01, symmetrize="union")
    assert result.diagnostics["largest_component_share"] > 0.5
    assert result.diagnostics["collapsed"] is False
    assert result.diagnostics["warnings"] == []


def test_one_large_component_that_is_not_proven_is_noted() -> None:
    result = quiet(PROBS, FEATS, delta=0.01, symmetrize="union")
    components = result.components.copy()
    components["status"][result.diagnostics["largest_component"]] = "time_limit"
    problem = make_problem(PROBS, FEATS, delta=0.01, symmetrize="union")
    facts = diagnose(problem, result.labels, result.component_ids, components)
    assert facts["collapsed"] is False
    (sentence,) = facts["warnings"]
    assert sentence.startswith("one component holds")
    assert "symmetrize='mutual'" in sentence


def test_label_that_every_node_prefers_is_no_collapse() -> None:
    probs = np.tile([0.7, 0.3], (300, 1))
    result = quiet(probs, FEATS, symmetrize="union")
    assert result.diagnostics["collapsed"] is False


def test_only_label_that_tags_allow_is_no_collapse() -> None:
    allowed = np.zeros(PROBS.shape, dtype=bool)
    allowed[:, 2] = True
    result = quiet(PROBS, FEATS, symmetrize="union", allowed=allowed)
    assert result.diagnostics["collapsed"] is False


def test_tiny_problems_are_quiet() -> None:
    result = quiet(PROBS[:20], FEATS[:20], delta=100, symmetrize="union")
    assert result.diagnostics["warnings"] == []


def test_largest_component() -> None:
    # 0   1 - 2 - 3   4
    result = instance(np.ones((5, 2)), [[1, 2], [2, 3]], [1, 1]).solve()
    assert result.diagnostics["largest_component"] == 1
    assert result.diagnostics["largest_component_share"] == 0.6


def test_stages_that_closed_components() -> None:
    assert star().solve().diagnostics["closed_by"] == {"reduction": 1}
    assert grid(4, 3, seed=0).solve().diagnostics["closed_by"] == {"dual_ascent": 1}
    assert triangle().solve().diagnostics["closed_by"] == {"branch_and_bound": 1}
    assert triangle().solve(method="ckr").diagnostics["closed_by"] == {"linear_program": 1}
    assert necklace(6).solve().diagnostics["closed_by"] == {"linear_program": 1}
    for method in ("auto", "ckr"):
        assert SMALL.solve(method=method).diagnostics["closed_by"] == {"branch_and_bound": 1}


def test_a_stopped_solve_claims_no_optimum() -> None:
    # One label for all is the first labelling that is tried; nothing is proven yet.
    inst = necklace(200)
    probs = inst.probs + np.array([0.2, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = multiway_cut(probs, graph=(inst.edges, 0.8 * inst.weights), time_limit=1e-6)
    assert result.status == "time_limit"
    assert not any("optimum" in sentence for sentence in result.diagnostics["warnings"])


def test_nodes_that_tags_leave_indifferent_prefer_nothing() -> None:
    weights = np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 0.5], [0.3, 0.3, 0.3]])
    allowed = np.array([[True, True, False], [False, True, False], [True, False, True], [True] * 3])
    preferred, decided = preferences_of(weights, allowed)
    assert decided.tolist() == [False, True, True, False]
    assert preferred[1:3].tolist() == [1, 2]
