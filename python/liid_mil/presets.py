"""Settings that go together: the paper's, and small ones that train on scenes in minutes."""

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
PAPER_GRAPH: dict[str, Any] = {"delta": 5.0, "n_neighbors": 3, "symmetrize": "mutual"}
# The graph for features of SCENES_MIL. They say less than those of a pretrained network, so that
# the paper's delta of 5 drowns the probabilities; more but mutual neighbours average more of them.
SCENES_GRAPH: dict[str, Any] = {"delta": 0.3, "n_neighbors": 12, "symmetrize": "mutual"}

PRESETS: dict[str, tuple[CamConfig, MilConfig]] = {
    "paper": (CamConfig(), MilConfig()),
    "scenes": (SCENES_CAM, SCENES_MIL),
}


def with_settings(
    preset: str, settings: list[str], seed: int | None = None
) -> tuple[CamConfig, MilConfig]:
    """Settings of a preset, changed by texts ``NAME=VALUE``.

    ``cam.NAME`` and ``mil.NAME`` change one training, ``NAME`` both (or the one that has it).

    Raises
    ------
    ValueError : an unknown name, or a value of the wrong type or not allowed.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; it must be one of {', '.join(sorted(PRESETS))}")
    configs: dict[str, Any] = dict(zip(("cam", "mil"), PRESETS[preset], strict=True))
    values: dict[str, dict[str, Any]] = {name: vars(one).copy() for name, one in configs.items()}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not of the form NAME=VALUE")
        part, _, own = name.rpartition(".")
        targets = [one for one in values if part in ("", one) and own in values[one]]
        if not targets:
            known = sorted(values["mil"] if part != "cam" else values["cam"])
            raise ValueError(f"{name} is not a setting; known: {', '.join(known)}")
        for target in targets:
            values[target][own] = _parsed(own, value, values[target][own])
    if seed is not None:
        for one in values.values():
            one["seed"] = seed
    return CamConfig.from_dict(values["cam"]), MilConfig.from_dict(values["mil"])


_MAY_BE_NONE = {"weights": str, "drop_after": int, "freeze_batch_norm": bool}


def _parsed(name: str, text: str, default: Any) -> Any:
    if text.lower() == "none" and name in _MAY_BE_NONE:
        return None
    wanted = _MAY_BE_NONE.get(name, type(default))
    if wanted is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{name} is {text!r}; it must be true or false")
        return text.lower() == "true"
    try:
        return wanted(text)
    except ValueError:
        kind = {int: "an integer", float: "a number"}[wanted]
        raise ValueError(f"{name} is {text!r}; it must be {kind}") from None
