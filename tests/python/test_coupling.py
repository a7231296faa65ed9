"""``delta="auto"``: its evidence against slow definitions, its laws, and what it is for."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities
from reference import assert_same_bits

from benchmarks.generators import proposals
from liid_cut import (
    MultiwayCutResult,
    find_neighbors,
    make_problem,
    multiway_cut,
    tags_to_allowed,
    verify,
)
from liid_cut.coupling.evidence import (
    LABELS_SHARE,
    as_probabilities,
    fit_coupling,
    fit_share,
    marginals,
)
from liid_cut.graph import to_csr
from liid_cut.runs.checkpoint import Checkpoint
from liid_cut.runs.store import Store

MADE = proposals(40, n_classes=5, d=32, noise=1.5, seed=1)
TABLE = find_neighbors(MADE.feats, 5)


def auto(probs: Any = MADE.probs, **settings: Any) -> MultiwayCutResult:
    given = {"neighbors": TABLE, "n_neighbors": 5, "delta": "auto"}
    return multiway_cut(probs, **given | settings)


def accuracy(labels: Any) -> float:
    return float((labels == MADE.labels).mean())


@pytest.fixture(scope="module")
def small() -> tuple[Any, Any]:
    problem = make_problem(probabilities(12, 3, 1), features(12, 4, 1), delta=1.0)
    return as_probabilities(problem.probs, None), problem.graph


def pseudo_likelihood(b: float, p: Any, graph: Any) -> float:
    dense, total = graph.toarray(), 0.0
    prior = [math.log(sum(column) / len(p)) for column in p.T.tolist()]
    for u in range(len(p)):
        if dense[u].any():
            pull = [sum(dense[u, v] * p[v, k] for v in range(len(p))) for k in range(len(prior))]
            scores = [m + b * s for m, s in zip(prior, pull, strict=True)]
            norm = math.log(sum(map(math.exp, scores)))
            total += sum(p[u, k] * (score - norm) for k, score in enumerate(scores))
    return total


def test_coupling_maximises_the_pseudo_likelihood(small: tuple[Any, Any]) -> None:
    p, graph = small
    b = fit_coupling(p, graph, None)
    best = pseudo_likelihood(b, p, graph)
    for other in (0.0, 0.5 * b, 0.95 * b, 1.05 * b, 2 * b + 0.1):
        assert best >= pseudo_likelihood(other, p, graph) - 1e-6


def test_marginals_are_a_fixed_point_of_the_mean_field(small: tuple[Any, Any]) -> None:
    p, graph = small
    q = marginals(p, graph, 0.7, None)
    dense = graph.toarray()
    for u in range(len(p)):
        scores = [
            p[u, k] * math.exp(0.7 * sum(dense[u, v] * q[v, k] for v in range(len(p))))
            for k in range(p.shape[1])
        ]
        assert q[u].tolist() == pytest.approx([s / sum(scores) for s in scores], abs=5e-3)


def test_marginals_that_are_kept_are_not_computed_again(
    small: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, graph = small
    found = marginals(p, graph, 0.7, None, Checkpoint(Store(tmp_path, {})))
    monkeypatch.setattr("scipy.special.softmax", None)  # a sweep would call it
    again = marginals(p, graph, 0.7, None, Checkpoint(Store(tmp_path, {})))
    np.testing.assert_array_equal(again, found)


def test_probabilities_are_those_among_the_allowed_labels() -> None:
    allowed = np.array([[True, True, False], [True, False, True], [False, True, True]])
    p = as_probabilities(np.array([[2.0, 2.0, 4.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]]), allowed)
    assert p.tolist() == [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]


def test_disagreeing_neighbours_have_no_coupling() -> None:
    p = np.eye(2)[[0, 1] * 6]
    chain = to_csr(12, np.array([[u, u + 1] for u in range(11)]), np.ones(11))
    assert fit_coupling(p, chain, None) < 1e-2


def test_image_tags_do_not_hide_the_coupling() -> None:
    # Most labels are allowed for few nodes: a prior over all nodes would leave label 0 alone.
    allowed = tags_to_allowed(MADE.image_ids, MADE.image_tags)
    graph = make_problem(MADE.probs, neighbors=TABLE, delta=1.0).graph
    p = as_probabilities(MADE.probs, allowed)
    assert fit_coupling(p, graph, allowed) > 0.5


def test_no_edges_no_coupling() -> None:
    assert fit_coupling(np.eye(3), to_csr(3, np.empty((0, 2), dtype=int), np.empty(0)), None) == 0


def two_rings(noise: float, sure: float = 0.7) -> tuple[Any, Any, Any]:
    """Two rings of one label each, half-right probabilities, some labels known."""
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], 150)
    p = np.where(rng.random(300) < noise, 1 - sure, sure)
    probs = np.where(truth[:, None] == [0, 1], p[:, None], 1 - p[:, None])
    nodes = np.arange(300)
    follower = nodes // 150 * 150 + (nodes + 1) % 150
    graph = to_csr(300, np.stack([nodes, follower], axis=1), np.ones(300))
    return probs, graph, truth


def test_known_labels_that_neighbours_foretell_strengthen_the_coupling() -> None:
    probs, graph, truth = two_rings(0.3)
    allowed = np.ones(probs.shape, dtype=bool)
    allowed[::5] = truth[::5, None] == [0, 1]
    coupling = fit_coupling(as_probabilities(probs, None), graph, None)
    share, n = fit_share(probs, graph, coupling, allowed)
    assert n == 60
    assert share > LABELS_SHARE
    plain, told = (
        multiway_cut(probs, graph=graph, delta="auto", allowed=a) for a in (None, allowed)
    )
    assert told.delta > plain.delta
    assert told.diagnostics["delta"]["n_told"] == 60
    assert ((told.labels == truth).mean()) > (probs.argmax(axis=1) == truth).mean()


def test_known_labels_that_neighbours_do_not_foretell_weaken_it() -> None:
    probs, graph, _ = two_rings(0.0, sure=0.95)
    allowed = np.ones(probs.shape, dtype=bool)
    allowed[::3] = (np.arange(0, 300, 3)[:, None] % 2) == [0, 1]
    coupling = fit_coupling(as_probabilities(probs, None), graph, None)
    assert fit_share(probs, graph, coupling, allowed)[0] < LABELS_SHARE


def test_what_every_node_may_take_tells_nothing() -> None:
    probs, graph, _ = two_rings(0.3)
    for allowed in (None, np.ones(probs.shape, dtype=bool)):
        assert fit_share(probs, graph, 1.0, allowed) == (LABELS_SHARE, 0)
    only_background = np.zeros(probs.shape, dtype=bool)
    only_background[:, 0] = True
    assert fit_share(probs, graph, 1.0, only_background) == (LABELS_SHARE, 0)


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
def test_the_chosen_delta_labels_better_than_none_and_than_the_papers(symmetrize: str) -> None:
    result = auto(symmetrize=symmetrize)
    assert result.status == "optimal"
    assert accuracy(result.labels) > accuracy(MADE.probs.argmax(axis=1)) + 0.02
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert accuracy(result.labels) > accuracy(auto(symmetrize=symmetrize, delta=5.0).labels)


def test_the_evidence_is_in_the_result() -> None:
    result = auto()
    report = result.diagnostics["delta"]
    assert report["chosen_by"] == "auto"
    assert report["delta"] == result.delta
    assert report["coupling"] > 0
    deltas = [point["delta"] for point in report["curve"]]
    scores = [point["expected_accuracy"] for point in report["curve"]]
    assert deltas == sorted(deltas)
    assert 3 <= len(deltas) <= 12
    assert result.delta == deltas[int(np.argmax(scores))]
    assert max(scores) >= report["expected_argmax"]


def test_the_result_is_that_of_the_number() -> None:
    result = auto()
    assert_same_bits(auto(delta=result.delta, symmetrize="union"), result)
    assert verify(result, MADE.probs).optimal


def test_it_does_not_depend_on_threads() -> None:
    one, four = (auto(symmetrize="union", n_jobs=n) for n in (1, 4))
    assert_same_bits(one, four)
    assert one.diagnostics["delta"] == four.diagnostics["delta"]


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_the_order_of_nodes_and_labels_does_not_matter(kind: str) -> None:
    rng = np.random.default_rng(0)
    nodes, labels = rng.permutation(len(MADE.probs)), rng.permutation(MADE.probs.shape[1])
    problem = make_problem(MADE.probs, neighbors=TABLE, delta=1.0)
    graph = problem.graph
    settings = {"delta": "auto", "terminal_weights": kind}
    plain = multiway_cut(MADE.probs, graph=graph, **settings)
    other = multiway_cut(MADE.probs[nodes][:, labels], graph=graph[nodes][:, nodes], **settings)
    assert other.delta == plain.delta
    assert other.cost == pytest.approx(plain.cost)


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_twice_the_weights_half_the_delta(kind: str) -> None:
    graph = make_problem(MADE.probs, neighbors=TABLE, delta=1.0).graph
    settings = {"delta": "auto", "terminal_weights": kind}
    plain = multiway_cut(MADE.probs, graph=graph, **settings)
    twice = multiway_cut(MADE.probs, graph=2 * graph, **settings)
    assert twice.delta == plain.delta / 2
    assert (twice.labels == plain.labels).all()


def test_scaled_linear_terminal_weights_scale_delta() -> None:
    assert auto(8 * MADE.probs).delta == 8 * auto().delta


def test_a_graph_keeps_its_weights_unless_delta_is_given() -> None:
    graph = make_problem(MADE.probs, neighbors=TABLE, delta=1.0).graph
    plain = multiway_cut(MADE.probs, graph=graph)
    assert (plain.delta, plain.graph_scale) == (1.0, 1.0)
    np.testing.assert_array_equal(plain.graph.toarray(), graph.toarray())
    for delta in (0.25, "auto"):
        scaled = multiway_cut(MADE.probs, graph=graph, delta=delta)
        assert scaled.graph_scale == scaled.delta
        np.testing.assert_allclose(scaled.graph.toarray(), scaled.delta * graph.toarray())
        assert verify(scaled, MADE.probs, graph).optimal
        assert verify(scaled, MADE.probs, scaled.graph).optimal
    assert not verify(scaled, MADE.probs, 2 * graph)


def test_image_tags_are_respected() -> None:
    allowed = tags_to_allowed(MADE.image_ids, MADE.image_tags)
    result = auto(allowed=allowed)
    assert allowed[np.arange(len(allowed)), result.labels].all()
    assert verify(result, MADE.probs, allowed=allowed).optimal
    assert accuracy(result.labels) > accuracy(auto().labels)


def test_an_overwhelming_first_guess_is_left() -> None:
    # Hard labels: the margin of probabilities is 1, and the pseudo-likelihood wants any coupling.
    hard = np.eye(MADE.probs.shape[1])[MADE.probs.argmax(axis=1)]
    result = auto(hard, symmetrize="union")
    assert not result.diagnostics["collapsed"]
    assert len(result.diagnostics["delta"]["curve"]) <= 12


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_node(n: int) -> None:
    result = multiway_cut(probabilities(n, 3, 0), features(n, 4, 0), delta="auto")
    assert result.status == "optimal"
    assert math.isfinite(result.delta)


def test_one_label_and_no_edges() -> None:
    assert multiway_cut(np.ones((9, 1)), features(9, 4, 0), delta="auto").status == "optimal"
    graph = np.empty((0, 2), dtype=int), np.empty(0)
    result = multiway_cut(probabilities(9, 3, 0), graph=graph, delta="auto")
    assert (result.labels == probabilities(9, 3, 0).argmax(axis=1)).all()


def test_rows_without_a_terminal() -> None:
    probs = np.array(MADE.probs)
    probs[::7] = 0
    graph = make_problem(MADE.probs, neighbors=TABLE, symmetrize="union", delta=1.0).graph
    result = multiway_cut(probs, graph=graph, delta="auto", terminal_weights="log")
    assert verify(result, probs, graph).optimal
    assert accuracy(result.labels) > accuracy(MADE.probs.argmax(axis=1))


def test_bad_delta() -> None:
    with pytest.raises(ValueError, match="delta is 'best'; it must be 'auto' or a number >= 0"):
        auto(delta="best")
