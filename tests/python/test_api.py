"""``multiway_cut``, ``solve`` and ``make_problem``: the calls, their defaults, and tiny inputs."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import numpy as np
import pytest
from instances import features, instance, necklace, probabilities, random_instance, triangle
from reference import assert_same_bits, cheapest_cut, neighbor_graph

import liid_cut
from liid_cut import MultiwayCutProblem, make_problem, multiway_cut, solve, verify

NO_EDGES = np.empty((0, 2), dtype=int), np.empty(0)


def test_example_of_the_docstring() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(multiway_cut, "multiway_cut", globs={})
    assert len(example.examples) > 3
    assert doctest.DocTestRunner().run(example).failed == 0


def test_everything_public_is_documented() -> None:
    for name in liid_cut.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(liid_cut, name)), name


def test_every_setting_of_make_problem_is_one_of_multiway_cut() -> None:
    call, problem = (inspect.signature(f).parameters for f in (multiway_cut, make_problem))
    for name in problem:
        assert problem[name].default == call[name].default, name
        assert problem[name].kind == call[name].kind, name


def test_defaults_are_those_of_the_paper_but_for_delta_and_its_graph() -> None:
    probs, feats = probabilities(50, 4, 0), features(50, 8, 0)
    expected = multiway_cut(
        probs,
        feats,
        n_neighbors=3,
        delta="auto",
        symmetrize="union",
        preset="default",
        terminal_weights="linear",
        temperature=1.0,
        edge_weights="abs",
        neighbors="exact",
        method="auto",
    )
    result = multiway_cut(probs, feats)
    assert_same_bits(result, expected)
    assert result.symmetrize == "union"


@pytest.mark.parametrize(
    "settings", [{"delta": 0.3}, {"preset": "paper"}, {"preset": "paper", "delta": "auto"}]
)
def test_a_delta_that_nobody_estimates_has_the_mutual_graph(settings: dict[str, Any]) -> None:
    probs, feats = probabilities(50, 4, 0), features(50, 8, 0)
    result = multiway_cut(probs, feats, **settings)
    assert result.symmetrize == "mutual"
    assert_same_bits(result, multiway_cut(probs, feats, symmetrize="mutual", **settings))


def test_preset_of_the_paper_keeps_its_delta() -> None:
    probs, feats = probabilities(50, 4, 0), features(50, 8, 0)
    result = multiway_cut(probs, feats, preset="paper")
    assert (result.delta, result.preset) == (5.0, "paper")
    assert result.diagnostics["delta"] == {"chosen_by": "preset"}
    assert_same_bits(multiway_cut(probs, feats, delta=5.0), result)
    other = multiway_cut(probs, feats, preset="paper", delta=0.5)
    assert (other.delta, other.diagnostics["delta"]) == (0.5, {"chosen_by": "user"})


def test_features_and_their_graph_give_the_same_cut() -> None:
    probs, feats = probabilities(60, 3, 1), features(60, 5, 1)
    graph = liid_cut.build_graph(feats, delta=0.4, symmetrize="union")
    expected = multiway_cut(probs, feats, delta=0.4, symmetrize="union")
    assert_same_bits(multiway_cut(probs, graph=graph), expected)


def test_graph_of_the_result_is_the_reference() -> None:
    probs, feats = probabilities(60, 3, 2), features(60, 5, 2)
    result = multiway_cut(probs, feats, n_neighbors=4, delta=0.7)
    expected = neighbor_graph(feats, 4, 0.7, "mutual")
    np.testing.assert_allclose(result.graph.toarray(), expected, rtol=1e-12)


def test_solve_of_a_problem_is_the_one_call() -> None:
    probs, feats = probabilities(60, 3, 3), features(60, 5, 3)
    allowed = probs >= np.median(probs, axis=1, keepdims=True)
    problem = make_problem(probs, feats, delta=0.3, allowed=allowed)
    expected = multiway_cut(probs, feats, delta=0.3, allowed=allowed)
    assert_same_bits(solve(problem), expected)


@pytest.mark.parametrize("method", ["auto", "ckr", "brute_force"])
def test_method_is_recorded(method: str) -> None:
    assert triangle().solve(method=method).method == method


@pytest.mark.parametrize(
    ("method", "stage"),
    [("auto", "inspection"), ("ckr", "linear_program"), ("brute_force", "enumeration")],
)
def test_method_decides_who_closes_an_easy_component(method: str, stage: str) -> None:
    # Both nodes want the same label: no linear program is needed.
    result = instance([[0.9, 0.1], [0.8, 0.2]], [[0, 1]], [0.5]).solve(method=method)
    assert result.diagnostics["closed_by"] == {stage: 1}


# ---- the problem


def test_problem_is_canonical() -> None:
    edges, weights = np.array([[2, 0], [1, 0], [0, 2]]), np.array([0.5, 1.0, 0.25])
    problem = make_problem(triangle().probs, graph=(edges, weights))
    assert isinstance(problem, MultiwayCutProblem)
    assert problem.edges.tolist() == [[0, 1], [0, 2]]
    assert problem.weights.tolist() == [1.0, 0.75]
    assert problem.edges.dtype == np.int32
    assert (problem.n_nodes, problem.n_labels) == (3, 3)
    assert problem.graph.toarray().tolist() == [[0, 1, 0.75], [1, 0, 0], [0.75, 0, 0]]


def test_problem_keeps_probs_without_a_copy() -> None:
    probs = probabilities(4, 3, 0).astype(np.float32)
    assert np.shares_memory(make_problem(probs, graph=NO_EDGES).probs, probs)


# ---- tiny and degenerate, but valid


@pytest.mark.parametrize("preset", ["paper", "authors"])
def test_no_node(preset: str) -> None:
    result = multiway_cut(np.empty((0, 3)), np.empty((0, 5)), preset=preset)
    assert (result.status, result.cost, result.lower_bound, result.n_components) == (
        "optimal",
        0,
        0,
        0,
    )
    assert result.labels.shape == (0,)
    assert result.messages.shape == (0, 3)
    assert result.graph.shape == (0, 0)
    assert verify(result, np.empty((0, 3))).optimal


def test_no_node_and_a_graph() -> None:
    result = multiway_cut(np.empty((0, 3)), graph=NO_EDGES)
    assert (result.status, len(result.labels)) == ("optimal", 0)


def test_one_node() -> None:
    result = multiway_cut([[0.2, 0.5, 0.3]], [[1.0, 2.0]])
    assert result.labels.tolist() == [1]
    assert result.cost == pytest.approx(0.5)


def test_two_nodes() -> None:
    result = multiway_cut([[0.9, 0.1], [0.4, 0.6]], [[1.0, 0.0], [1.0, 0.0]], delta=5.0)
    assert result.labels.tolist() == [0, 0]
    assert result.cost == pytest.approx(0.7)
    assert result.weights.tolist() == [5.0]


def test_one_label() -> None:
    result = multiway_cut(np.ones((20, 1)), features(20, 4, 0))
    assert result.labels.tolist() == [0] * 20
    assert (result.cost, result.status) == (0, "optimal")


def test_more_neighbors_than_nodes() -> None:
    probs, feats = probabilities(5, 3, 4), features(5, 4, 4)
    expected = multiway_cut(probs, feats, n_neighbors=4)
    assert len(expected.edges) == 10
    for n_neighbors in (5, 1000, 2**40):
        assert_same_bits(multiway_cut(probs, feats, n_neighbors=n_neighbors), expected)


def test_duplicate_features_tie_by_index() -> None:
    # All cosines are 1, so every node has the three nodes of lowest index as neighbours.
    result = multiway_cut(probabilities(10, 3, 5), np.ones((10, 4)), symmetrize="union")
    assert result.edges.tolist() == sorted(
        [u, v] for u in range(4) for v in range(u + 1, 4 if u == 3 else 10) if u < 3
    )


def test_no_edges_at_all() -> None:
    probs = probabilities(9, 4, 6)
    result = multiway_cut(probs, graph=NO_EDGES)
    assert result.n_components == 9
    np.testing.assert_array_equal(result.labels, probs.argmax(axis=1))


def test_no_delta_no_edges() -> None:
    result = multiway_cut(probabilities(9, 4, 7), features(9, 4, 7), delta=0)
    assert len(result.edges) == 0


def test_a_row_of_zeros_takes_its_neighbours_label() -> None:
    result = multiway_cut([[0, 0], [0.2, 0.8]], graph=([[0, 1]], [0.1]))
    assert result.labels.tolist() == [1, 1]


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_allowed_is_a_hard_constraint(seed: int) -> None:
    inst = random_instance(4 * seed, most_nodes=5, most_labels=3)
    assert inst.allowed is not None
    result = inst.solve()
    assert inst.allowed[np.arange(len(inst.probs)), result.labels].all()
    assert result.cost == pytest.approx(cheapest_cut(inst), abs=1e-9)


def test_timings_are_seconds_that_add_up() -> None:
    timings = necklace(4).solve().timings
    assert timings["total"] < 60
    parts = [timings[name] for name in ("graph", "components", "inspection", "cuts")]
    assert all(part >= 0 for part in parts)
    assert sum(parts) <= timings["total"]
