"""RoI max pooling and RoI align: features of boxes from the feature map of their image.

Input: feature maps (B, C, H, W), boxes xyxy in image pixels and the image of each box. Output:
bins (P, C, h, w) by ``roi_max_pool`` (Girshick, Fast R-CNN, section 2.1) and ``roi_align`` (He et
al., Mask R-CNN, section 3) as torchvision defines them, by its own operators where it imports; or
their average (P, C) by ``average_roi_features``, which the network uses and which never holds all
bins of a large bag.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from liid_mil.models.align_weights import align_weights
from liid_mil.models.bin_maxima import bin_maxima

_VALUES_PER_BLOCK = 1 << 24  # of float32: 64 MiB for each of the few temporaries
POOLINGS = ("max", "align")


def roi_max_pool(
    features: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float,
) -> Tensor:
    """Maximum over each of h x w bins of every box, as ``torchvision.ops.roi_pool``.

    Parameters
    ----------
    features : (B, C, H, W) floats.
    boxes : (P, 4) xyxy in pixels of the image. Right and bottom belong to the box, as Fast R-CNN
        has it: both corners are rounded to cells, halves away from zero, and kept.
    image_index : (P,) int64 in 0..B-1.
    output_size : h and w, or one number for both.
    spatial_scale : cells per pixel, 1 / stride.

    Returns
    -------
    (P, C, h, w), float32 (float64 for float64 features); 0 for bins outside the map. Where several
    cells share a maximum, the first takes its gradient.

    Raises
    ------
    ValueError : a shape or dtype does not fit, an index is out of range, a box is not finite.
    """
    features, boxes, (h, w) = _checked(features, boxes, image_index, output_size)
    torchvision = _torchvision_ops()
    if torchvision is not None:
        rois = _rois(boxes, image_index)
        pooled: Tensor = torchvision.roi_pool(features, rois, (h, w), spatial_scale)
        return pooled
    maxima, bins = bin_maxima(features, boxes, image_index, (h, w), spatial_scale)
    return F.embedding(bins, maxima).permute(0, 3, 1, 2)


def roi_align(
    features: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float,
    *,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Mean of bilinear samples in each of h x w bins of a box, as ``torchvision.ops.roi_align``.

    Parameters
    ----------
    features, boxes, image_index, output_size, spatial_scale : as in :func:`roi_max_pool`; corners
        are points, not rounded.
    sampling_ratio : samples along each side of a bin; <= 0: one a cell, rounded up, for each box.
    aligned : shift by half a cell, so that a sample at the centre of a cell is its value; without,
        boxes have at least one cell a side.

    Returns
    -------
    (P, C, h, w), float32 (float64 for float64 features). Samples more than one cell outside the
    map count as 0.

    Raises
    ------
    ValueError : as in :func:`roi_max_pool`.
    """
    features, boxes, (h, w) = _checked(features, boxes, image_index, output_size)
    torchvision = _torchvision_ops()
    pooled: Tensor
    if torchvision is not None:
        options = {"sampling_ratio": sampling_ratio, "aligned": aligned}
        rois = _rois(boxes, image_index)
        pooled = torchvision.roi_align(features, rois, (h, w), spatial_scale, **options)
        return pooled
    rows, columns = align_weights(
        boxes * spatial_scale, features.shape[2:], (h, w), sampling_ratio, aligned
    )
    pooled = features.new_empty(len(boxes), features.shape[1], h, w)
    with torch.autocast(features.device.type, enabled=False):
        for image, members in _members(image_index, len(features)):
            half = torch.einsum("piy,cyx->picx", rows[members], features[image])
            part = torch.einsum("picx,pjx->pcij", half, columns[members])
            pooled = pooled.index_copy(0, members, part)
    return pooled


def average_roi_features(
    features: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    roi_size: int,
    spatial_scale: float,
    pooling: str,
) -> Tensor:
    """RoI pooling to ``roi_size`` x ``roi_size`` bins and their average: one vector a box (Eq. 2).

    Parameters
    ----------
    features, boxes, image_index, spatial_scale : as in :func:`roi_max_pool`.
    pooling : ``"max"``, or ``"align"`` (aligned, 2 x 2 samples a bin).

    Returns
    -------
    (P, C), float32 (float64 for float64 features). Boxes too many for one block of max pooling go
    through in several, which the backward pass computes again.

    Raises
    ------
    ValueError : as in :func:`roi_max_pool`; an unknown ``pooling``.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is {pooling!r}; it must be one of 'max', 'align'")
    features, boxes, (h, w) = _checked(features, boxes, image_index, roi_size)
    if pooling == "align":
        return _average_align(features, boxes, image_index, roi_size, spatial_scale)

    def average(features: Tensor, boxes: Tensor, image_index: Tensor) -> Tensor:
        maxima, bins = bin_maxima(features, boxes, image_index, (h, w), spatial_scale)
        return F.embedding_bag(bins.flatten(1), maxima, mode="mean")

    size = max(1, _VALUES_PER_BLOCK // (features.shape[1] * h * w))
    if len(boxes) <= size:
        return average(features, boxes, image_index)
    parts = [
        checkpoint(average, features, *block, use_reentrant=False, preserve_rng_state=False)
        for block in zip(torch.split(boxes, size), torch.split(image_index, size), strict=True)
    ]
    return torch.cat(parts)


def _average_align(
    features: Tensor, boxes: Tensor, image_index: Tensor, roi_size: int, spatial_scale: float
) -> Tensor:
    """The average over bins is linear too: one product of (P, H W) weights with each map."""
    rows, columns = align_weights(
        boxes * spatial_scale, features.shape[2:], (roi_size, roi_size), 2, True
    )
    weights = (rows.mean(1)[:, :, None] * columns.mean(1)[:, None, :]).flatten(1)
    pooled = features.new_empty(len(boxes), features.shape[1])
    with torch.autocast(features.device.type, enabled=False):
        for image, members in _members(image_index, len(features)):
            part = weights[members] @ features[image].flatten(1).T
            pooled = pooled.index_copy(0, members, part)
    return pooled


def _checked(
    features: Tensor, boxes: Tensor, image_index: Tensor, output_size: int | tuple[int, int]
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Features and boxes in the same precision, at least single; the output size as a pair."""
    h, w = (output_size, output_size) if isinstance(output_size, int) else output_size
    if min(h, w) < 1:
        raise ValueError(f"output_size is {output_size}; it must be at least 1")
    if features.ndim != 4 or not features.is_floating_point():
        raise ValueError(
            f"features has shape {tuple(features.shape)} and dtype {features.dtype}; "
            "it must be (images, channels, height, width) of floats"
        )
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not boxes.is_floating_point():
        raise ValueError(
            f"boxes has shape {tuple(boxes.shape)} and dtype {boxes.dtype}; "
            "it must be (proposals, 4) of floats"
        )
    if image_index.shape != boxes.shape[:1] or image_index.dtype != torch.int64:
        raise ValueError(
            f"image_index has shape {tuple(image_index.shape)} and dtype {image_index.dtype}; "
            f"it must be ({len(boxes)},) of torch.int64"
        )
    bad = (image_index < 0) | (image_index >= len(features))
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        raise ValueError(
            f"image_index[{row}] is {int(image_index[row])}; images are 0 to {len(features) - 1}"
        )
    bad = ~boxes.isfinite().all(1)
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        raise ValueError(f"boxes[{row}] is {boxes[row].tolist()}; corners must be finite")
    features = features if features.dtype == torch.float64 else features.float()
    return features, boxes.detach().to(features.dtype), (h, w)


@cache
def _torchvision_ops() -> Any:
    """``torchvision.ops``, or None."""
    try:
        return importlib.import_module("torchvision.ops")
    except (ImportError, RuntimeError, AttributeError, OSError):
        return None  # not installed, or built for another torch


def _rois(boxes: Tensor, image_index: Tensor) -> Tensor:
    """Boxes in torchvision's form (P, 5): image, then corners."""
    return torch.cat([image_index[:, None].to(boxes.dtype), boxes], 1)


def _members(image_index: Tensor, n_images: int) -> list[tuple[int, Tensor]]:
    """For each image its rows; exact for any order of ``image_index``."""
    if n_images == 1:
        return [(0, torch.arange(len(image_index), device=image_index.device))]
    return [(i, (image_index == i).nonzero()[:, 0]) for i in range(n_images)]
