"""Names of images and files: what may not be read, and what leads out of a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pycocotools")

from liid_mil.data.types import DatasetError
from liid_mil.readers.files import files_of, image_id_of, stem

FILE = Path("proposals.json")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(17, "17"), ("a", "a"), ("a/b.c", "a/b.c"), ("..a", "..a"), ("\u00e9 ", "\u00e9 ")],
)
def test_names(value: Any, expected: str) -> None:
    assert image_id_of(FILE, value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/etc/passwd",
        "../a",
        "a/../../b",
        "a/..",
        ".",
        "a//b",
        "a/",
        "C:a",
        "a\\b",
        "a\0b",
        "a\n",
    ],
)
def test_names_that_lead_out_of_a_folder(value: str) -> None:
    with pytest.raises(DatasetError, match=r"proposals\.json: names an image .* no safe name"):
        image_id_of(FILE, value)


@pytest.mark.parametrize("value", [None, True, 1.5, 10**18, [], {}])
def test_names_of_another_type(value: Any) -> None:
    with pytest.raises(DatasetError, match="it must be a text or a number"):
        image_id_of(FILE, value)


def test_long_names() -> None:
    assert image_id_of(FILE, "a" * 255) == "a" * 255
    with pytest.raises(DatasetError, match="no safe name"):
        image_id_of(FILE, "a" * 256)


def test_stems() -> None:
    names = ["a.mat", "a", ".a", "d.e/a.b.mat", "d.e/a", "d/.a"]
    assert [stem(name) for name in names] == ["a", "a", ".a", "d.e/a.b", "d.e/a", "d/.a"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "b.mat").write_text("b")
    (tmp_path / "secret.mat").write_text("secret")
    return tmp_path / "in"


def names(folder: Path) -> list[str]:
    return [name for name, _ in files_of(folder, (".mat",))]


def test_links_within_the_folder(folder: Path) -> None:
    (folder / "a.mat").symlink_to(folder / "sub" / "b.mat")
    (folder / "again").symlink_to(folder / "sub")  # its files are found where they lie
    (folder / "sub" / "up").symlink_to(folder)
    assert names(folder) == ["a", "sub/b"]


@pytest.mark.parametrize("target", ["../secret.mat", "..", "/dev/zero", "nowhere/none"])
def test_links_out_of_the_folder(folder: Path, target: str) -> None:
    (folder / "a.mat").symlink_to(target)
    with pytest.raises(DatasetError, match=r"a\.mat: is (a link that leads out|not a regular)"):
        names(folder)


def test_a_folder_that_is_a_link_itself(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert names(folder.parent / "link") == ["sub/b"]


def test_pipes(folder: Path) -> None:
    os.mkfifo(folder / "a.mat")
    with pytest.raises(DatasetError, match=r"a\.mat: is not a regular file"):
        names(folder)
    with pytest.raises(DatasetError, match=r"a\.mat: is not a regular file"):
        names(folder / "a.mat")


def test_deep_folders(tmp_path: Path) -> None:
    path = tmp_path
    for _ in range(300):
        path = path / "d"
    path.mkdir(parents=True)
    (path / "a.mat").write_text("a")
    with pytest.raises(DatasetError, match="no safe name"):  # longer than 255 letters
        names(tmp_path)
