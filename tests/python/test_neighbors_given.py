"""Neighbours from functions, FAISS factory strings, tables; one search for several deltas."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities

from liid_cut import NeighborTable, build_graph, find_neighbors, make_problem, multiway_cut
from liid_cut.neighbors import faiss_runtime

FEATS = features(120, 6, seed=1)
PROBS = probabilities(120, 4, 2)
TABLE = find_neighbors(FEATS, 5)


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
@pytest.mark.parametrize("delta", [0.1, 5.0])
def test_one_search_serves_every_delta(delta: float, symmetrize: str) -> None:
    expected = make_problem(PROBS, FEATS, delta=delta, symmetrize=symmetrize)
    for given in (TABLE, (TABLE.ids, TABLE.similarities)):
        problem = make_problem(PROBS, neighbors=given, delta=delta, symmetrize=symmetrize)
        np.testing.assert_array_equal(problem.edges, expected.edges)
        assert problem.weights.tobytes() == expected.weights.tobytes()
        graph = build_graph(neighbors=given, delta=delta, symmetrize=symmetrize)
        assert abs(graph - expected.graph).nnz == 0


def test_cut_of_a_table_says_where_it_is_from() -> None:
    result = multiway_cut(PROBS, neighbors=TABLE, delta=0.3)
    assert result.diagnostics["neighbors"] == TABLE.report
    pair = multiway_cut(PROBS, neighbors=(TABLE.ids, TABLE.similarities), delta=0.3)
    assert pair.diagnostics["neighbors"]["method"] == "given"
    assert pair.diagnostics["neighbors"]["recall"] is None
    assert pair.cost == result.cost


def test_rows_of_a_table_may_have_gaps_and_themselves() -> None:
    # 0 and 1 name each other; 2 names nobody else.
    ids = np.array([[0, 1, -1], [-1, 1, 0], [2, -1, -1]])
    similarities = np.array([[1, 0.5, np.nan], [np.inf, 1, 0.5], [1, 0, 0]])
    problem = make_problem(np.ones((3, 2)), neighbors=(ids, similarities), n_neighbors=1, delta=2)
    assert problem.edges.tolist() == [[0, 1]]
    assert problem.weights.tolist() == [1.0]


def test_preset_of_the_authors_takes_tables() -> None:
    expected = make_problem(PROBS, FEATS, preset="authors")
    problem = make_problem(PROBS, neighbors=TABLE, preset="authors")
    np.testing.assert_array_equal(problem.edges, expected.edges)
    np.testing.assert_array_equal(problem.weights, expected.weights)


@pytest.mark.parametrize("form", ["ids", "pair", "pair with self"])
def test_functions_give_candidates(form: str) -> None:
    def search(feats: Any, n_neighbors: int) -> Any:
        assert n_neighbors == 3
        similarity = feats @ feats.T / np.linalg.norm(feats, axis=1)
        if form != "pair with self":
            np.fill_diagonal(similarity, -np.inf)
        ids = np.argsort(-similarity, axis=1)[:, : n_neighbors + 2]
        return ids if form == "ids" else (ids, np.zeros(ids.shape))

    table = find_neighbors(FEATS, 3, neighbors=search)
    expected = find_neighbors(FEATS, 3)
    assert table.ids.tobytes() == expected.ids.tobytes()
    assert table.similarities.tobytes() == expected.similarities.tobytes()
    assert table.report["requested"] == "callable"
    assert table.report["recall"] == 1


def test_functions_and_zero_rows() -> None:
    feats = FEATS.copy()
    feats[[3, 50]] = 0
    everyone = np.tile(np.arange(120), (120, 1))
    table = find_neighbors(feats, 3, neighbors=lambda f, k: everyone, zero_rows="isolate")
    expected = find_neighbors(feats, 3, zero_rows="isolate")
    assert table.ids.tobytes() == expected.ids.tobytes()
    assert table.report["recall"] == 1


def test_functions_see_copies() -> None:
    feats = np.repeat(FEATS[:4], 30, axis=0)
    everyone = np.tile(np.arange(120), (120, 1))
    table = find_neighbors(feats, 3, neighbors=lambda f, k: everyone)
    assert table.ids.tobytes() == find_neighbors(feats, 3).ids.tobytes()


def ids_with(row: int, column: int, value: int) -> Any:
    ids = TABLE.ids.copy()
    ids[row, column] = value
    return ids


def similarities_with(row: int, column: int, value: float) -> Any:
    similarities = TABLE.similarities.copy()
    similarities[row, column] = value
    return similarities


BAD_PAIRS: dict[str, tuple[Any, str]] = {
    "three": ((TABLE.ids,) * 3, "neighbors is a tuple of 3; it must be (ids, similarities)"),
    "rows": ((TABLE.ids[:9], TABLE.similarities[:9]), "neighbors ids has shape (9, 5); it must be"),
    "1-d": ((np.arange(120), np.ones(120)), "neighbors ids has shape (120,); it must be (120, k)"),
    "shapes": (
        (TABLE.ids, TABLE.similarities[:, :2]),
        "neighbors similarities has shape (120, 2); ids needs (120, 5)",
    ),
    "float ids": (
        (TABLE.ids * 1.0, TABLE.similarities),
        "neighbors ids has dtype float64; it must",
    ),
    "text": (
        (TABLE.ids, TABLE.ids.astype(str)),
        "neighbors similarities has dtype <U21; it must be",
    ),
    "range": (
        (ids_with(4, 2, 120), TABLE.similarities),
        "neighbors ids[4, 2] is 120; rows are 0 to 119, negative: none",
    ),
    "nan": (
        (TABLE.ids, similarities_with(7, 1, np.nan)),
        "neighbors similarities[7, 1] is nan; it must be finite",
    ),
    "distances": (
        (TABLE.ids, similarities_with(7, 1, 1.5)),
        "neighbors similarities[7, 1] is 1.5; cosines are in [-1, 1]",
    ),
    "twice": (
        (ids_with(5, 1, TABLE.ids[5, 0]), TABLE.similarities),
        f"neighbors ids[5] is [{TABLE.ids[5, 0]}, {TABLE.ids[5, 0]}, ",
    ),
}


@pytest.mark.parametrize("fault", BAD_PAIRS)
def test_bad_tables(fault: str) -> None:
    pair, message = BAD_PAIRS[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        make_problem(PROBS, neighbors=pair)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.zeros((120, 3)), "neighbors() returned ids of shape (120, 3) and dtype float64; they"),
        (np.zeros((9, 3), int), "neighbors() returned ids of shape (9, 3) and dtype int64; they"),
        (np.full((120, 3), 120), "neighbors() returned ids[0, 0] = 120; rows are 0 to 119"),
    ],
)
def test_bad_answers_of_functions(found: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        find_neighbors(FEATS, 3, neighbors=lambda feats, k: found)


def test_tables_come_without_features() -> None:
    with pytest.raises(ValueError, match="neighbors is a table: leave feats and graph out"):
        make_problem(PROBS, FEATS, neighbors=TABLE)
    with pytest.raises(ValueError, match="feats and a table of neighbors are both given"):
        build_graph(FEATS, neighbors=TABLE)
    with pytest.raises(ValueError, match="feats: none given; needed unless neighbors is a table"):
        build_graph()


def test_an_empty_table_is_a_graph_without_edges() -> None:
    table = NeighborTable(np.empty((4, 0), dtype=np.int64), np.empty((4, 0)))
    assert build_graph(neighbors=table).nnz == 0


# ---- FAISS


@pytest.mark.parametrize(
    ("neighbors", "message"),
    [
        ("faiss:Nonsense", "neighbors is 'faiss:Nonsense'; FAISS makes no index of it"),
        ("faiss:IVF4,Flat;n=1", "neighbors is 'faiss:IVF4,Flat;n=1'; FAISS makes no index of it"),
        ("faiss:IVF900,Flat", "neighbors is 'faiss:IVF900,Flat': "),
    ],
)
def test_bad_factory_strings(neighbors: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        find_neighbors(FEATS, 3, neighbors=neighbors)


def library(name: str, architecture: str) -> dict[str, str]:
    return {
        "internal_api": "openblas",
        "filepath": f"/site-packages/{name}.libs/libopenblas.so",
        "architecture": architecture,
    }


@pytest.mark.parametrize(
    ("numpy_says", "faiss_says", "remedy"),
    [
        ("SkylakeX", "Prescott", "OPENBLAS_CORETYPE=SkylakeX"),
        ("Zen", "Barcelona", "OPENBLAS_CORETYPE=Haswell"),
        ("Haswell", "Haswell", None),
        ("Prescott", "Prescott", None),  # it is an old CPU
    ],
)
def test_slow_blas_of_faiss(
    numpy_says: str, faiss_says: str, remedy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = [library("numpy", numpy_says), library("faiss_cpu", faiss_says)]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: libraries)
    problem = faiss_runtime.slow_blas()
    assert (problem is None) == (remedy is None)
    if problem is not None and remedy is not None:
        assert remedy in problem


def test_slow_blas_is_said_once_and_stands_in_every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_runtime, "_warned", False)
    monkeypatch.setattr(faiss_runtime, "slow_blas", lambda: "FAISS's BLAS is slow")
    with pytest.warns(RuntimeWarning, match="FAISS's BLAS is slow"):
        first = find_neighbors(FEATS, 3, neighbors="faiss:Flat")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = find_neighbors(FEATS, 3, neighbors="faiss:Flat")
    assert first.report["reason"] == "FAISS index 'Flat'; FAISS's BLAS is slow"
    assert second.report["reason"] == first.report["reason"]
