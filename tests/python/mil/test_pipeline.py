"""The stages of a run: what is done again after which change, after damage, and after a kill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")

import torch

import mil.killed  # registers a tiny backbone
from liid_cut.npz import read_arrays
from liid_mil import pipeline as pipeline_module
from liid_mil.cli import main
from liid_mil.config import DataConfig, PipelineConfig, ScenesData, VocData
from liid_mil.config_files import changed
from liid_mil.data.scenes import SceneDataset
from liid_mil.pipeline import Pipeline, Step, locked, open_run
from liid_mil.stages import STAGES, cutting
from liid_mil.stages.inputs import FileHashes
from liid_mil.training.checkpoint import load_checkpoint

CONFIG = mil.killed.config()
NAMES = list(STAGES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    pipeline = Pipeline(CONFIG, folder)
    pipeline.run()
    pipeline.save_config()
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of that run to change."""
    return Path(shutil.copytree(whole, tmp_path / "run", symlinks=True))


def to_do(steps: list[Step]) -> dict[str, str]:
    return {step.stage: step.reason for step in steps if step.state == "to do"}


def done(pipeline: Pipeline) -> list[str]:
    """The stages that a run does."""
    made: list[str] = []
    pipeline.run(report=lambda step: made.extend([step.stage] if step.state == "to do" else []))
    assert to_do(pipeline.plan()) == {}
    return made


def outputs(folder: Path) -> dict[str, bytes]:
    """The files of the stages, but for when and how fast they were made."""
    found: dict[str, bytes] = {}
    for path in (path for name in STAGES for path in sorted((folder / name).rglob("*"))):
        name = str(path.relative_to(folder))
        if path.name == "result.npz":
            for key, array in read_arrays(path).items():
                found[f"{name}:{key}"] = without_times(array) if key == "facts" else array.tobytes()
        elif path.name == "checkpoint.pt":
            found |= {f"{name}:{key}": value for key, value in flat(load_checkpoint(path))}
        elif path.is_file() and path.name not in ("stage.json", "report.html"):  # they show times
            found[name] = path.read_bytes()
    return found


def flat(state: Any, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """What a checkpoint holds, bit for bit; its file depends on how torch lays tensors out."""
    if isinstance(state, dict):
        for key, value in state.items():
            yield from flat(value, f"{prefix}.{key}")
    elif isinstance(state, torch.Tensor):
        yield prefix, state.numpy().tobytes()
    else:
        yield prefix, repr(state).encode()


def without_times(facts: np.ndarray) -> bytes:
    found = json.loads(str(facts[()]))
    del found["timings"], found["diagnostics"]["neighbors"]
    return json.dumps(found).encode()


def test_a_plan_makes_nothing(tmp_path: Path) -> None:
    pipeline = Pipeline(CONFIG, tmp_path / "run")
    steps = pipeline.plan()
    assert [step.stage for step in steps] == list(STAGES)
    assert set(to_do(steps).values()) == {"first run"}
    assert all(step.n_bytes > 0 and step.seconds > 0 for step in steps)
    assert not any(path.is_file() for path in (tmp_path / "run").rglob("*"))
    assert [step.stage for step in pipeline.plan("cam")] == ["proposals", "cam"]
    with pytest.raises(ValueError, match="until is 'labels'; the stages are proposals, cam, "):
        pipeline.plan("labels")


def test_nothing_is_done_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = outputs(folder)
    for stage in STAGES.values():
        fails = replace(stage, make=None)
        monkeypatch.setitem(STAGES, stage.name, fails)
    pipeline = Pipeline(CONFIG, folder)
    assert done(pipeline) == []
    assert len(pipeline.labelling.labels) == len(pipeline.extraction)
    assert outputs(folder) == before


def test_estimates_of_size_are_bounds(folder: Path) -> None:
    for name, stage in STAGES.items():
        pipeline = Pipeline(CONFIG, folder)
        there = next(step for step in pipeline.plan() if step.stage == name)
        assert there.n_bytes <= stage.size(pipeline) + 10_000, name


@pytest.mark.parametrize(
    ("change", "stages", "reason"),
    [
        ("report.title=x", NAMES[8:], "title was"),
        ("metrics.coco=false", NAMES[7:], "coco was True, is False"),
        ("export.formats=[coco]", ["export"], "formats was"),
        ("assignment.iou=0.5", NAMES[6:], "iou was 0.4, is 0.5"),
        ("cut.delta=0.7", NAMES[5:], "delta was 0.1, is 0.7"),
        ("extraction.dtype=float32", NAMES[4:], "dtype was 'float16', is 'float32'"),
        ("mil.gamma=0.2", NAMES[3:], "gamma was 0.1, is 0.2"),
        ("mil.terms=mean", NAMES[2:], "terms was"),
        ("cam.seed=9", NAMES[1:], "seed was 0, is 9"),
        ("data.scenes.seed=9", NAMES, "other images"),
        ("runtime.checkpoint_minutes=3", [], ""),
    ],
)
def test_what_a_change_does(folder: Path, change: str, stages: list[str], reason: str) -> None:
    before = outputs(folder)
    pipeline = Pipeline(changed(CONFIG, [change]), folder)
    planned = to_do(pipeline.plan())
    assert list(planned) == stages
    assert reason in next(iter(planned.values()), "")
    if change.startswith(("report", "assignment", "cut", "extraction")):
        assert done(pipeline) == stages
        assert before.items() <= outputs(folder).items()  # the others stay
        assert done(Pipeline(CONFIG, folder)) == []  # and are found again


def test_results_are_those_of_the_settings(folder: Path) -> None:
    before = open_run(folder)
    after = before.changed(cut=replace(before.config.cut, delta=0.3))
    assert after.labelling.result.cost > before.labelling.result.cost
    direct = before.labelling.labels_without_graph
    np.testing.assert_array_equal(after.labelling.labels_without_graph, direct)
    assert (before.labelling.labels != direct).any()
    assert (before.labelling.labels != after.labelling.labels).any()


def test_damaged_outputs_are_made_again(folder: Path) -> None:
    before = outputs(folder)
    run = Pipeline(CONFIG, folder)
    (run.output("report").path / "report.html").unlink()
    path = run.output("scores").path / "scores.npz"
    path.write_bytes(path.read_bytes()[:-1])
    planned = to_do(Pipeline(CONFIG, folder).plan())
    assert planned == {"report": "its file report.html is missing"}
    assert done(Pipeline(CONFIG, folder)) == ["report"]
    size = len(before[str(path.relative_to(folder))])
    assert run.output("scores").problem() == (
        f"its file scores.npz has {size - 1} bytes and had {size}"
    )
    assert len(Pipeline(CONFIG, folder).cam_scores) == 6  # where they are asked for
    assert outputs(folder) == before


def test_what_nothing_reads_is_not_made_again(folder: Path) -> None:
    shutil.rmtree(folder / "mil")
    pipeline = Pipeline(CONFIG, folder)
    states = {step.stage: step.state for step in pipeline.plan()}
    assert states == dict.fromkeys(STAGES, "there") | {"mil": "not needed"}
    assert done(pipeline) == []
    other = Pipeline(changed(CONFIG, ["extraction.dtype=float32"]), folder)
    assert list(to_do(other.plan())) == NAMES[3:]


def test_another_version_of_a_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, "cut", replace(STAGES["cut"], version=99))
    planned = to_do(Pipeline(CONFIG, folder).plan())
    assert planned["cut"] == "the stage works in another way now"
    assert list(planned) == NAMES[5:]


def test_prune_leaves_what_is_used(folder: Path) -> None:
    other = Pipeline(changed(CONFIG, ["cut.delta=0.7"]), folder)
    other.run()
    removed = other.prune()
    before = Pipeline(CONFIG, folder)
    assert removed == sorted(before.output(name).path for name in NAMES[5:])
    assert done(other) == []


def test_proposals_from_a_file(folder: Path, tmp_path: Path) -> None:
    made = Pipeline(CONFIG, folder)
    records = [
        {"image_id": name, "category_id": 1, "score": float(score), "segmentation": {**mask}}
        for name, image in zip(made.dataset.image_ids, made.proposals, strict=True)
        for score, mask in zip(image.scores, image.masks or [], strict=True)
    ]
    for record in records:
        record["segmentation"]["counts"] = record["segmentation"]["counts"].decode()
    path = tmp_path / "proposals.json"
    path.write_text(json.dumps(records))
    config = changed(CONFIG, [f"proposals.path={path}", "proposals.format=coco"])
    run = Pipeline(config, folder)
    assert "path was None, is '" in to_do(run.plan("proposals"))["proposals"]
    run.run("scores")
    assert len(run.proposals) == 6
    first = run.proposals[0].boxes
    assert {tuple(box) for box in first} <= {tuple(box) for box in made.proposals[0].boxes}
    path.write_text(json.dumps(records[1:]))
    assert "proposals" in to_do(Pipeline(config, folder).plan("proposals"))
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no such file or folder of proposals"):
        Pipeline(config, folder).plan()


def test_own_dataset(tmp_path: Path, folder: Path) -> None:
    images = SceneDataset(6, n_classes=3, size=48, seed=1)
    pipeline = Pipeline(CONFIG, folder, dataset=images)
    assert set(to_do(pipeline.plan())) == set(STAGES)
    assert pipeline.changed().dataset is images


def test_files_count_by_what_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a")
    hashes = FileHashes(tmp_path / "hashes.json")
    first = hashes.of_all([path])
    hashes.save()
    os.utime(path, (1, 1))  # changes nothing but the time
    again = FileHashes(tmp_path / "hashes.json")
    assert again.of_all([path]) == first
    path.write_bytes(b"b")
    assert again.of_all([path]) != first
    (tmp_path / "hashes.json").write_text("{")
    path.write_bytes(b"a")
    assert FileHashes(tmp_path / "hashes.json").of_all([path]) == first


def test_changed_images_are_noticed(tmp_path: Path) -> None:
    from PIL import Image

    root = tmp_path / "devkit"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(root / "JPEGImages" / "a.jpg")
    box = "<xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax>"
    xml = f"<annotation><object><name>dog</name><bndbox>{box}</bndbox></object></annotation>"
    (root / "Annotations" / "a.xml").write_text(xml)
    (root / "ImageSets" / "Main" / "trainval.txt").write_text("a\n")

    def digests() -> dict[str, str]:
        data = DataConfig(voc=VocData(root=root))
        run = Pipeline(replace(CONFIG, data=data), tmp_path / "run")
        return {name: run.digest(name) for name in ("images", "tags", "truth")}

    first = digests()
    assert digests() == first
    root = root.rename(tmp_path / "moved")
    assert digests() == first
    (root / "Annotations" / "a.xml").write_text(xml.replace("<xmin>2", "<xmin>3"))
    second = digests()
    assert {name for name in first if second[name] != first[name]} == {"truth"}
    Image.fromarray(np.ones((20, 20, 3), np.uint8) * 99).save(root / "JPEGImages" / "a.jpg")
    assert {name for name, digest in digests().items() if digest != second[name]} == {"images"}


def test_too_little_room_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        pipeline_module.shutil, "disk_usage", lambda path: usage(2**30, 2**30, 1000)
    )
    with pytest.raises(OSError, match=r"the run may need 0\.0 GiB, but its disk has 0\.0 GiB left"):
        Pipeline(CONFIG, tmp_path / "run").run()
    assert not any(path.is_file() for path in (tmp_path / "run").rglob("*"))


def test_one_command_at_a_time(folder: Path) -> None:
    with (
        locked(folder),
        pytest.raises(OSError, match="another command is at work in this run"),
        locked(folder),
    ):
        pass
    with locked(folder):
        pass


@pytest.mark.slow
def test_killed_again_and_again(whole: Path, tmp_path: Path) -> None:
    """SIGKILL after some of the moments at which a file gets its name, until the run is done."""
    command = [sys.executable, "-m", "mil.killed", str(tmp_path / "run")]
    here = Path(__file__).parents[1]
    found = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    kills = json.loads(found.stdout.splitlines()[-1])
    assert kills["killed"] >= 5
    assert {"proposals", "cam", "mil", "extraction"} <= set(kills["stages"])
    assert outputs(tmp_path / "run") == outputs(whole)


def cuts_end_with(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every cut of a pipeline end with this status, whatever it found."""
    cut = cutting.label

    def ended(*arguments: Any, **settings: Any) -> Any:
        labelling = cut(*arguments, **settings)
        labelling.result.status = status
        return labelling

    monkeypatch.setattr(cutting, "label", ended)


def test_an_interrupted_cut_is_no_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = [str(folder / "config.yaml"), "--set", "cut.delta=0.2", "--until", "cut"]
    cuts_end_with("interrupted", monkeypatch)
    assert main(["run", *config]) == 130
    monkeypatch.undo()
    assert main(["run", *config, "--dry-run"]) == 0
    assert "1 to do" in capsys.readouterr().out
    assert main(["run", *config, "--quiet"]) == 0


def test_a_cut_that_is_not_proven_is_told_whatever_comes_last(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts_end_with("time_limit", monkeypatch)
    for last in ("cut", "export"):
        command = ["run", str(folder / "config.yaml"), "--set", "cut.delta=0.3", "--until", last]
        assert main(command) == 3
        assert "unproven  the cut ended with the status time_limit" in capsys.readouterr().out


def test_results_are_linked_as_they_come(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = folder / "result"
    shutil.rmtree(links, ignore_errors=True)

    def fails(*_: Any, **__: Any) -> Any:
        raise OSError("no room")

    monkeypatch.setattr(cutting, "label", fails)
    command = ["run", str(folder / "config.yaml"), "--set", "cut.delta=0.7", "--quiet"]
    assert main(command) == 2
    there = {link.name for link in links.iterdir()}
    assert there == {"proposals", "cam", "scores", "mil", "extraction"}


def test_command_run(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "config.yaml"
    assert main(["run", str(config), "--dry-run", "--set", "cut.delta=0.25"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(STAGES)
    assert "to do" in lines[5]
    assert "delta was 0.1, is 0.25" in lines[5]
    assert lines[-1].startswith("4 to do, at most")

    assert main(["run", str(config), "--set", "cut.delta=0.25", "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert {stage["state"] for stage in facts["stages"]} == {"there"}
    cut = open_run(folder).labelling.result
    assert (facts["status"], facts["warnings"]) == (cut.status, cut.diagnostics["warnings"])
    assert open_run(folder).config.cut.delta == 0.25

    assert main(["run", str(config), "--set", "cut.delta=0.1", "--prune"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("removed   ")
    assert captured.err.count("there") == len(STAGES)
    assert "MIL with graph" in captured.out
    assert ("warning   " in captured.out) == bool(facts["warnings"])
    assert main(["run", str(config), "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing is to do"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["cam.backbone=vgg"], "cam.backbone is 'vgg'; it must be 'resnet18' or"),
        (["cam.weights=none.pth"], "none.pth: no such file of weights; other values are bundled"),
        (["cam.weights=cam"], "cam: no such file of weights"),
        (
            ["mil.weights=cam", "mil.backbone=resnet50"],
            "mil.weights is 'cam', but mil.backbone 'resnet50' is not cam.backbone 'tiny'",
        ),
    ],
)
def test_a_dry_run_finds_what_training_would(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    settings: list[str],
    message: str,
) -> None:
    changes = [part for setting in settings for part in ("--set", setting)]
    output = tmp_path / "elsewhere"
    command = ["run", str(folder / "config.yaml"), "-o", str(output), "--dry-run"]
    assert main([*command, *changes]) == 2
    assert message in capsys.readouterr().err
    assert main(command) == 0
    assert not output.exists()


def test_command_prints_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--print-config", "--preset", "scenes", "--set", "cut.delta=2"]
    assert main(command) == 0
    path = tmp_path / "scenes.yaml"
    path.write_text(capsys.readouterr().out)
    assert main(["run", str(path), "--print-config"]) == 0
    assert capsys.readouterr().out == path.read_text()
    assert "delta: 2.0" in path.read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "CONFIG.yaml is missing; liid-mil run --print-config writes one"),
        (["/nowhere.yaml"], "/nowhere.yaml: No such file or directory"),
        (["{}", "--preset", "scenes"], "--preset goes with --print-config"),
        (["{}", "--print-config", "--preset", "scenes"], "--preset goes without CONFIG.yaml"),
        (["{}", "--set", "cut.delta=x"], "cut.delta is 'x'; it must be a number"),
        (["{}", "--until", "labels"], "until is 'labels'; the stages are"),
        (["{}", "--set", "data.scenes=null"], "data has no source"),
    ],
)
def test_command_refuses(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("preset: scenes")
    assert main(["run", *(option.replace("{}", str(path)) for option in options)]) == 2
    assert message in capsys.readouterr().err


def test_the_data_is_checked_before_the_run(tmp_path: Path) -> None:
    config: PipelineConfig = replace(CONFIG, data=DataConfig(scenes=ScenesData(n_images=-1)))
    with pytest.raises(ValueError, match="n_images is -1"):
        Pipeline(config, tmp_path / "run").run()
