"""Backbones: images to feature maps, by name, with weights from a file or from a package.

Input: RGB images float32 (B, 3, H, W) in [0, 1]; each backbone applies its own normalisation, so
the same images serve all. Output: (B, out_channels, ceil(H / stride), ceil(W / stride)).
Weights are read without unpickling code (``weights_only=True``, or safetensors).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from liid_mil.models.backbone import Backbone

BUNDLED = "bundled"
_CLASSIFIER_PREFIXES = ("fc.", "_fc.")


def build_backbone(
    name: str,
    weights: str | os.PathLike[str] | None = None,
    *,
    stride: int = 32,
    freeze_batch_norm: bool | None = None,
) -> Backbone:
    """Make a backbone.

    Parameters
    ----------
    name : one of ``BACKBONES``: ``"resnet18"``, ``"resnet50"``, ``"resnet101"``,
        ``"efficientnet_lite0"``.
    weights : a file of weights: for ResNets a state dict with torchvision's names (``.pth``, or
        ``.safetensors``), the classifier's entries are left out; ``"bundled"``: the ImageNet
        weights that come with ``efficientnet_lite0``'s package; None: random.
    stride : pixels per cell: 32, or 16 or 8 by dilated convolutions in place of the last strides.
    freeze_batch_norm : None: yes where weights are given.

    Raises
    ------
    ValueError : unknown name, a stride or weights that the backbone does not have; a file that is
        damaged or made for another network (names the file and the first entry that differs).
    FileNotFoundError : no such file.
    ImportError : ``efficientnet_lite0`` without its package (extra ``efficientnet``).
    """
    if name not in BACKBONES:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(map(repr, BACKBONES))}")
    if stride not in (8, 16, 32):
        raise ValueError(f"stride is {stride!r}; it must be 8, 16 or 32")
    backbone, bundled = BACKBONES[name](stride)
    if weights is not None:
        path = Path(weights)
        if weights == BUNDLED:
            if bundled is None:
                raise ValueError(f"weights is 'bundled'; {name} comes without weights")
            path = bundled
        load_weights(backbone, path, name)
    if freeze_batch_norm or (freeze_batch_norm is None and weights is not None):
        backbone.freeze_batch_norm()
    return backbone


def load_weights(module: nn.Module, path: Path, name: str) -> None:
    """Load a state dict into ``module``; entries of a classifier are left out.

    Raises
    ------
    ValueError : the file is damaged or does not fit; names it and the first entry that differs.
    FileNotFoundError : no such file.
    """
    state = {
        key: value
        for key, value in _read_state(path).items()
        if not key.startswith(_CLASSIFIER_PREFIXES)
    }
    own = module.state_dict()
    for key, value in own.items():
        if key not in state:
            # Files from before torch 0.4.1 do not count batches; nothing here uses the count.
            if key.endswith(".num_batches_tracked"):
                continue
            raise ValueError(f"{path} does not fit {name}: it has no entry {key!r}")
        if state[key].shape != value.shape:
            raise ValueError(
                f"{path} does not fit {name}: entry {key!r} has shape "
                f"{tuple(state[key].shape)} in place of {tuple(value.shape)}"
            )
    for key in state:
        if key not in own:
            raise ValueError(f"{path} does not fit {name}: entry {key!r} is not part of it")
    module.load_state_dict(state, strict=False)


def _read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, on the CPU; no code in the file is run."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise ImportError(f"{path} needs the package safetensors to be read") from None
    except Exception as error:  # torch and safetensors raise a dozen types for damaged files
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged or not a file of weights: {reason}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds {type(state).__name__}, not a state dict")
    for key, value in state.items():
        if not (isinstance(key, str) and isinstance(value, Tensor)):
            raise ValueError(f"{path} is not a state dict: entry {key!r} is not a tensor")
    return state


def _resnet(name: str) -> Callable[[int], tuple[Backbone, None]]:
    def build(stride: int) -> tuple[Backbone, None]:
        from liid_mil.models.resnet import ResNet

        return ResNet(name, stride), None

    return build


def _efficientnet_lite0(stride: int) -> tuple[Backbone, Path]:
    from liid_mil.models.efficientnet import EfficientNetLite0, bundled_weights

    return EfficientNetLite0(stride), bundled_weights()


BACKBONES: dict[str, Callable[[int], tuple[Backbone, Path | None]]] = {
    "resnet18": _resnet("resnet18"),
    "resnet50": _resnet("resnet50"),
    "resnet101": _resnet("resnet101"),
    "efficientnet_lite0": _efficientnet_lite0,
}
