"""Training of the segmentation head on semantic maps, and its predictions.

Input: images and, for each, a map of classes, such as :func:`liid_mil.semantic.semantic_map` makes
of pseudo labels; void pixels teach nothing. Output: the trained head; maps of other images.
Steps: scale to one size, mirror half of the images, the backbone's map of each (made once), cross
entropy, Adam with a learning rate that falls to 0 by DeepLab's "poly" policy. The backbone is not
trained on. Weights depend on the settings and the data alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate

from liid_mil.data.types import Image, ImageDataset
from liid_mil.models.backbone import Backbone
from liid_mil.segmentation.network import SegmentationHead
from liid_mil.segmentation.samples import SegmentationSamples, backbone_features, image_tensor
from liid_mil.semantic import VOID, SemanticMap
from liid_mil.training.batches import epoch_order, is_mirrored
from liid_mil.training.engine import TrainingDiverged

_POWER = 0.9


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig:
    """What decides the weights.

    Attributes
    ----------
    image_size : pixels; images and maps are scaled to ``image_size`` x ``image_size``.
    width : of :class:`~liid_mil.segmentation.network.SegmentationHead`.
    epochs : passes over the images. batch_size : images a step.
    learning_rate : of Adam, at the start.
    flip : half of the images are mirrored, drawn anew in each epoch.
    seed : of initial weights, order and flips.

    Raises
    ------
    ValueError : a value that is not allowed.
    """

    image_size: int = 64
    width: int = 64
    epochs: int = 10
    batch_size: int = 8
    learning_rate: float = 3e-3
    flip: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("image_size", "width", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name, holds, allowed in (
            ("learning_rate", self.learning_rate > 0, "positive"),
            ("seed", self.seed >= 0, "at least 0"),
        ):
            if not holds:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {allowed}")


def train_segmentation(
    dataset: ImageDataset,
    map_of: Callable[[int], SemanticMap],
    backbone: Backbone,
    config: SegmentationConfig,
    *,
    device: str | torch.device = "cpu",
    cache_gib: float = 1.0,
) -> SegmentationHead:
    """Train a head from random weights.

    Parameters
    ----------
    dataset : N images; neither tags nor truth are read.
    map_of : gives the map of image i, uint8 (H, W): 0 the background, 1..K, 255 void.
    backbone : a trained one, as of a CAM classifier or a MIL network; it stays as it is.
    device : where to train; the head comes back on the CPU, in evaluation mode.
    cache_gib : GiB of scaled images, features and maps that are kept for later epochs.

    Raises
    ------
    ValueError : no image, or a map of another shape than its image or with a class above K.
    TrainingDiverged : a loss is not finite.
    DatasetError : an image is damaged.
    """
    n_images = len(dataset)
    if n_images == 0:
        raise ValueError("there are no images to train on")
    device = torch.device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        head = SegmentationHead(len(dataset.class_names), backbone.out_channels, width=config.width)
    head.to(device).train()
    backbone.to(device)
    optimizer = torch.optim.Adam(head.parameters(), config.learning_rate)
    samples = SegmentationSamples(dataset, map_of, backbone, config.image_size, cache_gib=cache_gib)
    n_steps = config.epochs * math.ceil(n_images / config.batch_size)
    step = 0
    for epoch in range(config.epochs):
        order = epoch_order(n_images, config.seed, epoch).tolist()
        for begin in range(0, n_images, config.batch_size):
            keys = [
                (i, config.flip and is_mirrored(config.seed, epoch, i))
                for i in order[begin : begin + config.batch_size]
            ]
            pixels, features, classes = samples.batch(keys, device)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * (1 - step / n_steps) ** _POWER
            loss = _loss(head(pixels, features), classes)
            if not torch.isfinite(loss):
                raise TrainingDiverged(
                    f"the loss of step {step} is {loss.item()}; try a smaller learning_rate"
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
    return head.cpu().eval()


@torch.inference_mode()
def predict_maps(
    head: SegmentationHead,
    backbone: Backbone,
    images: Iterable[Image],
    image_size: int,
    *,
    device: str | torch.device = "cpu",
) -> Iterator[SemanticMap]:
    """Yield the map of each image, uint8 (H, W), of its own size.

    Parameters
    ----------
    head, backbone, image_size : as in training.
    images : uint8 (H, W, 3), taken one by one.
    """
    head.to(device).eval()
    backbone.to(device)
    for image in images:
        pixels = image_tensor(image, image_size).to(device)[None]
        logits = head(pixels.float() / 255, backbone_features(backbone, pixels))
        logits = interpolate(logits, size=image.shape[:2], mode="bilinear", align_corners=False)
        yield logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()


def _loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Mean cross entropy of the pixels that are not void; 0 where all are."""
    total = cross_entropy(logits, classes, ignore_index=VOID, reduction="sum")
    return total / (classes != VOID).sum().clamp(min=1)
