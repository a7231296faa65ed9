"""``cut_general_graph`` against brute force over energies, and against gco-wrapper."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from instances import Instance, grid, random_instance

from liid_cut import cut_general_graph, verify

EDGES = [[0, 1], [1, 2]]
UNARY = [[0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [2.0, 2.0, 0.0]]
POTTS = 1 - np.eye(3)


def energy(inst: Instance, unary: Any, scale: float, labels: Any) -> float:
    at_nodes = sum(unary[u][k] for u, k in enumerate(labels))
    ends = zip(inst.edges.tolist(), inst.weights.tolist(), strict=True)
    return float(at_nodes + scale * sum(w for (u, v), w in ends if labels[u] != labels[v]))


def least_energy(inst: Instance, unary: Any, scale: float) -> float:
    n, n_labels = np.shape(unary)
    return min(energy(inst, unary, scale, x) for x in product(range(n_labels), repeat=n))


@pytest.mark.parametrize("seed", range(100))
def test_least_energy(seed: int) -> None:
    inst, rng = random_instance(seed), np.random.default_rng(seed)
    unary = inst.probs - rng.random() * 3  # of both signs
    if inst.allowed is not None:
        unary = np.where(inst.allowed, unary, np.inf)
    scale = 1.5
    pairwise = scale * (1 - np.eye(unary.shape[1]))
    args = (inst.edges, inst.weights, unary, pairwise)
    result = cut_general_graph(*args, return_result=True)
    best = least_energy(inst, unary, scale)
    assert result.energy == pytest.approx(best, abs=1e-9)
    assert result.energy_lower_bound == pytest.approx(best, abs=1e-9)
    assert energy(inst, unary, scale, result.labels) == pytest.approx(best, abs=1e-9)
    assert verify(result, result.probs, allowed=np.isfinite(unary)).optimal
    np.testing.assert_array_equal(cut_general_graph(*args), result.labels)


@pytest.mark.parametrize("seed", range(10))
def test_never_dearer_than_gco(seed: int) -> None:
    gco = pytest.importorskip("gco", reason="gco-wrapper is a peer of the bench extra")
    inst = grid(8, 4, seed, weight=0.8)
    unary = (inst.probs * 100).round()  # integers: gco rounds others
    weights = (inst.weights * 100).round()
    inst = Instance(inst.probs, inst.edges, weights)
    args = (inst.edges.astype(np.int32), weights, unary, 1 - np.eye(4))
    theirs = gco.cut_general_graph(*args, down_weight_factor=1)
    ours = cut_general_graph(*args, down_weight_factor=1, init_labels=theirs)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert energy(inst, unary, 1, ours) <= energy(inst, unary, 1, theirs)


def test_labels_do_not_depend_on_a_constant() -> None:
    inst = grid(5, 3, 1)
    pairwise = 1 - np.eye(3)
    labels = cut_general_graph(inst.edges, inst.weights, inst.probs, pairwise)
    for constant in (-7.0, 1e3):
        shifted = inst.probs + constant * np.arange(len(inst.probs))[:, None]
        np.testing.assert_array_equal(
            cut_general_graph(inst.edges, inst.weights, shifted, pairwise), labels
        )


def test_costs_below_a_unit_count() -> None:
    """An integer solver without scaling would see zeros."""
    unary = np.array([[0.3, 0.1], [0.1, 0.3]]) * 1e-6
    for weight, labels in ((1.9e-7, [1, 0]), (2.1e-7, [0, 0])):
        found = cut_general_graph([[0, 1]], [weight], unary, 1 - np.eye(2))
        assert found.tolist() == labels


def test_nodes_without_preference_and_without_edges() -> None:
    assert cut_general_graph([], [], np.zeros((3, 2)), 1 - np.eye(2)).tolist() == [0, 0, 0]
    assert cut_general_graph([[0, 1]], [2], np.zeros((2, 1)), [[0]]).tolist() == [0, 0]
    assert cut_general_graph([], [], np.zeros((0, 2)), 1 - np.eye(2)).tolist() == []


def test_time_limit_is_passed_on() -> None:
    inst = grid(12, 5, 0)
    result = cut_general_graph(
        inst.edges, inst.weights, inst.probs, 1 - np.eye(5), return_result=True, time_limit=1e-9
    )
    assert result.status == "time_limit"
    assert result.energy_lower_bound <= result.energy


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unary 1-d": ({"unary_cost": [1.0, 2]}, "unary_cost has shape (2,); it must be (n, K)"),
    "unary text": ({"unary_cost": [["a"]]}, "unary_cost has dtype <U1; it must be numeric"),
    "unary nan": (
        {"unary_cost": [[0, 1, 2], [0, np.nan, 1], [1, 1, 1]]},
        "unary_cost[1, 1] is nan; it must be a number or inf",
    ),
    "unary -inf": (
        {"unary_cost": [[0, 1, 2], [0, 1, 1], [1, 1, -np.inf]]},
        "unary_cost[2, 2] is -inf; it must be a number or inf",
    ),
    "unary all inf": (
        {"unary_cost": [[0, 1, 2], [np.inf] * 3, [1, 1, 1]]},
        "unary_cost[1] forbids every label",
    ),
    "unary too wide": (
        {"unary_cost": [[0, 1, 2], [-1e308, 1e308, 1], [1, 1, 1]]},
        "unary_cost spreads over more than the range of double precision",
    ),
    "pairwise shape": ({"pairwise_cost": np.eye(2)}, "pairwise_cost has shape (2, 2); unary_cost"),
    "pairwise linear": (
        {"pairwise_cost": np.abs(np.subtract.outer(range(3), range(3)))},
        "pairwise_cost[0, 2] is 2; a Potts cost c * (1 - I) with c = pairwise_cost[0, 1] has 1.0",
    ),
    "pairwise diagonal": (
        {"pairwise_cost": POTTS + np.diag([0, 0.5, 0])},
        "pairwise_cost[1, 1] is 0.5; a Potts cost",
    ),
    "pairwise asymmetric": (
        {"pairwise_cost": np.triu(POTTS)},
        "pairwise_cost[1, 0] is 0.0; a Potts cost",
    ),
    "pairwise negative": ({"pairwise_cost": -POTTS}, "pairwise_cost[0, 1] is -1.0; it must be a"),
    "pairwise nan": ({"pairwise_cost": POTTS * np.nan}, "pairwise_cost[0, 1] is nan; it must"),
    "pairwise text": ({"pairwise_cost": [["a"] * 3] * 3}, "pairwise_cost has dtype <U1; it must"),
    "edges shape": ({"edges": [[0, 1, 2]]}, "edges has shape (1, 3); it must be (m, 2)"),
    "edges range": ({"edges": [[0, 1], [1, 3]]}, "edges[1, 1] is 3; nodes are 0 to 2"),
    "edges float": (
        {"edges": [[0.0, 1], [1, 2]]},
        "edges has dtype float64; it must be an integer",
    ),
    "self-loop": ({"edges": [[0, 1], [1, 1]]}, "edge 1 is (1, 1); self-loops are not allowed"),
    "weights shape": ({"edge_weights": [1]}, "edge_weights has shape (1,); edges needs (2,)"),
    "weights text": ({"edge_weights": ["a", "b"]}, "edge_weights has dtype <U1; it must be"),
    "weights negative": ({"edge_weights": [1, -2]}, "edge_weights[1] is -2.0; it must be a finite"),
    "weights nan": ({"edge_weights": [np.nan, 1]}, "edge_weights[0] is nan; it must be a finite"),
    "algorithm": (
        {"algorithm": "icm"},
        "algorithm is 'icm'; it must be one of 'expansion', 'swap'",
    ),
    "n_iter": ({"n_iter": -2}, "n_iter is -2; it must be an integer >= -1"),
    "init_labels": ({"init_labels": [0, 1, 3]}, "init_labels[2] is 3; labels are 0 to 2"),
    "init_labels shape": ({"init_labels": [0, 1]}, "init_labels has shape (2,); it must be (3,)"),
    "down_weight_factor": ({"down_weight_factor": 0}, "down_weight_factor is 0; it must be > 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    arguments: dict[str, Any] = {
        "edges": EDGES,
        "edge_weights": [0.5, 0.5],
        "unary_cost": UNARY,
        "pairwise_cost": POTTS,
    }
    changed, message = FAULTS[fault]
    assert cut_general_graph(**arguments).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=re.escape(message)):
        cut_general_graph(**(arguments | changed))
