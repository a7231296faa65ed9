"""Exact neighbours: against brute force in double, with ties, duplicates and extreme norms."""

from __future__ import annotations

import numpy as np
import pytest
from instances import Floats, Ints, features
from reference import cosines, nearest

from liid_cut import find_neighbors


def nearest_neighbors(feats, k, n_threads=0):
    table = find_neighbors(feats, k, n_jobs=n_threads or None)
    return table.ids, table.similarities


def assert_exact(feats: Floats, k: int, ids: Ints, found: Floats) -> None:
    """Nobody left out is nearer than who was found, up to the last bits of a cosine."""
    n = len(feats)
    similarity = cosines(feats)
    assert ids.shape == found.shape == (n, min(k, n - 1))
    np.testing.assert_allclose(found, np.take_along_axis(similarity, ids, axis=1), atol=1e-12)
    for u in range(n):
        assert len({u, *ids[u]}) == len(ids[u]) + 1  # distinct, and not the node itself
        order = np.lexsort((ids[u], -found[u]))
        np.testing.assert_array_equal(order, np.arange(len(order)))
        others = np.setdiff1d(np.arange(n), [u, *ids[u]])
        assert (similarity[u, others] <= found[u, -1] + 1e-12).all()
        # Rows that are equal entry for entry have the same cosine to the bit: index decides.
        for v in others:
            same = (feats[ids[u]] == feats[v]).all(axis=1)
            assert (ids[u][same] < v).all()


RNG = np.random.default_rng(0)
CASES: dict[str, Floats] = {
    "clustered": features(150, 16, seed=1),
    "signed": RNG.normal(size=(120, 7)),
    "one dimension": RNG.normal(size=(40, 1)),
    "two dimensions": RNG.normal(size=(150, 2)),
    "integers": RNG.integers(-2, 3, (150, 3)) + np.array([0, 0, 0.5]),
    "small integers": RNG.integers(1, 3, (100, 4)).astype(float),
    "duplicated rows": np.repeat(RNG.normal(size=(12, 5)), 10, axis=0)[RNG.permutation(120)],
    "all equal": np.full((60, 5), 0.1),
    "opposite": np.outer(np.where(np.arange(60) % 2, 1.0, -1.0), np.arange(1.0, 6.0)),
    "nearly equal": 1 + 1e-9 * RNG.random((100, 8)),
    "norms up to 1e300": RNG.normal(size=(80, 6)) * 10.0 ** RNG.integers(290, 301, (80, 1)),
    "norms down to 1e-300": RNG.normal(size=(80, 6)) * 10.0 ** RNG.integers(-300, -290, (80, 1)),
    "norms of all sizes": RNG.normal(size=(80, 6)) * 10.0 ** RNG.integers(-300, 300, (80, 1)),
    "entries of all sizes": RNG.normal(size=(80, 6)) * 10.0 ** RNG.integers(-150, 150, (80, 6)),
    "sparse": RNG.random((100, 50)) * (RNG.random((100, 50)) < 0.03) + np.eye(100, 50) + 1e-3,
}


@pytest.mark.parametrize("k", [1, 3, 30])
@pytest.mark.parametrize("case", CASES)
def test_neighbours_are_exact(case: str, k: int) -> None:
    ids, found = nearest_neighbors(CASES[case], k)
    assert_exact(CASES[case], k, ids, found)


@pytest.mark.parametrize("k", [1, 3, 10, 200])
@pytest.mark.parametrize("d", [4, 16, 64])
def test_ties_go_to_the_lower_index(d: int, k: int) -> None:
    # Entries -1 and 1, norms 2, 4 and 8: cosines are exact in any arithmetic, and most are tied.
    feats = np.random.default_rng(d).choice([-1.0, 1.0], (150, d))
    ids, found = nearest_neighbors(feats, k)
    similarity = feats @ feats.T / d
    np.testing.assert_array_equal(ids, nearest(similarity, k))
    np.testing.assert_array_equal(found, np.take_along_axis(similarity, ids, axis=1))


def test_ties_do_not_depend_on_the_scale_of_rows() -> None:
    feats = np.random.default_rng(5).choice([-1.0, 1.0], (150, 16))
    scales = 2.0 ** np.random.default_rng(6).integers(-500, 500, (150, 1))
    ids, _ = nearest_neighbors(feats * scales, 5)
    np.testing.assert_array_equal(ids, nearest_neighbors(feats, 5)[0])


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("k", [1, 3, 4, 100])
def test_few_rows(n: int, k: int) -> None:
    feats = np.random.default_rng(n).normal(size=(n, 3))
    ids, found = nearest_neighbors(feats, k)
    assert ids.shape == found.shape == (n, min(k, max(n - 1, 0)))
    if n > 0:
        np.testing.assert_array_equal(ids, nearest(cosines(feats), k))


def test_more_rows_than_fit_one_block() -> None:
    feats = np.random.default_rng(7).normal(size=(5000, 8))
    ids, found = nearest_neighbors(feats, 3)
    rows = np.random.default_rng(8).choice(5000, 200, replace=False)
    similarity = cosines(feats)[rows]
    similarity[np.arange(200), rows] = -np.inf
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(ids[rows], order)
    np.testing.assert_allclose(found[rows], np.take_along_axis(similarity, order, axis=1))


def test_same_bits_for_any_number_of_threads() -> None:
    feats = features(400, 32, seed=9).astype(np.float32)
    expected = nearest_neighbors(feats, 5, n_threads=1)
    for n_threads in (0, 2, 4):
        for a, b in zip(nearest_neighbors(feats, 5, n_threads), expected, strict=True):
            assert a.tobytes() == b.tobytes()


def test_the_users_number_of_faiss_threads_is_restored() -> None:
    faiss = pytest.importorskip("faiss")
    before = faiss.omp_get_max_threads()
    nearest_neighbors(features(20, 4, 0), 3, n_threads=before + 1)
    assert faiss.omp_get_max_threads() == before


def test_permuted_rows_have_the_same_neighbours() -> None:
    feats = np.random.default_rng(10).normal(size=(200, 10))
    order = np.random.default_rng(11).permutation(200)
    ids, found = nearest_neighbors(feats, 4)
    moved_ids, moved = nearest_neighbors(feats[order], 4)
    np.testing.assert_array_equal(order[moved_ids], ids[order])
    assert moved.tobytes() == found[order].tobytes()
