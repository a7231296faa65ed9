"""What every backbone is: a network from RGB images to feature maps that normalises by itself.

Input: float32 (B, 3, H, W) in [0, 1]. Output: (B, out_channels, h, w), h = ceil(H / stride) and
w = ceil(W / stride).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """A network from images to feature maps.

    Attributes
    ----------
    out_channels : channels of the feature map.
    stride : image pixels per cell of the feature map.
    mean, std : (3,) of the normalisation ``(image - mean) / std``; not in the state dict.
    batch_norm_frozen : batch normalisation uses its stored statistics, also in training mode, and
        its parameters are not trained.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        out_channels: int,
        stride: int,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stride = stride
        self.batch_norm_frozen = False
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    @abstractmethod
    def feature_map(self, images: Tensor) -> Tensor:
        """Map of normalised images."""

    def forward(self, images: Tensor) -> Tensor:
        """Feature map (B, out_channels, h, w) of RGB images (B, 3, H, W) in [0, 1].

        Raises
        ------
        ValueError : ``images`` has another shape or is not of floats.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(
                f"images has shape {tuple(images.shape)} and dtype {images.dtype}; "
                "it must be (images, 3, height, width) of floats in [0, 1]"
            )
        normalised = (images - self.mean[:, None, None]) / self.std[:, None, None]
        return self.feature_map(normalised)

    def freeze_batch_norm(self) -> None:
        """Keep statistics and parameters of batch normalisation as they are from now on.

        Statistics of a batch of one image, which is what the paper trains with, are too noisy to
        replace those of the pretrained network.
        """
        self.batch_norm_frozen = True
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; frozen batch normalisation stays in evaluation mode."""
        super().train(mode)
        if self.batch_norm_frozen:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self
