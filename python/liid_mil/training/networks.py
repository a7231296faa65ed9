"""Networks from settings, and trained ones from checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import nn

from liid_mil.cam import CamClassifier
from liid_mil.models import Backbone, MilNetwork, build_backbone
from liid_mil.training.checkpoint import CheckpointError, load_checkpoint
from liid_mil.training.config import CamConfig, MilConfig, TrainingConfig
from liid_mil.training.engine import CHECKPOINT, seeded

FROM_CAM = "cam"
Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config", bound=TrainingConfig)


@dataclass(frozen=True)
class Trained(Generic[Network, Config]):
    """A network with what it was trained with and for; ``epochs`` is how far it got."""

    network: Network
    config: Config
    class_names: tuple[str, ...]
    epochs: int


def build_classifier(config: CamConfig, n_classes: int) -> CamClassifier:
    """An untrained CAM classifier; its weights depend on ``config.seed``."""
    with seeded(config.seed):
        return CamClassifier(_backbone(config), n_classes)


def build_network(
    config: MilConfig, n_classes: int, classifier: CamClassifier | None = None
) -> MilNetwork:
    """An untrained MIL network; its weights depend on ``config.seed``.

    Parameters
    ----------
    classifier : a trained CAM classifier, where ``config.weights`` is ``"cam"``.

    Raises
    ------
    ValueError : the classifier is missing, or has another backbone.
    """
    if config.weights == FROM_CAM and classifier is None:
        raise ValueError("weights is 'cam', which needs the trained CAM classifier")
    with seeded(config.seed):
        network = MilNetwork(
            _backbone(config), n_classes, roi_size=config.roi_size, pooling=config.pooling
        )
    if config.weights == FROM_CAM and classifier is not None:
        try:
            network.backbone.load_state_dict(classifier.backbone.state_dict())
        except RuntimeError:
            raise ValueError(
                f"weights is 'cam', but the CAM classifier's backbone is not a {config.backbone}"
            ) from None
    return network


def load_classifier(path: str | Path) -> Trained[CamClassifier, CamConfig]:
    """The CAM classifier of a checkpoint, or of a run's folder, in evaluation mode.

    Raises
    ------
    CheckpointError : the file is damaged, or no checkpoint of a CAM classifier.
    OSError : it is missing.
    """
    return _load(path, "cam", CamConfig, build_classifier)


def load_network(path: str | Path) -> Trained[MilNetwork, MilConfig]:
    """The MIL network of a checkpoint, or of a run's folder, in evaluation mode.

    Raises
    ------
    CheckpointError : the file is damaged, or no checkpoint of a MIL network.
    OSError : it is missing.
    """
    return _load(path, "mil", MilConfig, build_network)


def _backbone(config: TrainingConfig) -> Backbone:
    return build_backbone(
        config.backbone,
        None if config.weights == FROM_CAM else config.weights,
        stride=config.output_stride,
        freeze_batch_norm=config.batch_norm_frozen,
    )


def _load(path: str | Path, kind: str, config_type: Any, build: Any) -> Any:
    path = Path(path)
    if path.is_dir():
        path = path / CHECKPOINT
    state = load_checkpoint(path, kind)
    try:
        config = config_type.from_dict(state["config"])
        class_names = tuple(map(str, state["class_names"]))
        # The checkpoint has all weights; the file that they started from may be gone.
        frozen = config.batch_norm_frozen
        start = replace(config, weights=None, freeze_batch_norm=frozen)
        network = build(start, len(class_names))
        network.load_state_dict(state["model"])
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: damaged checkpoint: {str(error).splitlines()[0]}") from None
    return Trained(network.eval(), config, class_names, int(state["epoch"]))
