"""L_Att: every proposal against its CAM pseudo label (Eq. 4 of LIID).

    L_Att = -1/|S| sum_j [ log p_j[y_j] + 1/K sum_{k != y_j} log(1 - p_j[k]) ]

Input: logits a_j (K+1 labels, 0 the background) and pseudo labels y_j (Eq. 3). The inner sum has K
terms: all labels but the pseudo label. Probabilities never appear: log p and log(1 - p) come from
logits, so that finite logits of any size, probabilities of 0 and 1 included, have a finite loss
and a finite gradient without any clamping.
"""

from __future__ import annotations

from torch import Tensor, nn

from liid_mil.losses.bags import (
    as_logits,
    check_bags,
    check_indices,
    log_complement,
    mean_over_images,
)


def attention_loss(
    logits: Tensor, image_index: Tensor, pseudo_labels: Tensor, n_images: int
) -> Tensor:
    """L_Att (Eq. 4), the mean over the images of a batch.

    Parameters
    ----------
    logits : (P, K+1) floats, one row a proposal; column 0 is the background.
    image_index : (P,) int64, the image of each proposal, 0..n_images-1, in any order.
    pseudo_labels : (P,) int64 in 0..K.
    n_images : images in the batch; one without proposals contributes 0 to the mean.

    Returns
    -------
    scalar Tensor, float32 (float64 for float64 logits).

    Raises
    ------
    ValueError : a shape, dtype or index out of range; names the argument and the first bad row.
    """
    logits = as_logits(logits)
    n_rows, n_labels = logits.shape
    check_bags(image_index, n_rows, n_images)
    check_indices("pseudo_labels", pseudo_labels, n_rows, n_labels, "labels")
    chosen = pseudo_labels[:, None]
    positive = logits.log_softmax(1).gather(1, chosen)[:, 0]
    negative = log_complement(logits).scatter(1, chosen, 0.0).sum(1) / (n_labels - 1)
    return mean_over_images(-(positive + negative), image_index, n_images)


class AttentionLoss(nn.Module):
    """:func:`attention_loss` as a module without state."""

    def forward(
        self, logits: Tensor, image_index: Tensor, pseudo_labels: Tensor, n_images: int
    ) -> Tensor:
        """Return L_Att; arguments as in :func:`attention_loss`."""
        return attention_loss(logits, image_index, pseudo_labels, n_images)
