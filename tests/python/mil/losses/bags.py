"""Random ragged bags, and the formulas of the paper written out with one loop a sum."""

from __future__ import annotations

from math import exp, log, sqrt

import torch
from torch import Tensor


def random_bags(
    sizes: list[int], n_classes: int, seed: int, scale: float = 2.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, image_index (shuffled), pseudo labels and tags of bags of the sizes given."""
    generator = torch.Generator().manual_seed(seed)
    n = sum(sizes)
    image_index = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    image_index = image_index[torch.randperm(n, generator=generator)]
    logits = scale * torch.randn(n, n_classes + 1, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, n_classes + 1, (n,), generator=generator)
    tags = torch.rand(len(sizes), n_classes, generator=generator) < 0.4
    return logits, image_index, labels, tags


def bag(rows: Tensor, image_index: Tensor, image: int) -> list[list[float]]:
    """Rows of one image as lists."""
    return [row for row, i in zip(rows.tolist(), image_index.tolist(), strict=True) if i == image]


def slow_attention_loss(p: list[list[float]], y: list[int]) -> float:
    """Eq. 4 for one image."""
    total = 0.0
    for p_j, y_j in zip(p, y, strict=True):
        n_classes = len(p_j) - 1
        others = sum(log(1 - p_j[k]) for k in range(n_classes + 1) if k != y_j)
        total += log(p_j[y_j]) + others / n_classes
    return -total / len(p)


def slow_log_sum_exp(p: list[list[float]], r: float) -> list[float]:
    """Eq. 5 for one image."""
    return [log(sum(exp(r * p_j[k]) for p_j in p) / len(p)) / r for k in range(len(p[0]))]


def slow_mil_loss(p: list[list[float]], tags: list[bool], r: float) -> float:
    """Eq. 6 for one image."""
    z = slow_log_sum_exp(p, r)
    present = [0] + [k for k in range(1, len(z)) if tags[k - 1]]
    absent = [k for k in range(1, len(z)) if not tags[k - 1]]
    size = len(absent)
    loss = -sum(log(z[k]) for k in present) / size
    return loss - sum(log(1 - z[k]) for k in absent) / size


def slow_center_loss(
    f: list[list[float]], p: list[list[float]], centers: list[list[float]]
) -> float:
    """Eq. 7 for one image."""
    total = 0.0
    for f_j, p_j in zip(f, p, strict=True):
        c = centers[p_j.index(max(p_j))]
        dot = sum(a * b for a, b in zip(f_j, c, strict=True))
        total += 1 - dot / (sqrt(sum(a * a for a in f_j)) * sqrt(sum(b * b for b in c)))
    return total / len(f)


def slow_center_update(
    f: list[list[float]], labels: list[int], centers: list[list[float]], theta: float
) -> list[list[float]]:
    """Eq. 8, proposal after proposal."""
    new = [list(c) for c in centers]
    for f_j, k in zip(f, labels, strict=True):
        new[k] = [c + theta * (a - c) for a, c in zip(f_j, new[k], strict=True)]
    return new
