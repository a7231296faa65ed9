"""Round trips: every layout, written by other code than reads it, named and by its contents."""

from __future__ import annotations

import contextlib
import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools")
pytest.importorskip("h5py")

from benchmarks import proposal_files as files
from liid_mil.data.types import DatasetError
from liid_mil.readers import FORMATS, Limits, read_proposals
from mil.readers.checks import check_same, example, read_one, refused

MASK_FILES = {
    "mcg-v5": ("mcg", "img.mat", partial(files.write_mcg, packed=False)),
    "mcg-v7": ("mcg", "img.mat", files.write_mcg),
    "mcg-v7.3": ("mcg", "img.mat", files.write_mcg_hdf5),
    "mcg-v7.3-struct": ("mcg", "img.mat", partial(files.write_mcg_hdf5, group="candidates")),
    "mcg-boxes": ("mcg", "img.mat", files.write_mcg_boxes),
    "sam": ("sam", "sa.json", files.write_sam),
    "sam-list": ("sam", "img.json", partial(files.write_sam, as_list=True)),
    "sam-list-plain": ("sam", "img.json", partial(files.write_sam, as_list=True, plain=True)),
    "prm": ("prm", "img.json", files.write_prm),
    "coco": ("coco", "r.json", lambda p, i: p.write_text(json.dumps(files.coco_records(i)))),
    "coco-boxes": (
        "coco",
        "r.json",
        lambda p, i: p.write_text(json.dumps(files.coco_records(i, masks=False))),
    ),
    "authors-npz": ("authors", "a.npz", lambda p, i: files.write_arrays(p, [i])),
    "authors-json": ("authors", "a.json", lambda p, i: files.write_authors_json(p, [i])),
}


@pytest.mark.parametrize("layout", MASK_FILES)
@pytest.mark.parametrize("named", [True, False], ids=["named", "auto"])
def test_what_is_read_is_what_was_written(tmp_path: Path, layout: str, named: bool) -> None:
    format, name, write = MASK_FILES[layout]
    image = example()
    write(tmp_path / name, image)
    found = read_one(format if named else "auto", tmp_path / name)
    assert found.image_id == "img"
    check_same(found, image.masks, None if format == "prm" else image.scores)
    assert (found.proposals.masks is None) == layout.endswith("-boxes")


@pytest.mark.parametrize("mode", ["L", "I;16", "P"])
def test_label_maps(tmp_path: Path, mode: str) -> None:
    image = example()
    files.write_label_map(tmp_path / "img.png", image, mode)
    labels = image.labels
    if mode == "P":
        labels[:, :2] = 0  # written as void
    masks = np.stack([labels == k for k in np.unique(labels) if k != 0])
    format = "voc" if mode == "P" else "label-maps"
    check_same(read_one(format, tmp_path / "img.png"), masks, None)
    assert read_proposals("auto", tmp_path / "img.png").format == format


@pytest.mark.parametrize("layout", ["mcg-v7", "sam-list", "prm"])
def test_folders(tmp_path: Path, layout: str) -> None:
    format, name, write = MASK_FILES[layout]
    ending = Path(name).suffix
    (tmp_path / "more").mkdir()
    images = {"b": example(seed=1), "a": example(seed=2), "more/a.b": example(seed=3)}
    for image_id, image in images.items():
        write(tmp_path / f"{image_id}{ending}", image)
    (tmp_path / "notes.txt").write_text("other endings are left out")
    (tmp_path / f".hidden{ending}").write_text("and hidden files")
    for named in (format, "auto"):
        found = list(read_proposals(named, tmp_path))
        assert [each.image_id for each in found] == ["a", "b", "more/a.b"]
        for each in found:
            made = images[each.image_id]
            check_same(each, made.masks, None if format == "prm" else made.scores)


def test_the_folder_above_the_segmentations_of_voc(tmp_path: Path) -> None:
    (tmp_path / "SegmentationObject").mkdir()
    files.write_label_map(tmp_path / "SegmentationObject" / "img.png", example(), "P")
    for format in ("voc", "auto"):
        assert [each.image_id for each in read_proposals(format, tmp_path)] == ["img"]


@pytest.mark.parametrize("layout", [each for each in MASK_FILES if each != "prm"])
def test_the_best_few(tmp_path: Path, layout: str) -> None:
    format, name, write = MASK_FILES[layout]
    image = example()
    write(tmp_path / name, image)
    best = np.argsort(-image.scores)[:3]
    found = read_one(format, tmp_path / name, top=3)
    check_same(found, image.masks[best], image.scores[best])


def test_missing_scores_may_be_areas(tmp_path: Path) -> None:
    image = example()
    files.write_prm(tmp_path / "img.json", image)
    found = read_one("prm", tmp_path / "img.json", missing_scores="area")
    check_same(found, image.masks, image.masks.mean(axis=(1, 2)))


@pytest.mark.parametrize("layout", [each for each in MASK_FILES if each not in ("coco-boxes",)])
def test_sizes_must_agree(tmp_path: Path, layout: str) -> None:
    format, name, write = MASK_FILES[layout]
    write(tmp_path / name, example())
    assert read_one(format, tmp_path / name, sizes={"img": (37, 53)}).size == (37, 53)
    if layout != "mcg-boxes":
        reason = "has proposals of 53 x 37 pixels for image 'img', which has 37 x 53"
        refused(format, tmp_path / name, reason, sizes={"img": (53, 37)})


@pytest.mark.parametrize("layout", MASK_FILES)
def test_limits(tmp_path: Path, layout: str) -> None:
    format, name, write = MASK_FILES[layout]
    write(tmp_path / name, example())
    reason = "12 proposals of image 'img'; at most 11 are read"
    if format == "sam":
        reason = reason.replace("'img'", "'(img|sa)'")
    if layout == "mcg-v7.3" or layout == "mcg-v7.3-struct":
        reason = "at most 11 are read"
    refused(format, tmp_path / name, reason, limits=Limits(max_proposals=11))
    if not layout.endswith("-boxes"):
        reason = "53 x 37 pixels; at most 1960 are read"
        refused(format, tmp_path / name, reason, limits=Limits(max_pixels=1960))
        refused(format, tmp_path / name, "at most 100 are read", limits=Limits(max_bytes=100))


@pytest.mark.parametrize("layout", MASK_FILES)
def test_files_cut_short(tmp_path: Path, layout: str) -> None:
    format, name, write = MASK_FILES[layout]
    write(tmp_path / name, example())
    whole = (tmp_path / name).read_bytes()
    for n in (0, 1, 60, 127, 200, len(whole) // 2, len(whole) - 30):
        (tmp_path / name).write_bytes(whole[:n])
        for how in (format, "auto"):
            refused(how, tmp_path / name, re.escape(name))


@pytest.mark.parametrize("layout", ["mcg-v7", "mcg-v5", "mcg-v7.3", "sam", "prm", "authors-npz"])
def test_any_damaged_byte_gives_an_error_or_a_sound_result(tmp_path: Path, layout: str) -> None:
    format, name, write = MASK_FILES[layout]
    write(tmp_path / name, example(n=3))
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    n_sound = 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        (tmp_path / name).write_bytes(damaged)
        with contextlib.suppress(DatasetError):
            for image in read_proposals(format, tmp_path / name):
                assert np.isfinite(image.proposals.boxes).all()
            n_sound += 1
    assert 0 < n_sound < 60


def test_damaged_files_may_be_skipped(tmp_path: Path) -> None:
    files.write_mcg(tmp_path / "a.mat", example())
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    files.write_mcg(tmp_path / "c.mat", example())
    refused("mcg", tmp_path, r"b\.mat: is no MATLAB file")
    reader = read_proposals("mcg", tmp_path, on_error="skip")
    assert [image.image_id for image in reader] == ["a", "c"]
    assert list(reader.skipped) == ["b"]
    assert "b.mat: is no MATLAB file" in reader.skipped["b"]


def test_an_image_that_comes_twice(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        files.write_sam(tmp_path / name, example())
    refused("sam", tmp_path, "has proposals of image 'img' twice")


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"format": "pickle"}, "format is 'pickle'; it must be one of"),
        ({"missing_scores": "two"}, "missing_scores is 'two'; it must be one of"),
        ({"on_error": "ignore"}, "on_error is 'ignore'; it must be one of"),
        ({"top": 0}, "top is 0; it must be at least 1"),
    ],
)
def test_settings_that_are_not_allowed(tmp_path: Path, setting: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_proposals(**{"format": "sam", "path": tmp_path, **setting})


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_there(tmp_path: Path, format: str) -> None:
    refused(format, tmp_path / "none", "no such file")
    if format in ("coco", "authors"):
        refused(format, tmp_path, "is a folder; name")
    else:
        refused(format, tmp_path, "holds no file that ends in")
