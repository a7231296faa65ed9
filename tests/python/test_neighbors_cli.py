"""Neighbour settings on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instances import features, probabilities, triangle

from liid_cut import multiway_cut, tags_to_allowed
from liid_cut.cli import main
from liid_cut.npz import read_arrays

PROBS, FEATS = probabilities(200, 4, 0), features(200, 8, 1)
IDS, TAGS = np.arange(200) // 10, np.random.default_rng(2).random((20, 3)) < 0.4


@pytest.fixture
def problem(tmp_path: Path) -> str:
    path = tmp_path / "problem.npz"
    np.savez(path, probs=PROBS, feats=FEATS, image_ids=IDS, image_tags=TAGS)
    return str(path)


def test_settings_reach_the_search(problem: str, tmp_path: Path) -> None:
    output, folder = str(tmp_path / "out.npz"), tmp_path / "state"
    options = ["--neighbors", "exact", "--target-recall", "0.9", "--max-memory", "1 GiB"]
    options += ["--checkpoint", str(folder), "--shared-tags", "--delta", "0.5", "--quiet"]
    assert main(["solve", problem, "-o", output, *options]) == 0
    allowed = tags_to_allowed(IDS, TAGS)
    expected = multiway_cut(PROBS, FEATS, allowed=allowed, shared_tags=True, delta=0.5)
    np.testing.assert_array_equal(read_arrays(output)["edges"], expected.edges)
    assert (folder / "neighbors" / "table.ckpt").exists()
    # The same graph is built again, tags and all.
    assert main(["verify", problem, output]) == 0


@pytest.mark.parametrize(("option", "value"), [("--neighbors", "pca"), ("--max-memory", "1 GB")])
def test_settings_of_a_search_need_features(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "graph.npz"
    inst = triangle()
    np.savez(path, probs=inst.probs, edges=inst.edges, weights=inst.weights)
    assert main(["solve", str(path), "-o", str(tmp_path / "out.npz"), option, value]) != 0
    assert f"{option} builds a graph of feats, but" in capsys.readouterr().err


def test_a_wrong_method_is_an_error_message(
    problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.npz")
    assert main(["solve", problem, "-o", output, "--neighbors", "best"]) != 0
    assert "neighbors is 'best'; it must be one of 'auto', 'exact'" in capsys.readouterr().err
