"""Cuts of graphs of features: random image tags, rows, and the exit code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instances import features, probabilities

from benchmarks import feature_graphs, records
from benchmarks.feature_graphs import PER_IMAGE, random_tags

TABLE = np.eye(4, dtype=bool)[np.arange(12) % 4] | (np.arange(4) == 0)  # one tag, or two


def test_tags_are_those_of_images_and_labels() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 200)
    allowed = random_tags(labels, 6, TABLE)
    assert allowed.shape == (200, 6)
    assert allowed[:, 0].all()
    kinds, counts = np.unique(allowed, axis=0, return_counts=True)
    assert np.all(counts % PER_IMAGE == 0)
    assert set(np.unique(kinds[:, 1:].sum(axis=1))) <= {1, 2}
    # A tag is the label of at least one row of its image.
    for kind in kinds:
        members = (allowed == kind).all(axis=1)
        assert set(np.flatnonzero(kind[1:]) + 1) <= set(labels[members])
    np.testing.assert_array_equal(allowed, random_tags(labels, 6, TABLE))
    assert not np.array_equal(allowed, random_tags(labels, 6, TABLE, seed=1))


def test_all_instances_are_solved_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.random.default_rng(1).integers(0, 4, 60)
    np.savez(
        tmp_path / "data.npz",
        feats=features(60, 8, seed=0),
        labels=labels,
        probs_few=probabilities(60, 4, seed=0),
    )
    np.savez(tmp_path / "tags.npz", tags=TABLE)
    out = tmp_path / "out.json"
    arguments = [str(tmp_path / "data.npz"), "--tags", str(tmp_path / "tags.npz")]
    assert feature_graphs.main([*arguments, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "All labels: 30 of 30 proven optimal, 30 verified" in printed
    assert "Image tags: 30 of 30 proven optimal, 30 verified" in printed
    found = records.read(out)["data"]["rows"]
    for row in found:  # fewer labels cannot be cheaper
        assert row["tagged"]["cost"] >= row["free"]["cost"] - 1e-9
    assert feature_graphs.main([*arguments[:1], "--only", "union-10-5-"]) == 0
    assert "1 of 1 proven" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        feature_graphs.main([*arguments[:1], "--only", "nothing"])
