"""RoI max pooling and RoI align: features of boxes from the feature map of their image.

Input: feature maps (B, C, H, W), boxes xyxy in image pixels and the image of each box; output
(P, C, h, w), or (P, C) after global average pooling. Definitions and rounding are those of
``torchvision.ops.roi_pool`` and ``roi_align``, which are used where torchvision imports.

- Max pooling (Girshick, Fast R-CNN, section 2.1) takes each quantised bin as the maximum of four
  overlapping windows of 2^a x 2^b cells from a table of such maxima (range maximum query), so that
  its cost does not depend on the size of a box; equal bins of different boxes are taken once.
- Align (He et al., Mask R-CNN, section 3) averages bilinear samples. Weights of rows and columns
  are independent, so a bin is ``rows @ map @ columns``, and the average over bins one product more.

Bags too large for memory go through in blocks of boxes that the backward pass computes again.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

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
    maxima, bins = _bin_maxima(features, boxes, image_index, (h, w), spatial_scale)
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
    rows, columns = _align_weights(
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
    """RoI pooling to ``roi_size`` x ``roi_size`` bins and their average: one vector a box.

    Parameters
    ----------
    features, boxes, image_index, spatial_scale : as in :func:`roi_max_pool`.
    pooling : ``"max"``, or ``"align"`` (aligned, 2 x 2 samples a bin).

    Returns
    -------
    (P, C), float32 (float64 for float64 features). Bins of all boxes are never in memory together.

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
        maxima, bins = _bin_maxima(features, boxes, image_index, (h, w), spatial_scale)
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
    rows, columns = _align_weights(
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


def _round_half_away(values: Tensor) -> Tensor:
    """Round as C does, 2.5 to 3 and -2.5 to -3; torch.round goes to the even neighbour."""
    whole = values.trunc()
    return whole + torch.where((values - whole).abs() >= 0.5, values.sign(), 0)


def _bins(first: Tensor, last: Tensor, n_bins: int, n_cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """First cell and the cell after the last of each bin along one side, int64 (P, n_bins).

    Also whether a bin has no cell on the map: its bounds are then those of some cell that exists.
    """
    # In the precision of the boxes, like torchvision: rounding decides about cells.
    size = (last - first + 1).clamp(min=1)[:, None] / n_bins
    steps = torch.arange(n_bins + 1, dtype=size.dtype, device=size.device)
    lower = (steps[:-1] * size).floor() + first[:, None]
    upper = (steps[1:] * size).ceil() + first[:, None]
    lower, upper = lower.clamp(0, n_cells).long(), upper.clamp(0, n_cells).long()
    empty = upper <= lower
    lower = lower.masked_fill(empty, 0)
    return lower, upper.masked_fill(empty, 1), empty


def _log2(lengths: Tensor) -> Tensor:
    """Integer logarithm, rounded down, of int64 >= 1."""
    return torch.frexp(lengths.double())[1].long() - 1


def _bin_maxima(
    features: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
) -> tuple[Tensor, Tensor]:
    """Maxima (windows + 1, C) of the different bins, a row of zeros last, and which is whose.

    Boxes are many and cells few, so that most bins of a large bag are the same window of cells.
    """
    height, width = features.shape[2:]
    h, w = output_size
    corners = _round_half_away(boxes * spatial_scale)
    x0, x1, x_empty = _bins(corners[:, 0], corners[:, 2], w, width)
    y0, y1, y_empty = _bins(corners[:, 1], corners[:, 3], h, height)
    rows = (image_index[:, None] * (height + 1) + y0) * (height + 1) + y1
    columns = x0 * (width + 1) + x1
    key = rows[:, :, None] * (width + 1) ** 2 + columns[:, None, :]
    key, bins = torch.unique(key, return_inverse=True)
    windows = []
    for base in (width + 1, width + 1, height + 1, height + 1):
        windows.append(key % base)
        key = key // base
    maxima: Tensor = _WindowMaxima.apply(features, key, *reversed(windows))  # type: ignore[no-untyped-call]
    empty = y_empty[:, :, None] | x_empty[:, None, :]
    return F.pad(maxima, (0, 0, 0, 1)), bins.masked_fill(empty, len(maxima))


class _WindowMaxima(torch.autograd.Function):
    """Maxima (n, C) over windows [y0, y1) x [x0, x1) of images; the first cell takes the gradient.

    Autograd through ``torch.maximum`` would divide it among equal cells, at ten times the cost.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, image: Tensor, y0: Tensor, y1: Tensor, x0: Tensor, x1: Tensor
    ) -> Tensor:
        """Maximum of the four windows of 2^a x 2^b cells at the corners of each window."""
        n_images, _, height, width = features.shape
        y_level, x_level = _log2(y1 - y0), _log2(x1 - x0)
        n_levels = (int(y_level.max()) + 1, int(x_level.max()) + 1) if len(image) > 0 else (1, 1)
        table = _power_windows(features, *n_levels)
        level = (y_level * n_levels[1] + x_level) * n_images + image
        best: _Maxima | None = None
        for y in (y0, y1 - (1 << y_level)):
            for x in (x0, x1 - (1 << x_level)):
                rows = (level * height + y) * width + x
                corner = _Maxima(*(part.index_select(0, rows) for part in table))
                best = corner if best is None else _larger(best, corner)
        assert best is not None
        ctx.save_for_backward(best.cells)
        ctx.shape = features.shape
        return best.values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Every maximum hands its gradient to its cell."""
        (cells,) = ctx.saved_tensors
        n_images, n_channels, height, width = ctx.shape
        by_cell = gradient.new_zeros(n_images * height * width, n_channels)
        by_cell.scatter_add_(0, cells.long(), gradient)
        by_cell = by_cell.view(n_images, height, width, n_channels).permute(0, 3, 1, 2)
        return by_cell, None, None, None, None, None


class _Maxima(NamedTuple):
    values: Tensor
    cells: Tensor
    """int32: (image * H + y) * W + x of the first cell that has the value"""


def _larger(a: _Maxima, b: _Maxima) -> _Maxima:
    """The larger of two maxima; at equal values the one of the lower cell."""
    take = (b.values > a.values) | ((b.values == a.values) & (b.cells < a.cells))
    return _Maxima(torch.maximum(a.values, b.values), b.cells.where(take, a.cells))


def _power_windows(features: Tensor, n_y: int, n_x: int) -> _Maxima:
    """Maxima over windows of 2^a x 2^b cells, a < n_y, b < n_x, cut off at the border of the map.

    Row ``(((a * n_x + b) * B + image) * H + y) * W + x`` of the result (rows, C) is the window that
    starts at cell (y, x).
    """
    n_images, n_channels, height, width = features.shape
    values = features.permute(0, 2, 3, 1)
    cells = torch.arange(n_images * height * width, dtype=torch.int32, device=features.device)
    tall = _Maxima(values, cells.view(n_images, height, width, 1).expand(values.shape))
    levels = []
    for a in range(n_y):
        if a > 0:
            tall = _doubled(tall, 1, 1 << (a - 1))
        wide = tall
        for b in range(n_x):
            if b > 0:
                wide = _doubled(wide, 2, 1 << (b - 1))
            levels.append(wide)
    return _Maxima(
        torch.cat([level.values.reshape(-1, n_channels) for level in levels]),
        torch.cat([level.cells.reshape(-1, n_channels) for level in levels]),
    )


def _doubled(maxima: _Maxima, dim: int, length: int) -> _Maxima:
    """Maxima over windows of twice the ``length`` along ``dim``."""
    rest = maxima.values.shape[dim] - length
    if rest <= 0:
        return maxima
    both = _larger(
        _Maxima(*(part.narrow(dim, 0, rest) for part in maxima)),
        _Maxima(*(part.narrow(dim, length, rest) for part in maxima)),
    )
    last = (part.narrow(dim, rest, length) for part in maxima)
    return _Maxima(*(torch.cat(pair, dim) for pair in zip(both, last, strict=True)))


def _align_weights(
    boxes: Tensor,
    map_size: tuple[int, int] | torch.Size,
    output_size: tuple[int, int],
    sampling_ratio: int,
    aligned: bool,
) -> tuple[Tensor, Tensor]:
    """Weight of each row (P, h, H) and of each column (P, w, W) of the map in each bin."""
    if aligned:
        boxes = boxes - 0.5
    (height, width), (h, w) = map_size, output_size
    rows = _side_weights(boxes[:, 1], boxes[:, 3], height, h, sampling_ratio, aligned)
    columns = _side_weights(boxes[:, 0], boxes[:, 2], width, w, sampling_ratio, aligned)
    return rows, columns


def _side_weights(
    start: Tensor, end: Tensor, n_cells: int, n_bins: int, sampling_ratio: int, aligned: bool
) -> Tensor:
    """Bilinear weights (P, n_bins, n_cells) of the samples along one side of the boxes."""
    length = end - start if aligned else (end - start).clamp(min=1)
    bin_size = length / n_bins
    if sampling_ratio > 0:
        n_samples = torch.full_like(start, sampling_ratio)
    else:
        n_samples = bin_size.ceil().clamp(min=0)
    most = int(n_samples.max()) if len(start) > 0 else 0
    bins = torch.arange(n_bins, dtype=start.dtype, device=start.device)[:, None]
    samples = torch.arange(most, dtype=start.dtype, device=start.device)
    count = n_samples.clamp(min=1)[:, None, None]
    position = (
        start[:, None, None]
        + bins * bin_size[:, None, None]
        + (samples + 0.5) * bin_size[:, None, None] / count
    )
    used = (samples < n_samples[:, None, None]) & (position >= -1) & (position <= n_cells)
    position = position.clamp(0, n_cells - 1)
    low = position.floor().clamp(max=max(n_cells - 2, 0))
    share = torch.where(used, 1 / count, 0)
    weights = start.new_zeros(len(start), n_bins, n_cells)
    weights.scatter_add_(2, low.long(), share * (1 - (position - low)))
    high = (low + 1).clamp(max=n_cells - 1)
    return weights.scatter_add_(2, high.long(), share * (position - low))
