"""Measured costs: files of them, and how they are fitted and measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from liid_cut.planning import Costs, calibration, read_costs, write_costs
from liid_cut.planning.costs import PACKAGED, UNITS, cache_path

COSTS = Costs({unit: 1e-9 * (i + 1) for i, unit in enumerate(UNITS)}, "a machine, 8 cores", "2026")


def test_a_file_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "costs.json"
    write_costs(path, COSTS)
    again = read_costs(path)
    assert again.seconds == pytest.approx(COSTS.seconds)
    assert (again.machine, again.date) == (COSTS.machine, COSTS.date)
    assert COSTS.of({"feature": 3, "pair": 2}) == pytest.approx(
        3 * COSTS.seconds["feature"] + 2 * COSTS.seconds["pair"]
    )


def test_those_of_this_machine_come_before_the_packaged_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert read_costs() == read_costs(PACKAGED)
    write_costs(cache_path(), COSTS)
    assert read_costs().machine == "a machine, 8 cores"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record["seconds"].pop("pair"), "'pair' is missing"),
        (lambda record: record.update(format="x"), "its format is 'x', not 'liid_cut costs 1'"),
        (lambda record: record["seconds"].update(pair=-1), r"pair is -1\.0; it must be finite"),
        (lambda record: record["seconds"].update(pair="much"), "could not convert"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "costs.json"
    write_costs(path, COSTS)
    record = json.loads(path.read_text())
    change(record)  # type: ignore[operator]
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=rf"costs\.json: no file of measured costs: {message}"):
        read_costs(path)


def test_a_fit_finds_the_costs_that_made_the_runs() -> None:
    known = {"feature": 2.0}
    runs = [
        ({"feature": f, "pair": p, "query": q}, 2.0 * f + 0.5 * p + 3.0 * q)
        for f, p, q in ((1, 10, 1), (1, 1, 10), (5, 100, 30))
    ]
    calibration.fit(runs, known)
    assert known == pytest.approx({"feature": 2.0, "pair": 0.5, "query": 3.0})


def test_calibration_measures_every_unit() -> None:
    found = calibration.calibrate(scale=0.05)
    assert list(found.seconds) == list(UNITS)
    assert all(math.isfinite(value) and value >= 0 for value in found.seconds.values())
    for unit in ("feature", "cosine", "delta_value", "written_byte", "cluster_product"):
        assert 0 < found.seconds[unit] < 1e-3
    assert "cores" in found.machine
