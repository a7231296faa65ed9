"""YOLO's files: read line by line as trainers do, and filled again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("skimage")

from liid_mil.data.types import ImageLabels
from liid_mil.export import write_yolo
from liid_mil.proposals.masks import decode_masks, encode_masks
from mil.export.test_polygons import filled
from mil.labelled import CLASS_NAMES, some_images


def test_lines_are_the_objects(tmp_path: Path) -> None:
    images = some_images()
    tally = write_yolo(tmp_path / "yolo", iter(images), CLASS_NAMES, split="val")
    labels = tmp_path / "yolo" / "labels" / "val"
    assert sorted(path.name for path in labels.iterdir()) == [f"a{i}.txt" for i in range(4)]
    assert tally.n_objects == 12
    for image in images:
        lines = (labels / f"{image.image_id}.txt").read_text().splitlines()
        assert [int(line.split()[0]) + 1 for line in lines] == image.labels.tolist()
        for line, mask in zip(lines, decode_masks(image.masks or []), strict=True):
            shares = np.array(line.split()[1:], dtype=float).reshape(-1, 2)
            assert len(shares) >= 3
            assert shares.min() >= 0
            assert shares.max() <= 1
            ring = shares * (image.size[1], image.size[0])
            np.testing.assert_array_equal(filled(ring, image.size), mask)


def test_data_yaml(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    names = ("cat", 'a "b": #c', "sea \u00e9lephant", "no")
    write_yolo(tmp_path / "yolo", [], names)
    content = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text(encoding="utf-8"))
    assert content["names"] == dict(enumerate(names))
    assert content["path"] == "."
    assert content["train"] == content["val"] == "images/train"


def test_tolerance(tmp_path: Path) -> None:
    for name, tolerance in (("exact", 0.0), ("rough", 1.0)):
        write_yolo(tmp_path / name, some_images(), CLASS_NAMES, tolerance=tolerance)
    exact, rough = (
        sum(path.stat().st_size for path in (tmp_path / name).rglob("*.txt"))
        for name in ("exact", "rough")
    )
    assert rough < 0.8 * exact


ONE = some_images((1,))[0]
EMPTY = encode_masks(np.zeros((1, *ONE.size), dtype=bool))


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        ([ONE, ONE], {}, "image 'a0' comes twice"),
        ([replace(ONE, image_id="a\\b")], {}, r"image id 'a\\\\b' cannot name a file: it holds"),
        ([replace(ONE, masks=None)], {}, "the objects of image 'a0' have boxes only"),
        ([replace(ONE, masks=EMPTY)], {}, r"image 'a0': masks\[0\] is empty"),
        ([], {"tolerance": -1}, "tolerance is -1; it must be a number >= 0"),
        ([], {"tolerance": np.nan}, "tolerance is nan; it must be a number >= 0"),
    ],
)
def test_bad_input(
    tmp_path: Path, images: list[ImageLabels], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_yolo(tmp_path / "yolo", images, CLASS_NAMES, **settings)
    assert list(tmp_path.iterdir()) == []
