"""Settings of training: what is learned (part of every checkpoint), and how it is run (not).

``CamConfig`` and ``MilConfig`` hold what decides the weights; the defaults are the paper's
(section 6.1). ``Runtime`` holds device, workers and output, which may change when a run resumes.

Notation of the paper: alpha, beta, gamma weigh the three losses (Eq. 9), theta is the rate of the
centres (Eq. 8), eta the threshold of the pseudo labels (Eq. 3), r the sharpness of the
aggregation (Eq. 5).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

_CHOICES = {
    "pooling": ("max", "align"),
    "terms": ("mean+max", "mean", "max"),
    "region": ("box", "mask"),
}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What both networks have in common.

    Attributes
    ----------
    backbone : name for :func:`liid_mil.models.backbones.build_backbone`.
    weights : file with weights of the backbone, ``"bundled"`` for those that its package brings,
        or None for random ones.
    output_stride : pixels of the image a cell of the feature map stands for, 32, 16 or 8. Small
        strides cost time and memory, and show small objects.
    image_size : pixels; every image is scaled to ``image_size`` x ``image_size`` (its aspect is
        not kept, so that no batch has padding), its boxes along.
    epochs : passes over the data.
    batch_size : images a step, of each process.
    learning_rate : of SGD; divided by 10 after ``drop_after`` epochs.
    drop_after : epochs, or None: the learning rate stays.
    momentum, weight_decay : of SGD.
    flip : half of the images are mirrored, drawn anew in each epoch.
    freeze_batch_norm : keep the statistics of the given weights. None: where ``weights`` are given;
        steps of one image cannot estimate them.
    seed : of initial weights, order and flips; these depend on (seed, epoch, image) alone.
    """

    backbone: str = "resnet50"
    weights: str | None = None
    output_stride: int = 32
    image_size: int = 448
    epochs: int = 10
    batch_size: int = 1
    learning_rate: float = 5e-4
    drop_after: int | None = 5
    momentum: float = 0.9
    weight_decay: float = 1e-4
    flip: bool = True
    freeze_batch_norm: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        from liid_mil.models.backbones import BACKBONES

        check_choice(self, "backbone", tuple(BACKBONES))
        for name in ("image_size", "epochs", "batch_size"):
            check(self, name, getattr(self, name) >= 1, "at least 1")
        check(self, "output_stride", self.output_stride in (8, 16, 32), "8, 16 or 32")
        check(self, "learning_rate", self.learning_rate > 0, "positive")
        check(self, "drop_after", self.drop_after is None or self.drop_after >= 1, "at least 1")
        check(self, "momentum", 0 <= self.momentum < 1, "in [0, 1)")
        check(self, "weight_decay", self.weight_decay >= 0, "at least 0")
        check(self, "seed", self.seed >= 0, "at least 0")

    @property
    def batch_norm_frozen(self) -> bool:
        """Whether batch normalisation keeps its statistics."""
        return (
            self.weights is not None if self.freeze_batch_norm is None else self.freeze_batch_norm
        )

    def learning_rate_in(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        dropped = self.drop_after is not None and epoch >= self.drop_after
        return self.learning_rate / 10 if dropped else self.learning_rate

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :func:`dataclasses.asdict`.

        Raises
        ------
        ValueError : an unknown name, or a value that is not allowed.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            known = ", ".join(field.name for field in fields(cls))
            raise ValueError(f"{unknown[0]} is not a setting of {cls.__name__}; known: {known}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class CamConfig(TrainingConfig):
    """Settings of the CAM classifier (section 4.2.1)."""


@dataclass(frozen=True, kw_only=True)
class MilConfig(TrainingConfig):
    """Settings of the MIL network (section 4).

    Attributes
    ----------
    weights : as of :class:`TrainingConfig`, or ``"cam"``: those of the CAM classifier's backbone,
        which must then be the same. A start for data on which nothing pretrained is at hand.
    alpha, beta, gamma : weights of the CAM-based, the MIL and the centre loss (Eq. 9).
    theta : update rate of the centres, in (0, 1] (Eq. 8).
    r : sharpness of the log-sum-exp aggregation (Eq. 5).
    eta : threshold of the CAM pseudo labels, on ``terms`` (Eq. 3): in [0, 2] for ``"mean+max"``.
    terms : ``"mean+max"``, ``"mean"`` or ``"max"`` of the class activation in a proposal (Table 3).
    region : ``"box"`` or ``"mask"``, where it is taken (Table 4).
    roi_size : cells of a pooled proposal, each way.
    pooling : ``"max"`` (RoI pooling, as in the paper) or ``"align"``.
    """

    alpha: float = 0.5
    beta: float = 0.5
    gamma: float = 0.1
    theta: float = 0.01
    r: float = 5.0
    eta: float = 0.75
    terms: str = "mean+max"
    region: str = "box"
    roi_size: int = 7
    pooling: str = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta", "gamma", "eta"):
            check(self, name, getattr(self, name) >= 0, "at least 0")
        check(self, "alpha", self.alpha + self.beta > 0, "positive where beta is 0")
        check(self, "theta", 0 < self.theta <= 1, "in (0, 1]")
        check(self, "r", self.r > 0, "positive")
        check(self, "roi_size", self.roi_size >= 1, "at least 1")
        for name, choices in _CHOICES.items():
            check_choice(self, name, choices)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How a run is carried out; nothing here is part of what is learned.

    Attributes
    ----------
    device : ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    workers : processes that read and scale images; 0: none beside the main process.
    mixed_precision : on CUDA, bfloat16 (float16 with scaled gradients on older devices).
    checkpoint_minutes : between checkpoints inside an epoch; there is always one at its end.
    cache_gib : GiB of scaled images that are kept in memory once read; with ``workers`` nothing is.
    on_error : ``"raise"``, or ``"skip"``: a damaged image is reported and left out of its batch.
    progress : a bar on standard error.
    tensorboard : folder for TensorBoard's event files (needs ``tensorboard``), or None.
    """

    device: str = "auto"
    workers: int = 0
    mixed_precision: bool = True
    checkpoint_minutes: float = 10.0
    cache_gib: float = 1.0
    on_error: str = "raise"
    progress: bool = False
    tensorboard: str | None = None

    def __post_init__(self) -> None:
        check(self, "workers", self.workers >= 0, "at least 0")
        for name in ("checkpoint_minutes", "cache_gib"):
            check(self, name, getattr(self, name) >= 0, "at least 0")
        check_choice(self, "on_error", ("raise", "skip"))


def check(config: object, name: str, good: bool, allowed: str) -> None:
    """Raise a ``ValueError`` that says what a field of ``config`` may be, unless ``good``."""
    if not good:
        raise ValueError(f"{name} is {getattr(config, name)!r}; it must be {allowed}")


def check_choice(config: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise a ``ValueError`` unless a field of ``config`` is one of ``choices``."""
    check(config, name, getattr(config, name) in choices, " or ".join(map(repr, choices)))
