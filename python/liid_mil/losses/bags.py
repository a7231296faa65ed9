"""Ragged bags: what every loss of a batch of images has in common.

Input: one row a proposal and ``image_index`` (P,), the image of the batch that each row belongs to,
in any order. A per-image loss is the mean over the proposals of the image (1/|S_i| in Eq. 4-7); the
loss of a batch is the mean of these over all its images. An image without proposals has an empty
sum, 0, and counts as an image: so splitting a batch in two never changes what a step adds up to.
"""

from __future__ import annotations

import torch
from torch import Tensor

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def as_precise(name: str, value: Tensor) -> Tensor:
    """A (P, columns) matrix of floats in at least single precision, also under autocast."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is {type(value).__name__}; it must be a torch.Tensor")
    if value.ndim != 2:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; it must be (proposals, columns)")
    if value.dtype not in _FLOATS:
        raise ValueError(f"{name} has dtype {value.dtype}; it must be a floating-point type")
    return value.float() if value.element_size() == 2 else value


def as_logits(value: Tensor) -> Tensor:
    """Logits (P, K+1), background first, with at least one class beside it."""
    logits = as_precise("logits", value)
    if logits.shape[1] < 2:
        raise ValueError(
            f"logits has shape {tuple(logits.shape)}; it needs at least 2 columns: "
            "the background and one class"
        )
    return logits


def check_indices(name: str, value: Tensor, n_rows: int, n: int, what: str) -> None:
    """Raise unless ``value`` is int64 (n_rows,) with entries 0..n-1."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is {type(value).__name__}; it must be a torch.Tensor")
    if value.shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}; it must be ({n_rows},), one a proposal"
        )
    if value.dtype != torch.int64:
        raise ValueError(f"{name} has dtype {value.dtype}; it must be torch.int64")
    bad = (value < 0) | (value >= n)
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        raise ValueError(f"{name}[{row}] is {int(value[row])}; {what} are 0 to {n - 1}")


def check_bags(image_index: Tensor, n_rows: int, n_images: int) -> None:
    """Raise unless every row belongs to one of ``n_images`` >= 1 images."""
    if n_images < 1:
        raise ValueError(f"n_images is {n_images}; a batch has at least one image")
    check_indices("image_index", image_index, n_rows, n_images, "images of the batch")


def check_tags(tags: Tensor, n_classes: int) -> None:
    """Raise unless ``tags`` is bool (images, n_classes)."""
    if not isinstance(tags, Tensor):
        raise TypeError(f"tags is {type(tags).__name__}; it must be a torch.Tensor")
    if tags.ndim != 2 or tags.shape[1] != n_classes:
        raise ValueError(
            f"tags has shape {tuple(tags.shape)}; it must be (images, {n_classes}), "
            "without a column for the background"
        )
    if tags.dtype != torch.bool:
        raise ValueError(f"tags has dtype {tags.dtype}; it must be torch.bool")


def bag_sizes(image_index: Tensor, n_images: int) -> Tensor:
    """Number of proposals of each image, int64 (n_images,)."""
    return torch.bincount(image_index, minlength=n_images)


def mean_over_images(values: Tensor, image_index: Tensor, n_images: int) -> Tensor:
    """Mean over images of the mean over each image's proposals of ``values`` (P,); a scalar."""
    sizes = bag_sizes(image_index, n_images)
    return (values / sizes[image_index]).sum() / n_images


def log_complement(logits: Tensor) -> Tensor:
    """``log(1 - softmax(logits))``, without cancellation: finite wherever the logits are.

    Only the largest probability can exceed 1/2; its complement is the sum of the others, taken
    by log-sum-exp. All others have ``log1p(-p)`` with p <= 1/2.
    """
    largest = torch.zeros_like(logits, dtype=torch.bool)
    largest.scatter_(1, logits.argmax(1, keepdim=True), True)
    others = logits.masked_fill(largest, -torch.inf).logsumexp(1, keepdim=True)
    probs = logits.softmax(1).masked_fill(largest, 0)
    return torch.where(largest, others - logits.logsumexp(1, keepdim=True), torch.log1p(-probs))
