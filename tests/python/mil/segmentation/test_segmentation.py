"""The segmentation head: shapes, learning, void pixels, determinism, errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.models import build_backbone  # noqa: E402
from liid_mil.segmentation import (  # noqa: E402
    SegmentationConfig,
    SegmentationHead,
    predict_maps,
    train_segmentation,
)
from liid_mil.segmentation.samples import SegmentationSamples, backbone_features  # noqa: E402
from liid_mil.semantic import VOID  # noqa: E402

CPU = torch.device("cpu")
CONFIG = SegmentationConfig(image_size=32, width=16, epochs=6, batch_size=2, learning_rate=0.01)


class Squares:
    """A red square (class 1) or a blue one (class 2) on noise."""

    class_names = ("red", "blue")

    def __init__(self, n_images: int, size: tuple[int, int] = (40, 36)) -> None:
        self.image_ids = tuple(f"square-{i}" for i in range(n_images))
        self.tags = np.zeros((n_images, 2), bool)
        self._size = size

    def __len__(self) -> int:
        return len(self.image_ids)

    def _corner(self, i: int) -> tuple[int, int]:
        y, x = np.random.default_rng([i, 1]).integers(0, 18, 2)
        return int(y), int(x)

    def image(self, i: int) -> np.ndarray:
        pixels = np.random.default_rng(i).integers(60, 120, (*self._size, 3)).astype(np.uint8)
        y, x = self._corner(i)
        pixels[y : y + 18, x : x + 18] = (230, 20, 20) if i % 2 == 0 else (20, 20, 230)
        return pixels

    def map(self, i: int) -> np.ndarray:
        found = np.zeros(self._size, np.uint8)
        y, x = self._corner(i)
        found[y : y + 18, x : x + 18] = 1 + i % 2
        return found

    def truth(self, i: int) -> None:
        raise AssertionError("training reads no truth")


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return build_backbone("resnet18", stride=8).eval()


def agreement(head, backbone, data: Squares) -> float:
    maps = predict_maps(head, backbone, (data.image(i) for i in range(len(data))), 32)
    return float(np.mean([(found == data.map(i)).mean() for i, found in enumerate(maps)]))


def test_it_learns_squares_from_maps(backbone) -> None:
    data, others = Squares(16), Squares(22)
    others.image_ids = others.image_ids[16:]
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    head = train_segmentation(data, data.map, backbone, CONFIG)
    background = np.mean([(data.map(i) == 0).mean() for i in range(16)])
    assert background < 0.8
    assert agreement(head, backbone, others) > 0.93
    assert not head.training
    for name, value in backbone.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_void_pixels_teach_nothing(backbone) -> None:
    data = Squares(8)
    wrong = {i: np.where(data.map(i) > 0, VOID, data.map(i)).astype(np.uint8) for i in range(8)}
    head = train_segmentation(data, wrong.__getitem__, backbone, CONFIG)
    maps = list(predict_maps(head, backbone, map(data.image, range(8)), 32))
    assert not np.any(maps)  # it saw the background alone
    blank = np.full((40, 36), VOID, np.uint8)
    head = train_segmentation(data, lambda i: blank, backbone, replace(CONFIG, epochs=1))
    assert all(torch.isfinite(value).all() for value in head.state_dict().values())


def test_the_same_settings_give_the_same_bits(backbone) -> None:
    data = Squares(6)
    config = replace(CONFIG, epochs=1)
    first, again, other, small_cache = (
        train_segmentation(data, data.map, backbone, settings, cache_gib=cache).state_dict()
        for settings, cache in (
            (config, 1.0),
            (config, 1.0),
            (replace(config, seed=1), 1.0),
            (config, 0.0),
        )
    )
    for name, value in first.items():
        assert torch.equal(value, again[name])
        assert torch.equal(value, small_cache[name])
    assert not torch.equal(first["narrow.weight"], other["narrow.weight"])


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_shapes(size: tuple[int, int]) -> None:
    head = SegmentationHead(4, 24, width=8)
    assert head(torch.rand(2, 3, *size), torch.rand(2, 24, 5, 4)).shape == (2, 5, *size)


def test_maps_have_the_size_of_their_image(backbone) -> None:
    images = [np.zeros((50, 31, 3), np.uint8), np.zeros((20, 64, 3), np.uint8)]
    head = SegmentationHead(2, backbone.out_channels)
    maps = list(predict_maps(head, backbone, images, 32))
    assert [(one.shape, one.dtype) for one in maps] == [((50, 31), np.uint8), ((20, 64), np.uint8)]


def test_mirrored_samples_fit_together(backbone) -> None:
    data = Squares(3)
    samples = SegmentationSamples(data, data.map, backbone, 32)
    images, features, classes = samples.batch([(1, False), (1, True)], CPU)
    assert torch.equal(images[0], images[1].flip(-1))
    assert torch.equal(classes[0], classes[1].flip(-1))
    pixels = (images[1] * 255).round().to(torch.uint8)[None]
    expected = backbone_features(backbone, pixels)[0]
    torch.testing.assert_close(features[1], expected, rtol=1e-2, atol=1e-2)  # kept as float16
    blue = images[0][2] > 0.8
    assert (classes[0][blue] == 2).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((40, 35), np.uint8), r"map of image 'square-\d' is uint8 \(40, 35\)"),
        (np.zeros((40, 36), np.int64), r"map of image 'square-\d' is int64"),
        (np.full((40, 36), 3, np.uint8), r"map of image 'square-\d' has class 3; .* 0 to 2"),
    ],
)
def test_bad_maps(backbone, wrong: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_segmentation(Squares(2), lambda i: wrong, backbone, CONFIG)


def test_no_images(backbone) -> None:
    with pytest.raises(ValueError, match="no images to train on"):
        train_segmentation(Squares(0), Squares(0).map, backbone, CONFIG)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"width": 0}, "width is 0; it must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be positive"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
    ],
)
def test_bad_settings(setting: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SegmentationConfig(**setting)


def test_bad_head() -> None:
    with pytest.raises(ValueError, match="n_features is 0; it must be at least 1"):
        SegmentationHead(3, 0)
