"""How far ``delta="auto"`` is raised: what is hidden, when raising ends, and what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from instances import features, probabilities

from benchmarks.generators import proposals
from liid_cut import make_problem, multiway_cut, tags_to_allowed
from liid_cut.coupling.evidence import as_probabilities, fit_coupling, log_pseudo_likelihood
from liid_cut.coupling.recovery import LEAST, Hidden, hide
from liid_cut.graph import to_csr

RINGS, SIZE = 4, 120


def rings(block: int = 6, every: int = 20, seed: int = 0) -> tuple[Any, Any, Any]:
    """Four rings of one label each, every node joined to the next four; errors come in blocks.

    ::

        ring 0   0 0 0 0 1 1 1 0 0 0 ...   what the classifier prefers: wrong in ``block`` nodes
        ring 1   1 1 1 1 1 2 2 2 1 1 ...   in a row, out of ``every``
    """
    truth = np.repeat(np.arange(RINGS), SIZE)
    nodes = np.arange(RINGS * SIZE)
    wrong = nodes % every < block
    preferred = np.where(wrong, (truth + 1) % RINGS, truth)
    rng = np.random.default_rng(seed)
    probs = np.full((len(nodes), RINGS), 0.1)
    probs[nodes, preferred] = np.where(wrong, 0.5, 0.6) + 0.1 * rng.random(len(nodes))
    probs /= probs.sum(axis=1, keepdims=True)
    first = nodes // SIZE * SIZE
    edges = np.concatenate(
        [np.stack([nodes, first + (nodes + step) % SIZE], axis=1) for step in (1, 2, 3, 4)]
    )
    return probs, (edges, np.ones(len(edges))), truth


def share(labels: Any, truth: Any) -> float:
    return float((labels == truth).mean())


def test_errors_of_like_nodes_are_mended() -> None:
    probs, graph, truth = rings()
    result = multiway_cut(probs, graph=graph, delta="auto")
    start = result.diagnostics["delta"]["recovery"][0]["delta"]
    unraised = multiway_cut(probs, graph=graph, delta=start)
    assert result.delta > start
    assert share(unraised.labels, truth) < 0.9
    assert share(result.labels, truth) == 1.0


def test_digits_without_a_known_label() -> None:
    pytest.importorskip("sklearn")
    from benchmarks.labelled_data import digits

    (data,) = digits([3], [100])
    result = multiway_cut(data.probs, data.feats)
    assert result.status == "optimal"
    assert not result.diagnostics["collapsed"]
    start = result.diagnostics["delta"]["recovery"][0]["delta"]
    unraised = multiway_cut(data.probs, data.feats, delta=start, symmetrize="union")
    assert data.accuracy(unraised.labels) > data.accuracy(data.probs.argmax(axis=1)) + 0.02
    assert data.accuracy(result.labels) > data.accuracy(unraised.labels) + 0.03


def test_known_labels_keep_delta_from_rising_where_they_would_be_lost() -> None:
    # What the classifier prefers in blocks is true now, and some of it is known.
    probs, graph, _ = rings()
    truth = probs.argmax(axis=1)
    labels = np.where(np.arange(len(truth)) % 4 == 0, truth, -1)
    result = multiway_cut(probs, graph=graph, delta="auto", labels=labels)
    report = result.diagnostics["delta"]
    assert report["n_told"] == (labels >= 0).sum()
    assert share(result.labels, truth) > 0.95
    assert result.delta < multiway_cut(probs, graph=graph, delta="auto").delta


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["linear", "log"])
def test_raising_ends_before_hidden_labels_are_lost(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    made = proposals(25, n_classes=4, d=16, noise=rng.uniform(0.8, 2.2), seed=seed)
    allowed = tags_to_allowed(made.image_ids, made.image_tags) if seed % 2 else None
    result = multiway_cut(
        made.probs, made.feats, n_neighbors=4, allowed=allowed, terminal_weights=kind
    )
    report = result.diagnostics["delta"]
    recovery = report["recovery"]
    scores = [point["expected_accuracy"] for point in report["curve"]]
    assert recovery[0]["delta"] == report["curve"][int(np.argmax(scores))]["delta"]
    deltas = [point["delta"] for point in recovery]
    assert deltas == pytest.approx([deltas[0] * 2**i for i in range(len(deltas))])
    assert len(deltas) <= 7
    assert result.delta in deltas[: len(deltas) if len(deltas) == 7 else -1]
    least = recovery[0]["recovered"] - 0.002
    assert all(point["recovered"] >= least for point in recovery if point["delta"] <= result.delta)


@pytest.fixture(scope="module")
def problem() -> Any:
    made = make_problem(probabilities(600, 3, 1), features(600, 6, 1), delta=1.0)
    return as_probabilities(made.probs, None), made.probs


def flags(n: int, rows: Any = ()) -> Any:
    chosen = np.zeros(n, dtype=bool)
    chosen[list(rows)] = True
    return chosen


def hidden(problem: Any, allowed: Any = None, told: Any = (), connected: Any = None) -> Hidden:
    p, weights = problem
    everywhere = np.ones(len(p), dtype=bool) if connected is None else connected
    found = hide(p, weights, allowed, flags(len(p), told), everywhere)
    assert found is not None
    return found


def test_the_surest_fifth_of_each_label_is_hidden(problem: Any) -> None:
    p, weights = problem
    found = hidden(problem)
    best = p.argmax(axis=1)
    for k in range(3):
        of_k = np.flatnonzero(best == k)
        surest = of_k[np.argsort(-p[of_k].max(axis=1))][: int(np.ceil(len(of_k) / 5))]
        assert set(found.rows[found.labels == k]) == set(surest)
    assert (found.terminal_weights[found.rows] == 0).all()
    others = np.setdiff1d(np.arange(len(p)), found.rows)
    np.testing.assert_array_equal(found.terminal_weights[others], weights[others])
    assert found.allowed is None


def test_equally_sure_ones_are_all_hidden() -> None:
    p = np.tile([0.75, 0.25], (40, 1))
    assert len(hidden((p, p)).rows) == 40


def test_what_has_no_edge_or_no_choice_is_not_hidden(problem: Any) -> None:
    p, _ = problem
    connected = np.arange(len(p)) % 2 == 0
    assert connected[hidden(problem, connected=connected).rows].all()
    allowed = np.ones(p.shape, dtype=bool)
    allowed[::2, 1:] = False
    rows = hidden(problem, allowed).rows
    assert (rows % 2 == 1).all()
    assert hidden(problem, allowed).allowed is allowed


def test_known_labels_are_hidden_and_released(problem: Any) -> None:
    p, weights = problem
    told = np.arange(0, 60, 3)
    allowed = np.ones(p.shape, dtype=bool)
    allowed[told] = np.eye(3, dtype=bool)[told % 2]
    found = hidden((as_probabilities(weights, allowed), weights), allowed, told)
    untold = hidden((as_probabilities(weights, allowed), weights), allowed)
    others = set(found.rows) - set(told)  # a tenth, where without told ones it was a fifth
    assert others < set(untold.rows)
    assert len(others) == pytest.approx(len(untold.rows) / 2, abs=3)
    assert set(told) < set(found.rows)
    assert found.labels[np.isin(found.rows, told)].tolist() == (told % 2).tolist()
    assert found.allowed is not None
    assert found.allowed.all()
    assert not allowed.all()
    assert untold.allowed is allowed


def test_too_few_are_none() -> None:
    p = as_probabilities(probabilities(LEAST - 1, 3, 0), None)
    assert hide(p, p, None, flags(len(p)), ~flags(len(p))) is None
    report = multiway_cut(p, features(len(p), 4, 0)).diagnostics["delta"]
    assert report["recovery"] == []


def test_recovered_ones_are_counted() -> None:
    rows = np.arange(0, 1000, 2)
    found = Hidden(rows, rows % 3, np.zeros((1000, 3)), None)
    labels = np.arange(1000) % 3
    assert found.recovered(labels) == 500
    labels[:10] = (labels[:10] + 1) % 3
    assert found.recovered(labels) == 495
    assert found.as_well(499, 500)  # one in 500
    assert not found.as_well(498, 500)


def test_log_pseudo_likelihood_is_a_nodes_mean(problem: Any) -> None:
    p, _ = problem
    edges = np.array([[u, u + 1] for u in range(200)])  # the other 399 have no neighbour
    graph = to_csr(len(p), edges, np.linspace(0.5, 1, 200))
    b, dense, expected = 0.8, graph.toarray(), 0.0
    for u in range(len(p)):
        scores = np.log(p.mean(axis=0)) + b * dense[u] @ p
        expected += float(p[u] @ (scores - np.log(np.exp(scores).sum())))
    assert log_pseudo_likelihood(p, graph, b, None) == pytest.approx(expected / len(p))
    assert log_pseudo_likelihood(p[:0], graph[:0, :0], b, None) == 0.0


def test_log_pseudo_likelihood_tells_a_graph_of_like_nodes_from_a_random_one() -> None:
    probs, (edges, weights), _ = rings()
    shuffled = np.random.default_rng(0).permutation(len(probs))[edges]
    values = []
    for ends in (edges, shuffled):
        graph = to_csr(len(probs), ends, weights)
        coupling = fit_coupling(probs, graph, None)
        values.append(log_pseudo_likelihood(probs, graph, coupling, None))
    assert values[0] > values[1] + 0.1
