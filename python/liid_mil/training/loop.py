"""Training of the CAM classifier (LIID, section 4.2.1) and of the MIL network (sections 4.1, 4.2).

Input: a dataset, and for the MIL network its proposals and their pseudo labels (Eq. 3), made once
before training. Output: the trained network, and a folder with a checkpoint to go on from.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from liid_mil.cam import CamClassifier, multi_label_loss
from liid_mil.data.types import ImageDataset, Ints, Proposals
from liid_mil.losses import LiidLoss, LossWeights
from liid_mil.models import MilNetwork
from liid_mil.training.batches import Batch, Samples
from liid_mil.training.checkpoint import data_fingerprint, weights_fingerprint
from liid_mil.training.config import CamConfig, MilConfig, Runtime
from liid_mil.training.engine import fit
from liid_mil.training.networks import FROM_CAM, build_classifier, build_network

log = logging.getLogger(__name__)


def train_cam(
    dataset: ImageDataset,
    config: CamConfig,
    folder: str | Path,
    runtime: Runtime | None = None,
) -> CamClassifier:
    """Train the multi-label classifier whose class activation maps make pseudo labels.

    Parameters
    ----------
    dataset : N images with tags.
    folder : for ``checkpoint.pt``; a run that was stopped there goes on.

    Returns
    -------
    The trained classifier, on the CPU, in evaluation mode.

    Raises
    ------
    CheckpointError : the folder's checkpoint is damaged or of another run.
    TrainingDiverged : a loss is not finite.
    DatasetError : an image is damaged, and ``runtime.on_error`` is ``"raise"``.
    """
    runtime = runtime or Runtime()
    _check_not_empty(dataset)
    _warn_of_idle_tags(dataset)
    classifier = build_classifier(config, len(dataset.class_names))
    samples = Samples(
        dataset,
        config.image_size,
        skip_damaged=runtime.on_error == "skip",
        cache_gib=runtime.cache_gib,
    )
    fit(
        "cam",
        classifier,
        _CamObjective(),
        samples,
        config,
        folder,
        runtime,
        class_names=dataset.class_names,
        data=data_fingerprint(dataset),
    )
    return classifier


def train_mil(
    dataset: ImageDataset,
    proposals: Sequence[Proposals],
    pseudo_labels: Sequence[Ints],
    config: MilConfig,
    folder: str | Path,
    runtime: Runtime | None = None,
    *,
    classifier: CamClassifier | None = None,
) -> MilNetwork:
    """Train the MIL network.

    Parameters
    ----------
    dataset : N images with tags.
    proposals : N items; an image without proposals teaches nothing, and is no error.
    pseudo_labels : N arrays int64 (P_i,) in 0..K, of
        :func:`liid_mil.training.cam_scores.pseudo_labels_of`.
    folder : for ``checkpoint.pt``; a run that was stopped there goes on.
    classifier : the trained CAM classifier, where ``config.weights`` is ``"cam"``.

    Returns
    -------
    The trained network, on the CPU, in evaluation mode.

    Raises
    ------
    ValueError : lengths disagree; ``classifier`` is missing, or has another backbone.
    CheckpointError, TrainingDiverged, DatasetError : as :func:`train_cam`.
    """
    runtime = runtime or Runtime()
    _check_not_empty(dataset)
    n_classes = len(dataset.class_names)
    samples = Samples(
        dataset,
        config.image_size,
        proposals,
        pseudo_labels,
        skip_damaged=runtime.on_error == "skip",
        cache_gib=runtime.cache_gib,
    )
    boxes = [proposals[i].boxes for i in range(len(dataset))]
    for i, (of_image, labels) in enumerate(zip(boxes, pseudo_labels, strict=True)):
        if np.shape(labels) != (len(of_image),):
            raise ValueError(
                f"pseudo_labels[{i}] has shape {np.shape(labels)}; image {dataset.image_ids[i]} "
                f"has {len(of_image)} proposals"
            )
    network = build_network(config, n_classes, classifier)
    data = data_fingerprint(dataset, *boxes, *pseudo_labels)
    if config.weights == FROM_CAM and classifier is not None:
        data += " " + weights_fingerprint(classifier)
    weights = LossWeights(config.alpha, config.beta, config.gamma)
    loss = LiidLoss(n_classes, network.n_features, weights, theta=config.theta, r=config.r)
    fit(
        "mil",
        network,
        _MilObjective(loss),
        samples,
        config,
        folder,
        runtime,
        class_names=dataset.class_names,
        data=data,
    )
    return network


class _CamObjective(nn.Module):
    def forward(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"total": multi_label_loss(network(batch.images), batch.tags)}


class _MilObjective(nn.Module):
    def __init__(self, loss: LiidLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        output = network(batch.images, batch.boxes)
        terms = self.loss(output.logits, output.feats, output.image_index, batch.labels, batch.tags)
        found: dict[str, Tensor] = terms._asdict()
        return found


def _check_not_empty(dataset: ImageDataset) -> None:
    if len(dataset) == 0:
        raise ValueError("the dataset has no image to train on")


def _warn_of_idle_tags(dataset: ImageDataset) -> None:
    """Name the classes of all images, or of none, which tags do not tell from the background."""
    tags = np.asarray(dataset.tags)
    for where, idle in (("all images", tags.all(axis=0)), ("no image", ~tags.any(axis=0))):
        names = [name for name, is_idle in zip(dataset.class_names, idle, strict=True) if is_idle]
        if names:
            log.warning(
                "tagged in %s, so that nothing is learned from it: %s", where, ", ".join(names)
            )
