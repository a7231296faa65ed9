"""``preset="authors"`` against the script's description, written out slowly in reference.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from instances import Bools, Floats, features, grid
from reference import authors_instance, cheapest_cut, cut_cost

from liid_cut import make_problem, multiway_cut, tags_to_allowed, verify


def scene(seed: int, n: int = 40, n_classes: int = 6) -> tuple[Floats, Floats, Bools]:
    """Proposals of images with one or two tags, a third of them confident."""
    rng = np.random.default_rng(seed)
    tags = np.zeros((n // 4 + 1, n_classes), dtype=bool)
    for _ in range(2):
        tags[np.arange(len(tags)), rng.integers(0, n_classes, len(tags))] = True
    allowed = tags_to_allowed(rng.integers(0, len(tags), n), tags)
    concentration = np.where(rng.random((n, 1)) < 1 / 3, 0.02, 0.7)
    probs = rng.gamma(np.broadcast_to(concentration, (n, n_classes + 1))) + 1e-9
    return probs / probs.sum(axis=1, keepdims=True), features(n, 6, seed), allowed


def assert_is_the_script(probs: Any, feats: Any, allowed: Bools | None, k: int = 3) -> None:
    mask = np.ones(np.shape(probs), dtype=bool) if allowed is None else allowed
    expected = authors_instance(np.asarray(probs), np.asarray(feats), mask, k)
    problem = make_problem(probs, feats, allowed=allowed, preset="authors", n_neighbors=k)
    graph = np.zeros((len(mask), len(mask)))
    for (u, v), w in zip(expected.edges, expected.weights, strict=True):
        graph[u, v] = graph[v, u] = w
    np.testing.assert_allclose(problem.graph.toarray(), graph, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(problem.probs, expected.probs)
    assert problem.allowed is None


@pytest.mark.parametrize("name", ["symmetrize", "terminal_weights", "temperature", "edge_weights"])
def test_the_authors_preset_names_an_array_that_is_no_setting(name: str) -> None:
    settings = {name: np.ones(4, "m8[s]")}
    with pytest.raises(ValueError, match=name):
        multiway_cut(np.eye(3), np.eye(3), preset="authors", **settings)


@pytest.mark.parametrize("k", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("seed", range(5))
def test_problem_is_the_scripts(seed: int, k: int) -> None:
    probs, feats, allowed = scene(seed)
    assert_is_the_script(probs, feats, allowed, k)


def test_without_tags_all_proposals_may_be_connected() -> None:
    probs, feats, _ = scene(6)
    assert_is_the_script(probs, feats, None)


def test_duplicate_features() -> None:
    probs, feats, allowed = scene(7)
    assert_is_the_script(probs, np.repeat(feats[:10], 4, axis=0), allowed)


def test_more_than_four_labels_are_cut_down_to_four() -> None:
    probs, feats, _ = scene(8, n_classes=12)
    problem = make_problem(probs, feats, preset="authors")
    assert (problem.probs > 0).sum(axis=1).max() == 4
    confident = probs.max(axis=1) >= 0.9
    assert confident.any()
    assert ((problem.probs > 0).sum(axis=1) == 1)[confident].all()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.9, 0.1, 0.0, 0.0, 0.0], [0.9, 0, 0, 0, 0]),  # 0.9 itself is confident
        ([0.89, 0.11, 0.0, 0.0, 0.0], [0.89, 0.11, 0, 0, 0]),
        ([0.2, 0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2, 0]),  # ties: the lower labels
        ([0.5, 0.4999, 1e-4, 0.0, 0.0], [0.5, 0.4999, 0, 0, 0]),  # 1e-4 itself is too little
        ([0.5, 0.4998, 1.1e-4, 0.0, 0.0], [0.5, 0.4998, 1.1e-4, 0, 0]),
    ],
)
def test_terminal_edges_of_one_node(row: list[float], expected: list[float]) -> None:
    problem = make_problem([row], [[1.0]], preset="authors")
    assert problem.probs.tolist() == [expected]


@pytest.mark.parametrize("seed", range(10))
def test_cut_is_the_cheapest_of_the_scripts_problem(seed: int) -> None:
    probs, feats, allowed = scene(seed + 20, n=7, n_classes=3)
    expected = authors_instance(probs, feats, allowed)
    result = multiway_cut(probs, feats, allowed=allowed, preset="authors")
    assert result.preset == "authors"
    assert result.status == "optimal"
    assert result.cost == pytest.approx(cheapest_cut(expected), abs=1e-9)
    assert cut_cost(expected, result.cut_labels) == pytest.approx(result.cost, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_labels_outside_the_tags_become_background(seed: int) -> None:
    probs, feats, allowed = scene(seed + 40)
    result = multiway_cut(probs, feats, allowed=allowed, preset="authors")
    inside = allowed[np.arange(len(probs)), result.cut_labels]
    np.testing.assert_array_equal(result.labels, np.where(inside, result.cut_labels, 0))
    np.testing.assert_array_equal(result.x, result.labels)
    np.testing.assert_array_equal(np.asarray(result), result.labels)


def test_clean_up_has_something_to_do() -> None:
    # Node 2 shares no tag with node 0, but node 1 hands node 0's tag on to it. Node 3 only makes
    # the smallest similarity of the table small.
    probs = np.array([[0, 0.8, 0], [0, 0.3, 0.2], [0, 0, 0.1], [0.5, 0, 0]])
    allowed = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 0, 0]], dtype=bool)
    feats = np.array([[1.0, 0.0], [1.0, 0.1], [0.9, 0.2], [-1.0, 0.1]])
    result = multiway_cut(probs, feats, allowed=allowed, preset="authors")
    assert result.edges.tolist() == [[0, 1], [1, 2]]
    assert result.cut_labels.tolist() == [1, 1, 1, 0]
    assert result.labels.tolist() == [1, 1, 0, 0]
    assert verify(result, probs, allowed=allowed).optimal


@pytest.mark.parametrize("seed", range(5))
def test_verify_accepts_results_of_the_preset(seed: int) -> None:
    probs, feats, allowed = scene(seed + 60)
    result = multiway_cut(probs, feats, allowed=allowed, preset="authors")
    verification = verify(result, probs, result.graph, allowed=allowed)
    assert verification, verification.problems
    assert verification.optimal


# ---- faults


@pytest.mark.parametrize("setting", [{"delta": 1.0}, {"symmetrize": "union"}])
def test_settings_that_the_script_does_not_have(setting: dict[str, Any]) -> None:
    probs, feats, _ = scene(0)
    with pytest.raises(ValueError, match="preset 'authors' has no delta and no symmetrize"):
        multiway_cut(probs, feats, preset="authors", **setting)


def test_graph_instead_of_features() -> None:
    inst = grid(3, 3, seed=0)
    with pytest.raises(ValueError, match="preset 'authors' builds its own graph; it needs feats"):
        multiway_cut(inst.probs, graph=inst.graph, preset="authors")


def test_bad_number_of_neighbours() -> None:
    probs, feats, _ = scene(0)
    with pytest.raises(ValueError, match="n_neighbors is 0; it must be an integer >= 1"):
        multiway_cut(probs, feats, preset="authors", n_neighbors=0)


def test_zero_row_of_probs() -> None:
    with pytest.raises(ValueError, match=r"probs\[1\] is all zero"):
        multiway_cut([[1, 0], [0, 0]], np.ones((2, 2)), preset="authors")
