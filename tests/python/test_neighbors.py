"""Neighbours by every method: against brute force, with ties, copies, extreme norms, zero rows."""

from __future__ import annotations

import re

import numpy as np
import pytest
from instances import Floats, Ints, features
from reference import cosines, nearest

from liid_cut import NeighborTable, find_neighbors
from liid_cut.inputs import as_bytes

METHODS = ["exact", "auto", "certified", "pca", "torch:cpu", "faiss:Flat"]


def nearest_neighbors(feats: Floats, k: int, n_jobs: int | None = None) -> tuple[Ints, Floats]:
    table = find_neighbors(feats, k, neighbors="exact", n_jobs=n_jobs)
    return table.ids, table.similarities


def same_bits(a: NeighborTable, b: NeighborTable) -> bool:
    return a.ids.tobytes() == b.ids.tobytes() and (
        a.similarities.tobytes() == b.similarities.tobytes()
    )


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
    expected = nearest_neighbors(feats, 5, n_jobs=1)
    for n_jobs in (None, 2, 4):
        for a, b in zip(nearest_neighbors(feats, 5, n_jobs), expected, strict=True):
            assert a.tobytes() == b.tobytes()


def test_the_users_number_of_faiss_threads_is_restored() -> None:
    faiss = pytest.importorskip("faiss")
    before = faiss.omp_get_max_threads()
    find_neighbors(features(20, 4, 0), 3, neighbors="faiss:Flat", n_jobs=before + 1)
    assert faiss.omp_get_max_threads() == before


def test_permuted_rows_have_the_same_neighbours() -> None:
    feats = np.random.default_rng(10).normal(size=(200, 10))
    order = np.random.default_rng(11).permutation(200)
    ids, found = nearest_neighbors(feats, 4)
    moved_ids, moved = nearest_neighbors(feats[order], 4)
    np.testing.assert_array_equal(order[moved_ids], ids[order])
    assert moved.tobytes() == found[order].tobytes()


# ---- copies, near copies, and other hard cases for a search in single precision


def test_thousands_of_copies_have_the_first_as_neighbours() -> None:
    feats = np.random.default_rng(12).normal(size=(4000, 16))
    feats[500:] = feats[499]
    ids, found = nearest_neighbors(feats, 3)
    assert_rows_exact(feats, ids, found, np.r_[0:20, 495:505, 3000, 3999])
    np.testing.assert_array_equal(ids[3999], [499, 500, 501])
    np.testing.assert_array_equal(ids[500], [499, 501, 502])


def test_many_rows_on_one_ray() -> None:
    # Not equal entry by entry: cosines differ in the last bits, if at all.
    scales = np.random.default_rng(13).uniform(1, 3, (600, 1))
    feats = scales * np.random.default_rng(14).normal(size=(1, 24))
    ids, found = nearest_neighbors(feats, 4)
    assert (found > 1 - 1e-14).all()
    order = np.lexsort((ids, -found), axis=1)
    np.testing.assert_array_equal(order, np.tile(np.arange(4), (600, 1)))


def test_near_copies_are_told_apart_in_double() -> None:
    rng = np.random.default_rng(15)
    feats = 1 + 1e-7 * rng.normal(size=(700, 12))
    ids, found = nearest_neighbors(feats, 3)
    assert_rows_exact(feats, ids, found, np.arange(0, 700, 50))


def assert_rows_exact(feats: Floats, ids: Ints, found: Floats, rows: Ints) -> None:
    """Chosen rows against cosines in extended precision."""
    wide = feats.astype(np.longdouble)
    wide /= np.sqrt((wide**2).sum(axis=1, keepdims=True))
    for u in rows:
        similarity = np.asarray(wide @ wide[u], dtype=np.longdouble)
        assert u not in ids[u]
        np.testing.assert_allclose(found[u], similarity[ids[u]].astype(float), atol=1e-14)
        others = np.setdiff1d(np.arange(len(feats)), [u, *ids[u]])
        assert similarity[others].max() <= similarity[ids[u]].min() + 1e-14


@pytest.mark.parametrize("method", METHODS)
def test_every_method_agrees_on_clustered_features(method: str) -> None:
    if method.startswith("torch"):
        pytest.importorskip("torch")
    feats = features(700, 24, seed=16)
    table = find_neighbors(feats, 3, neighbors=method)
    assert same_bits(table, find_neighbors(feats, 3, neighbors="exact"))
    assert table.report["requested"] == method
    assert table.report["recall"] == 1
    assert table.report["warnings"] == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_every_method_copes_with_few_rows(method: str, n: int) -> None:
    if method.startswith("torch"):
        pytest.importorskip("torch")
    feats = np.random.default_rng(n).normal(size=(n, 3))
    table = find_neighbors(feats, 3, neighbors=method)
    assert same_bits(table, find_neighbors(feats, 3, neighbors="exact"))


# ---- zero rows


def test_zero_rows_are_named() -> None:
    feats = features(30, 4, 0)
    feats[[7, 20]] = 0
    with pytest.raises(ValueError, match=r"feats\[7\] is all zero.*zero_rows='isolate'"):
        find_neighbors(feats)


@pytest.mark.parametrize("method", ["exact", "faiss:Flat"])
def test_isolated_zero_rows_are_nobodys_neighbours(method: str) -> None:
    feats = features(60, 4, 1)
    zero = np.array([0, 31, 59])
    feats[zero] = 0
    table = find_neighbors(feats, 3, neighbors=method, zero_rows="isolate")
    rest = np.setdiff1d(np.arange(60), zero)
    expected = find_neighbors(feats[rest], 3)
    np.testing.assert_array_equal(table.ids[rest], rest[expected.ids])
    assert (table.ids[zero] == -1).all()
    assert np.isneginf(table.similarities[zero]).all()


def test_all_rows_zero() -> None:
    table = find_neighbors(np.zeros((5, 3)), 2, zero_rows="isolate")
    assert (table.ids == -1).all()


# ---- settings

BAD = {
    "neighbors": (
        {"neighbors": "best"},
        "neighbors is 'best'; it must be one of 'auto', 'exact', ",
    ),
    "no string": ({"neighbors": 3}, "neighbors is 3; it must be one of"),
    "recall 0": ({"target_recall": 0}, "target_recall is 0; it must be finite and > 0"),
    "recall 2": ({"target_recall": 2}, "target_recall is 2; it must be at most 1"),
    "memory": ({"max_memory": "much"}, "max_memory is 'much'; write it as '512 MiB' or '2 GB'"),
    "memory -1": ({"max_memory": -1}, "max_memory is -1; it must be an integer >= 1"),
    "memory 1": ({"max_memory": 1}, "max_memory is 1 bytes; lists of 9 rows with 3 neighbours and"),
    "zero_rows": ({"zero_rows": "drop"}, "zero_rows is 'drop'; it must be one of 'error', 'iso"),
    "groups": ({"groups": np.ones((8, 2), bool)}, "groups has shape (8, 2); it must be (9, m)"),
    "groups int": ({"groups": np.ones((9, 2), int)}, "groups has dtype int64; it must be bool"),
    "n_neighbors": ({"n_neighbors": 0}, "n_neighbors is 0; it must be an integer >= 1"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_settings(fault: str) -> None:
    settings, message = BAD[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        find_neighbors(features(9, 3, 0), **settings)


@pytest.mark.parametrize(
    ("text", "size"), [("1 KiB", 1024), ("2kB", 2000), ("1.5 GiB", 3 << 29), ("64000", 64000)]
)
def test_sizes_with_units(text: str, size: int) -> None:
    assert as_bytes("max_memory", text) == size
