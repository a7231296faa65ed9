"""Others' proposals into a store: matched to a dataset, in its order; and ``liid-mil import``."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")

from PIL import Image as PillowImage

from benchmarks import proposal_files as files
from liid_mil.cli import main
from liid_mil.data.scenes import SceneDataset
from liid_mil.data.tag_folder import TagFolderDataset
from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.importing import import_proposals
from liid_mil.proposals.store import ProposalStore
from mil.readers.checks import SIZE, check_same, example

IMAGES = {"b": example("b", 4, 1), "a": example("a", 6, 2), "c": example("c", 2, 3)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with photos b, a, c and d, tags of the first three, and MCG files of those."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (tmp_path / "mcg").mkdir()
    for name in "abcd":
        PillowImage.new("RGB", SIZE[::-1]).save(folder / f"{name}.png")
    for name, image in IMAGES.items():
        files.write_mcg(tmp_path / "mcg" / f"{name}.mat", image)
    (tmp_path / "tags.csv").write_text("image,tags\nb.png,cat\na.png,dog\nc.png,cat\n")
    return folder


@pytest.fixture
def dataset(photos: Path) -> TagFolderDataset:
    return TagFolderDataset(photos, photos.parent / "tags.csv")


def check_image(store: ProposalStore, name: str) -> None:
    """The store has all proposals of a made-up image."""
    i = [each.removesuffix(".png") for each in store.image_ids].index(name)
    found = ImageProposals(name, store.image_size(i), store[i])
    check_same(found, IMAGES[name].masks, IMAGES[name].scores)


def test_the_store_has_the_images_of_the_dataset_in_its_order(
    tmp_path: Path, dataset: TagFolderDataset
) -> None:
    files.write_mcg(tmp_path / "mcg" / "unknown.mat", example())
    store, report = import_proposals("auto", tmp_path / "mcg", tmp_path / "s", dataset=dataset)
    store.check(dataset)
    assert store.image_ids == ("b.png", "a.png", "c.png")
    for name in IMAGES:
        check_image(store, name)
    assert (report.format, report.n_images, report.n_proposals) == ("mcg", 3, 12)
    assert (report.missing, report.unknown, report.skipped) == ((), 1, {})
    assert store.settings["imported"] == "mcg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mcg", "photos", "s", "tags.csv"]


def test_without_a_dataset_images_come_as_they_are_read(tmp_path: Path, photos: Path) -> None:
    store, report = import_proposals("mcg", tmp_path / "mcg", tmp_path / "s")
    assert store.image_ids == ("a", "b", "c")
    for name in IMAGES:
        check_image(store, name)
    assert report.n_proposals == 12


def test_boxes_take_the_sizes_of_the_images(tmp_path: Path, photos: Path) -> None:
    records = [{"image_id": "d", "bbox": [50, 30, 9, 9], "score": 1}]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(records))
    with pytest.raises(DatasetError, match="does not tell the size of image 'd'; name the images'"):
        import_proposals("coco", path, tmp_path / "s")
    assert not (tmp_path / "s").exists()
    store, _ = import_proposals("coco", path, tmp_path / "s", image_dir=photos)
    assert store.image_size(0) == SIZE
    assert store[0].boxes.tolist() == [[50, 30, 53, 37]]
    path.write_text(path.read_text().replace('"d"', '"e"'))
    with pytest.raises(DatasetError, match=r"photos/e: no such image"):
        import_proposals("coco", path, tmp_path / "s2", image_dir=photos)


def test_the_few_that_cover_the_image(tmp_path: Path, dataset: TagFolderDataset) -> None:
    store, _ = import_proposals(
        "mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset, top=4, select=2
    )
    assert [len(store[i]) for i in range(3)] == [2, 2, 2]
    best = sorted(IMAGES["a"].scores)[-4:]
    assert np.isin(store[1].scores, np.float32(best)).all()


def test_missing_images(tmp_path: Path, dataset: TagFolderDataset) -> None:
    (tmp_path / "mcg" / "a.mat").unlink()
    reason = r"mcg has no proposals of 1 of 3 images, the first of them 'a\.png'"
    with pytest.raises(ValueError, match=reason):
        import_proposals("mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset)
    assert not (tmp_path / "s").exists()
    store, report = import_proposals(
        "mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset, allow_missing=True
    )
    assert report.missing == ("a.png",)
    assert store.skipped == {"a.png": "mcg has no proposals of it"}
    assert (len(store[1]), store.image_size(1)) == (0, (0, 0))
    check_image(store, "b")
    check_image(store, "c")


def test_damaged_images(tmp_path: Path, dataset: TagFolderDataset) -> None:
    (tmp_path / "mcg" / "a.mat").write_bytes(b"damaged")
    with pytest.raises(DatasetError, match=r"a\.mat: is no MATLAB file"):
        import_proposals("mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset)
    store, report = import_proposals(
        "mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset, on_error="skip"
    )
    assert report.missing == ()
    assert list(store.skipped) == list(report.skipped) == ["a.png"]
    assert "is no MATLAB file" in store.skipped["a.png"]


def test_masks_of_another_size(tmp_path: Path, dataset: TagFolderDataset) -> None:
    PillowImage.new("RGB", (9, 9)).save(tmp_path / "photos" / "a.png")
    reason = r"a\.mat: has proposals of 53 x 37 pixels for image 'a', which has 9 x 9"
    with pytest.raises(DatasetError, match=reason):
        import_proposals("mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset)


def test_no_image_is_the_datasets(tmp_path: Path, dataset: TagFolderDataset) -> None:
    for name in IMAGES:
        (tmp_path / "mcg" / f"{name}.mat").rename(tmp_path / "mcg" / f"x{name}.mat")
    reason = r"none of its 3 images is one of the dataset's 3; its first is 'xa', the dataset's"
    with pytest.raises(ValueError, match=reason):
        import_proposals(
            "mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset, allow_missing=True
        )


def test_an_image_under_two_names(tmp_path: Path, dataset: TagFolderDataset) -> None:
    (tmp_path / "mcg" / "more").mkdir()
    files.write_mcg(tmp_path / "mcg" / "a.png.mat", IMAGES["a"])
    with pytest.raises(DatasetError, match=r"mcg: names image 'a\.png' twice"):
        import_proposals("mcg", tmp_path / "mcg", tmp_path / "s", dataset=dataset)


def test_names_that_mean_two_images(tmp_path: Path, photos: Path) -> None:
    (photos / "x").mkdir()
    PillowImage.new("RGB", SIZE[::-1]).save(photos / "x" / "a.png")
    (tmp_path / "tags.csv").write_text("image,tags\na.png,cat\nx/a.png,dog\n")
    two = TagFolderDataset(photos, tmp_path / "tags.csv")
    with pytest.raises(ValueError, match="none of its 3 images is one of the dataset's 2"):
        import_proposals("mcg", tmp_path / "mcg", tmp_path / "s", dataset=two)


def test_a_dataset_without_files(tmp_path: Path) -> None:
    scenes = SceneDataset(2, seed=0)
    name = scenes.image_ids[1]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": name, "bbox": [0, 0, 1e4, 1e4], "score": 1}]))
    store, _ = import_proposals("coco", path, tmp_path / "s", dataset=scenes, allow_missing=True)
    height, width = scenes.image(1).shape[:2]
    assert store[1].boxes.tolist() == [[0, 0, width, height]]


def test_settings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="select is 0; it must be at least 1"):
        import_proposals("mcg", tmp_path, tmp_path / "s", select=0)
    with pytest.raises(FileExistsError, match="exists; remove it or choose another path"):
        import_proposals("mcg", tmp_path, tmp_path)


# --- the command


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["import", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command(
    tmp_path: Path, dataset: TagFolderDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--folder", str(tmp_path / "photos"), "--tags", str(tmp_path / "tags.csv")]
    arguments = ["auto", str(tmp_path / "mcg"), "-o", str(tmp_path / "s"), *data]
    code, out, _ = command(capsys, *arguments, "--json")
    assert code == 0
    facts: dict[str, Any] = json.loads(out)
    expected = {"format": "mcg", "n_images": 3, "n_proposals": 12, "n_missing": 0, "n_unknown": 0}
    assert expected.items() <= facts.items()
    assert ProposalStore(tmp_path / "s").image_ids == ("b.png", "a.png", "c.png")
    code, _, err = command(capsys, *arguments)
    assert code == 2
    assert "exists; remove it or choose another path" in err


def test_the_report_for_people(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mcg" / "a.mat").write_bytes(b"damaged")
    (tmp_path / "mcg" / "b.mat").unlink()
    files.write_mcg(tmp_path / "mcg" / "z.mat", IMAGES["b"])
    data = ["--folder", str(photos), "--tags", str(tmp_path / "tags.csv")]
    arguments = ["mcg", str(tmp_path / "mcg"), "-o", str(tmp_path / "s"), *data]
    code, _, err = command(capsys, *arguments, "--skip-damaged", "--quiet")
    assert code == 2
    assert "has no proposals of 1 of 3 images, the first of them 'b.png'" in err
    code, out, _ = command(capsys, *arguments, "--skip-damaged", "--allow-missing")
    assert code == 0
    assert "read      3 images, 2 proposals (mcg)" in out
    assert "missing   1 images without proposals: b.png" in out
    assert "damaged   1 images, left out:" in out
    assert "ignored   1 images that are not the dataset's" in out
    assert f"written   {tmp_path / 's'}" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["mcg", "p.pkl"], "is no MATLAB file of version 5 to 7.3"),
        (["auto", "p.pkl"], "is a pickle; reading a pickle runs whatever program it holds"),
        (["mcg", "none"], "no such file"),
        (["mcg", "mcg", "--top", "0"], "top is 0; it must be at least 1"),
        (["mcg", "mcg", "--max-pixels", "100"], "has 53 x 37 pixels; at most 100 are read"),
        (["mcg", "mcg", "--max-proposals", "3"], "at most 3 are read"),
        (["mcg", "mcg", "--tags", "t.csv"], "--tags goes with a source of images"),
        (["mcg", "mcg", "--voc", "x", "--tags", "t.csv", "--images", "y"], "--images goes with"),
    ],
)
def test_bad_usage(
    tmp_path: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.pkl").write_bytes(pickle.dumps({"a": [1]}))
    code, out, err = command(capsys, *arguments, "-o", "s")
    assert (code, out) == (2, "")
    assert reason in err
    assert not Path("s").exists()


def test_unknown_formats(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["import", "pickle", "x", "-o", "s"])
    assert caught.value.code == 2
    assert "invalid choice: 'pickle'" in capsys.readouterr().err
