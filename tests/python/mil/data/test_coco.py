"""The COCO reader: masks of every kind, against pycocotools' own reading, and damage."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("pycocotools")

from PIL import Image as PillowImage
from pycocotools.coco import COCO

from liid_mil.data.coco import CocoDataset
from liid_mil.data.types import DatasetError
from liid_mil.proposals.masks import decode_masks, encode_masks

MASK = np.zeros((10, 12), dtype=bool)
MASK[2:7, 3:9] = True
MASK[4, 5] = False


def code() -> dict[str, Any]:
    mask = encode_masks(MASK[None])[0]
    return {"size": mask["size"], "counts": mask["counts"].decode()}


def runs() -> dict[str, Any]:
    flat = MASK.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    return {"size": [10, 12], "counts": np.diff(changes, prepend=0, append=flat.size).tolist()}


def note(number: int, image: int, category: int, shape: Any, **more: Any) -> dict[str, Any]:
    fixed = {"id": number, "image_id": image, "category_id": category, "segmentation": shape}
    return {**fixed, "bbox": [3, 2, 6, 5], "area": 29, "iscrowd": 0, **more}


CONTENT: dict[str, Any] = {
    "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}, {"id": 44, "name": "cup"}],
    "images": [
        {"id": 7, "file_name": "seven.png", "height": 10, "width": 12},
        {"id": 5, "file_name": "sub/five.png", "height": 10, "width": 12},
    ],
    "annotations": [
        note(1, 7, 18, [[3, 2, 9, 2, 9, 7, 3, 7], [0, 0, 2, 0, 2, 2]]),
        note(2, 7, 3, code()),
        note(3, 7, 3, runs(), iscrowd=1),
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name, value in (("seven.png", 7), ("sub/five.png", 5)):
        PillowImage.fromarray(np.full((10, 12, 3), value, np.uint8)).save(tmp_path / name)
    return tmp_path


def read(folder: Path, content: Any = CONTENT, **more: Any) -> CocoDataset:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "instances.json").write_text(text)
    return CocoDataset(folder / "instances.json", folder, **more)


def test_images_and_tags(folder: Path) -> None:
    dataset = read(folder)
    assert dataset.class_names == ("car", "dog", "cup")
    assert dataset.image_ids == ("5", "7")
    assert dataset.tags.tolist() == [[False] * 3, [True, True, False]]
    assert [int(dataset.image(i)[0, 0, 0]) for i in range(2)] == [5, 7]
    assert len(dataset.truth(0)) == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_masks_are_those_that_pycocotools_reads(folder: Path) -> None:
    truth = read(folder).truth(1)
    with contextlib.redirect_stdout(io.StringIO()):
        oracle = COCO(str(folder / "instances.json"))
    expected = [oracle.annToMask(oracle.anns[number]).astype(bool) for number in (1, 2, 3)]
    assert truth.masks is not None
    np.testing.assert_array_equal(decode_masks(truth.masks), expected)
    np.testing.assert_array_equal(decode_masks(truth.masks)[1:], [MASK, MASK])
    assert truth.labels.tolist() == [2, 1, 1]
    assert truth.boxes.tolist() == [[3, 2, 9, 7]] * 3
    assert truth.difficult.tolist() == [False, False, True]


def test_boxes_without_masks(folder: Path) -> None:
    content = copy.deepcopy(CONTENT)
    del content["annotations"][0]["segmentation"]
    truth = read(folder, content).truth(1)
    assert truth.masks is None
    assert len(truth) == 3


def test_some_images_in_a_given_order(folder: Path) -> None:
    assert read(folder, image_ids=[7, "5"]).image_ids == ("7", "5")
    with pytest.raises(DatasetError, match=r"instances\.json: has no image '9'"):
        read(folder, image_ids=[9])
    with pytest.raises(DatasetError, match=r"instances\.json: names image '7' twice"):
        read(folder, image_ids=[7, 7])


def test_boxes_are_cut_at_the_image_and_empty_ones_left_out(folder: Path) -> None:
    content = copy.deepcopy(CONTENT)
    content["annotations"][0]["bbox"] = [-2, 4, 50, 50]
    content["annotations"][1]["bbox"] = [3, 3, 0, 4]
    dataset = read(folder, content)
    assert dataset.truth(1).boxes.tolist() == [[0, 4, 12, 10], [3, 2, 9, 7]]
    assert dataset.tags[1].tolist() == [True, True, False]


def test_corners_far_outside(folder: Path) -> None:
    content = copy.deepcopy(CONTENT)
    content["annotations"][0]["segmentation"] = [[-1e12, 2, 1e12, 2, 1e12, 7, -1e12, 7]]
    masks = read(folder, content).truth(1).masks
    assert masks is not None
    assert decode_masks(masks[:1])[0, 2:7].all()


@pytest.mark.parametrize(
    "shape",
    [
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[1, 2, 3, 4, 5, "6"]],
        [[1, 2, 3, 4, 5, float("nan")]],
        [7],
        "mask",
        {"size": [10, 11], "counts": code()["counts"]},
        {"size": [10, 12], "counts": code()["counts"][:-2]},
        {"size": [10, 12], "counts": "\u00fc"},
        {"size": [10, 12], "counts": [119]},
        {"size": [10, 12], "counts": [-1, 121]},
        {"size": [10, 12], "counts": [60.0, 60.0]},
        {"size": [10, 12]},
    ],
)
def test_damaged_segmentations(folder: Path, shape: Any) -> None:
    content = copy.deepcopy(CONTENT)
    content["annotations"][1]["segmentation"] = shape
    dataset = read(folder, content)
    message = r"instances\.json: annotation 2 has a damaged segmentation"
    with pytest.raises(DatasetError, match=message):
        dataset.truth(1)


@pytest.mark.parametrize("box", [[1, 2, 3], [1, 2, 3, 10**400], [1, 2, 3, 1e39], [1, 2, 3, True]])
def test_a_bad_box(folder: Path, caplog: pytest.LogCaptureFixture, box: list[Any]) -> None:
    content = copy.deepcopy(CONTENT)
    content["annotations"][1]["bbox"] = box
    message = re.escape(f"annotation 2 has bbox {box}; it must be 4")
    with pytest.raises(DatasetError, match=message):
        read(folder, content)
    with caplog.at_level(logging.WARNING):
        dataset = read(folder, content, on_error="skip")
    assert dataset.image_ids == ("5",)
    assert list(dataset.skipped) == ["7"]
    assert "skipped image 7" in caplog.text


def test_a_missing_image(folder: Path) -> None:
    (folder / "seven.png").unlink()
    with pytest.raises(DatasetError, match=r"seven\.png: no such image"):
        read(folder)
    assert read(folder, on_error="skip").image_ids == ("5",)


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"damaged JSON \("),
        ("[" * 200_000, r"damaged JSON \("),
        ("[]", "must hold images, annotations and categories"),
        (changed(lambda c: c.pop("images")), "has no list 'images'"),
        (changed(lambda c: c["images"].append(4)), r"images\[2\] needs 'id', of type int"),
        (
            changed(lambda c: c["images"][1].pop("height")),
            r"images\[1\] needs 'height', of type int",
        ),
        (
            changed(lambda c: c["images"][1].update(width=0)),
            r"images\[1\] is 10 x 0",
        ),
        (
            changed(lambda c: c["categories"].append(c["categories"][0])),
            r"categories\[3\] has the id 18 of an earlier one",
        ),
        (
            changed(lambda c: c["annotations"][2].update(image_id=6)),
            "annotation 3 has an unknown image or category",
        ),
        (
            changed(lambda c: c["annotations"][2].update(category_id=1)),
            "annotation 3 has an unknown image or category",
        ),
    ],
)
def test_damaged_json(folder: Path, content: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"instances\.json: {message}"):
        read(folder, content)


def test_no_json(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.json: no such file"):
        CocoDataset(folder / "none.json", folder)
