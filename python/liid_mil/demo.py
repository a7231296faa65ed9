"""The whole chain on scenes, in minutes and from random weights: what ``liid-mil demo`` does.

Input: a seed. Steps: compose images, propose, train the CAM classifier and the MIL network on the
tags, extract, cut; the annotated objects are read at the end only, to compare CAM alone with the
MIL network without and with the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from liid_cut import MultiwayCutResult
from liid_mil.config import DataConfig, PipelineConfig, ScenesData, preset
from liid_mil.metrics import Metrics, ProposalEvaluator
from liid_mil.pipeline import Pipeline, compare
from liid_mil.training.config import Runtime

N_IMAGES = 300


@dataclass(frozen=True)
class DemoResult:
    """Metrics by method (see :func:`liid_mil.pipeline.compare`), and the cut."""

    metrics: dict[str, Metrics]
    n_proposals: int
    result: MultiwayCutResult


def demo_config(seed: int = 0, n_images: int = N_IMAGES) -> PipelineConfig:
    """Settings of the demo: ``seed`` is that of the images and of both trainings."""
    data = DataConfig(scenes=ScenesData(n_images=n_images, seed=seed))
    return replace(preset("scenes", seed=seed), data=data)


def run_demo(
    config: PipelineConfig, folder: str | Path, runtime: Runtime | None = None
) -> DemoResult:
    """Run the chain in ``folder``; what is finished there is not done again."""
    pipeline = Pipeline(config, folder, runtime=runtime)
    labelling = pipeline.labelling
    metrics = compare(pipeline, ProposalEvaluator(pipeline.dataset, pipeline.proposals))
    return DemoResult(metrics, len(pipeline.extraction), labelling.result)
