"""The stage that labels: the multi-way cut of the extraction's graph (LIID, section 5)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from liid_cut.files import read_result, write_result
from liid_cut.npz import read_arrays, require
from liid_mil.labelling import LABEL_ARRAYS, Labelling, label, write_labelling
from liid_mil.stages.stage import Stage

if TYPE_CHECKING:
    from liid_mil.pipeline import Pipeline

LABELS = "labels.npz"
_RESULT = "result.npz"
_FLOPS = 5e10  # a second, of the exact neighbour search; roughly


def _make_cut(pipeline: Pipeline, folder: Path) -> None:
    extraction = pipeline.extraction
    settings = asdict(pipeline.config.cut)
    labelling = label(extraction, **settings, n_jobs=pipeline.n_jobs)
    if labelling.result.status == "interrupted":
        raise KeyboardInterrupt
    write_result(folder / _RESULT, labelling.result)
    write_labelling(folder / LABELS, extraction, labelling, settings)


def _open_cut(pipeline: Pipeline, folder: Path) -> Labelling:
    arrays = read_arrays(folder / LABELS)
    needed = (*LABEL_ARRAYS, "background_scale")
    require(folder / LABELS, arrays, needed, "a file of labels has them all")
    found = {name: arrays[name] for name in LABEL_ARRAYS}
    scale = float(arrays["background_scale"])
    return Labelling(**found, background_scale=scale, result=read_result(folder / _RESULT))


def _size_of_cut(pipeline: Pipeline) -> int:
    """Labels and boxes, and of each edge its ends, weight and messages."""
    n, n_labels = pipeline.n_proposals, len(pipeline.dataset.class_names) + 1
    an_edge = 4 * 2 + 8 + 8 * n_labels
    return n * (2 * (8 + 4) + 32) + n * pipeline.config.cut.n_neighbors * an_edge + 20_000


def _probe_cut(pipeline: Pipeline) -> float:
    """Seconds a proposal: the neighbour search compares it with all others."""
    return 1e-4 + 2 * pipeline.n_proposals * 2048 / _FLOPS


CUT = Stage(
    name="cut",
    does="labels by the multi-way cut",
    version=2,
    needs=("extraction",),
    settings=lambda pipeline: asdict(pipeline.config.cut),
    make=_make_cut,
    open=_open_cut,
    size=_size_of_cut,
    work=lambda pipeline: pipeline.n_proposals,
    probe=_probe_cut,
)
