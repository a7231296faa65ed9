"""The MIL network (section 4.1, Fig. 1 and Eq. 2 of LIID).

Images -> backbone -> RoI pooling over the boxes of proposals -> global average: features f ->
linear layer: logits a of K classes and the background -> softmax: probabilities p.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from liid_mil.models.backbone import Backbone
from liid_mil.models.roi import POOLINGS, average_roi_features


class MilOutput(NamedTuple):
    """One row a proposal, those of the first image first, in the order of its boxes."""

    logits: Tensor
    """(P, K+1); column 0 is the background"""
    probs: Tensor
    """(P, K+1) float32, rows sum to 1 (Eq. 2)"""
    feats: Tensor
    """(P, d) float32"""
    image_index: Tensor
    """(P,) int64, the image of the batch"""


class MilNetwork(nn.Module):
    """Backbone, RoI pooling and the classifier of proposals.

    Parameters
    ----------
    backbone : see :func:`liid_mil.models.build_backbone`.
    n_classes : K, without the background.
    roi_size : bins along each side of a box.
    pooling : ``"max"`` (the paper's RoI pooling) or ``"align"``.

    Attributes
    ----------
    n_features : d, the backbone's channels.

    Raises
    ------
    ValueError : ``n_classes`` or ``roi_size`` < 1, an unknown ``pooling``.
    """

    def __init__(
        self, backbone: Backbone, n_classes: int, *, roi_size: int = 7, pooling: str = "max"
    ) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes is {n_classes}; it must be at least 1")
        if roi_size < 1:
            raise ValueError(f"roi_size is {roi_size}; it must be at least 1")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is {pooling!r}; it must be one of 'max', 'align'")
        self.backbone = backbone
        self.n_classes = n_classes
        self.n_features = backbone.out_channels
        self.roi_size = roi_size
        self.pooling = pooling
        self.classifier = nn.Linear(self.n_features, n_classes + 1)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor, boxes: Sequence[Tensor]) -> MilOutput:
        """Classify the proposals of a batch.

        Parameters
        ----------
        images : (B, 3, H, W) float32, RGB in [0, 1].
        boxes : for each image (P_i, 4) float32, xyxy in pixels, right and bottom exclusive; P_i may
            be 0. Parts outside the image count as 0.

        Raises
        ------
        ValueError : a shape or dtype that does not fit; a box that is not finite, has no area or
            lies outside its image.
        """
        flat, image_index = _flatten_boxes(images, boxes)
        if self.pooling == "max":
            # RoI max pooling takes the last pixel inside the box for its corner.
            flat = flat - flat.new_tensor([0.0, 0.0, 1.0, 1.0])
        features = self.backbone(images)
        feats = average_roi_features(
            features, flat, image_index, self.roi_size, 1 / self.backbone.stride, self.pooling
        )
        logits = self.classifier(feats)
        return MilOutput(logits, logits.float().softmax(1), feats, image_index)


def _flatten_boxes(images: Tensor, boxes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """All boxes (P, 4) on the device of the images, and the image of each (P,)."""
    if len(boxes) != len(images):
        raise ValueError(f"boxes has {len(boxes)} entries but images has {len(images)}")
    if len(boxes) == 0:
        raise ValueError("images has no image; a batch has at least one")
    height, width = images.shape[-2:]
    for i, of_image in enumerate(boxes):
        if of_image.ndim != 2 or of_image.shape[1] != 4 or not of_image.is_floating_point():
            raise ValueError(
                f"boxes[{i}] has shape {tuple(of_image.shape)} and dtype {of_image.dtype}; "
                "it must be (proposals, 4) of floats"
            )
        x0, y0, x1, y1 = of_image.unbind(1)
        good = of_image.isfinite().all(1) & (x0 < x1) & (y0 < y1)
        good &= (x0 < width) & (y0 < height) & (x1 > 0) & (y1 > 0)
        if not good.all():
            row = int((~good).nonzero()[0, 0])
            raise ValueError(
                f"boxes[{i}][{row}] is {of_image[row].tolist()}; it must be x0 < x1, y0 < y1 and "
                f"meet the image of {width} x {height} pixels"
            )
    sizes = torch.tensor([len(of_image) for of_image in boxes], device=images.device)
    image_index = torch.repeat_interleave(torch.arange(len(boxes), device=images.device), sizes)
    flat = torch.cat([of_image.float() for of_image in boxes])
    return flat.to(images.device), image_index
