"""The example that trains torchvision's models: all but torchvision, with stand-in models."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from examples import train_detectors as example  # noqa: E402
from liid_mil.data.coco import CocoDataset  # noqa: E402
from liid_mil.data.types import DatasetError, ImageLabels  # noqa: E402
from liid_mil.export import write_coco, write_voc  # noqa: E402
from liid_mil.metrics import evaluate  # noqa: E402
from liid_mil.proposals.masks import boxes_of_masks, decode_masks, encode_masks  # noqa: E402

SIZE = (24, 32)
NAMES = ("cat", "dog")


def labels_of(name: str, n: int, seed: int) -> ImageLabels:
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, *SIZE), bool)
    for mask in masks:
        y, x = rng.integers(0, 12, 2)
        mask[y : y + 10, x : x + 12] = True
        mask[y, x] = False
    codes = encode_masks(masks)
    scores = np.linspace(1, 0.5, n)
    return ImageLabels(name, SIZE, boxes_of_masks(codes), 1 + np.arange(n) % 2, scores, codes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, the second without an object, labelled in both layouts."""
    (tmp_path / "images").mkdir()
    images = [
        labels_of(name, n, seed) for seed, (name, n) in enumerate([("1", 2), ("2", 0), ("3", 3)])
    ]
    for seed, one in enumerate(images):
        pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{one.image_id}.png")
    write_coco(tmp_path / "labels.json", images, NAMES, numeric_ids=True, file_name="{}.png".format)
    write_voc(tmp_path / "voc", images, NAMES)
    return tmp_path


def coco(folder: Path) -> CocoDataset:
    return CocoDataset(folder / "labels.json", folder / "images")


def test_schedule_warms_up_and_drops() -> None:
    schedule = example.Schedule(1.0, 10, warm_up=3, drops=(0.5, 0.8))
    rates = [schedule.at(step) for step in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    poly = example.Schedule(2.0, 4, power=0.9)
    assert [poly.at(step) for step in range(4)] == pytest.approx(
        [2 * (1 - step / 4) ** 0.9 for step in range(4)]
    )


def test_samples_of_detectors(folder: Path) -> None:
    dataset = coco(folder)
    data = example.Detections(dataset)
    assert data.rows == [0, 2]  # the image without an object is left out
    image, target = data.sample(1, False)
    truth = dataset.truth(2)
    assert image.shape == (3, *SIZE)
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy() * 255, dataset.image(2), atol=1e-3)
    np.testing.assert_array_equal(target["boxes"], truth.boxes)
    np.testing.assert_array_equal(target["masks"], decode_masks(truth.masks))
    assert target["labels"].tolist() == truth.labels.tolist()
    mirrored, turned = data.sample(1, True)
    assert torch.equal(mirrored.flip(-1), image)
    codes = encode_masks(turned["masks"].numpy().astype(bool))
    np.testing.assert_array_equal(turned["boxes"], boxes_of_masks(codes))


def test_samples_of_segmenters(folder: Path) -> None:
    data = example.Segmentations(folder / "voc", folder / "images", "Segmentation/train")
    assert data.image_ids == ("1", "2", "3")
    image, classes = data.sample(2, False, 16)
    assert (image.shape, classes.shape) == ((3, 16, 16), (16, 16))
    assert set(classes.unique().tolist()) <= {0, 1, 2, 255}
    assert classes.max() > 0
    mirrored, turned = data.sample(2, True, 16)
    assert torch.equal(mirrored.flip(-1), image)
    assert torch.equal(turned.flip(-1), classes)
    grey = example._normalised(torch.full((3, 2, 2), 0.5))
    assert grey[:, 0, 0].tolist() == pytest.approx(
        [(0.5 - mean) / std for mean, std in zip(example.MEAN, example.STD, strict=True)]
    )


class Detector(nn.Module):
    """Called as torchvision's detectors are; learns how many objects an image has."""

    def __init__(self) -> None:
        super().__init__()
        self.guess = nn.Parameter(torch.zeros(()))
        self.answers: list[dict[str, torch.Tensor]] = []

    def forward(self, images: list, targets: list | None = None) -> Any:
        assert all(image.ndim == 3 for image in images)
        if not self.training:
            return [self.answers.pop(0)]
        counts = torch.tensor([float(len(target["labels"])) for target in targets])
        return {"a": ((self.guess - counts) ** 2).mean(), "b": 0 * self.guess}


class Segmenter(nn.Module):
    """Called as torchvision's segmenters are; a constant logit for each class."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(n_classes + 1))

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.logits[None, :, None, None].expand(len(images), -1, *images.shape[-2:])
        return {"out": logits, "aux": logits}


def test_detectors_train(folder: Path) -> None:
    data = example.Detections(coco(folder))
    model, steps = Detector(), []
    example.train(
        model,
        data.sample,
        len(data),
        example.detector_loss,
        example.Schedule(0.05, 60),
        batch_size=2,
        device="cpu",
        report=lambda step, loss: steps.append(loss),
    )
    assert model.guess.item() == pytest.approx(2.5, abs=0.2)  # 2 and 3 objects
    assert len(steps) == 60
    assert steps[-1] < steps[0]


def test_segmenters_train(folder: Path) -> None:
    data = example.Segmentations(folder / "voc", folder / "images", "Segmentation/train")
    model = Segmenter(2)
    example.train(
        model,
        lambda row, mirrored: data.sample(row, mirrored, 16),
        len(data),
        example.segmenter_loss,
        example.Schedule(0.5, 40, power=0.9),
        batch_size=3,
        device="cpu",
    )
    classes = torch.cat([data.sample(row, False, 16)[1].ravel() for row in range(3)])
    shares = torch.bincount(classes[classes < 255], minlength=3) / (classes < 255).sum()
    torch.testing.assert_close(model.logits.softmax(0), shares, rtol=0, atol=0.05)
    iou = example.segmentation_iou(model, data, 2, 16, "cpu")
    maps = np.concatenate([data.map(row).ravel() for row in range(3)])
    assert iou.tolist() == pytest.approx([(maps == 0).sum() / (maps < 255).sum(), 0, 0])


def test_loss_of_segmenters_leaves_void_out() -> None:
    model = Segmenter(1)
    model.logits.data[:] = torch.tensor([0.0, 1.0])
    classes = torch.tensor([[[0, 255], [255, 1]]])
    loss = example.segmenter_loss(model, [(torch.zeros(3, 2, 2), classes[0])], "cpu")
    plain = -torch.log_softmax(model.logits, 0).mean()
    assert loss.item() == pytest.approx(1.5 * plain.item())


def test_what_a_detector_finds_is_evaluated(folder: Path) -> None:
    dataset = coco(folder)
    model = Detector()
    for i in range(3):
        truth = dataset.truth(i)
        masks = torch.from_numpy(decode_masks(truth.masks or [])).float().reshape(-1, 1, *SIZE)
        blank = torch.zeros(1, 1, *SIZE)
        model.answers.append(
            {
                "boxes": torch.zeros(len(truth) + 1, 4),
                "labels": torch.tensor([*truth.labels.tolist(), 1]),
                "scores": torch.ones(len(truth) + 1),
                "masks": torch.cat([masks * 0.9, blank + 0.2]),  # the last one has no pixel
            }
        )
    report = evaluate(example.detections(model, dataset, "cpu"), dataset.class_names)
    assert (report.n_labelled, report.ap50, report.ap75, report.miou) == (5, 1, 1, 1)


def test_backbones_load(tmp_path: Path) -> None:
    torch.save(nn.Conv2d(3, 4, 1).state_dict() | {"fc.weight": torch.zeros(2)}, tmp_path / "w.pth")
    layer = nn.Conv2d(3, 4, 1)
    example.load_backbone(layer, tmp_path / "w.pth")
    assert torch.equal(layer.weight, torch.load(tmp_path / "w.pth", weights_only=True)["weight"])
    with pytest.raises(ValueError, match=r"w\.pth: has no 0\.weight; not the weights of this"):
        example.load_backbone(nn.Sequential(layer), tmp_path / "w.pth")


def test_training_says_what_is_wrong(folder: Path) -> None:
    schedule = example.Schedule(1.0, 1)
    settings = {"batch_size": 1, "device": "cpu"}
    with pytest.raises(ValueError, match="no labelled image to train on"):
        example.train(Detector(), None, 0, example.detector_loss, schedule, **settings)
    model = Segmenter(1)
    model.logits.data[0] = float("nan")
    one = torch.zeros(3, 2, 2), torch.zeros(2, 2, dtype=torch.long)
    with pytest.raises(ArithmeticError, match="loss of step 0 is nan; try a smaller --rate"):
        example.train(
            model, lambda row, mirrored: one, 1, example.segmenter_loss, schedule, **settings
        )
    with pytest.raises(DatasetError, match=r"val\.txt: no such list of images"):
        example.Segmentations(folder / "voc", folder / "images", "Segmentation/val")


def without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **settings: Any) -> Any:
        if name.startswith("torchvision"):
            raise ImportError("No module named 'torchvision'")
        return real(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.parametrize("kind", ["maskrcnn", "deeplab"])
def test_torchvision_is_asked_for(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_torchvision(monkeypatch)
    labels = folder / ("labels.json" if kind == "maskrcnn" else "voc")
    command = [kind, labels, folder / "images", "-o", folder / "out", "--classes", "cat,dog"]
    assert example.main(map(str, command)) == 2
    message = capsys.readouterr().err
    assert "needs torchvision (No module named 'torchvision'); install" in message
    assert torch.__version__ in message
    assert not (folder / "out").exists()


@pytest.mark.parametrize("kind", ["maskrcnn", "deeplab"])
def test_the_whole_command_with_a_stand_in(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Detector() if kind == "maskrcnn" else Segmenter(2)
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    none |= {"scores": torch.zeros(0), "masks": torch.zeros(0, 1, *SIZE)}
    if kind == "maskrcnn":
        model.answers = [none] * 3
    monkeypatch.setattr(example, "build_model", lambda *arguments: model)
    command = [kind, folder / ("labels.json" if kind == "maskrcnn" else "voc"), folder / "images"]
    command += ["-o", folder / "out", "--epochs", 2, "--batch-size", 2, "--size", 16]
    if kind == "maskrcnn":
        command += ["--test", folder / "labels.json", folder / "images"]
    else:
        (folder / "voc" / "JPEGImages").symlink_to(folder / "images")
        command += ["--classes", "cat,dog", "--test", folder / "voc", "Segmentation/train"]
    assert example.main(map(str, command)) == 0
    found = json.loads((folder / "out" / "metrics.json").read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert found["ap50" if kind == "maskrcnn" else "miou"] == pytest.approx(
        0 if kind == "maskrcnn" else found["iou"]["background"] / 3
    )
    state = torch.load(folder / "out" / "model.pth", weights_only=True)
    assert list(state) == list(model.state_dict())
