"""Class activation maps and the scores of proposals on them (section 4.2.1 of LIID).

The map of a class is the feature map weighted by the class's row of the classifier, without the
bias (Zhou et al., 2016, section 2). Negative values, evidence against the class, become 0, and each
map is divided by its maximum: A in [0, 1]. The score of a proposal is

    R[k] = mean(A_k[b]) + max(A_k[b])    in [0, 2]

over the pixels of its box b (or of its mask) on A, interpolated to the size of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from liid_mil.cam.classifier import CamClassifier
from liid_mil.data.types import RLE
from liid_mil.losses.bags import check_tags

TERMS = ("mean+max", "mean", "max")


@torch.no_grad()
def class_activation_maps(
    model: CamClassifier, images: Tensor, tags: Tensor | None = None
) -> Tensor:
    """Maps of all classes, in evaluation mode; the model keeps its own mode.

    Parameters
    ----------
    images : (B, 3, H, W) float32, RGB in [0, 1].
    tags : (B, K) bool or None; maps of classes that an image does not have are set to 0.

    Returns
    -------
    (B, K, h, w) float32 in [0, 1] at the stride of the backbone; each map has maximum 1, or is 0
    where no cell speaks for the class.

    Raises
    ------
    ValueError : a shape or dtype that does not fit.
    """
    if tags is not None:
        check_tags(tags, model.n_classes)
        if len(tags) != len(images):
            raise ValueError(f"tags has {len(tags)} rows but images has {len(images)}")
    training = model.training
    model.eval()
    features = model.backbone(images).float()
    model.train(training)
    with torch.autocast(features.device.type, enabled=False):
        maps = torch.einsum("bchw,kc->bkhw", features, model.classifier.weight.float()).relu()
    largest = maps.amax((2, 3), keepdim=True)
    maps = maps / largest.where(largest > 0, 1)
    return maps if tags is None else maps * tags[:, :, None, None]


def proposal_scores(
    maps: Tensor,
    boxes: Tensor | np.ndarray[Any, Any],
    image_size: tuple[int, int],
    *,
    terms: str = "mean+max",
    masks: Sequence[RLE] | np.ndarray[Any, Any] | Tensor | None = None,
) -> Tensor:
    """Scores R of the proposals of one image for every class.

    Parameters
    ----------
    maps : (K, h, w) floats, :func:`class_activation_maps` of the image.
    boxes : (P, 4) xyxy in pixels, right and bottom exclusive; all pixels that a box touches count.
    image_size : (H, W) of the image in pixels, to which maps are interpolated bilinearly.
    terms : ``"mean+max"``, or one of both alone (Table 3).
    masks : None, or P masks to pool over in place of the boxes (Table 4): COCO RLE dicts, or bool
        (P, H, W).

    Returns
    -------
    (P, K) float32; in [0, 2] for ``"mean+max"`` of maps in [0, 1].

    Raises
    ------
    ValueError : a shape that does not fit, a box without a pixel on the image, an empty mask.
    """
    if terms not in TERMS:
        raise ValueError(f"terms is {terms!r}; it must be one of {', '.join(map(repr, TERMS))}")
    if maps.ndim != 3:
        raise ValueError(f"maps has shape {tuple(maps.shape)}; it must be (classes, h, w)")
    windows = _pixel_windows(boxes, image_size)
    if masks is not None and len(masks) != len(windows):
        raise ValueError(f"masks has {len(masks)} entries but boxes has {len(windows)}")

    scores = torch.zeros(len(windows), len(maps), device=maps.device)
    # Most classes are absent and their maps are zero: so are their scores.
    (active,) = maps.flatten(1).any(1).nonzero(as_tuple=True)
    if len(active) == 0:
        return scores
    pixels = F.interpolate(maps[None, active].float(), image_size, mode="bilinear")[0]
    for j, (x0, y0, x1, y1) in enumerate(windows):
        if masks is None:
            region = pixels[:, y0:y1, x0:x1].flatten(1)
        else:
            region = pixels[:, _decoded(masks[j], j, image_size).to(pixels.device)]
        parts = []
        if terms != "max":
            parts.append(region.mean(1))
        if terms != "mean":
            parts.append(region.amax(1))
        scores[j, active] = torch.stack(parts).sum(0)
    return scores


def _pixel_windows(
    boxes: Tensor | np.ndarray[Any, Any], image_size: tuple[int, int]
) -> list[list[int]]:
    """Columns x0..x1-1 and rows y0..y1-1 of the pixels that each box touches."""
    height, width = image_size
    corners = torch.as_tensor(boxes).double().cpu()
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise ValueError(f"boxes has shape {tuple(corners.shape)}; it must be (proposals, 4)")
    limits = corners.new_tensor([width, height])
    low = corners[:, :2].floor().clamp(min=0)
    high = torch.minimum(corners[:, 2:].ceil(), limits)
    bad = ~(low < high).all(1)  # also where a corner is NaN
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        raise ValueError(
            f"boxes[{row}] is {corners[row].tolist()}; it must cover a pixel of the image of "
            f"{width} x {height} pixels"
        )
    windows: list[list[int]] = torch.cat([low, high], 1).long().tolist()
    return windows


def _decoded(
    encoded: RLE | np.ndarray[Any, Any] | Tensor, j: int, image_size: tuple[int, int]
) -> Tensor:
    """One mask as bool (H, W)."""
    if isinstance(encoded, dict):
        from liid_mil.proposals.masks import decode_masks  # boxes alone need no pycocotools

        mask = torch.from_numpy(decode_masks([encoded])[0])
    else:
        mask = torch.as_tensor(encoded)
    if mask.shape != tuple(image_size) or mask.dtype != torch.bool:
        raise ValueError(
            f"masks[{j}] has shape {tuple(mask.shape)} and dtype {mask.dtype}; "
            f"it must be bool of {tuple(image_size)}, the size of the image"
        )
    if not mask.any():
        raise ValueError(f"masks[{j}] is empty; a mask has at least one pixel")
    return mask
