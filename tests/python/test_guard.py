"""The guard against slow-downs: what it lets pass, and two runs of one install."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from benchmarks import guard
from benchmarks.guard import fastest, judge
from benchmarks.runner import Measurement


def run(cpu_s: float | None, **fields: Any) -> Measurement:
    known = {"status": "proved", "proved": True, "cost": 4.0}
    return Measurement(
        **(known | {"peer": "liid-auto", "time_limit_s": 5.0, "cpu_s": cpu_s} | fields)
    )


def test_equal_times_pass() -> None:
    text, wrong = judge({"a": (run(1.0), run(1.2)), "b": (run(1.0), run(0.9))}, 1.25)
    assert wrong == []
    assert "| a " in text
    assert text.splitlines()[-1].split("|")[-2].strip() == "1.04"


@pytest.mark.parametrize(
    ("base", "here", "message"),
    [
        (run(1.0), run(1.3), "a: 1.30 times slower"),
        (run(1.0), run(1.0, cost=5.0), "4.0 and 5.0 are both proved"),
        (run(1.0), run(1.0, proved=False), "no longer proved"),
    ],
)
def test_faults_are_named(base: Measurement, here: Measurement, message: str) -> None:
    others = {name: (run(1.0), run(1.0)) for name in "bcd"}
    _, wrong = judge({"a": (base, here), **others}, 1.25)
    assert len(wrong) == 1
    assert message in wrong[0]


def test_short_runs_count_in_the_mean_only() -> None:
    short = {"a": (run(0.001), run(0.002))}
    assert judge(short | {"b": (run(1.0), run(0.5))}, 1.25)[1] == []
    assert judge(short, 1.25)[1] == ["geometric mean: 2.00 times slower"]


def test_the_fastest_round_counts_and_failures_end_the_run() -> None:
    assert fastest([run(2.0), run(1.0), run(3.0)]).cpu_s == 1.0
    with pytest.raises(SystemExit, match="failed: exit 1"):
        fastest([run(1.0), run(None, status="failed", message="exit 1: boom")])


def test_an_install_against_itself(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [sys.executable, "--only", "triangle", "--rounds", "1", "--threshold", "1000"]
    assert guard.main(arguments) == 0
    assert "triangle" in capsys.readouterr().out
