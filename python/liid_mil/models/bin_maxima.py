"""Maxima over the quantised bins of RoI max pooling (Girshick, Fast R-CNN, section 2.1).

Input: feature maps, boxes and their images; output: the maxima of the different bins, and which
bin is whose: boxes are many and cells few, so that most bins of a large bag are the same window.
Each window is the maximum of four overlapping ones of 2^a x 2^b cells, from a table that is made
once a map (range maximum query). Rounding follows torchvision, in the precision of the boxes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def bin_maxima(
    features: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
) -> tuple[Tensor, Tensor]:
    """Maxima of all bins of all boxes, each different bin once.

    Parameters
    ----------
    features : (B, C, H, W) floats; boxes : (P, 4), corners inclusive; image_index : (P,) int64.
    output_size : h and w; spatial_scale : cells per pixel.

    Returns
    -------
    maxima : (n + 1, C); the last row is zero, for bins outside the map.
    bins : (P, h, w) int64, the row of each bin.
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
        channels = torch.arange(n_channels, device=cells.device)
        entries = cells.long() * n_channels + channels
        # Flat: CUDA adds in a fixed order, where that is asked for, in one dimension only.
        by_cell = gradient.new_zeros(n_images * height * width * n_channels)
        by_cell.scatter_add_(0, entries.flatten(), gradient.flatten())
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
