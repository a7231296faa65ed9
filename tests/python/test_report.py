"""Curves, stored results, and the page that is built from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import compare, records, report, scaling
from benchmarks.scaling import CURVES, Point, generate


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "FIGURES", tmp_path / "figures")
    monkeypatch.setattr(report, "PAGE", tmp_path / "RESULTS.md")
    return tmp_path


def test_a_curve_is_measured_and_drawn(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(CURVES, "labels", [Point(400, labels=k) for k in (3, 6)])
    out = folders / "results" / "labels.json"
    assert scaling.main(["labels", "--repeat", "1", "--json", str(out)]) == 0
    assert capsys.readouterr().out.count("optimal, verified") == 2
    (first, second) = records.read(out)["data"]["points"]
    assert (first["labels"], second["labels"]) == (3, 6)
    assert first["cpu_s"] > 0
    assert first["input_mib"] < second["input_mib"]
    assert report.main(["--page"]) == 0
    page = (folders / "RESULTS.md").read_text()
    assert "## Growing with the number of labels" in page
    assert "](figures/labels.png)" in page
    assert (folders / "figures" / "labels.png").read_bytes().startswith(b"\x89PNG")
    assert "## Versions\n\npython " in page


def test_a_comparison_is_measured_and_shown(folders: Path) -> None:
    out = folders / "results" / "gaps.json"
    arguments = ["--only", "triangle", "--peers", "highs-mip", "--json", str(out)]
    assert compare.main(arguments) == 0
    report.write_page()
    page = (folders / "RESULTS.md").read_text()
    assert "`liid-auto` proves 1 of 1 optimal." in page
    assert "| triangle " in page


def test_parts_are_commands_that_exist() -> None:
    for name, part in report.PARTS.items():
        assert Path(report.REPOSITORY, *part.command[0].split(".")).with_suffix(".py").exists()
        if part.command[0] == "benchmarks.scaling":
            assert name in CURVES
        if part.command[0] == "benchmarks.compare":
            assert compare.parse(list(part.command[1:])).suite == name


def test_unknown_parts_are_refused(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main(["speed"])
    assert "unknown parts ['speed']" in capsys.readouterr().err
    assert not (folders / "RESULTS.md").exists()


def test_a_part_without_its_input_keeps_its_result(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = report.PARTS["features"]._replace(command=("benchmarks.feature_graphs", "gone.npz"))
    monkeypatch.setitem(report.PARTS, "features", gone)
    assert report.main(["features"]) == 0
    assert "features: left out, no file gone.npz" in capsys.readouterr().err


def test_blocks_are_separate_problems() -> None:
    probs, edges, weights = generate(Point(800, labels=5, block=200))
    assert probs.shape == (800, 5)
    assert len(edges) == len(weights)
    assert (edges[:, 0] // 200 == edges[:, 1] // 200).all()
    assert len({*(edges[:, 0] // 200)}) == 4


def test_unknown_instances_are_refused() -> None:
    options = compare.parse(["--only", "square"])
    with pytest.raises(SystemExit, match="--only: unknown"):
        compare.choose_instances(options)


def test_commands_are_recorded_without_the_output_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "labels", "--json", "out.json", "--repeat", "1"])
    assert records.command_line("benchmarks.scaling") == (
        "python -m benchmarks.scaling labels --repeat 1"
    )
