"""Plain arrays in npz, and the recipe that makes them; what is wrong in them."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from benchmarks import proposal_files as files
from liid_mil.readers import Limits, authors, read_proposals
from mil.readers.checks import check_same, example, read_one, refused


def test_several_images(tmp_path: Path) -> None:
    images = [example("a", 3, 1), example("b/c", 5, 2), example("d", 1, 3)]
    files.write_arrays(tmp_path / "p.npz", images)
    files.write_authors_json(tmp_path / "p.json", images)
    for name in ("p.npz", "p.json"):
        found = list(read_proposals("authors", tmp_path / name))
        assert [each.image_id for each in found] == ["a", "b/c", "d"]
        for each, image in zip(found, images, strict=True):
            check_same(each, image.masks, image.scores)


def test_boxes_alone(tmp_path: Path) -> None:
    image = example()
    path = tmp_path / "p.npz"
    files.write_arrays(path, [image], masks=None, mask_offsets=None, sizes=None, scores=None)
    found = read_one("authors", path)
    assert (found.size, found.proposals.masks) == (None, None)
    check_same(found, image.masks, None)


def test_packed_arrays(tmp_path: Path) -> None:
    boxes = np.array([[0, 0, 1, 1]])
    np.savez_compressed(tmp_path / "p.npz", image_ids=["a"], offsets=[0, 1], boxes=boxes * 1.0)
    assert read_one("authors", tmp_path / "p.npz").proposals.boxes.tolist() == [[0, 0, 1, 1]]


def test_the_recipe_converts_a_pickle(tmp_path: Path) -> None:
    assert authors.__doc__ is not None
    recipe = textwrap.dedent(authors.__doc__.split("boxes::\n")[1].split("\njson:")[0])
    boxes = {"a": np.array([[0, 0, 2, 1], [1, 1, 3, 4]]), "b": np.zeros((0, 4))}
    (tmp_path / "proposals.pkl").write_bytes(pickle.dumps(boxes))
    subprocess.run([sys.executable, "-c", recipe], cwd=tmp_path, check=True)
    found = list(read_proposals("authors", tmp_path / "proposals.npz"))
    assert [each.image_id for each in found] == ["a", "b"]
    assert found[0].proposals.boxes.tolist() == boxes["a"].tolist()
    assert len(found[1].proposals) == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"boxes": None}, "lacks arrays; it has image_ids, mask_offsets"),
        ({"masks": None}, "lacks arrays; it has boxes, image_ids, mask_offsets"),
        ({"sizes": None}, "has masks, but no sizes"),
        ({"boxes": np.zeros((12, 4), int)}, "boxes is of type int64, which is not read there"),
        ({"boxes": np.zeros((12, 5))}, r"rows of boxes are \(5,\), not \(4,\)"),
        ({"boxes": np.zeros((4, 12)).T}, "boxes is no array of rows, one after another"),
        ({"scores": np.zeros(11)}, "scores has 11 rows, not 12"),
        ({"scores": np.full(12, np.nan)}, "proposal 0 of image 'img' has the score nan"),
        ({"scores": np.float64(1)}, "scores is no array of rows"),
        ({"offsets": np.array([0, 6, 12])}, "offsets has 3 rows, not 2"),
        ({"offsets": np.array([1, 12])}, "offsets starts with 1, not 0"),
        ({"offsets": np.array([0, 13])}, "offsets holds numbers beyond 12"),
        ({"offsets": np.array([0, 11])}, "offsets ends at 11, not 12"),
        ({"offsets": np.array([0.0, 12])}, "offsets is of type float64"),
        ({"mask_offsets": np.array([0, 9, 3, *[9] * 10])}, "mask_offsets falls after 0"),
        ({"sizes": np.array([[10**9, 10**9]])}, "at most 100000000 are read"),
        ({"sizes": np.array([[-1, 5]])}, "it must be height, width"),
        ({"sizes": np.array([[53, 37]])}, "ok"),
        ({"sizes": np.array([[53, 38]])}, "proposal 0 of image 'img' has no run-length code"),
        ({"image_ids": np.array(["../../x"])}, "names an image '../../x', which is no safe name"),
        ({"image_ids": np.array([7])}, "image_ids is of type int64"),
        ({"image_ids": np.array(["a" * 2000])}, "image_ids is of type <U2000"),
        ({"masks": np.zeros(9, np.uint16)}, "masks is of type uint16"),
    ],
)
def test_what_is_wrong_in_arrays(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    files.write_arrays(tmp_path / "p.npz", [example()], **change)
    if reason == "ok":  # another shape of as many pixels cannot be told
        assert len(read_one("authors", tmp_path / "p.npz").proposals) == 12
    else:
        refused("authors", tmp_path / "p.npz", reason)


@pytest.mark.parametrize("name", ["image_ids", "boxes"])
def test_arrays_of_objects(tmp_path: Path, name: str) -> None:
    files.write_arrays(tmp_path / "p.npz", [example()], **{name: np.array([{}], object)})
    refused("authors", tmp_path / "p.npz", "is a zip file with pickled objects; reading a pickle")


def test_packed_arrays_that_unpack_to_too_much(tmp_path: Path) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 4)}
    with zipfile.ZipFile(tmp_path / "p.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in {"image_ids": ["a"], "offsets": [0, 10**9]}.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.save(file, np.array(values))
        with archive.open("boxes.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(bytes(10**6))
    refused("authors", tmp_path / "p.npz", "has 1000000000 proposals of image 'a'; at most 50000")
    unlimited = Limits(max_proposals=10**10)
    refused("authors", tmp_path / "p.npz", "needs 16000000000 bytes or more", limits=unlimited)
    unlimited = Limits(max_proposals=10**10, max_bytes=10**11)
    refused("authors", tmp_path / "p.npz", "boxes is cut short", limits=unlimited)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "ok"),
        ({"a": 1}, "record 0 is no object with an image_id"),
        ([7], "record 0 is no object with an image_id"),
        ([{"image_id": "a"}], "boxes of image 'a' is None, no list"),
        ([{"image_id": "a", "boxes": [[1, 2, 3]]}], r"boxes of image 'a' are \(1, 3\), not"),
        ([{"image_id": "a", "boxes": [[1, 2, 3], []]}], "boxes of image 'a' are not numbers"),
        ([{"image_id": "a", "boxes": [["x"] * 4]}], "boxes of image 'a' are not numbers"),
        ([{"image_id": "a", "boxes": [], "scores": 7}], "scores of image 'a' is 7, no list"),
        ([{"image_id": "a", "boxes": [], "scores": [1]}], "has 1 scores for 0 proposals"),
        ([{"image_id": "a", "masks": [7]}], "it must be height, width"),
        ([{"image_id": "a", "masks": [{"size": [5, 6]}]}], "mask 0 of image 'a' has no counts"),
    ],
)
def test_what_is_wrong_in_json(tmp_path: Path, content: Any, reason: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content))
    if reason == "ok":
        assert list(read_proposals("authors", path)) == []
    else:
        refused("authors", path, reason)
