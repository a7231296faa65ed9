"""A segmentation head: a backbone that is trained elsewhere says what, colours say where.

Input: float32 (B, 3, H, W) in [0, 1], and the backbone's map of the same images. Output: logits
(B, K+1, H, W), channel 0 the background. Steps: the map, narrowed and enlarged to half the image's
size, joins what a few convolutions make of the image there; two more give the logits.
Source: the decoder of DeepLabv3+ (Chen et al., 2018), here without pyramid, as maps are small.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


class SegmentationHead(nn.Module):
    """Logits of K+1 classes for each pixel.

    Parameters
    ----------
    n_classes : K, without the background.
    n_features : channels C of the backbone's map.
    width : channels in between.

    Raises
    ------
    ValueError : a setting below 1.
    """

    def __init__(self, n_classes: int, n_features: int, *, width: int = 64) -> None:
        super().__init__()
        for name, value in (
            ("n_classes", n_classes),
            ("n_features", n_features),
            ("width", width),
        ):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        n_fine = max(1, width // 4)
        self.narrow = nn.Conv2d(n_features, width, 1)
        self.fine = nn.Sequential(*_layer(3, n_fine, stride=2), *_layer(n_fine, n_fine))
        self.decide = nn.Sequential(
            *_layer(width + n_fine, width), nn.Conv2d(width, n_classes + 1, 1)
        )

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """Logits (B, K+1, H, W).

        Parameters
        ----------
        images : (B, 3, H, W), RGB in [0, 1].
        features : (B, C, h, w), the backbone's map of these images.
        """
        fine = self.fine(2 * images - 1)
        coarse = _resized(self.narrow(features), fine)
        return _resized(self.decide(torch.cat([coarse, fine], dim=1)), images)


def _layer(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def _resized(values: Tensor, like: Tensor) -> Tensor:
    """``values`` at the height and width of ``like``."""
    return interpolate(values, size=like.shape[-2:], mode="bilinear", align_corners=False)
