"""The stages in their order, with everything that they make in one folder.

Input: a dataset and settings. Steps: proposals, CAM classifier, pseudo labels, MIL network,
extraction, labels. A stage that is finished in the folder is only read, one that was stopped goes
on, one of other settings is an error that names the file. Under ``torchrun`` all processes train;
the other stages are done by one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from liid_mil.cam import CamClassifier
from liid_mil.data.types import Floats, ImageDataset, Ints
from liid_mil.extraction import Extraction, extract
from liid_mil.labelling import Labelling, label
from liid_mil.metrics import Metrics, ProposalEvaluator
from liid_mil.models import MilNetwork
from liid_mil.proposals.making import make_proposals
from liid_mil.proposals.store import ProposalStore
from liid_mil.training.cam_scores import cam_scores, pseudo_labels_of
from liid_mil.training.config import CamConfig, MilConfig, Runtime
from liid_mil.training.distributed import processes
from liid_mil.training.loop import train_cam, train_mil

Made = TypeVar("Made")

# Images at a time where nothing is learned; changes speed and memory, not results.
_INFERENCE_BATCH = 8


@dataclass
class Pipeline:
    """The stages for one dataset; each property is a stage's output, made when it is first read.

    Attributes
    ----------
    dataset : N images with tags.
    folder : made where it is missing.
    mil_folder : within ``folder``, for the MIL network and its extraction.
    cam, mil : settings of the two trainings.
    n_proposals : proposals an image (the paper: 20 on VOC, 40 on COCO).
    dtype : of extracted probabilities and features, ``"float16"`` or ``"float32"``.
    runtime : device, workers, progress, and what to do about damaged images.
    """

    dataset: ImageDataset
    folder: Path
    cam: CamConfig
    mil: MilConfig
    n_proposals: int = 20
    dtype: str = "float16"
    mil_folder: str = "mil"
    runtime: Runtime = field(default_factory=Runtime)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def proposals(self) -> ProposalStore:
        """The selected proposals of every image, in ``folder/proposals``."""
        return self._by_one_process(
            lambda: make_proposals(
                self.dataset,
                self.folder / "proposals",
                self.n_proposals,
                n_jobs=max(1, self.runtime.workers),
                progress=self.runtime.progress,
                on_error=self.runtime.on_error,
            )
        )

    @cached_property
    def classifier(self) -> CamClassifier:
        """The trained CAM classifier, in ``folder/cam``."""
        return train_cam(self.dataset, self.cam, self.folder / "cam", self.runtime)

    @cached_property
    def cam_scores(self) -> list[Floats]:
        """R of all proposals, with the terms and the region of ``mil``."""
        terms, region = self.mil.terms, self.mil.region
        classifier, proposals = self.classifier, self.proposals
        return self._by_one_process(
            lambda: cam_scores(
                classifier,
                self.dataset,
                proposals,
                image_size=self.cam.image_size,
                terms=terms,
                region=region,
                batch_size=_INFERENCE_BATCH,
                runtime=self.runtime,
                cache=self.folder / "cam" / f"scores-{terms}-{region}.npz",
            )
        )

    @cached_property
    def pseudo_labels(self) -> list[Ints]:
        """Pseudo label of every proposal (Eq. 3): what CAM alone says."""
        return pseudo_labels_of(self.cam_scores, self.dataset.tags, self.mil.eta)

    @cached_property
    def network(self) -> MilNetwork:
        """The trained MIL network, in ``folder/mil_folder``."""
        folder = self.folder / self.mil_folder
        return train_mil(
            self.dataset,
            self.proposals,
            self.pseudo_labels,
            self.mil,
            folder,
            self.runtime,
            classifier=self.classifier,
        )

    @cached_property
    def extraction(self) -> Extraction:
        """Probabilities and features of all proposals, in ``folder/mil_folder/extraction``."""
        network, proposals = self.network, self.proposals
        return self._by_one_process(
            lambda: extract(
                network,
                self.dataset,
                proposals,
                self.folder / self.mil_folder / "extraction",
                image_size=self.mil.image_size,
                dtype=self.dtype,
                batch_size=_INFERENCE_BATCH,
                runtime=self.runtime,
            )
        )

    def label(self, *, delta: float = 5.0, **settings: Any) -> Labelling:
        """Labels with and without the graph; settings as of :func:`liid_mil.labelling.label`."""
        return label(self.extraction, delta=delta, **settings)

    def _by_one_process(self, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, which must keep it in a file: made by one process, read by all."""
        with processes(self.runtime.device) as world:
            if world.is_main:
                found = make()
            world.wait()
            return found if world.is_main else make()


def cam_labelling(scores: Sequence[Floats], labels: Sequence[Ints]) -> tuple[Ints, Floats]:
    """CAM alone as a labelling of all proposals: labels (P,), and scores (P,) that rank them.

    The score of a proposal is its best R; with labels of :func:`pseudo_labels_of`.
    """
    given = np.concatenate(labels)
    best = np.concatenate([of_image.max(axis=1, initial=0) for of_image in scores])
    return given, best.astype(np.float32)


def compare(
    evaluator: ProposalEvaluator,
    cam: tuple[Ints, Floats],
    extraction: Extraction,
    labelling: Labelling,
) -> dict[str, Metrics]:
    """Metrics of CAM alone, and of the MIL network without and with the graph."""

    def of_all(values: Any) -> Any:
        # Proposals of damaged images that were left out count as background.
        everywhere = np.zeros(len(evaluator.true_labels), dtype=values.dtype)
        everywhere[extraction.rows] = values
        return everywhere

    return {
        "cam": evaluator.evaluate(*cam),
        "without_graph": evaluator.evaluate(
            of_all(labelling.labels_without_graph), of_all(labelling.scores_without_graph)
        ),
        "with_graph": evaluator.evaluate(of_all(labelling.labels), of_all(labelling.scores)),
    }
