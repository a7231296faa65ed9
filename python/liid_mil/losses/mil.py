"""L_MIL: the aggregated probabilities of an image against its tags (Eq. 6 of LIID).

    L_MIL = -1/|Y'| sum_{k in Y} log Z[k] - 1/|Y'| sum_{k in Y'} log(1 - Z[k])

with Z of Eq. 5, Y the tags and the background, Y' the labels that the image does not have. Both
sums are divided by |Y'|, the number of absent labels, as printed; for an image with all tags, where
|Y'| = 0, the second sum is empty and the first is taken undivided.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from liid_mil.losses.aggregation import log_sum_exp_pool
from liid_mil.losses.bags import as_logits, bag_sizes, check_bags, check_tags, log_complement


def mil_loss(logits: Tensor, image_index: Tensor, tags: Tensor, r: float = 5.0) -> Tensor:
    """L_MIL (Eq. 6), the mean over the images of a batch.

    Parameters
    ----------
    logits : (P, K+1) floats, one row a proposal; column 0 is the background.
    image_index : (P,) int64, the image of each proposal, 0..B-1, in any order.
    tags : (B, K) bool, column k-1 is class k; the background counts as present in every image.
    r : sharpness of the aggregation (Eq. 5), > 0.

    Returns
    -------
    scalar Tensor, float32 (float64 for float64 logits). An image without proposals contributes 0.

    Notes
    -----
    ``1 - Z`` is aggregated from ``1 - p``, which comes from the logits, so it does not cancel where
    p is close to 1. Z and 1 - Z are clamped from below at the smallest normal number (1.2e-38 in
    single precision): a term is at most 87.4, and its gradient is finite (0 where clamped).

    Raises
    ------
    ValueError : r <= 0; a shape, dtype or index out of range.
    """
    logits = as_logits(logits)
    if not r > 0:
        raise ValueError(f"r is {r}; it must be > 0")
    check_tags(tags, logits.shape[1] - 1)
    n_images = len(tags)
    check_bags(image_index, len(logits), n_images)

    tiny = torch.finfo(logits.dtype).tiny
    present = log_sum_exp_pool(logits.softmax(1), image_index, n_images, r)
    absent = log_sum_exp_pool(log_complement(logits).exp(), image_index, n_images, -r)
    background = tags.new_ones(n_images, 1)
    terms = torch.where(
        torch.cat([background, tags], 1),
        present.clamp(min=tiny).log(),
        absent.clamp(min=tiny).log(),
    )
    n_absent = (~tags).sum(1).clamp(min=1)
    has_proposals = bag_sizes(image_index, n_images) > 0
    losses = torch.where(has_proposals, -terms.sum(1) / n_absent, 0.0)
    return losses.mean()


class MilLoss(nn.Module):
    """:func:`mil_loss` with a fixed ``r``."""

    def __init__(self, r: float = 5.0) -> None:
        super().__init__()
        if not r > 0:
            raise ValueError(f"r is {r}; it must be > 0")
        self.r = r

    def forward(self, logits: Tensor, image_index: Tensor, tags: Tensor) -> Tensor:
        """Return L_MIL; arguments as in :func:`mil_loss`."""
        return mil_loss(logits, image_index, tags, self.r)

    def extra_repr(self) -> str:
        """The sharpness, shown when the module is printed."""
        return f"r={self.r}"
