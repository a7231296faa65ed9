"""Configurations: YAML there and back, help for every field, and what is said of mistakes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

pytest.importorskip("yaml")

from liid_mil.config import (
    PRESETS,
    DataConfig,
    FolderData,
    PipelineConfig,
    ScenesData,
    VocData,
    preset,
)
from liid_mil.config_files import ConfigError, changed, field_help, format_config, read_config
from liid_mil.training.config import CamConfig, MilConfig


def read(tmp_path: Path, text: str, *changes: str) -> PipelineConfig:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, changes)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_there_and_back(tmp_path: Path, name: str) -> None:
    config = preset(name, seed=3)
    assert (config.cam.seed, config.mil.seed) == (3, 3)
    for comments in (True, False):
        text = format_config(config, comments=comments)
        assert read(tmp_path, text) == config
        assert text.count("#") > 40 or not comments


def test_every_kind_of_value_there_and_back(tmp_path: Path) -> None:
    voc = VocData(
        root=tmp_path / "a: b", class_names=("no", "1", "é", "#x"), tag_file=Path("/t.csv")
    )
    config = PipelineConfig(
        data=DataConfig(voc=voc),
        cam=CamConfig(weights="r50.pth", learning_rate=1e-7, drop_after=None, flip=False),
        mil=MilConfig(freeze_batch_norm=True, eta=1.0),
    )
    assert read(tmp_path, format_config(config)) == config


def dataclasses_of(kind: type) -> set[type]:
    found = {kind}
    for hint in get_type_hints(kind).values():
        for option in (hint, *get_args(hint)):
            if is_dataclass(option):
                found |= dataclasses_of(option)  # type: ignore[arg-type]
    return found


def test_every_field_has_help() -> None:
    kinds = dataclasses_of(PipelineConfig)
    assert {CamConfig, MilConfig, DataConfig, ScenesData, VocData, FolderData} < kinds
    for kind in kinds:
        told = field_help(kind)
        for one in fields(kind):
            assert told.get(one.name), f"{kind.__name__}.{one.name}"


def test_preset_then_file_then_changes(tmp_path: Path) -> None:
    text = "preset: scenes\ncut: {delta: 1}\nmil:\n  gamma: 1e-2\ncam:\n"
    config = read(tmp_path, text, "cut.delta=.7", "image_size=40", "drop_after=none")
    base = preset("scenes")
    assert config.cut == replace(base.cut, delta=0.7)
    assert config.mil == replace(base.mil, gamma=0.01, image_size=40, drop_after=None)
    assert config.cam == replace(base.cam, image_size=40, drop_after=None)
    assert read(tmp_path, "") == PipelineConfig()


def test_a_source_replaces_that_of_the_preset(tmp_path: Path) -> None:
    config = read(tmp_path, "preset: scenes\ndata: {voc: {root: devkit, images: train}}")
    assert config.data == DataConfig(voc=VocData(root=tmp_path / "devkit", images="train"))
    with pytest.raises(ValueError, match="data has no source; give scenes, voc, coco or folder"):
        _ = PipelineConfig().data.source


def test_paths_of_a_change_start_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read(tmp_path, "data: {folder: {folder: photos, tags: tags.csv}}")
    monkeypatch.chdir("/")
    source = changed(config, ["data.folder.tags=other.csv"]).data.source
    assert source == FolderData(folder=tmp_path / "photos", tags=Path("/other.csv"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cut:\n  detla: 3", ":2: cut.detla is not a setting; did you mean delta?"),
        ("epochs: 3", ":1: epochs is not a setting; there is cam.epochs and mil.epochs"),
        ("quux: 1", ":1: quux is not a setting; known: "),
        ("cut:\n  delta: 1\n  delta: 2", ":3: cut.delta is given twice"),
        ("cut: 5", ":1: cut must be settings of the form `name: value`"),
        ("- cut", ":1: the configuration must be settings"),
        ("\ncut:\n\n  delta: fast", ":4: cut.delta is 'fast'; it must be a number"),
        ("cut: {delta: [1]}", ":1: cut.delta is 'a list or part'; it must be a number"),
        ("cut: {delta: -1}", ":1: cut.delta is -1.0; it must be at least 0"),
        ("cut: {n_neighbors: 2.5}", ":1: cut.n_neighbors is '2.5'; it must be an integer"),
        ("cut: {symmetrize: both}", "symmetrize is 'both'; it must be 'mutual' or 'union'"),
        ("cut: {time_limit: soon}", "it must be a number or null"),
        ("cut: {shared_tags: 1}", "cut.shared_tags is '1'; it must be true or false"),
        ("cam:\n  flip: false\n  epochs: 0", ":3: cam.epochs is 0; it must be at least 1"),
        ("runtime: {workers: null}", "runtime.workers is 'null'; it must be an integer"),
        ("data: {scenes: {n_objects: [1]}}", "it must be a list of 2, each an integer"),
        ("data: {scenes: {n_objects: [1, x]}}", "it must be a list of 2, each an integer"),
        ("data: {voc: {images: train}}", ":1: data.voc needs root"),
        ("data:\n  scenes: {}\n  voc: {root: x}", ":3: data.voc is given beside scenes"),
        ("preset: best", ":1: preset is 'best'; it must be one of paper, scenes"),
        ("cut: [", ":1: no YAML: "),
        ("cut: !!python/object/apply:os.getcwd []", ":1: cut must be settings"),
        ("cam: {weights: !!python/name:os.getcwd x}", "cam.weights is 'x'; it must be"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", ":1: a is not a setting"),
        ("cut: &c\n  delta: *c", ":1: cut.delta is 'a list or part'"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'run.yaml'}:")
    assert message in str(caught.value)


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    with pytest.raises(FileNotFoundError):
        read_config(path)
    for content in (b"\xff\xfe\x00", b"a: \x00", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="no YAML"):
            read_config(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gamma", "'gamma' is not of the form NAME=VALUE"),
        ("gama=1", "gama is not a setting; did you mean gamma?"),
        ("quux=1", "quux is not a setting; known: data, proposals, cam, mil"),
        ("cam.gamma=1", "cam.gamma is not a setting; there is mil.gamma"),
        ("mil.gamma=", "mil.gamma is ''; it must be a number"),
        ("gamma=[1", "'[1' is no YAML value"),
        ("cut.delta.x=1", "cut.delta is 'a list or part'; it must be a number"),
        ("data.voc.images=train", "data.voc needs root"),
    ],
)
def test_mistakes_in_a_change(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(preset("scenes"), [change])
    assert message in str(caught.value)


def test_a_change_of_the_same_source(tmp_path: Path) -> None:
    config: Any = changed(preset("scenes"), ["data.scenes.seed=5"]).data.source
    assert config == ScenesData(seed=5)
