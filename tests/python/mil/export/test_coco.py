"""COCO files: read back by pycocotools and by the package's own reader; whole or absent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("PIL")

from PIL import Image
from pycocotools.coco import COCO

from liid_mil.data.coco import CocoDataset
from liid_mil.data.types import ImageLabels
from liid_mil.export import write_coco
from liid_mil.proposals.masks import areas_of_masks, decode_masks
from mil.labelled import CLASS_NAMES, image_labels, some_images


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pycocotools' way to hand over arrays
def test_pycocotools_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = some_images()
    tally = write_coco(tmp_path / "a.json", iter(images), CLASS_NAMES)
    coco = COCO(tmp_path / "a.json")
    assert coco.loadCats(coco.getCatIds()) == [
        {"id": 1, "name": "cat"},
        {"id": 2, "name": "dog"},
        {"id": 3, "name": "sea \u00e9lephant"},
    ]
    assert len(coco.getAnnIds()) == tally.n_objects == 12
    for number, image in enumerate(images, start=1):
        (record,) = coco.loadImgs([number])
        assert record == {
            "id": number,
            "file_name": f"{image.image_id}.jpg",
            "height": image.size[0],
            "width": image.size[1],
            "image_id": image.image_id,
        }
        annotations = coco.loadAnns(coco.getAnnIds([number]))
        assert [a["category_id"] for a in annotations] == image.labels.tolist()
        assert [a["iscrowd"] for a in annotations] == [0] * len(image)
        assert image.masks is not None
        assert [a["area"] for a in annotations] == areas_of_masks(image.masks).tolist()
        xywh = np.array([a["bbox"] for a in annotations]).reshape(-1, 4)
        np.testing.assert_array_equal(
            np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]), image.boxes
        )
        np.testing.assert_array_equal(
            np.array([a["score"] for a in annotations], np.float32), image.scores
        )
        for annotation, mask in zip(annotations, decode_masks(image.masks), strict=True):
            np.testing.assert_array_equal(coco.annToMask(annotation), mask)


def test_the_own_reader_reads_it(tmp_path: Path) -> None:
    images = some_images((3, 0, 2))
    for image in images:
        blank = Image.fromarray(np.zeros((*image.size, 3), np.uint8))
        blank.save(tmp_path / f"{image.image_id}.png")
    write_coco(tmp_path / "a.json", images, CLASS_NAMES, file_name="{}.png".format)
    dataset = CocoDataset(tmp_path / "a.json", tmp_path)
    assert dataset.class_names == CLASS_NAMES
    for i, image in enumerate(images):
        truth = dataset.truth(i)
        np.testing.assert_array_equal(truth.boxes, image.boxes)
        np.testing.assert_array_equal(truth.labels, image.labels)
        assert truth.masks == image.masks


def test_numbers_of_images_and_categories(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [image_labels(rng, "000042", 2), image_labels(rng, "7", 1)]
    write_coco(tmp_path / "a.json", images, CLASS_NAMES, category_ids=[90, 1, 3], numeric_ids=True)
    content = json.loads((tmp_path / "a.json").read_text())
    assert [image["id"] for image in content["images"]] == [42, 7]
    assert [a["image_id"] for a in content["annotations"]] == [42, 42, 7]
    labels = np.concatenate([image.labels for image in images])
    ids = [[90, 1, 3][label - 1] for label in labels]
    assert [a["category_id"] for a in content["annotations"]] == ids
    assert [c["id"] for c in content["categories"]] == [90, 1, 3]


def test_boxes_alone(tmp_path: Path) -> None:
    (image,) = some_images((2,))
    boxes = image.boxes + np.float32(0.3)
    tally = write_coco(tmp_path / "a.json", [replace(image, boxes=boxes, masks=None)], CLASS_NAMES)
    annotations = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert [a["segmentation"] for a in annotations] == [[], []]
    for annotation, box in zip(annotations, boxes, strict=True):
        x, y, width, height = annotation["bbox"]
        np.testing.assert_array_equal(np.array([x, y, x + width, y + height], np.float32), box)
        assert annotation["area"] == pytest.approx(width * height)
    assert tally.n_without_mask == 2


def test_no_image(tmp_path: Path) -> None:
    write_coco(tmp_path / "a.json", [], CLASS_NAMES)
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["images"] == content["annotations"] == []


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_coco(tmp_path / name, some_images(), CLASS_NAMES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_counts(tmp_path: Path) -> None:
    images = some_images()
    tally = write_coco(tmp_path / "a.json", images, CLASS_NAMES)
    labels = np.concatenate([image.labels for image in images])
    scores = np.concatenate([image.scores for image in images])
    assert (tally.n_images, tally.n_empty, tally.n_without_mask) == (4, 1, 0)
    assert tally.n_by_class.tolist() == [int((labels == k).sum()) for k in (1, 2, 3)]
    assert tally.score_range == (scores.min(), scores.max())


def test_an_error_leaves_the_older_file(tmp_path: Path) -> None:
    def broken() -> Iterator[ImageLabels]:
        yield from some_images()
        raise RuntimeError("the source broke")

    path = tmp_path / "a.json"
    path.write_text("older")
    with pytest.raises(RuntimeError, match="the source broke"):
        write_coco(path, broken(), CLASS_NAMES)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def named(image_id: str) -> list[ImageLabels]:
    return [replace(some_images((1,))[0], image_id=image_id)]


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        (named("a") * 2, {}, "image 'a' comes twice"),
        (named("7") + named("007"), {"numeric_ids": True}, "image '007' comes twice"),
        (named("2007_01"), {"numeric_ids": True}, "image id '2007_01' is no number"),
        (named("../a"), {}, r"image id '\.\./a' cannot name a file: it holds '/'"),
        ([], {"category_ids": [1, 2]}, r"category_ids is \[1, 2\]; it must be 3 distinct numbers"),
        ([], {"category_ids": [1, 2, 2]}, r"category_ids is \[1, 2, 2\]; it must be 3 distinct"),
        (
            [replace(some_images((1,))[0], labels=np.array([4]))],
            {},
            r"image 'a0': labels\[0\] is 4; class_names has 3 names",
        ),
    ],
)
def test_bad_input(
    tmp_path: Path, images: list[ImageLabels], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_coco(tmp_path / "a.json", images, CLASS_NAMES, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_coco(tmp_path / "missing" / "a.json", [], CLASS_NAMES)
