"""Checkpoint files: whole or not there, refused where damaged or of another run."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.training.checkpoint import (  # noqa: E402
    CheckpointError,
    check_same_run,
    data_fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from liid_mil.training.config import MilConfig  # noqa: E402


def state(**changes: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "kind": "mil",
        "config": asdict(MilConfig()),
        "data": "abc",
        "class_names": ["cat"],
        "epoch": 3,
        "step": 2,
        "model": {"weight": torch.randn(300, 300)},
        "extra": {"optimizer": {}},
    } | changes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, state())
    return path


def test_round_trip(path: Path) -> None:
    found = load_checkpoint(path, "mil")
    assert torch.equal(found["model"].pop("weight"), state()["model"].pop("weight"))
    assert found == {**state(), "model": {}, "format": "liid_mil checkpoint 1"}
    assert MilConfig.from_dict(found["config"]) == MilConfig()
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_failed_save_keeps_the_old_checkpoint(path: Path) -> None:
    with pytest.raises(AttributeError, match="pickle"):
        save_checkpoint(path, state(extra={"function": lambda: 0}))
    assert load_checkpoint(path)["epoch"] == 3
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("where", [0.05, 0.5, 0.9])
def test_a_flipped_bit_is_found(path: Path, where: float) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[int(where * len(damaged))] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: damaged checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("size", [0, 10, 1000, -1])
def test_a_cut_file_is_found(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: no checkpoint, or cut short"):
        load_checkpoint(path)


def test_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "was-here",))

    path = tmp_path / "evil.pt"
    torch.save(Evil(), path)
    with pytest.raises(CheckpointError, match=r"evil\.pt: damaged checkpoint: Weights only"):
        load_checkpoint(path)
    assert not (tmp_path / "was-here").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of liid_mil"):
        load_checkpoint(path)
    torch.save({"format": "liid_mil checkpoint 1", "kind": "mil"}, path)
    with pytest.raises(CheckpointError, match="damaged checkpoint: config, data, class_names"):
        load_checkpoint(path)


def test_kind_must_fit(path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a mil network; a cam one is needed"):
        load_checkpoint(path, "cam")


def test_settings_must_be_the_same() -> None:
    saved = state()
    check_same_run("x.pt", saved, MilConfig(), "abc")
    with pytest.raises(CheckpointError, match=r"x\.pt: was made with gamma=0\.1, but now gamma=0"):
        check_same_run("x.pt", saved, replace(MilConfig(), gamma=0.0), "abc")
    with pytest.raises(CheckpointError, match="was made with other images, tags, proposals"):
        check_same_run("x.pt", saved, MilConfig(), "other")


def test_fingerprint_sees_names_tags_and_arrays() -> None:
    class Names:
        class_names = ("a", "b")
        image_ids = ("1", "2")
        tags = np.eye(2, dtype=bool)

    data = Names()
    digests = {data_fingerprint(data), data_fingerprint(data, np.zeros(3))}
    digests |= {data_fingerprint(data, np.zeros(2)), data_fingerprint(data, np.zeros(3, int))}
    data.tags = ~data.tags
    digests.add(data_fingerprint(data))
    data.image_ids = ("1", "3")
    digests.add(data_fingerprint(data))
    assert len(digests) == 6
