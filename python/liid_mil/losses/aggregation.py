"""Log-sum-exp aggregation of proposals to images (Eq. 5 of LIID).

    Z[k] = 1/r log( 1/|S| sum_j exp(r p_j[k]) )

Input: one row of values a proposal; output: one row an image, between the mean (r -> 0) and the
maximum (r -> inf) over its proposals; with r < 0 between the mean and the minimum. The largest
value m is taken out first, Z = m + 1/r log1p(mean expm1(r (p - m))): nothing overflows for any r,
and small values keep their relative precision, which the logarithm of Eq. 6 needs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from liid_mil.losses.bags import as_precise, bag_sizes, check_bags


def log_sum_exp_pool(values: Tensor, image_index: Tensor, n_images: int, r: float = 5.0) -> Tensor:
    """Smooth maximum over the proposals of each image (Eq. 5).

    Parameters
    ----------
    values : (P, columns) floats, such as probabilities (P, K+1); finite.
    image_index : (P,) int64, the image of each row, 0..n_images-1, in any order.
    n_images : images in the batch.
    r : sharpness, finite and not 0; negative for a smooth minimum, by
        ``log_sum_exp_pool(1 - p, r=-r) == 1 - log_sum_exp_pool(p, r=r)``.

    Returns
    -------
    (n_images, columns) Tensor, float32 (float64 for float64); a row of zeros for an image without
    proposals, whose mean is not defined.

    Raises
    ------
    ValueError : r is 0 or not finite; a shape, dtype or index out of range.
    """
    if not math.isfinite(r) or r == 0:
        raise ValueError(f"r is {r}; it must be finite and not 0")
    values = as_precise("values", values)
    n_rows, n_columns = values.shape
    check_bags(image_index, n_rows, n_images)

    rows = image_index[:, None].expand(n_rows, n_columns)
    zeros = values.new_zeros(n_images, n_columns)
    # Z does not depend on the value taken out, so no gradient needs to flow through it.
    extreme = zeros.scatter_reduce(
        0, rows, values.detach(), "amax" if r > 0 else "amin", include_self=False
    )
    growth = torch.expm1(r * (values - extreme[image_index]))
    sizes = bag_sizes(image_index, n_images).clamp(min=1)[:, None]
    return extreme + torch.log1p(zeros.index_add(0, image_index, growth) / sizes) / r


class LogSumExpPool(nn.Module):
    """:func:`log_sum_exp_pool` with a fixed ``r``."""

    def __init__(self, r: float = 5.0) -> None:
        super().__init__()
        self.r = r

    def forward(self, values: Tensor, image_index: Tensor, n_images: int) -> Tensor:
        """Return Z (n_images, columns); arguments as in :func:`log_sum_exp_pool`."""
        return log_sum_exp_pool(values, image_index, n_images, self.r)

    def extra_repr(self) -> str:
        """The sharpness, shown when the module is printed."""
        return f"r={self.r}"
