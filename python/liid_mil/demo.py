"""The whole chain on scenes, in minutes and from random weights: what ``liid-mil demo`` does.

Input: a seed. Steps: compose images, propose, train the CAM classifier and the MIL network on the
tags, extract, cut; the annotated objects are read at the end only, to compare CAM alone with the
MIL network without and with the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from liid_cut import MultiwayCutResult
from liid_mil.data.scenes import SceneDataset
from liid_mil.metrics import Metrics, ProposalEvaluator
from liid_mil.pipeline import Pipeline, cam_labelling, compare
from liid_mil.presets import SCENE_SETTINGS, SCENES_CAM, SCENES_GRAPH, SCENES_MIL
from liid_mil.training.config import Runtime

N_IMAGES = 300
N_PROPOSALS = 12


@dataclass(frozen=True)
class DemoResult:
    """Metrics by method (see :func:`liid_mil.pipeline.compare`), and the cut."""

    metrics: dict[str, Metrics]
    n_proposals: int
    result: MultiwayCutResult


def run_demo(
    folder: str | Path,
    *,
    seed: int = 0,
    n_images: int = N_IMAGES,
    runtime: Runtime | None = None,
    **graph: Any,
) -> DemoResult:
    """Run the chain in ``folder``; what is finished there is not done again.

    Parameters
    ----------
    seed : of the images and of both trainings.
    n_images : scenes, all of them trained on and labelled.
    graph : ``delta``, ``n_neighbors``, ``symmetrize`` in place of ``presets.SCENES_GRAPH``.

    Raises
    ------
    CheckpointError, ExtractionError : the folder holds a run with other settings.
    """
    pipeline = Pipeline(
        SceneDataset(n_images, seed=seed, **SCENE_SETTINGS),
        Path(folder),
        replace(SCENES_CAM, seed=seed),
        replace(SCENES_MIL, seed=seed),
        n_proposals=N_PROPOSALS,
        runtime=runtime or Runtime(),
    )
    labelling = pipeline.label(**(SCENES_GRAPH | graph))
    extraction = pipeline.extraction
    cam = cam_labelling(pipeline.cam_scores, pipeline.pseudo_labels)
    evaluator = ProposalEvaluator(pipeline.dataset, pipeline.proposals)
    metrics = compare(evaluator, cam, extraction, labelling)
    return DemoResult(metrics, len(extraction), labelling.result)
