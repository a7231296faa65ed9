"""Mistakes on the command line: exit code 2, one line that says what is wrong, no traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut.cli import main
from liid_cut.npz import read_arrays


@pytest.fixture
def feats_file(tmp_path: Path) -> str:
    """Forty nodes with random features, three labels."""
    rng = np.random.default_rng(0)
    path = tmp_path / "problem.npz"
    np.savez(path, probs=rng.random((40, 3)), feats=rng.random((40, 3)))
    return str(path)


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error of a command that ends with exit code 2."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    prefix, message = captured.err.split("liid-cut: error: ")
    assert prefix == ""
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tls", "a", "b", "c"], "--tls is of a scheduler; name it with --scheduler ADDRESS"),
        (["--delta", "-1"], "delta is -1.0; it must be finite and >= 0"),
        (["--n-neighbors", "0"], "n_neighbors is 0; it must be an integer >= 1"),
        (["--time-limit", "0"], "time_limit is 0.0; it must be finite and > 0"),
        (["--jobs", "0"], "n_jobs is 0; it must be an integer from 1 to 32768"),
        (["--preset", "authors", "--delta", "2"], "preset 'authors' has no delta"),
    ],
)
def test_bad_settings(
    feats_file: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    output = tmp_path / "out.npz"
    assert message in fails(capsys, "solve", feats_file, "-o", str(output), *options)
    assert not output.exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"probs": np.ones(3)}, "probs has shape (3,); it must be 2-dimensional"),
        ({"probs": np.ones((5, 3))}, "feats has 40 rows but probs has 5"),
        ({"probs": np.full((40, 3), np.nan)}, "probs[0, 0] is nan"),
        ({"allowed": np.ones((40, 2), bool)}, "allowed has shape (40, 2)"),
        ({"allowed": np.zeros((40, 3), bool)}, "allowed[0] allows no label"),
        ({"feats": np.zeros((40, 2))}, "feats[0] is all zero"),
    ],
)
def test_bad_arrays(
    feats_file: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Any],
    message: str,
) -> None:
    changed: dict[str, Any] = read_arrays(feats_file) | arrays
    np.savez(feats_file, **changed)
    assert message in fails(capsys, "solve", feats_file, "-o", str(tmp_path / "out.npz"))


def test_bad_files(feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "out.npz")
    missing = str(tmp_path / "missing.npz")
    message = fails(capsys, "solve", missing, "-o", output)
    assert message == f"{missing}: No such file or directory\n"
    message = fails(capsys, "solve", str(tmp_path), "-o", output)
    assert message == f"{tmp_path}: a folder needs --local-cluster or --scheduler\n"
    message = fails(capsys, "solve", feats_file, "-o", str(tmp_path / "no" / "out.npz"))
    assert "no such folder" in message
    message = fails(capsys, "verify", feats_file, feats_file)
    assert "facts, labels, cut_labels" in message
    assert "found probs, feats" in message


def test_output_never_replaces_the_input(
    feats_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(feats_file).read_bytes()
    message = fails(capsys, "solve", feats_file, "-o", feats_file)
    assert "the output would overwrite the input" in message
    assert Path(feats_file).read_bytes() == before


def test_graph_settings_need_feats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph_file = str(tmp_path / "graph.npz")
    np.savez(graph_file, probs=np.ones((2, 2)), edges=[[0, 1]], weights=[1.0])
    output = str(tmp_path / "out.npz")
    message = fails(capsys, "solve", graph_file, "-o", output, "--n-neighbors", "5")
    assert "--n-neighbors builds a graph of feats, but" in message


@pytest.mark.parametrize(
    "arguments", [[], ["cut"], ["solve"], ["solve", "in.npz", "--method", "x"]]
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error:" in capsys.readouterr().err


def test_a_package_of_the_dask_extra_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "in").mkdir()
    for name in ("probs", "feats"):
        np.save(tmp_path / "in" / f"{name}.npy", np.ones((4, 3)))
    monkeypatch.setitem(sys.modules, "zarr", None)
    output = str(tmp_path / "x.zarr")
    assert main(["solve", str(tmp_path / "in"), "-o", output, "--local-cluster", "2"]) == 2
    assert "pip install 'liid-cut[dask]'" in capsys.readouterr().err
