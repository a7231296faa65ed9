"""ResNet-18, -50 and -101 without the classifier (He et al., 2016, table 1).

The stride of a bottleneck sits in its 3x3 convolution, and parameters have the names and shapes of
torchvision's state dicts, whose weights load. Strides 16 and 8 replace the stride of the last one
or two stages by dilation: the same weights, a finer map.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from liid_mil.models.backbone import Backbone

# Statistics of ImageNet's training images, which torchvision's weights expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions."""

    expansion = 1

    def __init__(self, n_in: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(n_in, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, 1, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(n_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, width, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, the last to four times the width."""

    expansion = 4

    def __init__(self, n_in: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        n_out = width * self.expansion
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.downsample = _shortcut(n_in, n_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, 4 width, H / stride, W / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def _conv3x3(n_in: int, n_out: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Sequential | None:
    """Projection where the shape changes. A stride replaced by dilation always changes it."""
    if stride == 1 and n_in == n_out:
        return None
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out)
    )


_DEPTHS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(Backbone):
    """A ResNet up to its last feature map.

    Parameters
    ----------
    name : ``"resnet18"`` (512 channels), ``"resnet50"`` or ``"resnet101"`` (2048).
    stride : 32, 16 or 8.
    """

    def __init__(self, name: str, stride: int = 32) -> None:
        block, depths = _DEPTHS[name]
        super().__init__(512 * block.expansion, stride, IMAGENET_MEAN, IMAGENET_STD)
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        n_in, dilation, reached = 64, 1, 4
        for stage, depth in enumerate(depths, start=1):
            width = 32 << stage
            step = 1 if stage == 1 else 2
            before = dilation
            if reached * step > stride:
                step, dilation = 1, dilation * 2
            reached *= step
            # The first block still sees the finer map of the stage before it.
            blocks = [block(n_in, width, step, before)]
            n_in = width * block.expansion
            blocks += [block(n_in, width, 1, dilation) for _ in range(depth - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, out_channels, H / stride, W / stride), not negative."""
        x = F.relu(self.bn1(self.conv1(images)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x
