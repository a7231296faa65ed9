"""Tables of the benchmarks: which run they show, ratios, and contradictions."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.generators import triangle
from benchmarks.runner import Measurement
from benchmarks.tables import (
    Comparison,
    contradictions,
    in_words,
    memory_overview,
    overview,
    ratio,
    summary,
    table,
)


def run(peer: str, cpu_s: float | None, **fields: Any) -> Measurement:
    known = {"status": "proved", "proved": True, "cost": 4.0, "bound": 4.0, "gap": 0.0}
    return Measurement(**(known | {"peer": peer, "time_limit_s": 10.0, "cpu_s": cpu_s} | fields))


def stopped(peer: str, **fields: Any) -> Measurement:
    left = {"status": "gap left", "proved": False, "bound": 3.0, "gap": 0.25, "wall_s": 10.1}
    return run(peer, 10.0, **(left | fields))


def comparison(*runs: Measurement) -> Comparison:
    found = Comparison.of("triangle", triangle(), [one.peer for one in runs])
    for one in runs:
        found.runs[one.peer].append(one)
    return found


def test_the_median_run_is_shown() -> None:
    runs = [run("scip", seconds) for seconds in (3.0, 1.0, 2.0, 9.0)]
    assert summary(runs).cpu_s == 2.0
    missing = run("scip", None, status="not installed")
    assert summary([missing]) is missing


def test_ratios_are_bounds_where_a_run_was_stopped() -> None:
    ours, peer = run("liid-auto", 2.0), run("scip", 5.0)
    assert ratio(peer, ours) == "2.5"
    assert ratio(stopped("scip"), ours) == ">5"
    assert ratio(peer, stopped("liid-auto")) == "<0.5"
    assert ratio(stopped("scip"), stopped("liid-auto")) == "-"
    assert ratio(run("scip", None), ours) == "-"


def test_overview_shows_time_ratio_and_what_is_left() -> None:
    found = comparison(
        run("liid-auto", 0.5),
        stopped("scip"),
        run("toulbar2", None, status="not installed"),
        run("alpha-expansion", 0.1, proved=False, bound=None, gap=None, cost=4.4),
    )
    row = overview([found]).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "triangle",
        "3 x 3, 3",
        "4",
        "0.5",
        ">10, >20x, gap 2e-01",
        "not installed",
        "0.1, 0.2x, +10.00%",
    ]


def test_overview_brackets_an_optimum_that_nobody_proves() -> None:
    found = comparison(stopped("liid-auto", bound=3.5), stopped("scip", cost=4.5))
    assert "3.5 .. 4" in overview([found])


def test_words_name_what_is_open_and_where_a_peer_is_faster() -> None:
    good = comparison(run("liid-auto", 1.0), run("scip", 2.0))
    assert in_words([good]) == (
        "`liid-auto` proves 1 of 1 optimal. No exact peer is faster on any of them."
    )
    slow = comparison(run("liid-auto", 3.0), run("scip", 2.0))
    assert "faster on 1: triangle (scip)." in in_words([slow])
    unproved = comparison(stopped("liid-auto"), run("scip", 11.0))
    assert "proves 0 of 1 optimal; open: triangle." in in_words([unproved])
    assert "faster on 1: triangle (scip)." in in_words([unproved])
    heuristic = comparison(run("liid-auto", 1.0), run("liid-ckr", 0.1))
    assert "No exact peer is faster" in in_words([heuristic])


def test_bounds_above_a_cost_are_contradictions() -> None:
    agreed = comparison(run("liid-auto", 1.0), run("scip", 1.0, cost=4.1))
    assert contradictions(agreed) == []
    wrong = comparison(run("liid-auto", 1.0, cost=4.2, bound=4.2), run("scip", 1.0))
    (line,) = contradictions(wrong)
    assert line == "CONTRADICTION: liid-auto proves 4.2, but scip found 4.0"


def test_tables_have_a_row_for_each_solver() -> None:
    found = comparison(run("liid-auto", 1.0, peak_mib=80.0, base_mib=60.0), run("scip", 2.0))
    assert len(table(found).splitlines()) == 4
    assert memory_overview([found]).splitlines()[-1].split("|")[2].strip() == "20"


def test_json_keeps_a_comparison() -> None:
    found = comparison(run("liid-auto", 1.0), stopped("scip"))
    assert Comparison.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("fields", "limited"),
    [
        ({}, False),
        ({"status": "killed", "proved": False}, True),
        ({"proved": False, "wall_s": 9.5}, True),
        ({"proved": False, "wall_s": 1.0}, False),
        ({"wall_s": 9.9}, False),
    ],
)
def test_limited_runs(fields: dict[str, Any], limited: bool) -> None:
    assert run("scip", 1.0, **fields).limited is limited
