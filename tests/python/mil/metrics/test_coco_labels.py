"""Labelled objects read back from COCO's JSON: round trip, both forms, damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_mil.data.types import DatasetError
from liid_mil.export import write_coco
from liid_mil.metrics import evaluate
from liid_mil.metrics.coco_labels import read_coco_labels
from mil.metrics.cases import random_pairs
from mil.metrics.test_proposal_evaluator import Annotated

BOX = {"image_id": "image-0", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


class Images(Annotated):
    """Annotated images of 40 x 40 pixels."""

    def image(self, i: int) -> np.ndarray:
        return np.zeros((40, 40, 3), np.uint8)


def dataset_of(pairs: list) -> Images:
    return Images([truth for _, truth in pairs])


@pytest.mark.parametrize("masks", [False, True], ids=["box", "mask"])
def test_what_was_written_is_read(tmp_path: Path, masks: bool) -> None:
    pairs = random_pairs(0, masks)
    dataset = dataset_of(pairs)
    write_coco(tmp_path / "labels.json", (labels for labels, _ in pairs), dataset.class_names)
    found = list(read_coco_labels(tmp_path / "labels.json", dataset))
    assert len(found) == len(pairs)
    for (labels, truth), (given, expected) in zip(found, pairs, strict=True):
        assert (labels.image_id, labels.size) == (given.image_id, given.size)
        for name in ("boxes", "labels", "scores"):
            np.testing.assert_array_equal(getattr(labels, name), getattr(given, name))
        assert labels.masks == given.masks or len(given) == 0
        assert truth is expected
    report, expected = (evaluate(one, dataset.class_names, coco=False) for one in (found, pairs))
    assert report.to_dict() == expected.to_dict()


def read(tmp_path: Path, content: Any, dataset: Images | None = None) -> list:
    path = tmp_path / "labels.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return list(read_coco_labels(path, dataset or dataset_of(random_pairs(0, False))))


def test_a_list_of_results(tmp_path: Path) -> None:
    mask = {"size": [40, 40], "counts": [0, 2, 38, 2, 1558]}
    shaped = {"image_id": "image-2", "category_id": 3, "segmentation": mask}
    found = [labels for labels, _ in read(tmp_path, [BOX, shaped, BOX | {"score": 0.7}])]
    assert found[0].boxes.tolist() == [[1, 2, 4, 6]] * 2
    assert found[0].scores.tolist() == pytest.approx([0.5, 0.7])
    assert found[0].masks is None
    assert (found[2].boxes.tolist(), found[2].labels.tolist()) == ([[0, 0, 2, 2]], [3])
    assert found[2].scores.tolist() == [1]
    assert len(found[1]) == 0
    assert found[1].size == (40, 40)


def test_category_ids_of_the_data(tmp_path: Path) -> None:
    dataset = dataset_of(random_pairs(0, False))
    dataset.category_ids = (7, 1, 90)
    found = read(tmp_path, [BOX, BOX | {"category_id": 90}], dataset)
    assert found[0][0].labels.tolist() == [2, 3]


def test_images_by_the_names_of_their_files(tmp_path: Path) -> None:
    """Labels of a folder of images, truth of COCO: the one's ids are names, the other's numbers."""
    dataset = dataset_of(random_pairs(0, False))
    ids = dataset.image_ids
    dataset.paths = tuple(Path("data") / f"{i % 2}" / f"{name}.jpg" for i, name in enumerate(ids))
    dataset.image_ids = tuple(str(i) for i in range(1, len(ids) + 1))
    size = {"height": 40, "width": 40}
    names = [
        {"id": 1, "image_id": f"{ids[2]}.jpg", **size},
        {"id": 2, "image_id": "x", "file_name": f"1/{ids[1]}.png", **size},
        {"id": 3, "file_name": f"{ids[0]}.jpg", **size},
        {"id": 4, **size},
    ]
    box = {"category_id": 9, "bbox": [1, 2, 3, 4]}
    content = whole(images=names) | {
        "annotations": [box | {"image_id": n, "score": n / 8} for n in (1, 2, 3, 4)]
    }
    found = [labels.scores.tolist() for labels, _ in read(tmp_path, content, dataset)]
    assert found[:4] == [[3 / 8], [2 / 8], [1 / 8], [4 / 8]]

    unknown = [{"id": 1, "image_id": "other.jpg", **size}]
    content |= {"images": unknown, "annotations": [box | {"image_id": 1}]}
    with pytest.raises(DatasetError, match=r"'other\.jpg', which is not in the data"):
        read(tmp_path, content, dataset)  # not image "1" of the data

    dataset.paths = tuple(Path("data") / f"{i}" / "same.jpg" for i in range(len(ids)))
    content["images"] = [{"id": 1, "file_name": "same.jpg", "image_id": "same", **size}]
    with pytest.raises(DatasetError, match="'same', which is not in the data"):
        read(tmp_path, content, dataset)


IMAGES = [{"id": 4, "image_id": "image-0", "height": 40, "width": 40}]
CLASSES = [{"id": 9, "name": "b"}]


def whole(**parts: Any) -> dict[str, Any]:
    annotation = BOX | {"image_id": 4, "category_id": 9}
    return {"images": IMAGES, "categories": CLASSES, "annotations": [annotation]} | parts


def test_classes_go_by_name(tmp_path: Path) -> None:
    assert read(tmp_path, whole())[0][0].labels.tolist() == [2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged JSON"),
        ("3", "neither annotations nor a list of results"),
        ([3], "object 0 needs image_id and category_id"),
        ([BOX, {"image_id": "image-0"}], "object 1 needs image_id and category_id"),
        ([BOX | {"image_id": "x"}], "objects of image 'x', which is not in the data"),
        ([BOX | {"category_id": 4}], r"object 0 has category_id 4; known: \[1, 2, 3\]"),
        ([BOX | {"bbox": [1, 2, 0, 4]}], "objects 0 to 0, of image 'image-0': boxes"),
        ([BOX | {"bbox": [1, 2, 3]}], "objects 0 to 0, of image 'image-0': cannot reshape"),
        ([BOX | {"score": None}], r"objects 0 to 0, of image 'image-0': scores\[0\] is nan"),
        ([BOX | {"segmentation": [[1, 2]]}], "the segmentation of object 0 is a list"),
        (
            [BOX, BOX | {"segmentation": [[0, 0, 4, 0, 4, 4]]}],
            "object 0 has no segmentation; others of 'image-0' have",
        ),
        ({"images": []}, "has no list 'categories'"),
        (whole(images=[{"id": 4}]), r"images\[0\] needs id, height and width"),
        (whole(categories=[{"id": 9}]), r"categories\[0\] needs id and name"),
        (whole(categories=[{"id": 9, "name": "z"}]), "has the class 'z'; the data has"),
        (whole(images=[]), "object 0 is of image 4, which is not listed"),
    ],
)
def test_damaged_files(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read(tmp_path, content)
    assert caught.value.path == tmp_path / "labels.json"


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nothing\.json: no such file"):
        list(read_coco_labels(tmp_path / "nothing.json", dataset_of([])))
