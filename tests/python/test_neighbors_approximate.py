"""Searches without proof: recall is measured, targets are kept or the miss is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from instances import Floats, features
from scipy.stats import binom

from liid_cut import RecallWarning, find_neighbors, multiway_cut
from liid_cut.neighbors import choice, clusters, projected, recall
from liid_cut.neighbors.recall import recall_of

RNG = np.random.default_rng(0)
FEATS = RNG.normal(size=(3000, 48)) * np.arange(1, 49) ** -0.5
EXACT = find_neighbors(FEATS, 3, neighbors="exact")


def true_recall(ids: Any) -> float:
    hits = (EXACT.ids[:, :, None] == ids[:, None, :]).any(axis=2)
    return float(hits.mean())


@pytest.fixture
def many_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 3,000 rows were very many."""
    monkeypatch.setattr(projected, "CLUSTERS_FROM", 1000)
    monkeypatch.setattr(clusters, "_ROWS_PER_CLUSTER", 60)
    monkeypatch.setattr(clusters, "ROWS_PER_BLOCK", 700)
    monkeypatch.setattr(clusters, "ROWS_PER_JOB", 128)


def assert_measured(table: Any, target: float) -> None:
    report = table.report
    assert report["proven"] is False
    assert report["recall"] >= target
    low, high = report["recall_interval"]
    assert low <= report["recall"] <= high
    # The sample's interval, of 95 %, and the truth about all rows.
    assert low - 0.01 <= true_recall(table.ids) <= high + 0.01


@pytest.mark.parametrize("target", [0.9, 0.999])
def test_pca_reaches_its_target(target: float) -> None:
    table = find_neighbors(FEATS, 3, neighbors="pca", target_recall=target)
    assert table.report["method"] == "pca"
    assert_measured(table, target)


@pytest.mark.usefixtures("many_clusters")
@pytest.mark.parametrize("target", [0.9, 0.99])
def test_clusters_reach_their_target(target: float) -> None:
    table = find_neighbors(FEATS, 3, neighbors="pca", target_recall=target)
    assert "of 50 clusters" in table.report["reason"]
    assert_measured(table, target)


@pytest.mark.usefixtures("many_clusters")
def test_clusters_give_the_same_bits_for_any_number_of_threads() -> None:
    one, three = (find_neighbors(FEATS, 3, neighbors="pca", n_jobs=n) for n in (1, 3))
    assert one.ids.tobytes() == three.ids.tobytes()
    assert one.similarities.tobytes() == three.similarities.tobytes()


@pytest.mark.parametrize("method", ["pca", "faiss:IVF40,Flat;nprobe=4", "faiss:HNSW8"])
def test_approximate_methods_give_the_same_bits_for_any_number_of_threads(method: str) -> None:
    one, three = (
        find_neighbors(FEATS, 3, neighbors=method, n_jobs=n, target_recall=0.3) for n in (1, 3)
    )
    assert one.ids.tobytes() == three.ids.tobytes()


def test_similarities_are_the_cosines_in_double() -> None:
    table = find_neighbors(FEATS, 3, neighbors="faiss:PCA16,Flat", target_recall=0.5)
    unit = FEATS / np.linalg.norm(FEATS, axis=1, keepdims=True)
    expected = np.einsum("ijk,ik->ij", unit[table.ids], unit)
    np.testing.assert_allclose(table.similarities, expected, atol=1e-14)


def test_recall_below_target_is_reported() -> None:
    with pytest.warns(RecallWarning, match=r"below target_recall=0.999; neighbors='auto'"):
        table = find_neighbors(FEATS, 3, neighbors="faiss:IVF100,Flat;nprobe=1")
    assert table.report["recall"] < 0.999
    (sentence,) = table.report["warnings"]
    assert sentence.startswith("recall of the neighbour search is 0.")


def test_recall_below_target_is_among_the_results_warnings() -> None:
    probs = np.full((3000, 2), 0.5)
    with pytest.warns(RecallWarning):
        result = multiway_cut(probs, FEATS, neighbors="faiss:IVF100,Flat;nprobe=1")
    assert result.diagnostics["warnings"][0].startswith("recall of the neighbour search is 0.")
    assert result.diagnostics["neighbors"]["method"] == "faiss:IVF100,Flat;nprobe=1"


# ---- "auto"


def force_auto(monkeypatch: pytest.MonkeyPatch, exact: float, certified: float) -> None:
    monkeypatch.setattr(choice, "_EXACT_UP_TO", exact)
    monkeypatch.setattr(choice, "_CERTIFIED_UP_TO", certified)


def test_auto_is_exact_for_few_rows() -> None:
    table = find_neighbors(FEATS, 3)
    assert table.report["method"] == "exact"
    assert table.report["reason"] == "all pairs are few enough to compare"
    assert table.report["proven"] is True


def test_auto_tries_the_certified_search_next(monkeypatch: pytest.MonkeyPatch) -> None:
    force_auto(monkeypatch, 1e6, 1e12)
    feats = RNG.normal(size=(5000, 512)) * np.arange(1, 513) ** -1.0
    table = find_neighbors(feats, 3)
    assert table.report["method"] == "certified"
    expected = find_neighbors(feats, 3, neighbors="exact")
    assert table.ids.tobytes() == expected.ids.tobytes()


def test_auto_measures_what_it_cannot_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    force_auto(monkeypatch, 1e6, 1e6)
    table = find_neighbors(FEATS, 3)
    assert table.report["method"] == "pca"
    assert "3000 x 48 is much for all pairs" in table.report["reason"]
    assert_measured(table, 0.999)


def test_auto_falls_back_to_an_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    force_auto(monkeypatch, 1e6, 1e6)
    # A plan that is far too cheap, and grows by at most a factor of 4.
    monkeypatch.setattr(projected, "cheapest_plan", lambda *arguments: (2, 1))
    table = find_neighbors(FEATS, 3)
    assert table.report["reason"].count("is below target") == 3
    assert "fell back" in table.report["reason"]
    assert (table.report["method"], table.report["recall"]) == ("exact", 1.0)
    assert table.ids.tobytes() == EXACT.ids.tobytes()


# ---- recall


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (10, 10), (2995, 3000), (1, 2)])
def test_interval_is_that_of_clopper_and_pearson(hits: int, total: int) -> None:
    measured = recall_of(hits, total, 1)
    low, high = measured.interval
    assert measured.value == hits / total
    if hits > 0:  # at the lower end, so many hits have probability .025
        assert binom.sf(hits - 1, total, low) == pytest.approx(0.025)
    if hits < total:
        assert binom.cdf(hits, total, high) == pytest.approx(0.025)


def test_recall_counts_exactly_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "_SAMPLE", 3000)

    def every_third_lacks_its_nearest(feats: Floats, k: int) -> Any:
        ids = EXACT.ids.copy()
        ids[::3, 0] = -1
        return ids

    # Each candidate counts for both ends: what u lacks, its neighbour may still bring.
    with pytest.warns(RecallWarning):
        table = find_neighbors(FEATS, 3, neighbors=every_third_lacks_its_nearest)
    assert table.report["recall"] == pytest.approx(true_recall(table.ids))
    assert 0.85 < table.report["recall"] < 0.999
    assert table.report["recall_queries"] == 3000


def test_features_of_pca_may_be_few_columns() -> None:
    feats = features(900, 5, seed=3)
    table = find_neighbors(feats, 3, neighbors="pca")
    expected = find_neighbors(feats, 3, neighbors="exact")
    assert (table.ids == expected.ids).mean() > 0.999
