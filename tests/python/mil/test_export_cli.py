"""``liid-mil export``: what a labelled run becomes in each format, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pycocotools")
pytest.importorskip("skimage")

from liid_cut import multiway_cut
from liid_cut.files import write_result
from liid_mil.assignment import assign, images_of_store
from liid_mil.cli import main
from liid_mil.config import DataConfig, PipelineConfig, ScenesData
from liid_mil.data.coco import CocoDataset
from liid_mil.data.types import ImageLabels
from liid_mil.label_files import read_labels
from liid_mil.oracle import oracle
from liid_mil.pipeline import Pipeline
from liid_mil.proposals.store import ProposalStore
from mil.small_run import CATEGORY_IDS, labels_of_run, make_run, store_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_run(folder)
    return folder


def exported(output: Path, *command: str | Path) -> dict[str, Any]:
    """What is in the COCO file that a command writes."""
    assert (
        main(["export", *map(str, command), "--format", "coco", "-o", str(output), "--quiet"]) == 0
    )
    content: dict[str, Any] = json.loads((output / "annotations.json").read_text())
    return content


def expected(folder: Path, without_graph: bool = False, **settings: Any) -> list[ImageLabels]:
    store = ProposalStore(store_folder(folder))
    file = read_labels(labels_of_run(folder), without_graph=without_graph)
    return list(assign(images_of_store(store), *file.of_store(store), **settings))


def objects_of(content: dict[str, Any]) -> list[tuple[int, int, str, float]]:
    return [
        (a["image_id"], a["category_id"], a["segmentation"]["counts"], a["score"])
        for a in content["annotations"]
    ]


def objects_in(images: list[ImageLabels]) -> list[tuple[int, int, str, float]]:
    return [
        (int(image.image_id), CATEGORY_IDS[label - 1], mask["counts"].decode(), float(str(score)))
        for image in images
        for label, mask, score in zip(image.labels, image.masks or [], image.scores, strict=True)
    ]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ([], {}),
        (["--without-graph"], {"without_graph": True}),
        (
            ["--nms", "mask", "--iou", "0.1", "--min-score", "0.2"],
            {"suppress": "mask", "iou": 0.1, "min_score": 0.2},
        ),
        (["--nms", "none", "--max-per-image", "2"], {"suppress": "none", "max_per_image": 2}),
    ],
)
def test_coco(folder: Path, tmp_path: Path, options: list[str], settings: dict[str, Any]) -> None:
    content = exported(tmp_path / "out", folder / "run", *options)
    images = expected(folder, **settings)
    assert sum(map(len, images)) > 2
    assert objects_of(content) == objects_in(images)
    # Numbers, names and categories are those of the data set that the run was made from.
    assert [(i["id"], i["file_name"]) for i in content["images"]] == [
        (7, "000007.jpg"),
        (12, "000012.jpg"),
        (31, "000031.jpg"),
    ]
    names = json.loads((folder / "instances.json").read_text())["categories"]
    assert content["categories"] == names
    truths = CocoDataset(tmp_path / "out" / "annotations.json", folder / "images")
    assert [len(truths.truth(i)) for i in range(3)] == list(map(len, images))


def test_the_oracle(folder: Path, tmp_path: Path) -> None:
    content = exported(tmp_path / "out", folder / "run", "--oracle", "--iou", "0.3")
    dataset = CocoDataset(folder / "instances.json", folder / "images")
    store = ProposalStore(store_folder(folder))
    truths = [dataset.truth(i) for i in (0, 1, 3)]
    images = list(oracle(images_of_store(store), truths, iou=0.3))
    assert sum(map(len, images)) > 0
    assert objects_of(content) == objects_in(images)
    card = json.loads((tmp_path / "out" / "data_card.json").read_text())
    assert card["source"].startswith("Proposals that annotated boxes filter and label")
    assert card["cut"] is None


def test_shapes_and_images_without_objects(folder: Path, tmp_path: Path) -> None:
    content = exported(tmp_path / "out", folder / "run", "--masks", "rectangle", "--skip-empty")
    images = [image for image in expected(folder) if len(image) > 0]
    assert [image["image_id"] for image in content["images"]] == [i.image_id for i in images]
    for annotation in content["annotations"]:
        _, _, width, height = annotation["bbox"]
        assert annotation["area"] == width * height


def test_the_card(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["export", str(folder / "run"), "--format", "voc", "-o", str(tmp_path / "voc")]
    assert main([*command, "--void-width", "2", "--split", "mine", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    card = json.loads((tmp_path / "voc" / "data_card.json").read_text())
    assert printed == {**card, "output": str(tmp_path / "voc")}
    assert card["export"] == {
        "format": "voc",
        "suppress": "box",
        "iou": 0.4,
        "min_score": None,
        "max_per_image": None,
        "masks": "own",
        "skip_empty": False,
        "split": "mine",
        "void_width": 2,
    }
    assert card["cut"]["status"] == "optimal"
    assert card["cut"]["settings"] == {"delta": 0.1, "n_neighbors": 3}
    assert card["run"]["data"]["coco"]["annotations"] == str(folder / "instances.json")
    assert set(card["inputs"]) == {"proposals/header.json", "config.yaml", "labels.npz"}
    assert card["counts"]["images"] == 3
    assert card["counts"]["images_without_objects"] >= 1
    names = [path.stem for path in (tmp_path / "voc" / "SegmentationClass").iterdir()]
    assert sorted(names) == ["12", "31", "7"]
    assert (tmp_path / "voc/ImageSets/Segmentation/mine.txt").is_file()


def test_the_report(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["export", str(folder / "run"), "--format", "yolo", "-o", str(tmp_path / "yolo")]
    assert main(command) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].startswith("images       3, of these without an object ")
    assert lines[1].startswith("objects      ")
    assert lines[-2].startswith("warning      ")
    assert lines[-1] == f"written      {tmp_path / 'yolo'}"
    assert captured.err == ""
    assert sum(1 for _ in (tmp_path / "yolo" / "labels" / "train").iterdir()) == 3


def test_a_result_and_a_store(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    result = multiway_cut(rng.dirichlet(np.ones(3), 24), rng.random((24, 5)))
    write_result(tmp_path / "result.npz", result)
    store = store_folder(folder)
    content = exported(
        tmp_path / "out", "--labels", tmp_path / "result.npz", "--proposals", store,
        "--classes", "cat,dog",
    )  # fmt: skip
    assert [c["name"] for c in content["categories"]] == ["cat", "dog"]
    assert [(i["id"], i["file_name"]) for i in content["images"]] == [
        (1, "7.jpg"),
        (2, "12.jpg"),
        (3, "31.jpg"),
    ]
    card = json.loads((tmp_path / "out" / "data_card.json").read_text())
    assert "Scores are those of the proposals, not the cut's." in card["warnings"]


def test_names_of_scenes(folder: Path, tmp_path: Path) -> None:
    config = PipelineConfig(data=DataConfig(scenes=ScenesData(n_images=4)))
    Pipeline(config, tmp_path / "run").save_config()
    own = ["--proposals", store_folder(folder), "--labels", labels_of_run(folder)]
    content = exported(tmp_path / "out", tmp_path / "run", *own)
    assert [image["file_name"] for image in content["images"]] == ["7.png", "12.png", "31.png"]


def error(capsys: pytest.CaptureFixture[str], *command: str | Path) -> str:
    capsys.readouterr()
    assert main(["export", *map(str, command)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["RUN", "--void-width", "1"], "--void-width goes with voc, not coco"),
        (["RUN", "--split", "x"], "--split goes with voc and yolo, not coco"),
        (["RUN", "--iou", "2"], "iou is 2.0; it must be a number from 0 to 1"),
        (["RUN", "--max-per-image", "0"], "max_per_image is 0; it must be at least 1"),
        (["RUN", "--labels", "nowhere.npz"], "nowhere.npz"),
        (["RUN", "--proposals", "nowhere"], "nowhere/header.json: no such file; not a proposal"),
        (["RUN", "--oracle", "--without-graph"], "--oracle takes no labels"),
        ([], "give a RUN, or both --labels and --proposals"),
        (["--labels", "x.npz"], "give a RUN, or both --labels and --proposals"),
        (["--oracle", "--labels", "x", "--proposals", "STORE"], "--oracle needs a RUN"),
        (["nowhere"], "nowhere/config.yaml: No such file or directory"),
    ],
)
def test_bad_options(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    places = {"RUN": str(folder / "run"), "STORE": str(store_folder(folder))}
    command = [places.get(option, option) for option in options]
    assert message in error(capsys, *command, "--format", "coco", "-o", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = error(capsys, folder / "run", "--format", "coco", "-o", tmp_path)
    assert f"{tmp_path} exists; remove it or choose another path" in message


def test_a_result_needs_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = multiway_cut(np.ones((24, 3)), graph=(np.zeros((0, 2), int), np.zeros(0)))
    write_result(tmp_path / "result.npz", result)
    store = store_folder(folder)
    command = ["--labels", tmp_path / "result.npz", "--proposals", store]
    message = error(capsys, *command, "--format", "coco", "-o", tmp_path / "out")
    assert "has no names of classes; give them by --classes" in message
