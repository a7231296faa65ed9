"""``liid-mil evaluate``: a run, its export, a file; VOC's void pixels; what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liid_mil.assignment import assign, images_of_store
from liid_mil.cli import main
from liid_mil.data.types import ImageLabels
from liid_mil.export import write_coco
from liid_mil.label_files import read_labels
from liid_mil.metrics import evaluate
from liid_mil.pipeline import open_run
from liid_mil.proposals.masks import boxes_of_masks, encode_masks
from liid_mil.training.config import Runtime
from mil.small_run import labels_of_run, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate")
    make_run(path)
    return path


def report(capsys: pytest.CaptureFixture[str], *command: object) -> dict:
    assert main(["evaluate", *map(str, command), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def error(capsys: pytest.CaptureFixture[str], *command: object) -> str:
    assert main(["evaluate", *map(str, command)]) == 2
    return capsys.readouterr().err


def test_a_run_and_its_export_are_equally_good(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = folder / "run", folder / "export"
    shutil.rmtree(out, ignore_errors=True)
    assert main(["export", str(run), "--format", "coco", "-o", str(out), "--quiet"]) == 0
    images = ("--coco", folder / "instances.json", "--images", folder / "images")
    of_run = report(capsys, run)
    of_export = report(capsys, out, *images)
    assert of_run["n_labelled"] > 0
    assert of_run["n_images"] == 3  # one was skipped when proposals were made
    assert of_export["n_images"] == 4
    assert of_run["label_accuracy"] == of_export["label_accuracy"]
    assert report(capsys, out / "annotations.json", *images) == of_export
    assert of_export["region"] == "mask"
    assert report(capsys, out, *images, "--region", "box", "--no-coco")["coco"] is None


def test_labels_without_the_graph(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "run"
    made = open_run(run, runtime=Runtime(on_error="skip"))
    dataset, store = made.dataset, made.proposals
    labels = read_labels(labels_of_run(folder), without_graph=True).of_store(store)
    images = list(assign(images_of_store(store), *labels))
    truths = [dataset.truth(dataset.image_ids.index(one.image_id)) for one in images]
    expected = evaluate(zip(images, truths, strict=True), dataset.class_names)
    assert report(capsys, run, "--without-graph") == expected.to_dict()


def test_the_truth_is_perfect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = ("--coco", str(folder / "instances.json"), "--images", str(folder / "images"))
    assert main(["evaluate", str(folder / "instances.json"), *images]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "AP50 100.0  AP75 100.0  ABO 100.0" in lines[2]
    assert main(["evaluate", str(folder / "instances.json"), *images, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_void_pixels_of_voc_do_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "voc"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main", *_SEGMENTATIONS):
        (root / name).mkdir(parents=True)
    (root / "ImageSets/Main/trainval.txt").write_text("one\n")
    (root / "Annotations/one.xml").write_text(
        "<annotation><object><name>cat</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>8</xmax>"
        "<ymax>8</ymax></bndbox></object></annotation>"
    )
    pixels = np.zeros((12, 12), np.uint8)
    Image.fromarray(np.stack([pixels] * 3, 2)).save(root / "JPEGImages/one.png")
    pixels[2:8, 2:8] = 1
    Image.fromarray(pixels).save(root / "SegmentationObject/one.png")
    wide = np.zeros((1, 12, 12), bool)
    wide[0, 1:9, 1:9] = True
    codes = encode_masks(wide)
    labels = ImageLabels("one", (12, 12), boxes_of_masks(codes), [1], [1.0], codes)
    write_coco(tmp_path / "labels.json", [labels], ("cat",))
    command = (tmp_path / "labels.json", "--voc", root, "--classes", "cat")
    found = {}
    for name, border in (("plain", 0), ("void", 255)):
        classes = np.where(wide[0], np.uint8(border), np.uint8(0))
        classes[2:8, 2:8] = 1
        Image.fromarray(classes).save(root / "SegmentationClass/one.png")
        found[name] = report(capsys, *command)["classes"][0]["iou"]
    assert found == {"plain": pytest.approx(36 / 64), "void": 1.0}


_SEGMENTATIONS = ("SegmentationObject", "SegmentationClass")


def test_what_it_refuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, labels = folder / "run", folder / "instances.json"
    assert "give the images: one of --scenes" in error(capsys, labels)
    assert "a run knows its images" in error(capsys, run, "--scenes", "3")
    assert "--without-graph goes with a run" in error(capsys, labels, "--without-graph")
    assert "instances.json: has the class" in error(capsys, labels, "--scenes", "3")
    assert "no such file" in error(capsys, folder / "no.json", "--scenes", "3")
