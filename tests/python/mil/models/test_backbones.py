"""Backbones by name: files of weights and their faults, frozen batch normalisation, bad input."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from liid_mil.models import build_backbone  # noqa: E402
from liid_mil.models.backbones import load_weights  # noqa: E402
from mil.models.small import SmallBackbone  # noqa: E402

State = dict[str, Any]


def save(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_weights_from_pth_and_safetensors(tmp_path: Path) -> None:
    state = SmallBackbone().state_dict()
    for path in (tmp_path / "a.pth", tmp_path / "a.safetensors"):
        if path.suffix == ".pth":
            torch.save(state | {"fc.weight": torch.zeros(9, 16)}, path)
        else:
            pytest.importorskip("safetensors.torch").save_file(state, path)
        backbone = SmallBackbone()
        load_weights(backbone, path, "small")
        assert all(torch.equal(state[key], value) for key, value in backbone.state_dict().items())


def test_files_from_before_batches_were_counted_load(tmp_path: Path) -> None:
    state = torch.nn.BatchNorm2d(3).state_dict()
    del state["num_batches_tracked"]
    module = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
    old = {f"0.{key}": value + 2 for key, value in state.items()}
    load_weights(module, save(old, tmp_path / "old.pth"), "norm")
    assert torch.equal(module[0].running_var, torch.full((3,), 3.0))


def missing(state: State) -> State:
    return {key: value for key, value in state.items() if key != "conv2.weight"}


def reshaped(state: State) -> State:
    return state | {"conv2.bias": torch.zeros(17)}


def extended(state: State) -> State:
    return state | {"conv3.bias": torch.zeros(2)}


def nested(state: State) -> State:
    return {"state_dict": state}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (missing, "does not fit small: it has no entry 'conv2.weight'"),
        (reshaped, r"entry 'conv2.bias' has shape \(17,\) in place of \(16,\)"),
        (extended, "does not fit small: entry 'conv3.bias' is not part of it"),
        (nested, "is not a state dict: entry 'state_dict' is not a tensor"),
        (list, "holds list, not a state dict"),
    ],
)
def test_a_file_for_another_network(
    change: Callable[[State], object], message: str, tmp_path: Path
) -> None:
    backbone = SmallBackbone()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    path = save(change(SmallBackbone().state_dict()), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=rf"weights\.pth .*{message}|weights\.pth {message}"):
        load_weights(backbone, path, "small")
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (Path(self.path), "ran"))

    path = ""


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    Evil.path = str(tmp_path / "ran.txt")
    path = save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil\.pth is damaged or not a file of weights"):
        load_weights(SmallBackbone(), path, "small")
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(ValueError, match=r"evil\.pth is damaged or not a file of weights"):
        load_weights(SmallBackbone(), path, "small")
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("fault", ["cut", "empty", "text"])
def test_a_damaged_file(name: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".safetensors":
        pytest.importorskip("safetensors.torch").save_file(SmallBackbone().state_dict(), path)
    else:
        torch.save(SmallBackbone().state_dict(), path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"not weights"}[fault])
    with pytest.raises(ValueError, match=rf"{path.name} is damaged or not a file of weights"):
        load_weights(SmallBackbone(), path, "small")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.pth"):
        build_backbone("resnet18", tmp_path / "nothing.pth")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vgg16",), "name is 'vgg16'; it must be one of 'resnet18', 'resnet50'"),
        (("resnet18", "bundled"), "weights is 'bundled'; resnet18 comes without weights"),
    ],
)
def test_bad_choice(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_backbone(*arguments)


def test_bad_stride() -> None:
    with pytest.raises(ValueError, match="stride is 64; it must be 8, 16 or 32"):
        build_backbone("resnet18", stride=64)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 64, 64), r"images has shape \(3, 64, 64\)"),
        (torch.zeros(1, 1, 64, 64), r"images has shape \(1, 1, 64, 64\)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), r"dtype torch.uint8; it must be"),
    ],
)
def test_bad_images(images: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmallBackbone()(images)


def batch_norm_state(backbone: torch.nn.Module) -> list[torch.Tensor]:
    norms = (m for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d))
    return [value.clone() for norm in norms for value in norm.state_dict().values()]


def train_one_step(backbone: torch.nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    parameters = [p for p in backbone.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1, weight_decay=0.1)
    backbone(torch.rand(2, 3, 64, 64, generator=generator)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norm_stays_as_it_is_in_training(frozen: bool) -> None:
    backbone = build_backbone("resnet18", freeze_batch_norm=frozen)
    backbone.eval().train()
    before, kernel = batch_norm_state(backbone), backbone.conv1.weight.detach().clone()
    train_one_step(backbone)
    after = batch_norm_state(backbone)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)) == frozen
    assert not torch.equal(kernel, backbone.conv1.weight)


def test_batch_norm_is_frozen_by_default_where_weights_are_given(tmp_path: Path) -> None:
    random = build_backbone("resnet18")
    assert not random.batch_norm_frozen
    path = save(random.state_dict(), tmp_path / "r.pth")
    assert build_backbone("resnet18", path).batch_norm_frozen
    assert not build_backbone("resnet18", path, freeze_batch_norm=False).batch_norm_frozen


def test_normalisation_is_part_of_the_backbone_but_not_of_its_state() -> None:
    backbone = build_backbone("resnet18").eval()
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        expected = backbone.feature_map((images - mean) / std)
        torch.testing.assert_close(backbone(images), expected)
    assert not {"mean", "std"} & set(backbone.state_dict())


def test_channels_last_gives_the_same_maps() -> None:
    backbone = build_backbone("resnet18").eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = backbone(images)
        maps = backbone.to(memory_format=torch.channels_last)(
            images.to(memory_format=torch.channels_last)
        )
    assert maps.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-4)
