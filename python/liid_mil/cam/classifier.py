"""The multi-label image classifier behind the CAMs (section 4.2.1 of LIID).

Backbone -> global average pooling -> linear layer with one logit a class (no background), trained
with K independent cross-entropies on the image tags.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from liid_mil.losses.bags import as_precise, check_tags
from liid_mil.models.backbone import Backbone


class CamClassifier(nn.Module):
    """Multi-label classifier whose linear layer gives class activation maps.

    Parameters
    ----------
    backbone : see :func:`liid_mil.models.build_backbone`.
    n_classes : K, without the background.

    Raises
    ------
    ValueError : ``n_classes`` < 1.
    """

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes is {n_classes}; it must be at least 1")
        self.backbone = backbone
        self.n_classes = n_classes
        self.classifier = nn.Linear(backbone.out_channels, n_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) of images (B, 3, H, W), float32 RGB in [0, 1]."""
        logits: Tensor = self.classifier(self.backbone(images).mean((2, 3)))
        return logits


def multi_label_loss(logits: Tensor, tags: Tensor) -> Tensor:
    """Mean over images and classes of K independent binary cross-entropies.

    Parameters
    ----------
    logits : (B, K) floats.
    tags : (B, K) bool.

    Returns
    -------
    scalar Tensor, at least float32; finite for finite logits.

    Raises
    ------
    ValueError : a shape or dtype that does not fit.
    """
    logits = as_precise("logits", logits)
    check_tags(tags, logits.shape[1])
    if len(tags) != len(logits) or len(tags) == 0:
        raise ValueError(f"tags has {len(tags)} rows and logits {len(logits)}; equal and not 0")
    with torch.autocast(logits.device.type, enabled=False):
        return F.binary_cross_entropy_with_logits(logits, tags.to(logits.dtype))
