"""VOC's PNGs: read back by Pillow and by the package's own reader, pixel for pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("PIL")

from PIL import Image

from liid_mil.data.types import ImageLabels
from liid_mil.data.voc import VocDataset
from liid_mil.export import write_voc
from liid_mil.export.voc import voc_palette
from liid_mil.proposals.masks import boxes_of_masks, decode_masks, encode_masks
from liid_mil.semantic import semantic_map
from mil.labelled import CLASS_NAMES, some_images


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode == "P"
        return np.asarray(picture)


def test_the_palette_is_vocs() -> None:
    palette = voc_palette()
    # Background, aeroplane, bicycle, ..., tvmonitor and void, as the development kit lists them.
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        3: (128, 128, 0),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
        255: (224, 224, 192),
    }
    assert {k: tuple(palette[k].tolist()) for k in known} == known
    assert len(np.unique(palette, axis=0)) == 256


def test_pixels_and_lists(tmp_path: Path) -> None:
    images = some_images()
    write_voc(tmp_path / "voc", iter(images), CLASS_NAMES, split="val")
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    expected = [f"voc/Segmentation{x}/a{i}.png" for x in ("Class", "Object") for i in range(4)]
    assert files == ["voc/ImageSets/Segmentation/val.txt", *expected, "voc/class_names.txt"]
    lines = (tmp_path / "voc/ImageSets/Segmentation/val.txt").read_text().splitlines()
    assert lines == ["a0", "a1", "a2", "a3"]
    names = (tmp_path / "voc/class_names.txt").read_text(encoding="utf-8").splitlines()
    assert names == list(CLASS_NAMES)
    for image in images:
        path = tmp_path / "voc" / "SegmentationClass" / f"{image.image_id}.png"
        with Image.open(path) as picture:
            assert picture.getpalette() == voc_palette().ravel().tolist()
        found = read(path)
        objects = read(tmp_path / "voc" / "SegmentationObject" / f"{image.image_id}.png")
        np.testing.assert_array_equal(found, semantic_map(image))
        np.testing.assert_array_equal(found, np.append(0, image.labels)[objects])
        for g, mask in enumerate(decode_masks(image.masks or []), start=1):
            surer = decode_masks(image.masks or [])[: g - 1].any(axis=0)
            np.testing.assert_array_equal(objects == g, mask & ~surer)


def test_the_own_reader_reads_it(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    images = [image for image in some_images((3, 2)) if len(image) > 0]
    tally = write_voc(root, images, CLASS_NAMES)
    assert tally.n_hidden == 0
    (root / "JPEGImages").mkdir()
    (root / "tags.csv").write_text("image,tags\na0,cat\na1,dog\n")
    for image in images:
        blank = Image.fromarray(np.zeros((*image.size, 3), np.uint8))
        blank.save(root / "JPEGImages" / f"{image.image_id}.jpg")
    dataset = VocDataset(
        root, "Segmentation/train", class_names=CLASS_NAMES, tag_file=root / "tags.csv"
    )
    assert dataset.image_ids == ("a0", "a1")
    for i, image in enumerate(images):
        truth = dataset.truth(i)
        assert truth is not None
        assert truth.masks is not None
        np.testing.assert_array_equal(truth.labels, image.labels)
        whole = decode_masks(image.masks or [])
        left = [whole[g] & ~whole[:g].any(axis=0) for g in range(len(whole))]
        np.testing.assert_array_equal(decode_masks(truth.masks), left)


def square(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    mask = np.zeros((12, 14), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def labelled(*masks: np.ndarray) -> ImageLabels:
    codes = encode_masks(np.array(masks))
    n = len(masks)
    scores = np.arange(n, 0, -1) / n
    return ImageLabels("one", (12, 14), boxes_of_masks(codes), np.arange(n) % 3 + 1, scores, codes)


def test_void_on_both_sides_of_borders(tmp_path: Path) -> None:
    image = labelled(square(2, 10, 1, 7), square(2, 10, 7, 13))
    write_voc(tmp_path / "voc", [image], CLASS_NAMES, void_width=1)
    inner = square(3, 9, 2, 6) * 1 + square(3, 9, 8, 12) * 2
    outer = np.zeros((12, 14), bool)
    outer[1:11, 0:14] = True
    expected = np.where(inner > 0, inner, np.where(outer, 255, 0))
    for kind in ("Class", "Object"):
        np.testing.assert_array_equal(
            read(tmp_path / "voc" / f"Segmentation{kind}" / "one.png"), expected
        )


def test_hidden_objects_are_counted(tmp_path: Path) -> None:
    image = labelled(square(2, 10, 1, 7), square(3, 5, 2, 4), square(0, 3, 0, 3))
    tally = write_voc(tmp_path / "voc", [image], CLASS_NAMES)
    assert (tally.n_objects, tally.n_hidden) == (3, 1)


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_voc(tmp_path / name, some_images(), CLASS_NAMES)
    for path in (tmp_path / "a").rglob("*.*"):
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes()


ONE = some_images((1,))[0]


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        ([ONE, ONE], {}, "image 'a0' comes twice"),
        ([replace(ONE, image_id="a/b")], {}, "image id 'a/b' cannot name a file: it holds '/'"),
        (
            [replace(ONE, image_id="..")],
            {},
            r"image id '\.\.' cannot name a file: it is empty, too",
        ),
        ([replace(ONE, image_id="")], {}, "image id '' cannot name a file: it is empty"),
        ([replace(ONE, image_id="a" * 300)], {}, "cannot name a file: it is empty, too long"),
        ([replace(ONE, image_id="a\nb")], {}, r"image id 'a\\nb' cannot name a file: it holds"),
        ([replace(ONE, image_id="a\0")], {}, r"cannot name a file: it holds '\\x00'"),
        ([replace(ONE, masks=None)], {}, "the objects of image 'a0' have boxes only"),
        (
            [replace(ONE, labels=np.array([4]))],
            {},
            r"image 'a0': labels\[0\] is 4; class_names",
        ),
        ([], {"split": "../train"}, r"image id '\.\./train' cannot name a file"),
        ([], {"void_width": -1}, "void_width is -1; it must be at least 0"),
        ([], {"class_names": ["x"] * 255}, "class_names has 255 names; PNGs have room for 254"),
    ],
)
def test_bad_input(
    tmp_path: Path, images: list[ImageLabels], settings: dict[str, Any], message: str
) -> None:
    arguments = {"class_names": CLASS_NAMES} | settings
    with pytest.raises(ValueError, match=message):
        write_voc(tmp_path / "voc", images, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="exists; remove it or choose another path"):
        write_voc(tmp_path, [], CLASS_NAMES)
