"""The command line: exit codes, output for people and programs, progress."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import triangle

from liid_cut import multiway_cut
from liid_cut.cli import main
from liid_cut.commands import solve as solve_command
from liid_cut.files import ProblemFile, read_problem, read_result, write_problem
from liid_cut.npz import read_arrays


@pytest.fixture
def feats_file(tmp_path: Path) -> str:
    """Forty nodes with features around three directions, three labels."""
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=40)
    probs = rng.random((40, 3)) + 0.5 * np.eye(3)[kind]
    feats = 4 * np.eye(3)[kind] + rng.random((40, 3))
    path = tmp_path / "problem.npz"
    np.savez(path, probs=probs, feats=feats)
    return str(path)


def test_solve_then_verify(
    feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.npz")
    assert main(["solve", feats_file, "-o", output, "--delta", "0.5", "--n-neighbors", "4"]) == 0
    report = capsys.readouterr()
    assert "status       optimal" in report.out
    assert output in report.out
    assert report.err == ""

    problem = read_problem(feats_file)
    expected = multiway_cut(problem.probs, problem.feats, delta=0.5, n_neighbors=4)
    np.testing.assert_array_equal(read_arrays(output)["labels"], expected.labels)

    assert main(["verify", feats_file, output]) == 0
    assert "certified" in capsys.readouterr().out


def test_json_is_all_there_is(
    feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.npz")
    assert (
        main(["solve", feats_file, "-o", output, "--json", "--method", "ckr", "--jobs", "1"]) == 0
    )
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert captured.out.count("\n") == 1
    assert captured.err == ""
    assert facts["status"] == "optimal"
    assert facts["output"] == output
    assert facts["n"] == 40
    assert facts["gap"] == facts["cost"] - facts["lower_bound"]
    assert {"n_components", "timings", "warnings"} <= set(facts)

    assert main(["verify", feats_file, output, "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["verified"]
    assert checked["optimal"]
    assert checked["problems"] == []
    assert checked["cost"] == pytest.approx(facts["cost"])


def test_quiet_says_nothing(
    feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", feats_file, "-o", str(tmp_path / "out.npz"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("preset", ["paper", "authors"])
def test_tags_and_presets(feats_file: str, tmp_path: Path, preset: str) -> None:
    arrays: dict[str, Any] = read_arrays(feats_file)
    tags = np.array([[True, False], [False, True]])
    ids = np.arange(40) % 2
    np.savez(feats_file, **arrays, image_ids=ids, image_tags=tags)
    output = str(tmp_path / "out.npz")
    assert main(["solve", feats_file, "-o", output, "--preset", preset, "--quiet"]) == 0
    assert (read_result(output).labels != 2 - ids).all()  # the tag that the image lacks
    assert main(["verify", feats_file, output]) == 0


def test_verify_rejects_what_was_altered(
    feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.npz"
    assert main(["solve", feats_file, "-o", str(output), "--quiet"]) == 0
    arrays: dict[str, Any] = read_arrays(output)
    arrays["labels"][:] = arrays["cut_labels"][:] = (arrays["labels"] + 1) % 3
    np.savez(output, **arrays)
    assert main(["verify", feats_file, str(output)]) == 1
    report = capsys.readouterr().out
    assert report.startswith("NOT VERIFIED\n  cost is claimed to be")


def test_verify_builds_the_graph_again(
    feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.npz")
    assert main(["solve", feats_file, "-o", output, "--quiet"]) == 0
    arrays = read_arrays(feats_file)
    np.savez(feats_file, probs=arrays["probs"], feats=arrays["feats"][::-1])
    assert main(["verify", feats_file, output]) == 1
    assert "the result belongs to another graph" in capsys.readouterr().out
    assert main(["verify", feats_file, output, "--trust-graph"]) == 0
    assert "not checked" in capsys.readouterr().out


def test_ctrl_c_before_the_cut(
    feats_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*arguments: Any, **settings: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(solve_command, "multiway_cut", interrupt)
    assert main(["solve", feats_file, "-o", str(tmp_path / "out.npz")]) == 130
    assert capsys.readouterr().err == "liid-cut: interrupted before there was a result\n"
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("terminal", "options", "shown"),
    [(True, [], True), (False, [], None), (True, ["--quiet"], None), (True, ["--json"], None)],
)
def test_progress_bar_only_at_a_terminal(
    feats_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    options: list[str],
    shown: bool | None,
) -> None:
    seen: list[Any] = []

    def cut(*arguments: Any, progress: Any, **settings: Any) -> Any:
        seen.append(progress)
        return multiway_cut(*arguments, **settings)

    monkeypatch.setattr(solve_command, "multiway_cut", cut)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert main(["solve", feats_file, "-o", str(tmp_path / "out.npz"), *options]) == 0
    assert seen == [shown]


@pytest.mark.parametrize("command", [[], ["solve"], ["verify"], ["demo"]])
def test_help_documents_exit_codes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    text = capsys.readouterr().out
    assert "example" in text
    assert "130  interrupted" in text


@pytest.mark.parametrize("options", [[], ["--delta", "auto"], ["--preset", "paper"]])
def test_delta_that_was_chosen(
    feats_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    output = str(tmp_path / "out.npz")
    assert main(["solve", feats_file, "-o", output, "--json", *options]) == 0
    problem = read_problem(feats_file)
    settings = {"preset": "paper"} if "--preset" in options else {}
    expected = multiway_cut(problem.probs, problem.feats, **settings)
    facts = json.loads(capsys.readouterr().out)
    assert facts["delta"] == expected.delta
    np.testing.assert_array_equal(read_arrays(output)["labels"], expected.labels)
    assert main(["verify", feats_file, output]) == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--terminal-weights", "log"],
        ["--terminal-weights", "log", "--temperature", "2", "--delta", "0.3"],
        ["--edge-weights", "local", "--n-neighbors", "5"],
        ["--edge-weights", "clip", "--symmetrize", "union"],
    ],
)
def test_weight_options(feats_file: str, tmp_path: Path, options: list[str]) -> None:
    output = str(tmp_path / "out.npz")
    assert main(["solve", feats_file, "-o", output, "--quiet", *options]) == 0
    assert main(["verify", feats_file, output]) == 0


def test_delta_of_a_given_graph(tmp_path: Path) -> None:
    inst, path, output = triangle(), str(tmp_path / "in.npz"), str(tmp_path / "out.npz")
    write_problem(path, ProblemFile(inst.probs, edges=inst.edges, weights=inst.weights))
    for delta in ("auto", "0.25"):
        assert main(["solve", path, "-o", output, "--quiet", "--delta", delta]) == 0
        assert main(["verify", path, output]) == 0
