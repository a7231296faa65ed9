"""Bilinear weights of RoI align (He et al., Mask R-CNN, section 3).

A sample is a product of a weight by row and one by column, and samples form a grid; so the average
over the samples of a bin is ``rows @ map @ columns`` with one small matrix a side of each box.
"""

from __future__ import annotations

import torch
from torch import Tensor


def align_weights(
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
    low = position.floor()
    share = torch.where(used, 1 / count, 0)
    weights = start.new_zeros(len(start), n_bins, n_cells)
    weights.scatter_add_(2, low.long(), share * (1 - (position - low)))
    high = (low + 1).clamp(max=n_cells - 1)
    return weights.scatter_add_(2, high.long(), share * (position - low))
