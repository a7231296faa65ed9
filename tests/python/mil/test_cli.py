"""``liid-mil``: every command on a few scenes with a tiny backbone; what it says and refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")

import mil.training.tiny  # noqa: F401  registers its backbone
from liid_cut.npz import read_arrays
from liid_mil import ablation, demo
from liid_mil.cli import main
from liid_mil.config import DataConfig, ScenesData
from liid_mil.pipeline import open_run

TINY = ["--set", "backbone=tiny", "--set", "epochs=1", "--proposals", "6"]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is trained and extracted."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--scenes", "8", "-o", str(folder), *TINY, "--quiet"]) == 0
    assert main(["extract", str(folder), "--quiet"]) == 0
    return folder


def report(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    """The JSON of a command that must succeed."""
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    facts: dict[str, Any] = json.loads(captured.out)
    return facts


def error(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """The one line that a command ends with that must fail with code 2."""
    capsys.readouterr()
    assert main(list(command)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[-1].startswith("liid-mil: error: ")
    return lines[-1]


def test_train_writes_a_run(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted(path.name for path in run_folder.iterdir())
    assert {"cam", "config.yaml", "extraction", "mil", "proposals", "scores"} <= set(names)
    config = open_run(run_folder).config
    assert config.data == DataConfig(scenes=ScenesData(n_images=8, seed=0))
    assert config.mil.backbone == "tiny"
    facts = report(capsys, "train", "--scenes", "8", "-o", str(run_folder), *TINY)
    assert facts["n_images"] == 8
    assert facts["n_proposals"] == len(open_run(run_folder).extraction)


def test_extract_reports(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = report(capsys, "extract", str(run_folder))
    assert (facts["n_labels"], facts["n_features"], facts["dtype"]) == (6, 6, "float16")
    assert Path(facts["output"], "index.npz").exists()
    assert report(capsys, "extract", str(run_folder), "--dtype", "float32")["dtype"] == "float32"
    assert report(capsys, "extract", str(run_folder))["dtype"] == "float32"  # that of the run
    again = report(capsys, "extract", str(run_folder), "--dtype", "float16")
    assert again == facts


def test_label_writes_labels(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "labels.npz"
    facts = report(
        capsys, "label", str(run_folder), "-o", str(output), "--delta", "0.4", "--evaluate"
    )
    arrays = read_arrays(output)
    extraction = open_run(run_folder).extraction
    assert len(arrays["labels"]) == len(extraction)
    assert extraction.allowed[np.arange(len(extraction)), arrays["labels"]].all()
    assert sum(facts["n_by_label"].values()) == len(extraction)
    assert facts["n_changed"] == (arrays["labels"] != arrays["labels_without_graph"]).sum()
    assert facts["status"] == "optimal"
    for method in ("cam", "without_graph", "with_graph"):
        assert 0 <= facts[method]["accuracy"] <= 1

    assert main(["label", str(run_folder)]) == 0
    assert "status       optimal" in capsys.readouterr().out
    assert main(["label", str(run_folder), "--delta", "auto"]) == 0
    assert "status       optimal" in capsys.readouterr().out
    assert (run_folder / "result" / "cut" / "labels.npz").exists()


def test_labels_of_other_settings_are_not_the_runs(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def exported(name: str) -> float:
        card = report(capsys, "export", str(folder), "--format", "coco", "-o", str(tmp_path / name))
        delta: float = card["cut"]["settings"]["delta"]
        return delta

    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder, symlinks=True)
    report(capsys, "label", str(folder), "--delta", "0.7")
    assert exported("a") == 0.7
    config = (folder / "config.yaml").read_bytes()
    report(capsys, "label", str(folder), "--delta", "2", "-o", str(tmp_path / "other.npz"))
    assert (folder / "config.yaml").read_bytes() == config
    assert exported("b") == 0.7
    report(capsys, "run", str(folder / "config.yaml"), "--until", "cut", "--set", "cut.delta=0.1")
    assert exported("c") == 0.1
    report(capsys, "run", str(folder / "config.yaml"))
    assert (folder / "result" / "export").exists()
    report(capsys, "label", str(folder), "--delta", "0.7")
    assert (folder / "result" / "cut").exists()
    assert not (folder / "result" / "export").exists()  # it is of another delta


def test_export_of_a_run_without_labels(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("cut"))
    assert main(["export", str(folder), "--format", "coco", "-o", str(tmp_path / "out")]) == 2
    assert f"`liid-mil label {folder}` makes them" in capsys.readouterr().err
    assert main(["evaluate", str(folder)]) == 2
    assert f"`liid-mil label {folder}` makes them" in capsys.readouterr().err


def test_demo_compares_the_methods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["demo", "--images", "6", "--seed", "3", "-o", str(tmp_path / "demo"), *TINY[:4]]
    assert main(command) == 0
    text = capsys.readouterr().out
    for words in ("CAM alone", "MIL without graph", "MIL with graph", "6 scenes", "(seed 3)"):
        assert words in text
    facts = report(capsys, *command)
    assert facts["seed"] == 3
    assert {"cam", "without_graph", "with_graph", "cut", "cpu_seconds"} <= set(facts)
    assert list(tmp_path.iterdir()) == [tmp_path / "demo"]


def test_ablate_prints_tables_and_stores_rows(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", str(run_folder), "--tables", "3,6", "--delta", "5"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "Table 3: terms of the CAM scores"
    assert lines[2] == "| No. | terms | AP50 | AP75 | ABO | accuracy |"
    assert [line.split(" | ")[1] for line in lines[4:7]] == ["mean", "max", "mean+max"]
    assert lines[4].count("/") == 4
    assert [line.split(" | ")[1] for line in lines[12:17]] == ["1.0", "2.0", "3.0", "5.0", "10.0"]
    assert "table 6: delta=10.0: done" in captured.err
    stored = sorted((run_folder / "ablation").iterdir())
    assert len(stored) == 7  # with this delta the base is row 3 of Table 3 and row 4 of Table 6
    assert all(path.name.startswith("row-") for path in stored)

    monkeypatch.setattr(ablation, "compare", None)  # all rows are read
    facts = report(capsys, "ablate", str(run_folder), "--tables", "3,6", "--delta", "5")
    rows = facts["rows"]
    assert [row["table"] for row in rows] == [3] * 3 + [6] * 5
    assert rows[2]["metrics"] == rows[6]["metrics"]
    assert rows[0]["settings"] == {"terms": "mean"}

    text = stored[0].read_text()
    stored[0].write_text(text[: len(text) // 2])
    message = error(capsys, "ablate", str(run_folder), "--tables", "3,6", "--delta", "5")
    assert f"{stored[0].name}: damaged" in message
    stored[0].write_text(text)
    message = error(capsys, "ablate", str(run_folder), "--tables", "7")
    assert "table 7 does not exist; there are 1 to 6" in message


def test_other_settings_in_the_same_folder(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "--scenes", "8", "-o", str(run_folder), *TINY]
    before = open_run(run_folder)
    assert main([*command, "--set", "mil.gamma=0.3", "--quiet"]) == 0
    after = open_run(run_folder)
    assert after.config.mil.gamma == 0.3
    assert after.output("mil").path != before.output("mil").path
    assert before.output("mil").problem() is None  # what was there is there
    assert after.output("cam").path == before.output("cam").path
    assert main([*command, "--quiet"]) == 0


def test_folders_that_are_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("extract", "label", "ablate"):
        message = error(capsys, command, str(tmp_path))
        assert "config.yaml: No such file or directory" in message
    (tmp_path / "config.yaml").write_text("data: {scenes: {n_image: 3}}")
    message = error(capsys, "extract", str(tmp_path))
    assert "config.yaml:1: data.scenes.n_image is not a setting; did you mean n_images?" in message


def test_damaged_checkpoint_is_named(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = open_run(run_folder).output("mil").path / "checkpoint.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes(100))  # of the same size
    try:
        message = error(capsys, "train", "--scenes", "8", "-o", str(run_folder), *TINY)
    finally:
        path.write_bytes(whole)
    assert f"{path}: no checkpoint, or cut short" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scenes", "8", "--split", "x"], "--split goes with --voc, not scenes"),
        (["--voc", "x", "--scenes-seed", "1"], "--scenes-seed goes with --scenes, not voc"),
        (["--coco", "x.json"], "--coco needs --images"),
        (["--folder", "x"], "--folder needs --tags"),
        (["--voc", "/nowhere"], "trainval.txt: no such list of images"),
        (["--voc", "/nowhere", "--split", "main-without-seg-val"], "no such list of images"),
        (["--coco", "/nowhere.json", "--images", "x"], "/nowhere.json"),
        (["--folder", "x", "--tags", "/nowhere.csv"], "/nowhere.csv"),
        (["--scenes", "-1"], "n_images"),
        (["--scenes", "0"], "the dataset has no image"),
        (["--scenes", "8", "--set", "gama=1"], "gama is not a setting; did you mean gamma?"),
        (
            ["--scenes", "8", "--set", "cam.gamma=1"],
            "cam.gamma is not a setting; there is mil.gamma",
        ),
        (["--scenes", "8", "--set", "gamma"], "'gamma' is not of the form NAME=VALUE"),
        (["--scenes", "8", "--set", "gamma=big"], "mil.gamma is 'big'; it must be a number"),
        (["--scenes", "8", "--set", "epochs=1.5"], "cam.epochs is '1.5'; it must be an integer"),
        (["--scenes", "8", "--set", "flip=1"], "cam.flip is '1'; it must be true or false"),
        (["--scenes", "8", "--set", "eta=-1"], "eta is -1.0; it must be at least 0"),
        (["--scenes", "8", "--set", "backbone=vgg"], "backbone is 'vgg'; it must be 'resnet18' or"),
        (["--scenes", "8", "--device", "gpu"], "device is 'gpu'"),
    ],
)
def test_bad_options(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", *options, "-o", str(tmp_path / "run")]
    assert message in error(capsys, *command)


@pytest.mark.parametrize("command", [[], *([name] for name in (
    "demo", "run", "train", "extract", "label", "export", "ablate"))])  # fmt: skip
def test_help_documents_exit_codes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    text = capsys.readouterr().out
    assert "example" in text
    assert "130  interrupted" in text


def test_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def interrupt(*arguments: Any, **settings: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run_demo", interrupt)
    assert main(["demo"]) == 130
    assert "run the same command again to go on" in capsys.readouterr().err
