"""``delta_path``: every point is the cut of its delta; where labels change; bad grids."""

from __future__ import annotations

import doctest
import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities

import liid_cut
from liid_cut import delta_path, make_problem, multiway_cut

PROBS, FEATS = probabilities(80, 4, 2), features(80, 6, 2)
DELTAS = [0.05, 0.3, 1.0, 4.0]
SETTINGS: dict[str, Any] = {"symmetrize": "union", "terminal_weights": "log"}


@pytest.fixture(scope="module")
def path() -> liid_cut.DeltaPath:
    return delta_path(PROBS, FEATS, deltas=DELTAS, **SETTINGS)


def test_example_of_the_docstring() -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(delta_path, "delta_path", globs={})
    assert doctest.DocTestRunner().run(example) == (0, 6)


def test_every_point_is_the_cut_of_its_delta(path: liid_cut.DeltaPath) -> None:
    assert len(path) == len(DELTAS)
    for delta, point in zip(DELTAS, path, strict=True):
        expected = multiway_cut(PROBS, FEATS, delta=delta, **SETTINGS)
        assert (point.delta, point.status) == (delta, "optimal")
        assert point.cost == pytest.approx(expected.cost)
        assert point.lower_bound == pytest.approx(expected.lower_bound)
        assert (point.labels == expected.labels).all()


def test_costs_rise_and_cut_edges_get_fewer(path: liid_cut.DeltaPath) -> None:
    assert (np.diff(path.costs) >= -1e-9).all()
    ends = make_problem(PROBS, FEATS, delta=1.0, **SETTINGS)
    cut = [
        ends.weights[labels[ends.edges[:, 0]] != labels[ends.edges[:, 1]]].sum()
        for labels in path.labels
    ]
    assert (np.diff(cut) <= 1e-9).all()


def test_changes(path: liid_cut.DeltaPath) -> None:
    rows = path.labels.tolist()
    expected = [[a != b for a, b in zip(*pair, strict=True)] for pair in pairwise(rows)]
    assert path.changed.tolist() == expected
    assert path.n_changed.tolist() == [sum(row) for row in expected]
    assert path.changes_of_nodes.tolist() == [sum(column) for column in zip(*expected, strict=True)]
    assert path.n_changed.any()


def test_a_problem_and_its_arguments_give_the_same(path: liid_cut.DeltaPath) -> None:
    for delta in (0.7, "auto"):
        problem = make_problem(PROBS, FEATS, delta=delta, **SETTINGS)
        other = delta_path(problem, deltas=DELTAS[::-1])
        assert (other.deltas == path.deltas).all()
        assert (other.labels == path.labels).all()
        assert other.costs == pytest.approx(path.costs)


def test_a_given_graph_is_scaled() -> None:
    graph = make_problem(PROBS, FEATS, delta=2.0).graph
    (point,) = delta_path(PROBS, graph=graph, deltas=[0.5])
    assert point.cost == pytest.approx(multiway_cut(PROBS, FEATS, delta=1.0).cost)


def test_collapsed_points_do_not_warn() -> None:
    feats = features(300, 8, 0, n_clusters=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (point,) = delta_path(probabilities(300, 4, 0), feats, deltas=[100.0], symmetrize="union")
    assert len(set(point.labels.tolist())) == 1


def test_saved_arrays(path: liid_cut.DeltaPath, tmp_path: Path) -> None:
    path.save(tmp_path / "path.npz")
    with np.load(tmp_path / "path.npz") as file:
        assert set(file.files) == {"deltas", "labels", "costs", "lower_bounds", "statuses"}
        for name in file.files:
            np.testing.assert_array_equal(file[name], getattr(path, name))


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        ([0.1, -1.0], r"deltas\[1\] is -1.0; it must be finite and > 0"),
        ([0.0], r"deltas\[0\] is 0.0; it must be finite and > 0"),
        ([math.nan], r"deltas\[0\] is nan"),
        ([1.0, 1.0], "deltas has a value twice"),
        ([], "deltas has shape"),
        (1, r"deltas has shape \(\) and dtype int64; it must be a list of numbers > 0"),
        ([[1.0]], "deltas has shape"),
        (["a"], "deltas has shape"),
    ],
)
def test_bad_grid(deltas: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        delta_path(PROBS, FEATS, deltas=deltas)


def test_bad_arguments() -> None:
    problem = make_problem(PROBS, FEATS)
    with pytest.raises(ValueError, match="probs is a problem: leave feats"):
        delta_path(problem, FEATS)
    with pytest.raises(ValueError, match="probs is a problem: leave feats"):
        delta_path(problem, symmetrize="union")
    with pytest.raises(ValueError, match="a problem of delta 0"):
        delta_path(make_problem(PROBS, FEATS, delta=0))
    with pytest.raises(TypeError, match="takes deltas, not delta"):
        delta_path(PROBS, FEATS, delta=0.1)
    with pytest.raises(TypeError, match="unexpected keyword"):
        delta_path(PROBS, FEATS, lambda_=1)
