"""What a result holds, and that its parts agree with each other."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hard_instances import THREE_LABELS
from instances import Instance, features, grid, necklace, probabilities, star, triangle, union
from reference import assert_same_bits, cut_cost, steps_of
from scipy.optimize import OptimizeResult

from liid_cut import MultiwayCutResult, multiway_cut, verify

MIXED = union(triangle(), star(), necklace(6), grid(4, 3, seed=0), THREE_LABELS)


@pytest.fixture
def result() -> MultiwayCutResult:
    return MIXED.solve()


def test_it_is_an_optimize_result(result: MultiwayCutResult) -> None:
    assert isinstance(result, MultiwayCutResult)
    assert isinstance(result, OptimizeResult)
    assert result["labels"] is result.labels
    assert "cost" in dir(result)


def test_names_of_scipy(result: MultiwayCutResult) -> None:
    assert result.fun == result.cost
    assert result.x is result.labels
    assert result.mip_dual_bound == result.lower_bound
    assert result.mip_gap == result.gap / result.cost
    assert result.mip_node_count == result.components["search_nodes"].sum() > 0
    assert result.success is True
    assert result.message == "The labelling is provably cheapest."


def test_gap_of_a_cut_that_costs_nothing() -> None:
    result = multiway_cut([[1.0, 0.0]], [[1.0]])
    assert (result.cost, result.gap, result.mip_gap) == (0, 0, 0)


def test_shapes_and_dtypes(result: MultiwayCutResult) -> None:
    n, m = len(MIXED.probs), len(MIXED.edges)
    expected = {
        "labels": (np.int32, (n,)),
        "cut_labels": (np.int32, (n,)),
        "component_ids": (np.int32, (n,)),
        "edges": (np.int32, (m, 2)),
        "weights": (np.float64, (m,)),
        "messages": (np.float64, (m, 3)),
    }
    for name, (dtype, shape) in expected.items():
        assert (result[name].dtype, result[name].shape) == (dtype, shape), name
    for name in ("cost", "lower_bound", "gap"):
        assert isinstance(result[name], float), name


def test_as_an_array(result: MultiwayCutResult) -> None:
    np.testing.assert_array_equal(np.asarray(result), result.labels)
    assert np.asarray(result, dtype=np.int64).dtype == np.int64
    assert np.array(result) is not result.labels
    assert (np.asarray(result) == 0).sum() == np.sum(result.labels == 0)


def test_labels_attain_the_cost(result: MultiwayCutResult) -> None:
    assert cut_cost(MIXED, result.labels) == pytest.approx(result.cost, rel=1e-12)
    assert result.gap == result.cost - result.lower_bound >= 0


def test_component_table(result: MultiwayCutResult) -> None:
    table = result.components
    assert len(table) == result.n_components == 5
    assert table.dtype.names == (
        "size",
        "edges",
        "cost",
        "lower_bound",
        "status",
        "stage",
        "search_nodes",
    )
    assert table["size"].tolist() == [3, 4, 18, 16, 20]
    assert table["edges"].tolist() == [3, 3, 24, 24, len(THREE_LABELS.edges)]
    np.testing.assert_array_equal(table["size"], np.bincount(result.component_ids))
    assert table["cost"].sum() == pytest.approx(result.cost, rel=1e-12)
    assert table["lower_bound"].sum() == pytest.approx(result.lower_bound, rel=1e-12)
    assert (table["lower_bound"] <= table["cost"]).all()
    assert set(table["status"]) == {"optimal"}
    assert result.diagnostics["closed_by"] == {
        s: list(table["stage"]).count(s) for s in table["stage"]
    }


def test_components_are_numbered_by_their_smallest_node() -> None:
    # 0 - 3   1 - 4   2
    inst = Instance(np.ones((5, 2)), np.array([[1, 4], [0, 3]]), np.ones(2))
    result = inst.solve()
    assert result.component_ids.tolist() == [0, 1, 2, 0, 1]
    assert result.components["size"].tolist() == [2, 2, 1]


def test_graph_is_the_edge_list(result: MultiwayCutResult) -> None:
    u, v = result.edges.T
    assert (u < v).all()
    assert result.edges.tolist() == sorted(result.edges.tolist())
    np.testing.assert_array_equal(result.graph[u, v], result.weights)
    np.testing.assert_array_equal(result.graph[v, u], result.weights)
    assert result.graph.nnz == 2 * len(result.weights)


def test_proofs_belong_to_the_components_that_needed_them(result: MultiwayCutResult) -> None:
    stages = result.components["stage"]
    assert set(stages) == {"reduction", "dual_ascent", "linear_program", "branch_and_bound"}
    branched, with_cuts = [], []
    for part in result.proofs:
        (component,) = set(result.component_ids[part["nodes"]])
        assert np.isin(result.edges[part["edges"]], part["nodes"]).all()
        if any(step["kind"] == "branch" for _, step in steps_of([part])):
            branched.append(component)
        elif any(step.get("cuts") for _, step in steps_of([part])):
            with_cuts.append(component)
    assert sorted(branched) == np.flatnonzero(stages == "branch_and_bound").tolist()
    assert sorted(with_cuts) == np.flatnonzero(stages == "linear_program").tolist()
    assert result.proofs_complete


def test_repr_is_one_line_with_the_essentials(result: MultiwayCutResult) -> None:
    text = repr(result)
    assert text == str(result)
    assert "\n" not in text
    for part in ("optimal", f"{len(result.labels)} nodes", f"{result.cost:.10g}", "5 components"):
        assert part in text


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_copies_are_results_that_verify(result: MultiwayCutResult, copied: object) -> None:
    other = copied(result)  # type: ignore[operator]
    assert isinstance(other, MultiwayCutResult)
    assert_same_bits(other, result)
    assert verify(other, MIXED.probs).optimal


def test_cost_and_bound_of_the_paper_preset_are_plain_floats() -> None:
    result = multiway_cut(probabilities(30, 4, 0).astype(np.float16), features(30, 4, 0))
    assert type(result.cost) is float
    assert type(result.lower_bound) is float
    assert result.status == "optimal"
