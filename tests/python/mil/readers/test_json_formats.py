"""SAM, PRM and COCO results: variants of the layouts, and what is wrong in them."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from benchmarks import proposal_files as files
from liid_mil.proposals.masks import decode_masks
from liid_mil.readers import read_proposals
from mil.readers.checks import SIZE, check_same, example, read_one, refused


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


SQUARE = [[1, 1, 4, 1, 4, 3, 1, 3]]
CODE = {"size": [5, 6], "counts": [6, 2, 3, 2, 3, 2, 12]}
MASK = np.zeros((5, 6), dtype=bool)
MASK[1:3, 1:4] = True


# --- SAM


def test_sam_polygons_of_a_known_size(tmp_path: Path) -> None:
    note = {"segmentation": SQUARE, "predicted_iou": 0.5}
    image = {"width": 6, "height": 5}
    path = write(tmp_path / "a.json", {"annotations": [note], "image": image})
    check_same(read_one("sam", path), MASK[None], np.array([0.5]))
    path = write(tmp_path / "a.json", [note, {**note, "segmentation": CODE}])
    check_same(read_one("sam", path), MASK[None].repeat(2, 0), np.array([0.5, 0.5]))
    path = write(tmp_path / "a.json", [note])
    check_same(read_one("sam", path, sizes={"a": (5, 6)}), MASK[None], np.array([0.5]))
    refused("sam", path, "no run-length code of image 'a' that tells its size")


def test_sam_boxes_come_from_the_masks(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [{"segmentation": CODE, "bbox": [1, 1, 2, 1]}])
    assert read_one("sam", path).proposals.boxes.tolist() == [[1, 1, 4, 3]]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"predicted_iou": 0.25, "stability_score": 0.5, "score": 0.75}, 0.25),
        ({"predicted_iou": None, "stability_score": 0.5, "score": 0.75}, 0.5),
        ({"score": 0.75}, 0.75),
        ({}, 1),
    ],
)
def test_sam_scores(tmp_path: Path, scores: dict[str, Any], expected: float) -> None:
    path = write(tmp_path / "a.json", [{"segmentation": CODE, **scores}] * 2)
    assert read_one("sam", path).proposals.scores.tolist() == [expected] * 2


def test_sam_names_of_images(tmp_path: Path) -> None:
    image = {"width": 6, "height": 5, "file_name": "train/sa_1.tar.jpg"}
    path = write(tmp_path / "a.json", {"image": image, "annotations": []})
    assert read_one("sam", path).image_id == "train/sa_1.tar"
    image["file_name"] = "../../etc/passwd"
    path = write(tmp_path / "a.json", {"image": image, "annotations": []})
    refused("sam", path, r"names an image '../../etc/passwd', which is no safe name")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([7], "annotation 0 is no object"),
        ({"image": 7, "annotations": []}, "has an image that is no object"),
        ({"image": {"width": 6}, "annotations": []}, r"has the size \[None, 6\]"),
        ({"image": {"width": 1e9, "height": 2}, "annotations": []}, "it must be height, width"),
        ({"image": {"width": 10**9, "height": 10**9}, "annotations": []}, "at most 100000000"),
        ([{"segmentation": CODE}, {"segmentation": 7}], "of proposal 1 of image 'a' is neither"),
        ([{"segmentation": CODE}, {}], "1 of 2 proposals of image 'a' have a segmentation"),
        ([{}], "proposal 0 of image 'a' has neither a segmentation nor a bbox of 4 numbers"),
        ([{"bbox": [1, 2, 3]}], "nor a bbox of 4 numbers"),
        ([{"bbox": [1, 2, 3, "4"]}], "nor a bbox of 4 numbers"),
        ([{"bbox": [1, 2, 3, True]}], "nor a bbox of 4 numbers"),
        ([{"bbox": [1, 2, 3, 10**400]}], "proposal 0 of image 'a' has the box .*inf"),
        ([{"segmentation": {**CODE, "counts": [-1, 31]}}], "not all whole numbers"),
        ([{"segmentation": {**CODE, "counts": "0e"}}], "proposal 0 of image 'a' has no run-length"),
        ([{"segmentation": {**CODE, "size": [10**9, 10**9]}}], "has 1000000000 x 1000000000"),
        (
            [{"segmentation": {**CODE, "size": "large"}}],
            "no run-length code of image 'a' that tells its size",
        ),
        (
            [{"segmentation": CODE}, {"segmentation": {**CODE, "size": [6, 5]}}],
            r"segmentation of proposal 1 of image 'a' is of size \[6, 5\], not \[5, 6\]",
        ),
        (
            [{"segmentation": CODE, "score": 1}, {"segmentation": CODE}],
            "proposal 1 of image 'a' has the score None; it must be a number",
        ),
        ([{"segmentation": CODE, "score": float("nan")}], "has the score nan; .* finite"),
        ([{"segmentation": CODE, "score": 10**400}], "has the score inf; .* finite"),
        ([{"segmentation": CODE, "score": "0.5"}], "has the score '0.5'; it must be a number"),
    ],
)
def test_what_is_wrong_in_sam(tmp_path: Path, content: Any, reason: str) -> None:
    refused("sam", write(tmp_path / "a.json", content), rf"a\.json: .*({reason})")


# --- PRM


def prm(*runs: int, shape: Any = (5, 6)) -> dict[str, Any]:
    data = base64.b64encode(struct.pack(f"<{len(runs)}i", *runs)).decode()
    return {"data": data, "shape": list(shape)}


def test_prm_counts_pixels_along_rows_from_one(tmp_path: Path) -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask.ravel()[[0, 1, 4, 5, 6, 29]] = True
    path = write(tmp_path / "a.json", [prm(1, 2, 5, 3, 30, 1)])
    check_same(read_one("prm", path), mask[None], None)


def test_prm_empty(tmp_path: Path) -> None:
    reader = read_proposals("prm", write(tmp_path / "a.json", [prm(), prm(8, 1), prm()]))
    assert [image.proposals.boxes.tolist() for image in reader] == [[[1, 1, 2, 2]]]
    assert reader.n_empty == 2
    assert len(read_one("prm", write(tmp_path / "a.json", [])).proposals) == 0


@pytest.mark.parametrize("limit", ["_BYTES_AT_ONCE", "_CHANGES_AT_ONCE"])
def test_prm_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(f"liid_mil.readers.prm.{limit}", 900)
    image = example()
    files.write_prm(tmp_path / "img.json", image)
    check_same(read_one("prm", tmp_path / "img.json"), image.masks, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"data": "", "shape": [5, 6]}, "proposal 0 is no object"),
        ([7], "proposal 0 is no object with data and shape"),
        ([{"data": "", "shape": 7}], "it must be height, width"),
        ([{"data": "!", "shape": [5, 6]}], "proposal 0 has data that is no base64"),
        ([{"data": "\u00e9", "shape": [5, 6]}], "proposal 0 has data that is no base64"),
        ([{"data": 7, "shape": [5, 6]}], "proposal 0 has data that is no base64"),
        ([prm(1)], "proposal 0 has 4 bytes, no pairs of int32"),
        ([prm(1, 2), prm(0, 1)], "proposal 1 has a run of 1 pixels from 0 on"),
        ([prm(1, -1)], "proposal 0 has a run of -1 pixels from 1 on"),
        ([prm(1, 0)], "proposal 0 has a run of 0 pixels from 1 on"),
        ([prm(30, 2)], "proposal 0 has a run of 2 pixels from 30 on; .* within 1 to 30"),
        ([prm(2**31 - 1, 2**31 - 1)], "proposal 0 has a run of 2147483647 pixels"),
        ([prm(5, 3, 7, 1)], "proposal 0 has a run of 1 pixels from 7 on"),
        ([prm(5, 3, 1, 1)], "proposal 0 has a run of 1 pixels from 1 on"),
        ([prm(1, 1), prm(1, 1, shape=(6, 5))], r"proposal 1 has the shape \(6, 5\)"),
        ([prm(1, 1, shape=(10**9, 10**9))], "at most 100000000 are read"),
    ],
)
def test_what_is_wrong_in_prm(tmp_path: Path, content: Any, reason: str) -> None:
    refused("prm", write(tmp_path / "a.json", content), rf"a\.json: .*{reason}")


# --- COCO results


def test_coco_results_in_any_order(tmp_path: Path) -> None:
    images = [example(str(7 - i), n=i + 1, seed=i) for i in range(6)]
    records = [record for image in images for record in files.coco_records(image)]
    np.random.default_rng(0).shuffle(records)
    for record in records:
        record["image_id"] = int(record["image_id"])
    found = {each.image_id: each for each in read_proposals("coco", write(tmp_path / "r", records))}
    first = list(dict.fromkeys(str(record["image_id"]) for record in records))
    assert list(found) == first
    for image in images:
        check_same(found[image.image_id], image.masks, image.scores)


def test_coco_results_without_scores_keep_their_order(tmp_path: Path) -> None:
    records = [{"image_id": 1, "bbox": [i, 0, 2, 2]} for i in range(3)]
    found = read_one("coco", write(tmp_path / "r", records))
    assert found.size is None
    assert found.proposals.boxes.tolist() == [[i, 0, i + 2, 2] for i in range(3)]


def test_coco_polygons_need_a_size(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [{"image_id": "a", "segmentation": SQUARE, "score": 0.5}])
    refused("coco", path, "no run-length code of image 'a' that tells its size")
    check_same(read_one("coco", path, sizes=lambda name: (5, 6)), MASK[None], np.array([0.5]))


def test_no_results(tmp_path: Path) -> None:
    assert list(read_proposals("coco", write(tmp_path / "r", []))) == []


def test_damaged_images_of_coco_results_may_be_skipped(tmp_path: Path) -> None:
    records = [{"image_id": i, "bbox": [0, 0, i, 1], "score": 1} for i in range(3)]
    del records[1]["bbox"]
    reader = read_proposals("coco", write(tmp_path / "r", records), on_error="skip")
    assert [(each.image_id, len(each.proposals)) for each in reader] == [("0", 0), ("2", 1)]
    assert "neither a segmentation nor a bbox" in reader.skipped["1"]
    assert reader.n_empty == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"annotations": []}, "holds an object with 'annotations', no list of results"),
        ([{"bbox": [0, 0, 1, 1]}], "record 0 has no image_id"),
        ([{"image_id": 1, "bbox": [0, 0, 1, 1]}, 7], "record 1 has no image_id"),
        ([{"image_id": None}], "names an image None"),
        ([{"image_id": "/etc/passwd"}], "names an image '/etc/passwd', which is no safe name"),
        ([{"image_id": 1, "category_id": 3}], "proposal 0 of image '1' has neither"),
    ],
)
def test_what_is_wrong_in_coco_results(tmp_path: Path, content: Any, reason: str) -> None:
    refused("coco", write(tmp_path / "r", content), reason)


def test_masks_of_many_more_than_a_byte_counts(tmp_path: Path) -> None:
    image = example(n=300)
    write(tmp_path / "r", files.coco_records(image))
    found = read_one("coco", tmp_path / "r")
    assert found.proposals.masks is not None
    assert decode_masks(found.proposals.masks[:2]).shape == (2, *SIZE)
    check_same(found, image.masks, image.scores)
