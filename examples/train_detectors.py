"""Train torchvision's Mask R-CNN or DeepLabv3 on exported pseudo labels (LIID, section 5.3).

    liid-mil export RUN --format coco -o labels
    python examples/train_detectors.py maskrcnn labels/annotations.json IMAGES -o detector
    liid-mil export RUN --format voc -o voc
    python examples/train_detectors.py deeplab voc IMAGES -o segmenter

Tested on annotated data: a COCO file and its images, or a folder in VOC's layout and a list.

    ... maskrcnn ... --test instances_val.json VAL_IMAGES
    ... deeplab ... --test VOCdevkit/VOC2012 Segmentation/val

Input: a COCO file with masks, or a folder in VOC's layout, and the folder of the images. Output:
OUT/model.pth (a state dict), and with --test OUT/metrics.json.
Steps: SGD, the learning rate warmed up and dropped twice (Mask R-CNN) or falling to 0 (DeepLab),
half of the images mirrored; the backbone starts from torchvision's ImageNet weights unless
--backbone-weights names a file or none. Needs torchvision, which fits the installed torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from liid_cut.npz import replacing
from liid_mil.data.coco import CocoDataset
from liid_mil.data.images import read_image, read_index_image
from liid_mil.data.types import DatasetError, ImageDataset, ImageLabels, Truth
from liid_mil.data.voc import VOC_CLASSES
from liid_mil.metrics import evaluate
from liid_mil.metrics.label_accuracy import Confusion
from liid_mil.metrics.region_ap import mean_over_classes
from liid_mil.proposals.masks import boxes_of_masks, decode_masks, encode_masks
from liid_mil.semantic import VOID, SemanticMap

Target = dict[str, Tensor]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's ImageNet weights


@dataclass(frozen=True)
class Schedule:
    """Learning rate of SGD by step: ``rate`` after a linear warm-up.

    drops : shares of all steps after which it is divided by 10. power : or, where above 0, it falls
    to 0 like (1 - share done) ** power.
    """

    rate: float
    n_steps: int
    warm_up: int = 0
    drops: tuple[float, ...] = ()
    power: float = 0.0

    def at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        share = step / self.n_steps
        dropped = 0.1 ** sum(share >= drop for drop in self.drops)
        return (
            self.rate
            * min(1.0, (step + 1) / (self.warm_up + 1))
            * dropped
            * (1 - share) ** (self.power)
        )


class Detections:
    """Images and targets as torchvision's detectors take them.

    Images without an object are left out: Mask R-CNN learns from them that everything is
    background, which of pseudo labels is often wrong.
    """

    def __init__(self, dataset: ImageDataset) -> None:
        self._dataset = dataset
        self.rows = [i for i in range(len(dataset)) if len(_truth(dataset, i)) > 0]

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, row: int, mirrored: bool) -> tuple[Tensor, Target]:
        """Image float32 (3, H, W) in [0, 1], and boxes (G, 4), labels (G,), masks (G, H, W)."""
        i = self.rows[row]
        truth = _truth(self._dataset, i)
        if truth.masks is None:
            name = self._dataset.image_ids[i]
            raise ValueError(f"the objects of image {name!r} have no masks; Mask R-CNN needs them")
        image, boxes = _pixels(self._dataset.image(i)), torch.from_numpy(truth.boxes.copy())
        masks = torch.from_numpy(decode_masks(truth.masks).astype(np.uint8))
        if mirrored:
            width = image.shape[-1]
            image, masks = image.flip(-1), masks.flip(-1)
            boxes = torch.stack(
                [width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1
            )
        labels = torch.from_numpy(truth.labels.copy())
        return image, {"boxes": boxes, "labels": labels, "masks": masks}


class Segmentations:
    """Images and semantic maps of a folder in VOC's layout."""

    def __init__(self, root: Path, images: Path, split: str) -> None:
        path = root / "ImageSets" / f"{split}.txt"
        try:
            self.image_ids = tuple(path.read_text(encoding="utf-8").split())
        except FileNotFoundError:
            raise DatasetError(path, "no such list of images") from None
        self._root, self._images = root, images

    def __len__(self) -> int:
        return len(self.image_ids)

    def image(self, row: int) -> np.ndarray:
        """Image uint8 (H, W, 3)."""
        name = self.image_ids[row]
        found = [path for path in sorted(self._images.glob(f"{name}.*")) if path.is_file()]
        if not found:
            raise DatasetError(self._images / name, "no such image")
        return read_image(found[0])

    def map(self, row: int) -> SemanticMap:
        """Map uint8 (H, W), 255 void."""
        return read_index_image(self._root / "SegmentationClass" / f"{self.image_ids[row]}.png")

    def sample(self, row: int, mirrored: bool, size: int) -> tuple[Tensor, Tensor]:
        """Normalised image (3, size, size) and classes int64 (size, size)."""
        image = _normalised(_pixels(self.image(row)))[None]
        classes = torch.from_numpy(self.map(row).copy())[None, None].float()
        image = interpolate(image, size=(size, size), mode="bilinear", align_corners=False)[0]
        classes = interpolate(classes, size=(size, size), mode="nearest")[0, 0].long()
        return (image.flip(-1), classes.flip(-1)) if mirrored else (image, classes)


def detector_loss(model: nn.Module, batch: Sequence[tuple[Tensor, Target]], device: str) -> Tensor:
    """Sum of the losses that a torchvision detector returns in training mode."""
    images = [image.to(device) for image, _ in batch]
    targets = [{name: part.to(device) for name, part in one.items()} for _, one in batch]
    return torch.stack(list(model(images, targets).values())).sum()


def segmenter_loss(model: nn.Module, batch: Sequence[tuple[Tensor, Tensor]], device: str) -> Tensor:
    """Cross entropy of the main logits, and .5 times that of the auxiliary ones."""
    images = torch.stack([image for image, _ in batch]).to(device)
    classes = torch.stack([one for _, one in batch]).to(device)
    logits = model(images)
    loss = cross_entropy(logits["out"], classes, ignore_index=VOID)
    if "aux" in logits:
        loss = loss + 0.5 * cross_entropy(logits["aux"], classes, ignore_index=VOID)
    return loss


def train(
    model: nn.Module,
    sample: Callable[[int, bool], Any],
    n_samples: int,
    loss_of: Callable[[nn.Module, list[Any], str], Tensor],
    schedule: Schedule,
    *,
    batch_size: int,
    device: str,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train a model in place, with SGD (momentum .9, weight decay 1e-4).

    Parameters
    ----------
    sample : gives sample i, mirrored or not. n_samples : their number.
    loss_of : of the model, some samples and a device.
    report : called with every step and its loss.

    Raises
    ------
    ValueError : there is no sample. ArithmeticError : a loss is not finite.
    """
    if n_samples == 0:
        raise ValueError("there is no labelled image to train on")
    rng = np.random.default_rng(seed)
    model.to(device).train()
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.SGD(parameters, schedule.rate, momentum=0.9, weight_decay=1e-4)
    order: list[int] = []
    for step in range(schedule.n_steps):
        while len(order) < batch_size:
            order += rng.permutation(n_samples).tolist()
        rows, order = order[:batch_size], order[batch_size:]
        for group in optimizer.param_groups:
            group["lr"] = schedule.at(step)
        loss = loss_of(model, [sample(row, bool(rng.integers(2))) for row in rows], device)
        if not torch.isfinite(loss):
            raise ArithmeticError(f"the loss of step {step} is {loss.item()}; try a smaller --rate")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if report is not None:
            report(step, loss.item())


def detected(image_id: str, size: tuple[int, int], found: Target) -> ImageLabels:
    """What a torchvision detector returns for an image, as labelled objects; no empty masks.

    found : boxes (P, 4), labels (P,), scores (P,), masks (P, 1, H, W) in [0, 1].
    """
    masks = found["masks"][:, 0].cpu().numpy() >= 0.5
    seen = masks.any(axis=(1, 2))
    codes = encode_masks(masks[seen])
    labels, scores = (found[name].cpu().numpy()[seen] for name in ("labels", "scores"))
    return ImageLabels(image_id, size, boxes_of_masks(codes), labels, scores, codes)


@torch.inference_mode()
def detections(
    model: nn.Module, dataset: ImageDataset, device: str
) -> Iterator[tuple[ImageLabels, Truth | None]]:
    """Yield what a detector finds in each image, and the truth."""
    model.to(device).eval()
    for i, name in enumerate(dataset.image_ids):
        image = _pixels(dataset.image(i)).to(device)
        found = model([image])[0]
        height, width = image.shape[-2:]
        yield detected(name, (height, width), found), dataset.truth(i)


@torch.inference_mode()
def segmentation_iou(
    model: nn.Module, data: Segmentations, n_classes: int, size: int, device: str
) -> np.ndarray:
    """IoU of the background and each class, (K+1,), at the images' own sizes."""
    model.to(device).eval()
    pixels = Confusion(n_classes)
    for row in range(len(data)):
        classes = data.map(row)
        image, _ = data.sample(row, False, size)
        logits = model(image[None].to(device))["out"]
        logits = interpolate(logits, size=classes.shape, mode="bilinear", align_corners=False)
        found = logits[0].argmax(dim=0).cpu().numpy()
        clear = classes != VOID
        pixels.add(classes[clear], found[clear])
    return pixels.iou()


def build_model(kind: str, n_classes: int, backbone_weights: str) -> nn.Module:
    """Torchvision's model for K classes and the background.

    backbone_weights : ``"imagenet"`` (downloaded by torchvision), ``"none"``, or a file with the
    state dict of a torchvision ResNet-50 (Mask R-CNN) or ResNet-101 (DeepLab).

    Raises
    ------
    ImportError : torchvision is missing or does not fit the installed torch.
    """
    try:
        from torchvision.models import detection, segmentation
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch raises the latter
        raise ImportError(
            f"this example needs torchvision ({error}); install the one that belongs to torch "
            f"{torch.__version__}, see https://pytorch.org/get-started"
        ) from error
    start = "DEFAULT" if backbone_weights == "imagenet" else None
    settings = {"weights": None, "weights_backbone": start, "num_classes": n_classes + 1}
    if kind == "maskrcnn":
        model: nn.Module = detection.maskrcnn_resnet50_fpn(**settings)
        backbone = model.backbone.body
    else:
        model = segmentation.deeplabv3_resnet101(**settings, aux_loss=True)
        backbone = model.backbone
    if backbone_weights not in ("imagenet", "none"):
        load_backbone(backbone, Path(backbone_weights))
    return model


def load_backbone(backbone: nn.Module, path: Path) -> None:
    """Load a ResNet's state dict into a backbone, which has no classifier.

    Raises
    ------
    ValueError : a weight of the backbone is missing in the file.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    missing = backbone.load_state_dict(state, strict=False).missing_keys
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing:
        raise ValueError(f"{path}: has no {missing[0]}; not the weights of this backbone")


def _truth(dataset: ImageDataset, i: int) -> Truth:
    truth = dataset.truth(i)
    assert truth is not None  # COCO's images always have one
    return truth


def _pixels(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def _normalised(image: Tensor) -> Tensor:
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (image - mean) / std


def _talk(step: int, loss: float) -> None:
    if step % 50 == 0:
        print(f"step {step}: loss {loss:.3f}", file=sys.stderr)


def _train_detector(arguments: argparse.Namespace) -> tuple[nn.Module, Callable[[], dict]]:
    dataset = CocoDataset(arguments.labels, arguments.images)
    data = Detections(dataset)
    model = build_model("maskrcnn", len(dataset.class_names), arguments.backbone_weights)
    n_steps = arguments.epochs * max(1, len(data) // arguments.batch_size)
    rate = arguments.rate or 0.02 / 16 * arguments.batch_size
    schedule = Schedule(rate, n_steps, warm_up=min(500, n_steps // 10), drops=(8 / 12, 11 / 12))
    train(model, data.sample, len(data), detector_loss, schedule, **_running(arguments))

    def test() -> dict:
        annotated = CocoDataset(*arguments.test)
        pairs = detections(model, annotated, arguments.device)
        return evaluate(pairs, annotated.class_names).to_dict()

    return model, test


def _train_segmenter(arguments: argparse.Namespace) -> tuple[nn.Module, Callable[[], dict]]:
    class_names = arguments.classes.split(",") if arguments.classes else VOC_CLASSES
    data = Segmentations(Path(arguments.labels), arguments.images, arguments.split)
    model = build_model("deeplab", len(class_names), arguments.backbone_weights)
    n_steps = arguments.epochs * max(1, len(data) // arguments.batch_size)
    schedule = Schedule(arguments.rate or 0.007, n_steps, power=0.9)

    def sample(row: int, mirrored: bool) -> tuple[Tensor, Tensor]:
        return data.sample(row, mirrored, arguments.size)

    train(model, sample, len(data), segmenter_loss, schedule, **_running(arguments))

    def test() -> dict:
        root, split = arguments.test
        annotated = Segmentations(Path(root), Path(root) / "JPEGImages", split)
        iou = segmentation_iou(model, annotated, len(class_names), arguments.size, arguments.device)
        shares = [None if np.isnan(share) else share for share in iou.tolist()]
        by_class = dict(zip(("background", *class_names), shares, strict=True))
        return {"miou": float(mean_over_classes(iou)), "iou": by_class}

    return model, test


def _running(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "batch_size": arguments.batch_size,
        "device": arguments.device,
        "seed": arguments.seed,
        "report": _talk,
    }


def main(argv: Iterable[str] | None = None) -> int:
    """Train, save and test; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=("maskrcnn", "deeplab"))
    parser.add_argument("labels", type=Path, help="COCO file, or folder in VOC's layout")
    parser.add_argument("images", type=Path, help="folder of the images")
    parser.add_argument("-o", "--output", type=Path, required=True, help="made if missing")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--rate", type=float, help="learning rate (default: of the model)")
    parser.add_argument("--size", type=int, default=513, help="of deeplab's images, in pixels")
    parser.add_argument("--split", default="Segmentation/train", help="of deeplab's labels")
    parser.add_argument("--classes", help="of deeplab, A,B,... (default: VOC's 20)")
    parser.add_argument("--backbone-weights", default="imagenet", help="imagenet, none or a file")
    parser.add_argument("--test", nargs=2, help="COCO file and images, or VOC folder and list")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(None if argv is None else list(argv))
    try:
        torch.manual_seed(arguments.seed)
        run = _train_detector if arguments.model == "maskrcnn" else _train_segmenter
        model, test = run(arguments)
        arguments.output.mkdir(parents=True, exist_ok=True)
        with replacing(arguments.output / "model.pth") as file:
            torch.save(model.cpu().state_dict(), file)
        if arguments.test:
            text = json.dumps(test(), indent=1) + "\n"
            (arguments.output / "metrics.json").write_text(text, encoding="utf-8")
            print(text, end="")
    except (ValueError, ImportError, ArithmeticError, OSError) as error:
        print(f"train_detectors: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
