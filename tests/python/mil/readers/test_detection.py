"""Formats by contents; pickles under any name are refused, and never run."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from PIL import Image as PillowImage

from liid_mil.readers import FORMATS, read_proposals
from liid_mil.readers.detection import format_of
from mil.readers.checks import refused


class Bomb:
    """Unpickled, it writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("bomb_went_off"),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "content", [{"a": Bomb()}, [Bomb()], (Bomb(), 1), Bomb(), np.zeros(3), {}, []]
)
@pytest.mark.parametrize("name", ["p.pkl", "p.mat"])
def test_pickles_under_any_name(folder: Path, content: Any, protocol: int, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(content, protocol))
    for format in ("auto", "authors"):
        refused(format, folder / name, r"is a pickle; .* help\(liid_mil\.readers\.authors\)")
    for format in FORMATS:
        refused(format, folder / name, r"p\.")
    assert not (folder / "bomb_went_off").exists()


def test_folders_of_pickles(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.pkl").write_bytes(pickle.dumps([Bomb()]))
    refused("auto", folder / "in", r"a\.pkl: is a pickle")
    assert not (folder / "bomb_went_off").exists()


@pytest.mark.parametrize("format", ["auto", "authors"])
def test_pickles_inside_other_files(folder: Path, format: str) -> None:
    np.save(folder / "a.npy", np.array([Bomb()], object), allow_pickle=True)
    refused(format, folder / "a.npy", "is an npy file with pickled objects; reading a pickle")
    np.savez(folder / "a.npz", boxes=np.array([Bomb()], object))
    refused(format, folder / "a.npz", "is a zip file with pickled objects; reading a pickle")
    with zipfile.ZipFile(folder / "a.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    refused(format, folder / "a.pth", "is a zip file with pickled objects; reading a pickle")
    assert not (folder / "bomb_went_off").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is of no format of proposals"),
        (b"hello", "is of no format of proposals"),
        (b"class,x,y\n1,2,3\n", "is of no format of proposals"),
        (b"(data)", "is of no format of proposals"),
        (b"\x1f\x8b\x08\x00", "is of no format of proposals"),
        (b"PK\x03\x04 cut", "damaged zip file"),
        (b"\x89PNG\r\n\x1a\n cut", "damaged image|not an image"),
        (b"[]", "is JSON, but of no format"),
        (b"[7]", "is JSON, but of no format"),
        (b'{"info": {}, "images": [], "annotations": []}', "holds COCO's annotations of objects"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a").write_bytes(content)
    refused("auto", tmp_path / "a", reason)


def test_plain_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    refused("auto", tmp_path / "a.npy", "is an npy file; save the arrays as npz")


def test_annotations_before_the_image(tmp_path: Path) -> None:
    note = {"segmentation": {"size": [1, 1], "counts": [0, 1]}}
    content = {"annotations": [note], "image": {"width": 1, "height": 1}}
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert format_of(tmp_path / "a.json") == "sam"


def test_grey_and_other_palettes_are_label_maps(tmp_path: Path) -> None:
    picture = PillowImage.fromarray(np.zeros((3, 4), np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    assert format_of(tmp_path / "a.png") == "label-maps"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colours_are_no_label_map(tmp_path: Path, mode: str) -> None:
    PillowImage.new(mode, (4, 3)).save(tmp_path / "a.png")
    refused("label-maps", tmp_path / "a.png", "must be an image with a palette or grey")


def test_a_label_map_of_nothing(tmp_path: Path) -> None:
    PillowImage.fromarray(np.full((3, 4), 255, np.uint8)).save(tmp_path / "a.png")
    (image,) = read_proposals("voc", tmp_path / "a.png")
    assert (image.size, len(image.proposals)) == ((3, 4), 0)
    (image,) = read_proposals("label-maps", tmp_path / "a.png")
    assert image.proposals.boxes.tolist() == [[0, 0, 4, 3]]


def test_a_zip_file_whose_members_are_cut_short(tmp_path: Path) -> None:
    """Found by fuzzing: an EOFError of zipfile's."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("boxes.npy", bytes(20))
    data = bytearray(path.read_bytes())
    member = data.index(b"PK\x01\x02")
    data[member + 20 : member + 28] = struct.pack("<II", 1 << 20, 1 << 20)  # both sizes
    path.write_bytes(data)
    refused("authors", path, "damaged zip file")
