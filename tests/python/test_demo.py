"""The digits demo: better labels, proven optimal, files that verify, a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from liid_cut import demo
from liid_cut.cli import main
from liid_cut.npz import read_arrays

pytest.importorskip("sklearn", reason="the demo needs scikit-learn")
image = pytest.importorskip("matplotlib.image", reason="the demo needs matplotlib")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["demo", "--json", *arguments]) == 0
    facts: dict[str, object] = json.loads(capsys.readouterr().out)
    return facts


def test_default_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    report = capsys.readouterr().out
    assert "status       optimal" in report
    assert "before the cut" in report
    folder = tmp_path / "liid-cut-demo"
    assert {path.name for path in folder.iterdir()} == {
        "problem.npz",
        "result.npz",
        "changes.png",
        "report.html",
    }
    picture = image.imread(folder / "changes.png")
    assert picture.shape[1] > 1000
    assert picture.std() > 0.1

    assert main(["verify", str(folder / "problem.npz"), str(folder / "result.npz")]) == 0
    report = capsys.readouterr().out
    assert "built again from feats" in report
    assert "certified" in report


def test_page_shows_the_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = run(capsys, "-o", str(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    start = page.index('id="data">') + len('id="data">')
    content = json.loads(page[start : page.index("</script>", start)])
    assert f"{facts['accuracy_after']:.1%}" in page
    assert f"<b>{facts['n_changed']}</b>" in page
    step = content["steps"][content["resultStep"]]
    assert (step["delta"], step["accuracy"]) == (facts["delta"], facts["accuracy_after"])
    assert len([uri for uri in content["nodes"]["crop"] if uri]) > 254


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labels_per_class", [3, 10])
def test_cut_beats_the_classifier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int, labels_per_class: int
) -> None:
    options = ("--seed", str(seed), "--labels-per-class", str(labels_per_class))
    facts = run(capsys, *options, "-o", str(tmp_path))
    assert facts["status"] == "optimal"
    assert facts["accuracy_after"] > facts["accuracy_before"] + 0.02  # type: ignore[operator]


def test_labelled_digits_keep_their_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "--labels-per-class", "1", "-o", str(tmp_path))
    problem, result = (read_arrays(tmp_path / name) for name in ("problem.npz", "result.npz"))
    labelled, truth = problem["labelled"], problem["truth"]
    np.testing.assert_array_equal(truth[labelled], np.arange(10))
    np.testing.assert_array_equal(result["labels"][labelled], truth[labelled])


def test_nothing_changes_without_edges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = run(capsys, "--delta", "0", "-o", str(tmp_path))
    assert facts["n_changed"] == 0
    assert facts["accuracy_after"] == facts["accuracy_before"]
    assert image.imread(tmp_path / "changes.png").ndim == 3


def test_same_seed_same_digits() -> None:
    first, again, other = (demo.weakly_labelled_digits(3, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.probs, again.probs)
    assert not np.array_equal(first.labelled, other.labelled)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels-per-class", "0"], "labels per class is 0; it must be 1 to 173"),
        (["--labels-per-class", "174"], "labels per class is 174; it must be 1 to 173"),
        (["--seed", "-1"], "seed is -1; it must be >= 0"),
        (["--delta", "-2"], "delta is -2.0; it must be finite and >= 0"),
        (["-o", __file__], "File exists"),
    ],
)
def test_bad_options(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *options]) == 2
    assert message in capsys.readouterr().err


def test_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == (
        "liid-cut: error: the demo needs scikit-learn and matplotlib: "
        'pip install "liid-cut[demo]"\n'
    )
    assert not list(tmp_path.iterdir())
