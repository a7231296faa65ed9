"""The stages that learn: proposals, CAM classifier, CAM scores, MIL network, extraction.

Source: LIID, sections 3 and 4; each stage's own module has the details.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from liid_mil.cam import CamClassifier
from liid_mil.data.types import Floats
from liid_mil.extraction import Extraction, extract, open_extraction
from liid_mil.importing import import_proposals
from liid_mil.models import MilNetwork
from liid_mil.models.backbones import BUNDLED
from liid_mil.proposals.making import make_proposals
from liid_mil.proposals.segmentation import segment_proposals
from liid_mil.proposals.selection import select_proposals
from liid_mil.proposals.store import ProposalStore
from liid_mil.stages.stage import Stage
from liid_mil.training.cam_scores import cam_scores
from liid_mil.training.config import MilConfig, TrainingConfig
from liid_mil.training.engine import CHECKPOINT
from liid_mil.training.loop import train_cam, train_mil
from liid_mil.training.networks import (
    FROM_CAM,
    build_classifier,
    build_network,
    load_classifier,
    load_network,
)

if TYPE_CHECKING:
    from liid_mil.pipeline import Pipeline

# Images at a time where nothing is learned; changes speed and memory, not results.
_INFERENCE_BATCH = 8
_MASK_BYTES = 250  # of a run-length code, generously
_SCORES = "scores.npz"


def _proposal_settings(pipeline: Pipeline) -> dict[str, Any]:
    """Where they are read, what is in the files in place of their path."""
    config = pipeline.config.proposals
    if config.path is None:
        return {"per_image": config.per_image}
    if not config.path.exists():
        raise FileNotFoundError(f"{config.path}: no such file or folder of proposals")
    return {**asdict(config), "path": pipeline.hashes.of_all([config.path])}


def _make_proposals(pipeline: Pipeline, folder: Path) -> None:
    config, runtime = pipeline.config.proposals, pipeline.runtime
    if config.path is None:
        make_proposals(
            pipeline.dataset,
            folder / "store",
            config.per_image,
            n_jobs=max(1, runtime.workers),
            progress=runtime.progress,
            on_error=runtime.on_error,
        )
    elif not (folder / "store").exists():
        import_proposals(
            config.format,
            config.path,
            folder / "store",
            dataset=pipeline.dataset,
            select=config.per_image,
            allow_missing=config.allow_missing,
            on_error=runtime.on_error,
            progress=runtime.progress,
        )


def _open_proposals(pipeline: Pipeline, folder: Path) -> ProposalStore:
    store = ProposalStore(folder / "store")
    may_lack = pipeline.runtime.on_error == "skip" or pipeline.config.proposals.allow_missing
    if store.skipped and not may_lack:
        name, reason = next(iter(store.skipped.items()))
        raise ValueError(
            f"{store.path} lacks the proposals of {len(store.skipped)} images, the first of them "
            f"{name} ({reason}); allow that with on_error='skip'"
        )
    return store


def _size_of_proposals(pipeline: Pipeline) -> int:
    a_proposal = 4 * 4 + 4 + 8 + _MASK_BYTES
    return pipeline.n_images * (pipeline.config.proposals.per_image * a_proposal + 64)


def _probe_proposals(pipeline: Pipeline) -> float:
    image = pipeline.dataset.image(0)
    start = time.perf_counter()
    candidates = segment_proposals(image, 500)
    size = image.shape[0], image.shape[1]
    select_proposals(candidates, pipeline.config.proposals.per_image, size)
    return time.perf_counter() - start


def _training_settings(pipeline: Pipeline, config: TrainingConfig) -> dict[str, Any]:
    """The settings of a training, files of weights by what they hold.

    Raises
    ------
    ValueError : the weights are those of another backbone.
    FileNotFoundError : there is no file of weights.
    """
    settings, weights = asdict(config), config.weights
    if isinstance(config, MilConfig) and weights == FROM_CAM:
        of_cam = pipeline.config.cam.backbone
        if config.backbone != of_cam:
            raise ValueError(
                f"mil.weights is {FROM_CAM!r}, but mil.backbone {config.backbone!r} is not "
                f"cam.backbone {of_cam!r}"
            )
    elif weights not in (None, BUNDLED):
        if not Path(weights).is_file():
            raise FileNotFoundError(
                f"{weights}: no such file of weights; other values are {BUNDLED}, null and, of mil "
                f"alone, {FROM_CAM}"
            )
        settings["weights"] = pipeline.hashes.of(Path(weights))
    return settings


def _make_classifier(pipeline: Pipeline, folder: Path) -> None:
    train_cam(pipeline.dataset, pipeline.config.cam, folder, pipeline.runtime)


def _open_classifier(pipeline: Pipeline, folder: Path) -> CamClassifier:
    return load_classifier(folder / CHECKPOINT).network


def _size_of_training(pipeline: Pipeline, kind: str) -> int:
    """Weights, momentum, and the file that takes the old one's place."""
    network, _ = _untrained(pipeline, kind)
    return 4 * 4 * sum(weights.numel() for weights in network.parameters())


def _untrained(pipeline: Pipeline, kind: str) -> tuple[torch.nn.Module, TrainingConfig]:
    """The network without its weights: sizes and times do not need them."""
    n_classes = len(pipeline.dataset.class_names)
    with torch.device("cpu"):
        if kind == "cam":
            cam = replace(pipeline.config.cam, weights=None)
            return build_classifier(cam, n_classes), cam
        mil = replace(pipeline.config.mil, weights=None)
        return build_network(mil, n_classes), mil


def _probe_network(pipeline: Pipeline, kind: str, *, learns: bool) -> float:
    """Seconds an image of a pass through a network, there and (``learns``) back, on this CPU."""
    network, config = _untrained(pipeline, kind)
    size = config.image_size
    images = torch.rand(2, 3, size, size)
    n = pipeline.config.proposals.per_image
    boxes = [torch.tensor([[0.0, 0.0, size, size]] * n)] * 2
    start = time.perf_counter()
    with torch.set_grad_enabled(learns):
        output = network(images) if kind == "cam" else network(images, boxes).logits
        if learns:
            output.square().mean().backward()
    return (time.perf_counter() - start) / 2


def _score_settings(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "terms": pipeline.config.mil.terms,
        "region": pipeline.config.mil.region,
        "image_size": pipeline.config.cam.image_size,
    }


def _scores(pipeline: Pipeline, folder: Path) -> list[Floats]:
    """Made, or read where the file is there."""
    return cam_scores(
        pipeline.classifier,
        pipeline.dataset,
        pipeline.proposals,
        image_size=pipeline.config.cam.image_size,
        terms=pipeline.config.mil.terms,
        region=pipeline.config.mil.region,
        batch_size=_INFERENCE_BATCH,
        runtime=pipeline.runtime,
        cache=folder / _SCORES,
    )


def _make_scores(pipeline: Pipeline, folder: Path) -> None:
    _scores(pipeline, folder)


def _make_network(pipeline: Pipeline, folder: Path) -> None:
    config = pipeline.config.mil
    train_mil(
        pipeline.dataset,
        pipeline.proposals,
        pipeline.pseudo_labels,
        config,
        folder,
        pipeline.runtime,
        classifier=pipeline.classifier if config.weights == FROM_CAM else None,
    )


def _open_network(pipeline: Pipeline, folder: Path) -> MilNetwork:
    return load_network(folder / CHECKPOINT).network


def _make_extraction(pipeline: Pipeline, folder: Path) -> None:
    extract(
        pipeline.network,
        pipeline.dataset,
        pipeline.proposals,
        folder,
        image_size=pipeline.config.mil.image_size,
        dtype=pipeline.config.extraction.dtype,
        batch_size=_INFERENCE_BATCH,
        runtime=pipeline.runtime,
    )


def _open_extraction(pipeline: Pipeline, folder: Path) -> Extraction:
    return open_extraction(folder)


def _size_of_extraction(pipeline: Pipeline) -> int:
    network, _ = _untrained(pipeline, "mil")
    width = len(pipeline.dataset.class_names) + 1 + int(getattr(network, "n_features"))  # noqa: B009
    a_value = 2 if pipeline.config.extraction.dtype == "float16" else 4
    return pipeline.n_proposals * (width * a_value + 40)


PROPOSALS = Stage(
    name="proposals",
    does="object proposals",
    version=1,
    needs=("images",),
    settings=_proposal_settings,
    make=_make_proposals,
    open=_open_proposals,
    size=_size_of_proposals,
    work=lambda pipeline: pipeline.n_images,
    probe=_probe_proposals,
    resumes=True,
)
CAM = Stage(
    name="cam",
    does="training of the CAM classifier",
    version=1,
    needs=("images", "tags"),
    settings=lambda pipeline: _training_settings(pipeline, pipeline.config.cam),
    make=_make_classifier,
    open=_open_classifier,
    size=lambda pipeline: _size_of_training(pipeline, "cam"),
    work=lambda pipeline: pipeline.n_images * pipeline.config.cam.epochs,
    probe=lambda pipeline: _probe_network(pipeline, "cam", learns=True),
    resumes=True,
    all_processes=True,
)
SCORES = Stage(
    name="scores",
    does="CAM scores of the proposals",
    version=1,
    needs=("images", "tags", "proposals", "cam"),
    settings=_score_settings,
    make=_make_scores,
    open=_scores,
    size=lambda pipeline: 4 * pipeline.n_proposals * len(pipeline.dataset.class_names) + 10_000,
    work=lambda pipeline: pipeline.n_images,
    probe=lambda pipeline: _probe_network(pipeline, "cam", learns=False),
)
MIL = Stage(
    name="mil",
    does="training of the MIL network",
    version=1,
    needs=("images", "tags", "proposals", "scores"),
    settings=lambda pipeline: _training_settings(pipeline, pipeline.config.mil),
    make=_make_network,
    open=_open_network,
    size=lambda pipeline: _size_of_training(pipeline, "mil"),
    work=lambda pipeline: pipeline.n_images * pipeline.config.mil.epochs,
    probe=lambda pipeline: _probe_network(pipeline, "mil", learns=True),
    resumes=True,
    all_processes=True,
)
EXTRACTION = Stage(
    name="extraction",
    does="probabilities and features of the proposals",
    version=1,
    needs=("images", "tags", "proposals", "mil"),
    settings=lambda pipeline: asdict(pipeline.config.extraction),
    make=_make_extraction,
    open=_open_extraction,
    size=_size_of_extraction,
    work=lambda pipeline: pipeline.n_images,
    probe=lambda pipeline: _probe_network(pipeline, "mil", learns=False),
    resumes=True,
    all_processes=True,
)
