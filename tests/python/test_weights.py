"""Weights of edges to terminals and between nodes, against their definitions written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from reference import cosines, nearest

from liid_cut import MultiwayCutResult, build_graph, find_neighbors, multiway_cut, verify
from liid_cut.weights import LOG_FLOOR, as_terminal_weights, weighted_table

RNG = np.random.default_rng(3)
PROBS, FEATS = RNG.dirichlet(np.ones(4), 60), RNG.standard_normal((60, 6))


def solved(**settings: Any) -> MultiwayCutResult:
    return multiway_cut(PROBS, FEATS, delta=0.5, **settings)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_log_weights_are_log_ratios_to_the_least(temperature: float) -> None:
    weights = as_terminal_weights(PROBS, "log", temperature, None)
    for row, weight in zip(PROBS.tolist(), weights.tolist(), strict=True):
        expected = [math.log(p / min(row)) / temperature for p in row]
        assert weight == pytest.approx(expected)


def test_linear_weights_are_the_probabilities() -> None:
    assert as_terminal_weights(PROBS, "linear", 1.0, None) is PROBS


@pytest.mark.parametrize("temperature", [0.25, 2.0])
def test_temperature_keeps_the_sum_and_the_order(temperature: float) -> None:
    scaled = 3.0 * PROBS
    weights = as_terminal_weights(scaled, "linear", temperature, None)
    for row, weight in zip(scaled.tolist(), weights.tolist(), strict=True):
        powers = [p ** (1 / temperature) for p in row]
        assert weight == pytest.approx([sum(row) * p / sum(powers) for p in powers])


def test_a_zero_probability_counts_as_the_floor() -> None:
    weights = as_terminal_weights(np.array([[0.0, 3.0, 1.0]]), "log", 1.0, None)
    assert weights[0].tolist() == pytest.approx(
        [0.0, math.log(0.75 / LOG_FLOOR), math.log(0.25 / LOG_FLOOR)]
    )
    assert as_terminal_weights(np.array([[0.0, 3.0]]), "linear", 2.0, None).tolist() == [[0.0, 3.0]]


def test_rows_of_zeros_stay_so() -> None:
    probs = np.array([[0.0, 0.0], [0.2, 0.8]])
    for kind in ("linear", "log"):
        assert not as_terminal_weights(probs, kind, 2.0, None)[0].any()


def test_log_weights_start_at_the_least_allowed_label() -> None:
    allowed = np.array([[True, False, True]])
    weights = as_terminal_weights(np.array([[0.5, 0.1, 0.4]]), "log", 1.0, allowed)
    assert weights[0].tolist() == pytest.approx([math.log(0.5 / 0.4), 0.0, 0.0])


def test_huge_and_tiny_probabilities_stay_finite() -> None:
    for scale in (1e-300, 1e300):
        for kind in ("linear", "log"):
            weights = as_terminal_weights(PROBS * scale, kind, 2.0, None)
            assert np.isfinite(weights).all()
            assert (weights >= 0).all()


@pytest.mark.parametrize("kind", ["linear", "log"])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_results_are_optimal_and_verified_in_their_own_weights(
    kind: str, temperature: float
) -> None:
    allowed = np.random.default_rng(0).random(PROBS.shape) < 0.7
    allowed[:, :2] = True  # a single label would leave a row of zeros, which no graph may have
    result = solved(terminal_weights=kind, temperature=temperature, allowed=allowed)
    assert result.status == "optimal"
    graph = build_graph(FEATS, delta=0.5)
    assert verify(result, PROBS, graph, allowed=allowed).optimal
    effective = as_terminal_weights(PROBS, kind, temperature, allowed)
    same = multiway_cut(effective, graph=graph, allowed=allowed)
    assert same.cost == pytest.approx(result.cost)
    assert (same.labels == result.labels).all()


def test_verify_uses_the_settings_that_the_result_claims() -> None:
    result = solved(terminal_weights="log")
    result.terminal_weights = "linear"
    assert not verify(result, PROBS)
    result.terminal_weights = "cubic"
    assert verify(result, PROBS).problems == ["terminal_weights is 'cubic', temperature 1.0"]


def test_clipped_weights_drop_negative_similarities() -> None:
    graph = solved(edge_weights="clip", n_neighbors=20, symmetrize="union").graph.toarray()
    similarity = cosines(FEATS)
    lists = nearest(similarity, 20)
    assert (similarity[np.arange(60)[:, None], lists] < 0).any()
    expected = np.zeros_like(similarity)
    for u, row in enumerate(lists.tolist()):
        for v in row:
            expected[u, v] = expected[v, u] = 0.5 * max(similarity[u, v], 0.0)
    np.testing.assert_allclose(graph, expected, atol=1e-12)


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
def test_locally_scaled_weights(symmetrize: str) -> None:
    graph = solved(edge_weights="local", n_neighbors=4, symmetrize=symmetrize).graph.toarray()
    similarity = cosines(FEATS)
    near = [set(row) for row in nearest(similarity, 4).tolist()]
    last = [math.sqrt(max(2 - 2 * similarity[u, v] for v in near[u])) for u in range(60)]
    for u in range(60):
        for v in range(u):
            ends = (v in near[u]) + (u in near[v])
            joined = ends == 2 or (ends == 1 and symmetrize == "union")
            square = 2 - 2 * similarity[u, v]
            expected = 0.5 * math.exp(-square / (last[u] * last[v])) if joined else 0.0
            assert graph[u, v] == pytest.approx(expected, abs=1e-9)


def test_duplicates_weigh_one() -> None:
    rows = np.repeat(np.array([[1.0, 0.0], [0.0, 1.0]]), 3, axis=0)
    table = weighted_table(find_neighbors(rows, 2), "local")
    np.testing.assert_allclose(table.similarities, 1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"terminal_weights": "cubic"}, "terminal_weights is 'cubic'; it must be one of"),
        ({"edge_weights": "square"}, "edge_weights is 'square'; it must be one of"),
        ({"temperature": 0}, "temperature is 0; it must be finite and > 0"),
        ({"temperature": math.nan}, "temperature is nan; it must be finite and > 0"),
        ({"temperature": "hot"}, "temperature is 'hot'; it must be a number"),
    ],
)
def test_bad_setting(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solved(**settings)


def test_a_given_graph_has_weights_of_its_own() -> None:
    graph = np.array([[0, 1]]), np.array([1.0])
    with pytest.raises(ValueError, match="edge_weights 'local' makes weights of feats"):
        multiway_cut(PROBS[:2], graph=graph, edge_weights="local")


@pytest.mark.parametrize("setting", [{"terminal_weights": "log"}, {"temperature": 2.0}])
def test_preset_of_the_authors_has_weights_of_its_own(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="preset 'authors' has weights of its own"):
        multiway_cut(PROBS, FEATS, preset="authors", **setting)
