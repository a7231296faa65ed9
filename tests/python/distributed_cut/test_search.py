"""The neighbour search as units: the tables of the search in one process, bit for bit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features

from liid_cut import RecallWarning, find_neighbors
from liid_cut.distributed import ranges
from liid_cut.distributed.inputs import as_matrix_source, measure_features
from liid_cut.distributed.neighbors import all_pairs, table_of
from liid_cut.distributed.neighbors import clusters as cluster_units
from liid_cut.distributed.run import LocalExecutor, Run
from liid_cut.neighbors import choice, clusters, projected, search_settings

FEATS = features(3000, 40, seed=1).astype(np.float16)


def assert_same_table(folder: Path, feats: Any, method: str, **options: Any) -> dict[str, Any]:
    """Search in both ways; returns the report."""
    groups = options.pop("groups", None)
    settings = {"neighbors": method, "target_recall": 0.9, "zero_rows": "error", **options}
    run = Run(folder, LocalExecutor(), keeps=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecallWarning)
        expected = find_neighbors(feats, 3, groups=groups, **settings)
        source = as_matrix_source(run, "feats", feats)
        lengths, prints, _ = measure_features(run, source)
        tags = None
        if groups is not None:  # column 0 is the background, which is no group
            tags = as_matrix_source(run, "tags", np.hstack([groups[:, :1], groups]).astype(float))
        table, report = table_of(
            run,
            run.store("neighbors", {}),
            source,
            tags,
            lengths,
            prints,
            3,
            search_settings(**{"max_memory": None, "checkpoint": None, "n_jobs": None} | settings),
        )
    assert table is not None
    n = len(feats)
    np.testing.assert_array_equal(table.ids.read(0, n), expected.ids)
    assert table.cosines.read(0, n).tobytes() == expected.similarities.tobytes()
    assert report == expected.report
    return report


@pytest.fixture
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several panels, ranges, blocks and shards of a small problem; clusters from 1000 rows on."""
    monkeypatch.setattr(all_pairs, "_MOST_TILES", 1)
    monkeypatch.setattr(ranges, "_UNIT_BYTES", 1)  # ranges of _MULTIPLE rows
    monkeypatch.setattr(ranges, "_MULTIPLE", 1 << 10)
    monkeypatch.setattr(projected, "RANKED_ROWS", 512)
    monkeypatch.setattr(projected, "CLUSTERS_FROM", 1000)
    monkeypatch.setattr(clusters, "ROWS_PER_JOB", 128)
    for module in (clusters, cluster_units):
        monkeypatch.setattr(module, "ROWS_PER_BLOCK", 700)
    monkeypatch.setattr(cluster_units, "ROWS_PER_JOB", 128)
    monkeypatch.setattr(cluster_units, "_SHARD_BYTES", 1 << 16)
    monkeypatch.setattr("liid_cut.distributed.neighbors.coordinates.RANKED_ROWS", 512)
    monkeypatch.setattr("liid_cut.distributed.neighbors.ranking._ROWS_OF_TABLE", 900)


@pytest.mark.usefixtures("_small_units")
@pytest.mark.parametrize("method", ["auto", "exact", "certified", "pca"])
def test_same_table(method: str, tmp_path: Path) -> None:
    report = assert_same_table(tmp_path, FEATS, method)
    assert ("clusters" in report["reason"]) == (method == "pca")


@pytest.mark.usefixtures("_small_units")
def test_same_table_of_all_pairs_of_coordinates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projected, "CLUSTERS_FROM", 10**6)
    report = assert_same_table(tmp_path, FEATS, "pca")
    assert report["method"] == "pca"
    assert "clusters" not in report["reason"]


@pytest.mark.usefixtures("_small_units")
@pytest.mark.parametrize("method", ["exact", "pca"])
def test_near_duplicates_are_searched_again(method: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    centres = features(60, 40, seed=3)[rng.integers(60, size=2500)]
    feats = (centres + 1e-5 * rng.standard_normal(centres.shape)).astype(np.float32)
    feats[700:720] = feats[3]  # copies, more than there are neighbours
    assert_same_table(tmp_path, feats, method)
    searched_again = list((tmp_path / "distributed" / "neighbors").glob("exact-uncertain-*"))
    assert bool(searched_again) == (method == "exact")


@pytest.mark.usefixtures("_small_units")
@pytest.mark.parametrize("method", ["exact", "pca"])
def test_groups_zero_rows_and_copies(method: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    feats = np.array(FEATS[:2000], dtype=np.float64)
    feats[[5, 600, 1999]] = 0
    feats[1000:1012] = feats[2]
    groups = rng.random((2000, 5)) < 0.4
    assert_same_table(tmp_path, feats, method, groups=groups, zero_rows="isolate")


@pytest.mark.usefixtures("_small_units")
def test_auto_tries_harder_and_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_EXACT_UP_TO", 1)
    monkeypatch.setattr(choice, "_CERTIFIED_UP_TO", 1)
    monkeypatch.setattr(projected, "cheapest_plan", lambda *arguments: (2, 1))
    report = assert_same_table(tmp_path, FEATS[:1200], "auto", target_recall=0.99)
    assert report["proven"]
    assert report["reason"].count("is below target") == 3


def test_fewer_rows_than_neighbours(tmp_path: Path) -> None:
    assert_same_table(tmp_path, FEATS[:3].astype(np.float64), "auto")


def test_little_memory_is_refused_as_in_one_process(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"max_memory is 1000 bytes; lists of 3000 rows"):
        find_neighbors(FEATS, 3, max_memory=1000)
    run = Run(tmp_path, LocalExecutor(), keeps=False)
    source = as_matrix_source(run, "feats", FEATS)
    lengths, prints, _ = measure_features(run, source)
    settings = search_settings(
        neighbors="auto",
        target_recall=0.9,
        max_memory=1000,
        checkpoint=None,
        zero_rows="error",
        n_jobs=None,
    )
    store = run.store("neighbors", {})
    with pytest.raises(ValueError, match=r"max_memory is 1000 bytes; lists of 3000 rows"):
        table_of(run, store, source, None, lengths, prints, 3, settings)
