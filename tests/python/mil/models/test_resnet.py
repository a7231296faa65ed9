"""ResNets: torchvision's names, shapes, sizes and outputs; strides by dilation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.models import build_backbone  # noqa: E402
from liid_mil.models.resnet import ResNet  # noqa: E402
from mil.models.roi_reference import TORCHVISION  # noqa: E402

Shapes = dict[str, tuple[int, ...]]


def batch_norm(name: str, n: int) -> Shapes:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (n,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def torchvision_entries(name: str) -> Shapes:
    """Names and shapes of torchvision's state dict, without ``fc``, in its order."""
    depths = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}[name]
    basic = name == "resnet18"
    entries: Shapes = {"conv1.weight": (64, 3, 7, 7)} | batch_norm("bn1", 64)
    n_in = 64
    for stage, depth in enumerate(depths, start=1):
        width = 32 * 2**stage
        n_out = width if basic else 4 * width
        for i in range(depth):
            prefix = f"layer{stage}.{i}."
            convs = [(width, n_in, 3), (width, width, 3)]
            if not basic:
                convs = [(width, n_in, 1), (width, width, 3), (n_out, width, 1)]
            for c, (a, b, k) in enumerate(convs, start=1):
                entries[f"{prefix}conv{c}.weight"] = (a, b, k, k)
                entries |= batch_norm(f"{prefix}bn{c}", a)
            if i == 0 and n_in != n_out:
                entries[f"{prefix}downsample.0.weight"] = (n_out, n_in, 1, 1)
                entries |= batch_norm(f"{prefix}downsample.1", n_out)
            n_in = n_out
    return entries


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [("resnet18", 11_689_512), ("resnet50", 25_557_032), ("resnet101", 44_549_160)],
)
def test_state_dict_is_torchvisions(name: str, n_parameters: int) -> None:
    with torch.device("meta"):  # no memory, no random numbers
        backbone = ResNet(name)
    entries = {key: tuple(value.shape) for key, value in backbone.state_dict().items()}
    assert entries == torchvision_entries(name)
    assert list(entries) == list(torchvision_entries(name))
    classifier = backbone.out_channels * 1000 + 1000
    assert sum(p.numel() for p in backbone.parameters()) + classifier == n_parameters


def filled(state: dict[str, Any]) -> dict[str, Any]:
    """Weights by formula: the ones that torchvision's outputs below were computed with."""
    new = {}
    for j, (key, value) in enumerate(state.items()):
        wave = np.cos(0.37 * np.arange(value.numel()) * (1 + j % 7) + j)
        if key.endswith("num_batches_tracked"):
            wave = np.zeros(1)
        elif value.ndim == 4:
            wave *= 1.5 * np.sqrt(2 / value[0].numel())
        elif key.endswith("running_var"):
            wave = 1 + wave / 2
        elif key.endswith("weight"):
            wave = 1 + wave / 4
        else:
            wave = wave / 10
        new[key] = torch.from_numpy(wave).to(value.dtype).view(value.shape)
    return new


@pytest.mark.parametrize("case", TORCHVISION["resnet"], ids=lambda c: f"{c['name']}-{c['stride']}")
def test_outputs_are_torchvisions(case: dict[str, Any]) -> None:
    backbone = ResNet(case["name"], case["stride"])
    backbone.load_state_dict(filled(backbone.state_dict()))
    images = (torch.arange(3 * 48 * 64) % 97).float().view(1, 3, 48, 64) / 96
    with torch.no_grad():
        maps = backbone.eval()(images)
    assert list(maps.shape) == case["shape"]
    assert maps.mean().item() == pytest.approx(case["mean"], rel=1e-4)
    values = maps.flatten()[::1001][:12].tolist()
    assert values == pytest.approx(case["every_1001st"], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_maps_have_the_stride_and_cover_the_image(stride: int) -> None:
    backbone = build_backbone("resnet18", stride=stride)
    assert (backbone.stride, backbone.out_channels) == (stride, 512)
    for height, width in ((64, 96), (65, 33)):
        maps = backbone(torch.rand(2, 3, height, width))
        assert maps.shape == (2, 512, -(-height // stride), -(-width // stride))


def test_weights_load_from_a_file_and_the_classifier_is_left_out(tmp_path: Path) -> None:
    state = filled(ResNet("resnet18").state_dict())
    file = state | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    torch.save(file, tmp_path / "resnet18.pth")
    backbone = build_backbone("resnet18", tmp_path / "resnet18.pth", stride=16)
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, state[key])
