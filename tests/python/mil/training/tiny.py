"""A backbone of two convolutions, a few images with proposals, and a run of both in a process.

``python -m mil.training.tiny FOLDER [SETTING=VALUE ...]`` trains the MIL network in ``FOLDER``,
alone or under ``torchrun``; ``pause`` is the time to read an image, in seconds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from liid_mil.data.types import Proposals
from liid_mil.models import BACKBONES, Backbone
from liid_mil.training.config import MilConfig, Runtime
from liid_mil.training.loop import train_mil

K = 3
SIZE = 32


class TinyBackbone(Backbone):
    """Two convolutions and, between them, batch normalisation and maybe dropout."""

    def __init__(self, stride: int, dropout: float) -> None:
        super().__init__(6, stride, (0.5,) * 3, (0.25,) * 3)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 5, 3, stride=stride // 2, padding=1),
            nn.BatchNorm2d(5),
            nn.Dropout2d(dropout),
            nn.ReLU(),
            nn.Conv2d(5, 6, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def feature_map(self, images: Tensor) -> Tensor:
        return self.layers(images)


BACKBONES["tiny"] = lambda stride: (TinyBackbone(stride, 0.0), None)
BACKBONES["tiny_dropout"] = lambda stride: (TinyBackbone(stride, 0.2), None)


class TinyImages:
    """Noise with a bright square whose colour tells the class."""

    class_names = ("red", "green", "blue")

    def __init__(self, n: int = 6, pause: float = 0.0) -> None:
        self.image_ids = tuple(f"image-{i}" for i in range(n))
        self.tags = np.eye(K, dtype=bool)[np.arange(n) % K]
        self.pause = pause

    def __len__(self) -> int:
        return len(self.image_ids)

    def image(self, i: int) -> np.ndarray:
        time.sleep(self.pause)
        rng = np.random.default_rng(i)
        image = rng.integers(0, 60, (SIZE, SIZE, 3), dtype=np.uint8)
        image[8:24, 8:24, i % K] = 200
        return image

    def truth(self, i: int) -> None:
        return None


def tiny_proposals(n: int = 6) -> list[Proposals]:
    """The square, and up to two boxes elsewhere; image 4 has no proposal."""
    boxes = np.array([[8, 8, 24, 24], [0, 0, 8, 8], [20, 2, 32, 30]], np.float32)
    counts = [0 if i == 4 else 1 + i % 3 for i in range(n)]
    return [Proposals(boxes[:count], None, np.ones(count)) for count in counts]


def tiny_labels(n: int = 6) -> list[np.ndarray]:
    """The square is of its image's class, the others are background."""
    return [
        np.where(np.arange(len(of_image)) == 0, i % K + 1, 0)
        for i, of_image in enumerate(tiny_proposals(n))
    ]


def tiny_config(**settings: Any) -> MilConfig:
    """Three epochs of two images a step."""
    defaults: dict[str, Any] = {
        "backbone": "tiny",
        "output_stride": 8,
        "image_size": SIZE,
        "roi_size": 2,
        "epochs": 3,
        "batch_size": 2,
        "learning_rate": 0.1,
        "drop_after": 2,
    }
    return MilConfig(**(defaults | settings))


def main(folder: str, *settings: str) -> None:
    values = {name: json.loads(value) for name, value in (one.split("=", 1) for one in settings)}
    torch.set_num_threads(1)
    pause, n = values.pop("pause", 0.0), values.pop("n", 6)
    minutes = values.pop("minutes", 10)
    runtime = Runtime(checkpoint_minutes=minutes, cache_gib=0)
    dataset = TinyImages(n, pause)
    train_mil(dataset, tiny_proposals(n), tiny_labels(n), tiny_config(**values), folder, runtime)


if __name__ == "__main__":
    main(*sys.argv[1:])
