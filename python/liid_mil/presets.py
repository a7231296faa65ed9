"""Small settings that go together, with which scenes are learned in minutes."""

from __future__ import annotations

from typing import Any

from liid_mil.training.config import CamConfig, MilConfig

_SMALL: dict[str, Any] = {
    "backbone": "resnet18",
    "output_stride": 8,
    "image_size": 64,
    "batch_size": 8,
}
# Nothing is pretrained here: the classifier learns with large steps and its own statistics of
# batch normalisation; the MIL network starts from it, with small ones. Scenes show small objects
# whole, where CAM is rarely below the paper's eta.
SCENES_CAM = CamConfig(**_SMALL, learning_rate=0.02, epochs=10, drop_after=7)
SCENES_MIL = MilConfig(
    **_SMALL,
    weights="cam",
    learning_rate=0.005,
    epochs=4,
    drop_after=3,
    eta=1.0,
    pooling="align",
)
# What SceneDataset is given beside n_images and seed.
SCENE_SETTINGS: dict[str, Any] = {
    "n_classes": 5,
    "size": 96,
    "n_objects": (1, 3),
    "scale": (0.35, 0.6),
    "hue_spread": 0.15,
}
# The graph for features of SCENES_MIL. They say less than those of a pretrained network, so that
# the paper's delta of 5 drowns the probabilities; more but mutual neighbours average more of them.
SCENES_GRAPH: dict[str, Any] = {"delta": 0.3, "n_neighbors": 12, "symmetrize": "mutual"}
