"""``build_graph`` against a slow reference, and the graphs that users bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from instances import features, triangle
from reference import neighbor_graph
from scipy.sparse.csgraph import connected_components

from liid_cut import build_graph, make_problem, multiway_cut

EDGES = np.array([[0, 1], [0, 2], [1, 2]])
WEIGHTS = np.array([0.5, 0.25, 2.0])
MATRIX = np.array([[0, 0.5, 0.25], [0.5, 0, 2.0], [0.25, 2.0, 0]])


# ---- from features


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
@pytest.mark.parametrize("k", [1, 3, 10, 200])
@pytest.mark.parametrize("signed", [False, True])
def test_build_graph_is_the_reference(k: int, symmetrize: str, signed: bool) -> None:
    feats = features(80, 6, seed=k)
    if signed:  # opposite features have negative cosines
        feats = feats - feats.mean(axis=0)
    graph = build_graph(feats, n_neighbors=k, delta=0.3, symmetrize=symmetrize)
    expected = neighbor_graph(feats, k, 0.3, symmetrize)
    np.testing.assert_allclose(graph.toarray(), expected, rtol=1e-11, atol=1e-14)


def test_build_graph_returns_a_symmetric_csr_array() -> None:
    graph = build_graph(features(50, 4, 0))
    assert isinstance(graph, sp.csr_array)
    assert (graph.dtype, graph.shape) == (np.float64, (50, 50))
    assert abs(graph - graph.T).nnz == 0
    assert not graph.diagonal().any()
    assert graph.has_canonical_format


def test_mutual_neighbours_are_few_and_of_the_union() -> None:
    feats = features(100, 5, 1)
    mutual, union = (build_graph(feats, symmetrize=s).toarray() for s in ("mutual", "union"))
    assert (mutual > 0).sum(axis=1).max() <= 3
    assert (union > 0).sum(axis=1).max() > 3
    np.testing.assert_array_equal(mutual[mutual > 0], union[mutual > 0])


def test_weights_grow_with_delta() -> None:
    feats = features(40, 5, 2)
    one, five = (build_graph(feats, delta=d).toarray() for d in (1.0, 5.0))
    assert one.max() <= 1
    np.testing.assert_allclose(five, 5 * one, rtol=1e-15)


def test_nodes_without_others_have_no_edge() -> None:
    for n in (0, 1):
        assert build_graph(np.ones((n, 3))).shape == (n, n)


# ---- from the user

FORMS: dict[str, Any] = {
    "pair": (EDGES, WEIGHTS),
    "pair of lists": (EDGES.tolist(), WEIGHTS.tolist()),
    "either direction": (EDGES[:, ::-1], WEIGHTS),
    "any order": (EDGES[[2, 0, 1]], WEIGHTS[[2, 0, 1]]),
    "parallel edges": (np.tile(EDGES, (2, 1)), np.tile(WEIGHTS / 2, 2)),
    "unsigned edges": (EDGES.astype(np.uint64), WEIGHTS),
    "narrow edges": (EDGES.astype(np.int8), WEIGHTS.astype(np.float16)),
    "strided": (np.repeat(EDGES, 2, axis=0)[::2], np.repeat(WEIGHTS, 2)[::2]),
    "csr_array": sp.csr_array(MATRIX),
    "csc_array": sp.csc_array(MATRIX),
    "coo_array": sp.coo_array(MATRIX),
    "csr_matrix": sp.csr_matrix(MATRIX),
    "lil_array": sp.lil_array(MATRIX),
    "dok_array": sp.dok_array(MATRIX),
    "bsr_array": sp.bsr_array(MATRIX),
    "dia_array": sp.dia_array(MATRIX),
    "dense": MATRIX,
    "float32": sp.csr_array(MATRIX.astype(np.float32)),
    "duplicate entries": sp.coo_array(
        (np.tile(WEIGHTS / 2, 4), np.tile(np.concatenate([EDGES, EDGES[:, ::-1]]), (2, 1)).T),
        shape=(3, 3),
    ),
    "zeros stored": sp.csr_array((MATRIX.ravel(), np.tile(np.arange(3), 3), [0, 3, 6, 9])),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_same_graph(form: str) -> None:
    problem = make_problem(triangle().probs, graph=FORMS[form])
    np.testing.assert_array_equal(problem.edges, EDGES)
    np.testing.assert_array_equal(problem.weights, WEIGHTS)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64])
def test_graphs_of_ones(dtype: npt.DTypeLike) -> None:
    problem = make_problem(triangle().probs, graph=sp.csr_array((MATRIX > 0).astype(dtype)))
    assert problem.weights.tolist() == [1, 1, 1]


def test_directions_may_differ_by_rounding() -> None:
    matrix = MATRIX.copy()
    matrix[1, 0] *= 1 + 1e-12
    problem = make_problem(triangle().probs, graph=sp.csr_array(matrix))
    np.testing.assert_allclose(problem.weights, WEIGHTS, rtol=1e-11)


def test_the_users_matrix_is_left_alone() -> None:
    graph = FORMS["duplicate entries"].tocsr(copy=True)
    before = graph.data.copy(), graph.indices.copy(), graph.indptr.copy()
    make_problem(triangle().probs, graph=graph)
    for a, b in zip(before, (graph.data, graph.indices, graph.indptr), strict=True):
        np.testing.assert_array_equal(a, b)


def test_largest_weights_are_finite() -> None:
    largest = np.finfo(float).max
    graph = sp.csr_array(np.array([[0, largest], [largest, 0]]))
    assert make_problem(np.ones((2, 2)), graph=graph).weights.tolist() == [largest]


def test_components_are_those_of_the_graph() -> None:
    rng = np.random.default_rng(3)
    graph = sp.csr_array(sp.random(60, 60, density=0.01, random_state=rng))
    graph = graph + graph.T - sp.csr_array(sp.diags(2 * graph.diagonal()))
    result = multiway_cut(np.ones((60, 2)), graph=graph.tocsr())
    n_components, ids = connected_components(graph)
    assert result.n_components == n_components
    smallest = [np.flatnonzero(ids == t)[0] for t in range(n_components)]
    np.testing.assert_array_equal(result.component_ids, np.argsort(np.argsort(smallest))[ids])
