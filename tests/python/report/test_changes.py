"""What a change costs and saves, against the cost of the whole cut written out slowly."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from liid_cut import multiway_cut
from liid_cut.report.changes import find_changes, neighbors_of
from liid_cut.report.inputs import ReportData, collect

from .samples import sample

NOTHING = dict.fromkeys(inspect.signature(collect).parameters)
del NOTHING["result"]


def collected(result, **given) -> ReportData:
    return collect(result, **NOTHING | {"title": "t"} | given)


def cost(probs, result, labels) -> float:
    total = 0.0
    for u, label in enumerate(labels):
        total += probs[u].sum() - probs[u, label]
    for (u, v), weight in zip(result.edges, result.weights, strict=True):
        total += weight * (labels[u] != labels[v])
    return total


@pytest.mark.parametrize("seed", range(4))
def test_saving_is_the_difference_of_two_cuts(seed: int) -> None:
    data = sample(seed)
    changes = find_changes(collected(data.result, probs=data.probs))
    before = data.probs.argmax(axis=1)
    labels = np.asarray(data.result)
    np.testing.assert_array_equal(np.sort(changes.nodes), np.flatnonzero(before != labels))
    assert len(changes.nodes) >= 3
    assert (np.diff(changes.saving) <= 0).all()
    assert (changes.saving >= -1e-9).all()
    for j, u in enumerate(changes.nodes):
        other = labels.copy()
        other[u] = before[u]
        expected = cost(data.probs, data.result, other) - data.result.cost
        assert changes.saving[j] == pytest.approx(expected, abs=1e-9)
        terminal = data.probs[u].sum() - data.probs[u, [before[u], labels[u]]]
        np.testing.assert_allclose(changes.terminal[j], terminal)


def test_label_before_is_the_best_allowed_one() -> None:
    data = sample()
    allowed = np.ones(data.probs.shape, dtype=bool)
    allowed[np.arange(48), data.probs.argmax(axis=1)] = False
    result = multiway_cut(data.probs, data.feats, allowed=allowed, delta=0.5)
    found = collected(result, probs=data.probs, allowed=allowed)
    np.testing.assert_array_equal(found.before, np.argsort(-data.probs, axis=1)[:, 1])
    assert found.adds_up


def test_authors_preset_adds_up() -> None:
    data = sample()
    result = multiway_cut(data.probs, data.feats, preset="authors")
    assert collected(result, probs=data.probs).adds_up
    assert not collected(result, probs=data.probs[::-1]).adds_up


def test_neighbors_heaviest_first() -> None:
    data = sample()
    found = collected(data.result, probs=data.probs)
    ids, weights = neighbors_of(found, 5)
    dense = data.result.graph.toarray()[5]
    assert set(ids) == set(np.flatnonzero(dense))
    np.testing.assert_array_equal(weights, dense[ids])
    assert (np.diff(weights) <= 0).all()


def test_ties_go_to_the_lower_node() -> None:
    probs = np.array([[0.6, 0.4], [0.0, 1.0], [0.6, 0.4], [0.0, 1.0]])
    result = multiway_cut(probs, graph=([[0, 1], [2, 3]], [1.0, 1.0]))
    changes = find_changes(collected(result, probs=probs))
    np.testing.assert_array_equal(changes.nodes, [0, 2])
    np.testing.assert_allclose(changes.saving, 0.8)
