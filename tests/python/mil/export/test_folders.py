"""Exports are whole or absent, after a kill and on a full disk; and the data card."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("PIL")
pytest.importorskip("skimage")

from liid_mil.export import DataCard, export
from liid_mil.export.data_card import file_hash
from liid_mil.export.files import file_stem, new_folder
from mil.labelled import CLASS_NAMES, some_images

TESTS = Path(__file__).parents[2]
# An endless stream of images, or one until the disk is full.
WRITER = """
import resource, signal, sys
from dataclasses import replace
from mil.labelled import CLASS_NAMES, some_images
from liid_mil.export import DataCard, export

(image,) = some_images((3,))

def endless():
    for i in range(10**9):
        if i == 300:
            print("writing", flush=True)
        yield replace(image, image_id=f"{i:0150}")

if sys.argv[3] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
export(sys.argv[1], endless(), CLASS_NAMES, format=sys.argv[2], card=DataCard("A test.", {}))
"""


def start(output: Path, format: str, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WRITER, str(output), format, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )


@pytest.mark.parametrize("format", ["coco", "voc"])
def test_a_killed_export_leaves_nothing_under_its_name(tmp_path: Path, format: str) -> None:
    with start(tmp_path / "out", format, "kill") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    left = list(tmp_path.iterdir())
    assert not (tmp_path / "out").exists()
    assert all(path.name.startswith(".out.") for path in left)
    assert export_some(tmp_path / "out", format).is_dir()


@pytest.mark.parametrize("format", ["coco", "voc"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, format: str) -> None:
    with start(tmp_path / "out", format, "full") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "File too large" in errors
    assert list(tmp_path.iterdir()) == []


def export_some(output: Path, format: str, card: DataCard | None = None) -> Path:
    card = card or DataCard("A test.", {"format": format})
    export(output, some_images(), CLASS_NAMES, format=format, card=card)
    return output


@pytest.mark.parametrize(
    ("format", "files"),
    [
        ("coco", {"annotations.json"}),
        ("voc", {"SegmentationClass", "SegmentationObject", "ImageSets", "class_names.txt"}),
        ("yolo", {"labels", "data.yaml"}),
    ],
)
def test_every_format_has_a_card(tmp_path: Path, format: str, files: set[str]) -> None:
    folder = export_some(tmp_path / "out", format)
    assert {path.name for path in folder.iterdir()} == files | {"README.md", "data_card.json"}


CUT = {"status": "time_limit", "cost": 2.5, "lower_bound": 2.0, "gap": 0.5, "warnings": ["Small."]}


def test_the_card_says_how_labels_were_made(tmp_path: Path) -> None:
    card = DataCard(
        "Proposals of a test.",
        {"format": "coco", "iou": 0.4},
        cut=CUT,
        run={"mil": {"epochs": 3}},
        inputs={"labels.npz": "ab" * 32},
        warnings=("Scores are made up.",),
    )
    folder = export_some(tmp_path / "out", "coco", card)
    facts = json.loads((folder / "data_card.json").read_text())
    labels = np.concatenate([image.labels for image in some_images()])
    assert facts["counts"]["by_class"] == {
        name: int((labels == k).sum()) for k, name in enumerate(CLASS_NAMES, start=1)
    }
    assert facts["counts"]["images"] == 4
    assert facts["counts"]["images_without_objects"] == 1
    assert facts["cut"] == CUT
    assert facts["run"] == {"mil": {"epochs": 3}}
    assert facts["export"] == {"format": "coco", "iou": 0.4}
    assert facts["inputs"] == {"labels.npz": "ab" * 32}
    assert {"liid-cut", "python", "numpy", "pycocotools"} <= set(facts["versions"])
    assert facts["warnings"] == [
        "Small.",
        "The cut is not proven optimal: status time_limit, gap 0.5.",
        "Scores are made up.",
        "1 of 4 images have no object: networks take all of them for background.",
    ]
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Proposals of a test. These are labels that a program made" in text
    assert "- objects: 12" in text
    assert "| cat | " in text
    assert "- lower_bound: 2.0" in text
    assert "- labels.npz: `abab" in text
    for warning in facts["warnings"]:
        assert f"- {warning}" in text


def test_a_card_without_warnings(tmp_path: Path) -> None:
    card = DataCard("A test.", {}, cut={"status": "optimal"})
    folder = tmp_path / "out"
    images = [image for image in some_images((9, 9)) if len(image)]
    export(folder, images, CLASS_NAMES, format="coco", card=card)
    assert json.loads((folder / "data_card.json").read_text())["warnings"] == []
    assert "## Warnings\n\nNone.\n" in (folder / "README.md").read_text(encoding="utf-8")


def test_classes_without_objects_are_warned_of(tmp_path: Path) -> None:
    export(tmp_path / "out", [], ("a|b", "c"), format="coco", card=DataCard("A test.", {}))
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "- No object of a|b, c." in text
    assert "| a\\|b | 0 |" in text


def test_the_same_labels_give_the_same_card(tmp_path: Path) -> None:
    one, two = (export_some(tmp_path / name, "voc") for name in ("one", "two"))
    for name in ("README.md", "data_card.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"format is 'csv'; it must be one of \('coco', "):
        export_some(tmp_path / "out", "csv")


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "a") == known


def test_new_folders(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "out") as staging:
        (staging / "file").write_text("x")
        assert not (tmp_path / "deep" / "out").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    with pytest.raises(FileExistsError, match="out exists; remove it"):
        new_folder(tmp_path / "deep" / "out").__enter__()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="link exists; remove it"):
        new_folder(tmp_path / "link").__enter__()


def failing(path: Path) -> None:
    with new_folder(path) as staging:
        (staging / "file").write_text("x")
        raise RuntimeError("stopped")


def test_a_folder_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        failing(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["2007_000027", "a b", "\u00e9l\u00e9phant", "a.b", "-x"])
def test_names_that_files_may_have(name: str, tmp_path: Path) -> None:
    assert file_stem(name) == name
    (tmp_path / f"{name}.txt").touch()


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "a/b", "a\\b", "a\0", "a\nb", "a:b", "a" * 201]
)
def test_names_that_files_may_not_have(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a file"):
        file_stem(name)


def test_surrogates_are_no_names() -> None:
    name: Any = "a\udcff"
    with pytest.raises(ValueError, match="cannot name a file"):
        file_stem(name)
