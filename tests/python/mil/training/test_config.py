"""Settings: the paper's defaults, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from liid_mil.training.config import CamConfig, MilConfig, Runtime


def test_defaults_are_the_papers() -> None:
    config = MilConfig()
    rates = [config.learning_rate_in(epoch) for epoch in range(config.epochs)]
    assert rates == [5e-4] * 5 + [5e-5] * 5
    assert (config.batch_size, config.momentum, config.weight_decay) == (1, 0.9, 1e-4)
    assert (config.alpha, config.beta, config.gamma) == (0.5, 0.5, 0.1)
    assert (config.theta, config.eta, config.r) == (0.01, 0.75, 5)
    assert (config.terms, config.region, config.pooling) == ("mean+max", "box", "max")


def test_batchnorm_is_frozen_where_weights_are_given() -> None:
    assert not CamConfig().batch_norm_frozen
    assert CamConfig(weights="resnet50.pth").batch_norm_frozen
    assert not CamConfig(weights="resnet50.pth", freeze_batch_norm=False).batch_norm_frozen


def test_dict_and_back() -> None:
    config = MilConfig(gamma=0.5, drop_after=None, weights="bundled")
    assert MilConfig.from_dict(asdict(config)) == config
    with pytest.raises(ValueError, match="gama is not a setting of MilConfig; known: backbone"):
        MilConfig.from_dict({"gama": 0.1})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be at least 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"image_size": -3}, "image_size is -3; it must be at least 1"),
        ({"output_stride": 4}, "output_stride is 4; it must be 8, 16 or 32"),
        ({"learning_rate": 0}, "learning_rate is 0; it must be positive"),
        ({"drop_after": 0}, "drop_after is 0; it must be at least 1"),
        ({"momentum": 1}, r"momentum is 1; it must be in \[0, 1\)"),
        ({"weight_decay": -1}, "weight_decay is -1; it must be at least 0"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"gamma": -0.1}, "gamma is -0.1; it must be at least 0"),
        ({"alpha": 0, "beta": 0}, "alpha is 0; it must be positive where beta is 0"),
        ({"theta": 0}, r"theta is 0; it must be in \(0, 1\]"),
        ({"r": 0}, "r is 0; it must be positive"),
        ({"roi_size": 0}, "roi_size is 0; it must be at least 1"),
        ({"terms": "median"}, "terms is 'median'; it must be 'mean.max' or 'mean' or 'max'"),
        ({"region": "circle"}, "region is 'circle'; it must be 'box' or 'mask'"),
        ({"pooling": "mean"}, "pooling is 'mean'; it must be 'max' or 'align'"),
    ],
)
def test_bad_settings(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MilConfig(**setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"workers": -1}, "workers is -1; it must be at least 0"),
        ({"checkpoint_minutes": -1}, "checkpoint_minutes is -1; it must be at least 0"),
        ({"on_error": "ignore"}, "on_error is 'ignore'; it must be 'raise' or 'skip'"),
    ],
)
def test_bad_runtime(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Runtime(**setting)
