"""``liid-cut plan``: output for people and programs, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liid_cut.cli import main
from liid_cut.planning import read_costs
from liid_cut.planning.costs import PACKAGED

SIZES = ["plan", "--n", "200000", "--d", "256", "--labels", "21", "--costs", str(PACKAGED)]


def test_a_plan_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SIZES, "--memory", "24 GiB", "--cores-per-worker", "2"]) == 0
    told = capsys.readouterr().out
    assert "problem      200,000 nodes x 256 float32 features (195 MiB), 21 labels" in told
    assert "machines     one process, with 2 cores and 24 GiB" in told
    assert "neighbours   exact; auto: " in told
    for stage in ("read", "neighbors", "graph", "delta", "components", "solve", "write", "all"):
        assert f"\n{stage} " in told
    assert "fits         yes: " in told
    assert "bottleneck   neighbors: all pairs multiplied" in told
    assert f"costs        measured {read_costs(PACKAGED).date} on" in told


def test_a_plan_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SIZES, "--memory", "100 MB", "--cores-per-worker", "2", "--json"]) == 3
    facts = json.loads(capsys.readouterr().out)
    assert facts["fits"] is False
    assert facts["method"] == "exact"
    assert facts["settings"]["memory"] == 100_000_000
    assert len(facts["stages"]) == 7
    assert facts["cpu_s"] > 0


def test_calibration_leaves_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from liid_cut.planning import calibration

    whole = calibration.calibrate
    monkeypatch.setattr(calibration, "calibrate", lambda: whole(scale=0.02))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["plan", "--calibrate"]) == 0
    path = tmp_path / "liid-cut" / "costs.json"
    assert f"written      {path}" in capsys.readouterr().out
    measured = read_costs()
    assert measured == read_costs(path)
    assert measured.seconds != read_costs(PACKAGED).seconds


def test_wrong_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["plan", "--n", "3"]) == 2
    assert "--n, --d and --labels are needed, or --calibrate" in capsys.readouterr().err
    assert main([*SIZES, "--delta", "large"]) == 2
    assert "--delta is 'large'; it must be auto or a number" in capsys.readouterr().err
    assert main([*SIZES[:-1], str(tmp_path / "nowhere")]) == 2
    assert "nowhere: No such file" in capsys.readouterr().err
