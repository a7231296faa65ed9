"""The total loss of the MIL network: alpha L_Att + beta L_MIL + gamma L_Cent (Eq. 9 of LIID)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

from torch import Tensor, nn

from liid_mil.losses.attention import AttentionLoss
from liid_mil.losses.center import CenterLoss
from liid_mil.losses.mil import MilLoss


@dataclass(frozen=True)
class LossWeights:
    """Weights of Eq. 9; the defaults are the paper's.

    Raises
    ------
    ValueError : a weight is negative or not finite.
    """

    alpha: float = 0.5
    """of L_Att (Eq. 4), the CAM pseudo labels"""
    beta: float = 0.5
    """of L_MIL (Eq. 6), the image tags"""
    gamma: float = 0.1
    """of L_Cent (Eq. 7), the compactness of features"""

    def __post_init__(self) -> None:
        for field in fields(self):
            weight = getattr(self, field.name)
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"{field.name} is {weight}; it must be finite and >= 0")


class LossTerms(NamedTuple):
    """Total and, unweighted, its three terms: scalar tensors."""

    total: Tensor
    attention: Tensor
    mil: Tensor
    center: Tensor


class LiidLoss(nn.Module):
    """Eq. 9, the mean over the images of a batch; keeps the centres of Eq. 8.

    Parameters
    ----------
    n_classes : K, without the background.
    n_features : d, the width of the features.
    weights : alpha, beta, gamma.
    theta : update rate of the centres (Eq. 8), in [0, 1].
    r : sharpness of the aggregation (Eq. 5), > 0.

    In training mode each call also moves the centres: see :class:`CenterLoss`.
    """

    def __init__(
        self,
        n_classes: int,
        n_features: int,
        weights: LossWeights | None = None,
        *,
        theta: float = 0.01,
        r: float = 5.0,
    ) -> None:
        super().__init__()
        self.weights = weights or LossWeights()
        self.attention = AttentionLoss()
        self.mil = MilLoss(r)
        self.center = CenterLoss(n_classes, n_features, theta)

    def forward(
        self,
        logits: Tensor,
        feats: Tensor,
        image_index: Tensor,
        pseudo_labels: Tensor,
        tags: Tensor,
    ) -> LossTerms:
        """Return the total and its terms.

        Parameters
        ----------
        logits : (P, K+1) floats; feats : (P, d) floats; one row a proposal.
        image_index : (P,) int64, the image of each proposal, 0..B-1.
        pseudo_labels : (P,) int64 in 0..K (Eq. 3).
        tags : (B, K) bool, column k-1 is class k.

        Raises
        ------
        ValueError : a shape, dtype or index out of range; names the argument.
        """
        n_images = len(tags)
        mil = self.mil(logits, image_index, tags)
        attention = self.attention(logits, image_index, pseudo_labels, n_images)
        center = self.center(feats, logits, image_index, n_images)
        weights = self.weights
        total = weights.alpha * attention + weights.beta * mil + weights.gamma * center
        return LossTerms(total, attention, mil, center)
