"""The VOC reader: on a small devkit made here, on damage, and on real photographs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("pycocotools")

from PIL import Image as PillowImage

from liid_mil.data.types import DatasetError
from liid_mil.data.voc import VOC_CLASSES, VocDataset, main_trainval_without_seg_val
from liid_mil.proposals.masks import decode_masks

BCCD = Path(__file__).parents[5] / "shared" / "data" / "bccd"
CAT, DOG = VOC_CLASSES.index("cat") + 1, VOC_CLASSES.index("dog") + 1


def an_object(name: str, box: tuple[object, ...], difficult: int | None = 0, more: str = "") -> str:
    corners = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    flag = "" if difficult is None else f"<difficult>{difficult}</difficult>"
    return f"<object><name>{name}</name>{flag}<bndbox>{corners}</bndbox>{more}</object>"


def annotation(*objects: str, size: tuple[int, int] = (20, 10)) -> str:
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<annotation>{sides}{''.join(objects)}</annotation>"


PART = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin></bndbox></part>"


@pytest.fixture
def devkit(tmp_path: Path) -> Path:
    """Images one, two and three: a cat and a difficult dog; a cat; nothing."""
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main", "ImageSets/Segmentation"):
        (tmp_path / folder).mkdir(parents=True)
    documents = {
        "one": annotation(
            an_object("cat", (1, 1, 5, 4), more=PART), an_object("dog", (6, 2, 20, 10), 1)
        ),
        "two": annotation(an_object("cat", (0, 3.5, 25, 8.25), None)),
        "three": annotation(),
    }
    for k, (name, text) in enumerate(documents.items()):
        (tmp_path / "Annotations" / f"{name}.xml").write_text(text)
        PillowImage.fromarray(np.full((10, 20, 3), 10 * k, np.uint8)).save(
            tmp_path / "JPEGImages" / f"{name}.jpg"
        )
    lists = {
        "Main/trainval": "one\ntwo\nthree\n",
        "Main/cat_val": "one  1\nthree -1\n",
        "Segmentation/val": "two\n",
        "Segmentation/train": "three\n",
    }
    for name, text in lists.items():
        (tmp_path / "ImageSets" / f"{name}.txt").write_text(text)
    return tmp_path


def write(devkit: Path, name: str, text: str | bytes) -> None:
    path = devkit / "Annotations" / f"{name}.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_images_tags_and_boxes(devkit: Path) -> None:
    dataset = VocDataset(devkit)
    assert dataset.image_ids == ("one", "two", "three")
    assert dataset.class_names == VOC_CLASSES
    assert [np.flatnonzero(row).tolist() for row in dataset.tags] == [
        [CAT - 1, DOG - 1],
        [CAT - 1],
        [],
    ]
    assert [int(dataset.image(i).mean()) for i in range(3)] == [0, 10, 20]
    one, two, three = (dataset.truth(i) for i in range(3))
    assert one is not None
    assert two is not None
    assert three is not None
    # From 1-based with the last pixel in, to 0-based with the last pixel out.
    assert one.boxes.tolist() == [[0, 0, 5, 4], [5, 1, 20, 10]]
    assert one.labels.tolist() == [CAT, DOG]
    assert one.difficult.tolist() == [False, True]
    assert one.masks is None
    assert two.boxes.tolist() == [[0, 2.5, 20, 8.25]]  # cut at the image
    assert two.difficult.tolist() == [False]
    assert len(three) == 0


@pytest.mark.parametrize("images", ["Main/cat_val", ["one", "three"], "list.txt"])
def test_lists_of_images(devkit: Path, images: str | list[str]) -> None:
    if images == "list.txt":
        (devkit / "list.txt").write_text("one\n\nthree\n")
        images = str(devkit / "list.txt")
    assert VocDataset(devkit, images).image_ids == ("one", "three")


def test_the_papers_lists(devkit: Path) -> None:
    assert main_trainval_without_seg_val(devkit) == ("one", "three")
    assert main_trainval_without_seg_val(devkit, ("train", "val")) == ("one",)
    assert len(VocDataset(devkit, main_trainval_without_seg_val(devkit))) == 2


def test_tags_from_a_file(devkit: Path) -> None:
    (devkit / "tags.csv").write_text("image,tags\nthree,sofa\none,dog;cat\ntwo,bus\n")
    (devkit / "Annotations" / "two.xml").unlink()
    dataset = VocDataset(devkit, tag_file=devkit / "tags.csv")
    assert [np.flatnonzero(row).tolist() for row in dataset.tags] == [
        [CAT - 1, DOG - 1],
        [VOC_CLASSES.index("bus")],
        [VOC_CLASSES.index("sofa")],
    ]
    assert dataset.truth(0) is not None
    assert dataset.truth(1) is None


def test_an_image_without_tags(devkit: Path) -> None:
    (devkit / "tags.csv").write_text("image,tags\none,cat\n")
    with pytest.raises(DatasetError, match=r"tags\.csv: has no tags of image 'two'"):
        VocDataset(devkit, tag_file=devkit / "tags.csv")


def segment(devkit: Path, folder: str, pixels: np.ndarray) -> None:
    (devkit / folder).mkdir(exist_ok=True)
    image = PillowImage.fromarray(pixels.astype(np.uint8))
    image.putpalette(list(range(256)) * 3)
    image.save(devkit / folder / "one.png")


def segmentation() -> tuple[np.ndarray, np.ndarray]:
    instances = np.zeros((10, 20), dtype=np.uint8)
    instances[0:4, 0:5], instances[1:10, 5:20] = 1, 2
    instances[0, 0:5] = 255
    classes = np.choose(np.minimum(instances, 3), [0, CAT, DOG, 255])
    return instances, classes


def test_segmentations_become_masks(devkit: Path) -> None:
    instances, classes = segmentation()
    segment(devkit, "SegmentationObject", instances)
    segment(devkit, "SegmentationClass", classes)
    truth = VocDataset(devkit).truth(0)
    assert truth is not None
    assert truth.masks is not None
    np.testing.assert_array_equal(decode_masks(truth.masks), [instances == 1, instances == 2])
    assert truth.boxes.tolist() == [[0, 1, 5, 4], [5, 1, 20, 10]]
    assert truth.labels.tolist() == [CAT, DOG]
    assert truth.difficult.tolist() == [False, True]


def test_an_empty_segmentation(devkit: Path) -> None:
    for folder in ("SegmentationObject", "SegmentationClass"):
        segment(devkit, folder, np.zeros((10, 20)))
    truth = VocDataset(devkit).truth(0)
    assert truth is not None
    assert len(truth) == 0


def test_segmentations_that_do_not_fit(devkit: Path) -> None:
    instances, classes = segmentation()
    segment(devkit, "SegmentationObject", instances)
    segment(devkit, "SegmentationClass", classes[:5])
    dataset = VocDataset(devkit)
    with pytest.raises(DatasetError, match=r"one\.png: is \(5, 20\); SegmentationObject is"):
        dataset.truth(0)
    segment(devkit, "SegmentationClass", np.where(classes == DOG, 0, classes))
    with pytest.raises(DatasetError, match=r"one\.png: has no class for object 2"):
        dataset.truth(0)


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<annotation><object><name>&b;</name></object></annotation>"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"damaged XML \(no element found"),
        ("<annotation><object>", r"damaged XML \(no element found"),
        (b"\xff\x00\xff", r"damaged XML \("),
        ("<annotation>&unknown;</annotation>", r"damaged XML \(undefined entity"),
        (BOMB, "declares a document type, which annotations never do"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "declares a document type"),
        (annotation(an_object("unicorn", (1, 1, 2, 2))), "object 0 is of class 'unicorn'; not in"),
        (annotation(an_object("cat", ("x", 1, 2, 2))), "bndbox/xmin is 'x'; it must be a number"),
        (annotation(an_object("cat", ("nan", 1, 2, 2))), "bndbox/xmin is 'nan'; it must be"),
        (annotation("<object><name>cat</name></object>"), "bndbox/xmin is None; it must be"),
        (
            annotation(an_object("dog", (1, 1, 2, 2)), an_object("cat", (9, 1, 3, 2))),
            r"object 1 has the box \[9.0, 1.0, 3.0, 2.0\], in which no pixel lies",
        ),
        (annotation(an_object("cat", (30, 1, 40, 2))), "object 0 has the box .* no pixel lies"),
    ],
)
def test_damaged_annotations(
    devkit: Path, text: str | bytes, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(devkit, "two", text)
    with pytest.raises(DatasetError, match=rf"two\.xml: {message}"):
        VocDataset(devkit)
    with caplog.at_level(logging.WARNING):
        dataset = VocDataset(devkit, on_error="skip")
    assert dataset.image_ids == ("one", "three")
    assert [truth is not None and len(truth) for truth in map(dataset.truth, (0, 1))] == [2, 0]
    assert list(dataset.skipped) == ["two"]
    assert "skipped image two" in caplog.text


def test_a_size_of_0_is_unknown(devkit: Path) -> None:
    write(devkit, "two", annotation(an_object("cat", (1, 1, 30, 30)), size=(0, 0)))
    truth = VocDataset(devkit).truth(1)
    assert truth is not None
    assert truth.boxes.tolist() == [[0, 0, 30, 30]]


def test_missing_files(devkit: Path) -> None:
    with pytest.raises(DatasetError, match=r"Main/test\.txt: no such list of images"):
        VocDataset(devkit, "Main/test")
    (devkit / "Annotations" / "one.xml").unlink()
    with pytest.raises(DatasetError, match=r"one\.xml: no such annotation"):
        VocDataset(devkit)
    (devkit / "JPEGImages" / "one.jpg").unlink()
    with pytest.raises(DatasetError, match=r"JPEGImages/one: no such image"):
        VocDataset(devkit)


def test_an_id_twice(devkit: Path) -> None:
    (devkit / "ImageSets" / "Main" / "trainval.txt").write_text("one\ntwo\none\n")
    with pytest.raises(DatasetError, match=r"trainval\.txt: names image 'one' twice"):
        VocDataset(devkit)


def test_real_photographs() -> None:
    if not BCCD.exists():
        pytest.skip("bccd is not beside the repository, in ../shared/data")
    dataset = VocDataset(BCCD, class_names=("RBC", "WBC", "Platelets"))
    test = VocDataset(BCCD, "Main/test", class_names=dataset.class_names)
    assert len(dataset) + len(test) == 364
    truths = [d.truth(i) for d in (dataset, test) for i in range(len(d))]
    assert sum(len(truth) for truth in truths if truth is not None) == 4888
    for i in range(0, len(dataset), 60):
        image, truth = dataset.image(i), dataset.truth(i)
        assert image.shape == (480, 640, 3)
        assert truth is not None
        np.testing.assert_array_equal(np.flatnonzero(dataset.tags[i]) + 1, np.unique(truth.labels))
        # White blood cells are stained: darker in green than what lies around all boxes.
        for box in truth.boxes[truth.labels == 2].astype(int):
            inside = image[box[1] : box[3], box[0] : box[2], 1]
            assert inside.mean() < image[..., 1].mean()
