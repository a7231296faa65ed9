"""Tags from CSV and NPZ, and the dataset that a folder and such a file make."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image as PillowImage

from liid_mil.data.tag_files import read_tags
from liid_mil.data.tag_folder import TagFolderDataset
from liid_mil.data.types import DatasetError

NAMES = "image,tags\na.png,cat; dog\nb.png,\nsub/c.png,dog\n"
COLUMNS = "image,cat,dog\na.png,1,1\nb.png,0,0\nsub/c.png,0,1\n"


def csv(folder: Path, text: str) -> Path:
    (folder / "tags.csv").write_text(text, encoding="utf-8")
    return folder / "tags.csv"


def images(folder: Path, names: tuple[str, ...] = ("a.png", "b.png", "sub/c.png")) -> Path:
    for k, name in enumerate(names):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(np.full((4, 5, 3), k, np.uint8)).save(path)
    return folder / "images"


@pytest.mark.parametrize("text", [NAMES, COLUMNS, "\ufeff" + NAMES.replace("\n", "\r\n")])
def test_both_forms_of_csv(tmp_path: Path, text: str) -> None:
    names, ids, tags = read_tags(csv(tmp_path, text))
    assert names == ("cat", "dog")
    assert ids == ("a.png", "b.png", "sub/c.png")
    assert tags.tolist() == [[True, True], [False, False], [False, True]]


def test_the_order_of_classes_can_be_given(tmp_path: Path) -> None:
    names, _, tags = read_tags(csv(tmp_path, NAMES), ["dog", "cow", "cat"])
    assert names == ("dog", "cow", "cat")
    assert tags.tolist() == [[True, False, True], [False] * 3, [True, False, False]]


def test_npz(tmp_path: Path) -> None:
    tags = np.array([[True, False], [False, True]])
    np.savez(tmp_path / "tags.npz", image_ids=np.array(["a", "b"]), tags=tags)
    names, ids, found = read_tags(tmp_path / "tags.npz", ["x", "y"])
    assert (names, ids) == (("x", "y"), ("a", "b"))
    np.testing.assert_array_equal(found, tags)


def test_tags_of_voc_2012() -> None:
    from liid_mil.data.voc import VOC_CLASSES

    path = Path(__file__).parents[5] / "shared" / "data" / "voc12_image_tags.npz"
    if not path.exists():
        pytest.skip("voc12_image_tags.npz is not beside the repository, in ../shared/data")
    _, ids, tags = read_tags(path, VOC_CLASSES)
    assert len(ids) == 12031
    assert tags.sum(axis=1).mean() == pytest.approx(1.55, abs=0.01)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a header"),
        ("name,tags\n", "needs a header"),
        ("image\n", "needs a header"),
        ("image,tags\na.png\n", "row 1 has 1 cells; the header 2"),
        ("image,cat\na.png,1\nb.png,yes\n", "row 2, column 'cat' is 'yes', not 0 or 1"),
        ("image,tags\na.png,cat\na.png,dog\n", "names image 'a.png' twice"),
        ("image,tags\n", "has a header but no image"),
        ("image,tags\na.png,\n", "tags no image"),
        (
            "image,tags\na.png,cat,dog\n",
            "row 1 has 3 cells; the header 2; tags of an image are sep",
        ),
        (
            'image,tags\na.png,dog\nb.png,"cat,dog"\n',
            "row 2 has the tag 'cat,dog'; tags of an image",
        ),
        ("image,tags\na.png,cat | dog\nb.png,cat\n", r"row 1 has the tag 'cat \| dog'; tags of an"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"tags\.csv: {message}"):
        read_tags(csv(tmp_path, text))


def test_an_unknown_class(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"tags\.csv: row 1 has tag 'dog'; not in \['cat'\]"):
        read_tags(csv(tmp_path, NAMES), ["cat"])


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_bytes(b"image,tags\n\xff\xfe")
    with pytest.raises(DatasetError, match=r"tags\.csv: damaged CSV"):
        read_tags(tmp_path / "tags.csv")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image_ids": np.array(["a"])}, "needs the arrays image_ids and tags"),
        ({"image_ids": np.array(["a", None]), "tags": 1}, "needs the arrays .*pickled objects"),
        ({"image_ids": np.array([1]), "tags": np.ones((1, 2), bool)}, r"image_ids is int64 \(1,\)"),
        (
            {"image_ids": np.array(["a"]), "tags": np.ones((1, 3), bool)},
            r"tags is bool \(1, 3\); it must be bool \(1, 2\)",
        ),
        (
            {"image_ids": np.array(["a", "a"]), "tags": np.ones((2, 2), bool)},
            "names image 'a' twice",
        ),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "tags.npz", **arrays)
    with pytest.raises(DatasetError, match=rf"tags\.npz: {message}"):
        read_tags(tmp_path / "tags.npz", ["x", "y"])


def test_encrypted_npz(tmp_path: Path) -> None:
    path = tmp_path / "tags.npz"
    np.savez(path, image_ids=np.array(["a"]), tags=np.ones((1, 1), bool))
    data = bytearray(path.read_bytes())
    for flags in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[flags] |= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"image_ids\.npy' is encrypted"):
        read_tags(path, ["x"])


def test_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "tags.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DatasetError, match=r"tags\.npz: needs the arrays"):
        read_tags(tmp_path / "tags.npz", ["x"])


def test_npz_has_no_class_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "tags.npz", image_ids=np.array(["a"]), tags=np.ones((1, 1), bool))
    with pytest.raises(ValueError, match="class_names must be given"):
        read_tags(tmp_path / "tags.npz")


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"tags\.csv: no such file"):
        read_tags(tmp_path / "tags.csv")
    (tmp_path / "tags.npy").touch()
    with pytest.raises(DatasetError, match=r"tags\.npy: tags are read from \.csv and \.npz"):
        read_tags(tmp_path / "tags.npy")


def test_a_folder_with_tags(tmp_path: Path) -> None:
    dataset = TagFolderDataset(images(tmp_path), csv(tmp_path, NAMES))
    assert len(dataset) == 3
    assert dataset.class_names == ("cat", "dog")
    assert [int(dataset.image(i)[0, 0, 0]) for i in range(3)] == [0, 1, 2]
    assert dataset.truth(0) is None
    assert dataset.skipped == {}


def test_endings_may_be_left_out(tmp_path: Path) -> None:
    dataset = TagFolderDataset(images(tmp_path), csv(tmp_path, NAMES.replace(".png", "")))
    assert [path.name for path in dataset.paths] == ["a.png", "b.png", "c.png"]


def test_an_image_outside_of_the_folder(tmp_path: Path) -> None:
    folder, tags = images(tmp_path), csv(tmp_path, NAMES.replace("b.png", "/no/b.png"))
    with pytest.raises(DatasetError, match=r"images: /no/b\.png: no such image") as error:
        TagFolderDataset(folder, tags)
    assert str(folder) in str(error.value)


def test_a_missing_image(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, tags = images(tmp_path, ("a.png", "sub/c.png")), csv(tmp_path, NAMES)
    with pytest.raises(DatasetError, match=r"b\.png: no such image"):
        TagFolderDataset(folder, tags)
    with caplog.at_level(logging.WARNING):
        dataset = TagFolderDataset(folder, tags, on_error="skip")
    assert dataset.image_ids == ("a.png", "sub/c.png")
    assert dataset.tags.tolist() == [[True, True], [False, True]]
    assert list(dataset.skipped) == ["b.png"]
    assert "skipped image b.png" in caplog.text


def test_bad_on_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on_error is 'ignore'; it must be one of"):
        TagFolderDataset(images(tmp_path), csv(tmp_path, NAMES), on_error="ignore")


def test_an_index_beyond_the_end(tmp_path: Path) -> None:
    dataset = TagFolderDataset(images(tmp_path), csv(tmp_path, NAMES))
    with pytest.raises(IndexError, match="image 3 of 3"):
        dataset.image(3)
