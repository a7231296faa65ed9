"""Summaries of results, each written out slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liid_cut import multiway_cut
from liid_cut.components import COMPONENT_DTYPE
from liid_cut.statistics import accuracy, as_truth, by_stage, confusion, size_classes


def components(sizes: list[int]) -> np.ndarray:
    table = np.zeros(len(sizes), dtype=COMPONENT_DTYPE)
    table["size"] = sizes
    return table


@given(st.lists(st.integers(1, 5000), max_size=40))
def test_size_classes_count_every_component(sizes: list[int]) -> None:
    classes = size_classes(components(sizes))
    for c in classes:
        members = [size for size in sizes if c.smallest <= size <= c.largest]
        assert (c.n_components, c.n_nodes) == (len(members), sum(members))
    assert sum(c.n_components for c in classes) == len(sizes)
    assert [c.smallest for c in classes[1:]] == [c.largest + 1 for c in classes[:-1]]


def test_names_of_size_classes() -> None:
    names = [c.name for c in size_classes(components([1, 5000]))]
    assert names[:4] == ["1", "2", "3\N{EN DASH}4", "5\N{EN DASH}8"]
    assert names[-1] == "4,097\N{EN DASH}8,192"


def test_stages_add_up() -> None:
    rng = np.random.default_rng(0)
    result = multiway_cut(rng.random((300, 4)), rng.random((300, 3)), delta=0.5)
    stages = by_stage(result.components)
    assert len(stages) > 1
    assert {s.stage: s.n_components for s in stages} == result.diagnostics["closed_by"]
    assert sum(s.n_nodes for s in stages) == 300
    assert sum(s.cost for s in stages) == pytest.approx(result.cost)
    assert sum(s.gap for s in stages) == pytest.approx(result.gap, abs=1e-9)


def test_open_components_come_last() -> None:
    table = components([3, 4, 5])
    table["stage"] = ["open", "reduction", "inspection"]
    assert [s.stage for s in by_stage(table)] == ["inspection", "reduction", "open"]
    table["stage"][1] = "of a later version"
    assert [s.stage for s in by_stage(table)] == ["inspection", "of a later version", "open"]


def test_confusion_leaves_out_the_unknown() -> None:
    truth, labels = np.array([0, 0, 1, -1, 2]), np.array([0, 1, 1, 1, 0])
    np.testing.assert_array_equal(confusion(truth, labels, 3), [[1, 1, 0], [0, 1, 0], [1, 0, 0]])
    assert accuracy(truth, labels) == 0.5
    assert np.isnan(accuracy(np.array([-1]), np.array([0])))


@pytest.mark.parametrize(
    ("truth", "error", "message"),
    [
        ([0.0, 1.0], TypeError, "truth has dtype float64; it must be integers"),
        ([0], ValueError, r"truth has shape \(1,\); it must be \(2,\)"),
        ([0, 3], ValueError, r"truth\[1\] is 3; it must be -1 \(unknown\) to 2"),
        ([-2, 0], ValueError, r"truth\[0\] is -2"),
    ],
)
def test_bad_truth(truth: list[float], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        as_truth(truth, 2, 3)
