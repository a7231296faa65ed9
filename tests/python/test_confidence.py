"""Margins against the cost of changed labellings; distributions against sums written out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from instances import Instance, features, grid, path, probabilities, random_instance
from reference import cut_cost

from liid_cut import (
    cut_margins,
    fit_temperature,
    label_distributions,
    min_marginals,
    multiway_cut,
    tags_to_allowed,
    verify,
)


def margins_by_trying(inst: Instance, labels: Any) -> list[float]:
    """Every other label of every node, the cost of the whole labelling each time."""
    margins = []
    for u in range(len(inst.probs)):
        others = []
        for k in range(inst.probs.shape[1]):
            if k != labels[u] and (inst.allowed is None or inst.allowed[u, k]):
                changed = [*labels]
                changed[u] = k
                others.append(cut_cost(inst, changed) - cut_cost(inst, labels))
        margins.append(min(others, default=np.inf))
    return margins


# ---- margins


@pytest.mark.parametrize("seed", range(40))
def test_margins_are_differences_of_costs(seed: int) -> None:
    inst = random_instance(seed)
    result = inst.solve()
    margins = cut_margins(result, inst.probs, allowed=inst.allowed)
    np.testing.assert_allclose(margins, margins_by_trying(inst, result.labels), atol=1e-12)
    assert (margins >= -1e-12).all()


def test_margins_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    inst = grid(9, 4, 3)
    result = inst.solve()
    whole = cut_margins(result, inst.probs)
    monkeypatch.setattr("liid_cut.confidence._ROWS_PER_BLOCK", 7)
    np.testing.assert_array_equal(cut_margins(result, inst.probs), whole)


def test_margin_without_another_label_is_infinite() -> None:
    allowed = np.array([[1, 1], [0, 1], [1, 1], [1, 1]], dtype=bool)
    inst = Instance(path().probs, path().edges, path().weights, allowed)
    margins = cut_margins(inst.solve(), inst.probs, allowed=allowed)
    assert np.isinf(margins).tolist() == [False, True, False, False]


def test_margins_of_the_authors_preset() -> None:
    """There ``allowed`` shapes the edges to terminals and forbids nothing."""
    probs, feats = probabilities(40, 4, 0), features(40, 5, 0)
    allowed = tags_to_allowed(np.arange(40) % 2, [[1, 1, 0], [0, 1, 1]])
    result = multiway_cut(probs, feats, allowed=allowed, preset="authors")
    margins = cut_margins(result, probs, allowed=allowed)
    assert (margins >= -1e-12).all()
    assert np.isfinite(margins).all()


# ---- distributions


def distributions_by_hand(inst: Instance, labels: Any) -> Any:
    """The pooled rows, capped at the label's, node by node."""
    n, n_labels = inst.probs.shape
    allowed = np.ones((n, n_labels), bool) if inst.allowed is None else inst.allowed
    own = inst.probs * allowed
    own = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-300)
    rows = []
    for u in range(n):
        around = np.zeros(n_labels)
        for (a, b), w in zip(inst.edges, inst.weights, strict=True):
            if u in (a, b):
                around += w * own[a + b - u]
        around *= allowed[u]
        row = own[u] + around / (around.sum() or 1)
        row = row / row.sum() if row.any() else allowed[u] / allowed[u].sum()
        row = np.minimum(row, row[labels[u]])
        rows.append(row / row.sum() if row.any() else np.eye(n_labels)[labels[u]])
    return np.array(rows)


@pytest.mark.parametrize("seed", range(40))
def test_distributions_are_the_capped_pool(seed: int) -> None:
    inst = random_instance(seed)
    result = inst.solve()
    found = label_distributions(result, inst.probs, allowed=inst.allowed)
    expected = distributions_by_hand(inst, result.labels)
    # Where the label of the cut has nothing of its own, all labels of the row become equal.
    has_own = expected[np.arange(len(expected)), result.labels] < 1
    np.testing.assert_allclose(found[has_own], expected[has_own], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found.argmax(axis=1), result.labels)
    assert inst.allowed is None or not found[~inst.allowed].any()


def test_distributions_of_the_authors_preset() -> None:
    probs, feats = probabilities(40, 4, 0), features(40, 5, 0)
    allowed = tags_to_allowed(np.arange(40) % 2, [[1, 1, 0], [0, 1, 1]])
    result = multiway_cut(probs, feats, allowed=allowed, preset="authors")
    found = label_distributions(result, probs, allowed=allowed)
    np.testing.assert_array_equal(found.argmax(axis=1), result.labels)
    assert not found[~allowed].any()


def test_log_weights_and_temperature_of_the_solve() -> None:
    """Margins follow the weights that were cut; distributions are about ``probs`` themselves."""
    inst = grid(6, 4, 5)
    settings: dict[str, Any] = {"terminal_weights": "log", "temperature": 2.0}
    result = multiway_cut(inst.probs, graph=inst.graph, **settings)
    weighed = np.log(inst.probs / inst.probs.min(axis=1, keepdims=True)) / 2
    same = Instance(weighed, inst.edges, inst.weights)
    np.testing.assert_allclose(
        cut_margins(result, inst.probs), margins_by_trying(same, result.labels), atol=1e-9
    )
    expected = distributions_by_hand(inst, result.labels)
    np.testing.assert_allclose(label_distributions(result, inst.probs), expected, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1, 2, 20])
def test_temperature_flattens_and_keeps_the_label(temperature: float) -> None:
    inst = grid(6, 4, 1)
    result = inst.solve()
    base = label_distributions(result, inst.probs)
    found = label_distributions(result, inst.probs, temperature=temperature)
    np.testing.assert_array_equal(found.argmax(axis=1), result.labels)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    expected = base ** (1 / temperature)
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), rtol=1e-9)


def test_scale_of_rows_and_of_edges_does_not_matter() -> None:
    inst = grid(5, 3, 2)
    result = inst.solve()
    base = label_distributions(result, inst.probs)
    scaled = inst.probs * np.random.default_rng(0).uniform(0.1, 10, (len(inst.probs), 1))
    np.testing.assert_allclose(label_distributions(result, scaled), base, rtol=1e-9)
    result.graph = result.graph * 7
    np.testing.assert_allclose(label_distributions(result, inst.probs), base, rtol=1e-9)


def test_nodes_without_probabilities_have_their_neighbours() -> None:
    probs = np.array([[0.9, 0.1], [0.0, 0.0], [0.6, 0.4]])
    result = multiway_cut(probs, graph=([[0, 1], [1, 2]], [1.0, 3.0]))
    found = label_distributions(result, probs)
    np.testing.assert_allclose(found[1], [(0.9 + 3 * 0.6) / 4, (0.1 + 3 * 0.4) / 4])


# ---- temperature


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_fitted_temperature_is_the_one_of_the_labels(true_temperature: float) -> None:
    rng = np.random.default_rng(0)
    rows = probabilities(20_000, 4, 5)
    sharp = rows ** (1 / true_temperature)
    sharp /= sharp.sum(axis=1, keepdims=True)
    labels = (sharp.cumsum(axis=1) < rng.random((len(rows), 1))).sum(axis=1)
    assert fit_temperature(rows, labels) == pytest.approx(true_temperature, rel=0.05)


def test_few_labels_do_not_make_it_sharp() -> None:
    rows = np.array([[0.6, 0.4]] * 3)
    assert 0.3 < fit_temperature(rows, np.array([0, -1, -1])) < 1
    assert fit_temperature(rows, np.full(3, -1)) == 1


def test_held_out_labels_fit_the_temperature() -> None:
    inst = grid(8, 3, 4)
    result = inst.solve()
    held_out = np.full(len(inst.probs), -1)
    held_out[::3] = result.labels[::3]
    base = label_distributions(result, inst.probs)
    expected = label_distributions(result, inst.probs, temperature=fit_temperature(base, held_out))
    found = label_distributions(result, inst.probs, held_out=held_out)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.max() > base.max()


# ---- faults

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "probs of another size": ({"probs": np.ones((3, 2))}, "probs has shape (3, 2); the result"),
    "other labels": ({"probs": np.ones((4, 3))}, "probs has shape (4, 3); the result belongs to"),
    "allowed shape": ({"allowed": np.ones((4, 3), bool)}, "allowed has shape (4, 3); probs has"),
    "both": ({"held_out": np.zeros(4, int), "temperature": 1}, "held_out and temperature are both"),
    "temperature 0": ({"temperature": 0}, "temperature is 0; it must be finite and > 0"),
    "held_out shape": ({"held_out": np.zeros(3, int)}, "labels has shape (3,) and distributions"),
    "held_out float": (
        {"held_out": np.zeros(4)},
        "labels has dtype float64; it must be an integer",
    ),
    "held_out range": ({"held_out": np.array([0, 1, 2, 0])}, "labels[2] is 2; allowed are -1 to 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    changed, message = FAULTS[fault]
    arguments: dict[str, Any] = {"probs": path().probs} | changed
    with pytest.raises(ValueError, match=re.escape(message)):
        label_distributions(path().solve(), **arguments)


def test_margins_of_other_probabilities() -> None:
    for function in (cut_margins, min_marginals):
        with pytest.raises(ValueError, match=r"labels of the result cost .* by those of the solve"):
            function(path().solve(), path().probs[::-1])


def test_margins_under_other_allowed_labels() -> None:
    allowed = np.array([[1, 1], [1, 1], [1, 1], [1, 0]], dtype=bool)
    with pytest.raises(ValueError, match=r"allowed\[3\] does not allow the label 1 of the result"):
        cut_margins(path().solve(), path().probs, allowed=allowed)


def test_margins_of_another_problem() -> None:
    with pytest.raises(ValueError, match=r"probs has shape \(4, 3\); the result belongs to one of"):
        cut_margins(path().solve(), np.ones((4, 3)))


def test_known_labels_and_node_weights_are_those_of_the_solve() -> None:
    rng = np.random.default_rng(0)
    probs, feats = rng.dirichlet(np.ones(3), 40), rng.random((40, 4))
    labels = np.where(rng.random(40) < 0.3, rng.integers(0, 3, 40), -1)
    node_weights = rng.uniform(0.5, 4, 40)
    allowed = (labels[:, None] < 0) | (labels[:, None] == np.arange(3))
    weighed = probs * node_weights[:, None]
    result = multiway_cut(probs, feats, delta=0.3, labels=labels, node_weights=node_weights)
    for function in (cut_margins, min_marginals):
        expected = function(result, weighed, allowed=allowed)
        given = function(result, probs, labels=labels, node_weights=node_weights)
        if function is min_marginals:
            expected, given = expected.margins, given.margins
        np.testing.assert_allclose(given, expected, rtol=1e-12)
        assert np.isinf(given[labels >= 0]).all()
    known = label_distributions(result, probs, labels=labels)
    np.testing.assert_array_equal(known, label_distributions(result, probs, allowed=allowed))
    assert (known[labels >= 0].max(axis=1) > 1 - 1e-6).all()
    with pytest.raises(ValueError, match=r"allowed and labels\[\d+\] does not allow the label"):
        cut_margins(result, probs, labels=(result.labels + 1) % 3)


# ---- bad arguments of all


@pytest.mark.parametrize("value", [np.nan, -0.5, np.inf])
def test_temperature_of_what_is_no_distribution(value: float) -> None:
    rows = np.full((3, 2), 0.5)
    rows[1, 0] = value
    with pytest.raises(ValueError, match=r"distributions\[1\] is .*finite and >= 0"):
        fit_temperature(rows, np.array([0, 1, 1]))


@pytest.mark.parametrize("call", [verify, label_distributions, cut_margins, min_marginals])
def test_result_and_probs_that_changed_places(call: Any) -> None:
    inst = grid(3, 3, 0)
    with pytest.raises(ValueError, match="result is of type ndarray; pass what multiway_cut"):
        call(inst.probs, inst.solve())
