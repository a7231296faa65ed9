"""A backbone small enough to train within a test."""

from __future__ import annotations

import torch
from torch import nn

from liid_mil.models import Backbone


class SmallBackbone(Backbone):
    """Two convolutions of stride 2: 16 channels, stride 4."""

    def __init__(self) -> None:
        super().__init__(16, 4, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.conv2(self.conv1(images).relu()).relu()
        return maps
