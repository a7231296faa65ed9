"""RoI max pooling and align with one loop an index, and the values that torchvision computed."""

from __future__ import annotations

import json
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TORCHVISION: dict[str, Any] = json.loads(
    Path(__file__).with_name("torchvision_values.json").read_text()
)


def reference_map() -> Tensor:
    """The feature map (2, 2, 6, 8) of the values in ``TORCHVISION``; all cells differ."""
    return ((37 * torch.arange(192) % 193).float() / 64 - 1).view(2, 2, 6, 8)


def random_case(
    shape: tuple[int, int, int, int], stride: int, n_boxes: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """A map of distinct values; boxes inside, across and outside; images in any order."""
    generator = torch.Generator().manual_seed(seed)
    n_values = shape[0] * shape[1] * shape[2] * shape[3]
    features = torch.randperm(n_values, generator=generator).view(shape) / n_values - 0.5
    size = torch.tensor([shape[3], shape[2]]) * stride
    ends = (torch.rand(n_boxes, 2, 2, generator=generator) * 1.4 - 0.2) * size
    boxes = torch.cat([ends.amin(1), ends.amax(1)], 1)
    boxes[: n_boxes // 2] = boxes[: n_boxes // 2].round()
    return features, boxes, torch.randint(0, shape[0], (n_boxes,), generator=generator)


def _round(value: np.float32) -> int:
    """Half away from zero."""
    return floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def slow_max_pool(
    features: Tensor, boxes: Tensor, image_index: Tensor, size: tuple[int, int], scale: float
) -> Tensor:
    """Fast R-CNN's RoI max pooling; like torchvision, with bins in single precision."""
    _, n_channels, height, width = features.shape
    pooled = torch.zeros(len(boxes), n_channels, *size)
    for p, image in enumerate(image_index.tolist()):
        corners = boxes[p].numpy().astype(np.float32) * np.float32(scale)
        x0, y0, x1, y1 = (_round(value) for value in corners)
        bin_h = np.float32(max(y1 - y0 + 1, 1)) / np.float32(size[0])
        bin_w = np.float32(max(x1 - x0 + 1, 1)) / np.float32(size[1])
        for i in range(size[0]):
            rows = range(floor(np.float32(i) * bin_h) + y0, ceil(np.float32(i + 1) * bin_h) + y0)
            for j in range(size[1]):
                start = floor(np.float32(j) * bin_w) + x0
                columns = range(start, ceil(np.float32(j + 1) * bin_w) + x0)
                cells = [
                    (y, x) for y in rows for x in columns if 0 <= y < height and 0 <= x < width
                ]
                for c in range(n_channels):
                    values = [float(features[image, c, y, x]) for y, x in cells]
                    pooled[p, c, i, j] = max(values, default=0.0)
    return pooled


def _bilinear(plane: list[list[float]], y: float, x: float) -> float:
    height, width = len(plane), len(plane[0])
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    dy, dx = y - y0, x - x0
    top = plane[y0][x0] * (1 - dx) + plane[y0][x1] * dx
    return top * (1 - dy) + (plane[y1][x0] * (1 - dx) + plane[y1][x1] * dx) * dy


def slow_align(
    features: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    size: tuple[int, int],
    scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Mask R-CNN's RoI align."""
    n_channels = features.shape[1]
    planes = features.tolist()
    pooled = torch.zeros(len(boxes), n_channels, *size)
    for p, image in enumerate(image_index.tolist()):
        x0, y0, x1, y1 = (value * scale - 0.5 * aligned for value in boxes[p].tolist())
        h, w = y1 - y0, x1 - x0
        if not aligned:
            h, w = max(h, 1.0), max(w, 1.0)
        n_y = sampling_ratio if sampling_ratio > 0 else ceil(h / size[0])
        n_x = sampling_ratio if sampling_ratio > 0 else ceil(w / size[1])
        for i in range(size[0]):
            ys = [y0 + (i + (s + 0.5) / n_y) * h / size[0] for s in range(n_y)]
            for j in range(size[1]):
                xs = [x0 + (j + (s + 0.5) / n_x) * w / size[1] for s in range(n_x)]
                for c in range(n_channels):
                    total = sum(_bilinear(planes[image][c], y, x) for y in ys for x in xs)
                    pooled[p, c, i, j] = total / max(n_y * n_x, 1)
    return pooled
