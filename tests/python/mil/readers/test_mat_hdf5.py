"""MATLAB v7.3 files that lie, or that lead to other files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("h5py")

import h5py

from liid_mil.readers import Limits
from mil.readers.checks import read_one, refused


@pytest.fixture
def file(tmp_path: Path) -> Any:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        yield file


def check(file: Any, reason: str, **limits: int) -> None:
    path = Path(file.filename)
    file.close()
    refused("mcg", path, reason, limits=Limits(**limits))


def test_boxes_are_transposed_and_may_be_none(file: Any) -> None:
    path = Path(file.filename)
    file["bboxes"] = np.array([[1.0, 2, 3, 4], [1, 1, 1, 1]]).T
    file.close()
    assert read_one("mcg", path).proposals.boxes.tolist() == [[1, 0, 4, 3], [0, 0, 1, 1]]


def test_no_proposals(file: Any) -> None:
    path = Path(file.filename)
    file["superpixels"] = np.ones((4, 3), np.uint16)
    file["labels"] = np.array([0, 0], np.uint64)
    file["labels"].attrs["MATLAB_empty"] = 1
    file.close()
    assert len(read_one("mcg", path).proposals) == 0


def test_an_array_larger_than_the_file(file: Any) -> None:
    file.create_dataset("bboxes", (4, 10**9), "f8", chunks=(4, 1000))
    check(file, "needs 32000000000 bytes or more for one image")


def test_chunks_larger_than_the_array(file: Any) -> None:
    file.create_dataset("bboxes", (4, 1), "f8", chunks=(4, 10**7), maxshape=(4, None))
    check(file, "needs 320000000 bytes or more for one image")


def test_more_cells_than_the_file(file: Any) -> None:
    file["superpixels"] = np.ones((4, 3), np.uint16)
    file.create_dataset("labels", (1, 10**9), h5py.ref_dtype, chunks=(1, 1000))
    check(file, "has 1000000000 proposals")


def test_links_to_other_files(file: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.mat", "w") as other:
        other["bboxes"] = np.ones((4, 1))
    file["bboxes"] = h5py.ExternalLink(str(tmp_path / "secret.mat"), "bboxes")
    check(file, "bboxes is a link to elsewhere")


def test_numbers_in_other_files(file: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(32))
    file.create_dataset("bboxes", (4, 1), "f8", external=[(str(tmp_path / "secret"), 0, 32)])
    check(file, "bboxes lies in another file")


def test_virtual_numbers(file: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.mat", "w") as other:
        other["bboxes"] = np.ones((4, 1))
    layout = h5py.VirtualLayout((4, 1), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.mat"), "bboxes", (4, 1))
    file.create_virtual_dataset("bboxes", layout)
    check(file, "bboxes lies in another file")


def test_text_and_references_to_groups(file: Any) -> None:
    file["superpixels"] = np.ones((4, 3), np.uint16)
    group = file.create_group("#refs#")
    file["labels"] = np.array([[group.ref]], h5py.ref_dtype)
    check(file, "labels has a cell that is no array")


def test_null_references(file: Any) -> None:
    file["superpixels"] = np.ones((4, 3), np.uint16)
    file.create_dataset("labels", (1, 2), h5py.ref_dtype)
    check(file, r"a\.mat: ")


@pytest.mark.parametrize("dtype", [h5py.string_dtype(), h5py.vlen_dtype(np.int32), "S8", "c16"])
def test_other_types(file: Any, dtype: Any) -> None:
    file.create_dataset("bboxes", (4, 1), dtype)
    check(file, "bboxes holds .*; numbers are read")


def test_a_group_in_the_place_of_an_array(file: Any) -> None:
    file.create_group("bboxes")
    check(file, "bboxes is no array")
