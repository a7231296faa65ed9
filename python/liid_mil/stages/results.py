"""The stages after the cut: pseudo ground truth in files, metrics where truth is known, a report.

Labelled proposals become objects (:mod:`liid_mil.assignment`) each time they are read: that is
faster than to store them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liid_cut import MultiwayCutResult
from liid_cut.npz import replacing
from liid_cut.report import ReportImage, write_report
from liid_mil.assignment import assign, images_of_store
from liid_mil.class_mass import scaled
from liid_mil.config import FolderData, ScenesData, VocData
from liid_mil.config_files import as_json
from liid_mil.data.types import Floats, ImageLabels, Ints, Truth
from liid_mil.export import DataCard, export
from liid_mil.label_files import cut_facts
from liid_mil.labelling import label
from liid_mil.metrics import ProposalEvaluator, evaluate
from liid_mil.oracle import oracle
from liid_mil.stages.stage import Stage

if TYPE_CHECKING:
    from liid_mil.pipeline import Pipeline

METHODS = ("cam", "without_graph", "with_graph", "oracle")
METRICS = "metrics.json"
REPORT = "report.html"
_SECONDS_OF_OTHER_CUTS = 20.0
_SHOWN = {"ap50": "AP50", "ap75": "AP75", "abo": "ABO"}  # in the report's headline


def labels_of(pipeline: Pipeline, method: str) -> tuple[Ints, Floats]:
    """Labels and scores of all proposals, image by image, by one method.

    Parameters
    ----------
    method : ``"cam"``: pseudo labels of the class activation maps alone; ``"without_graph"``: the
        network's most probable label; ``"with_graph"``: that of the cut. Proposals of damaged
        images that were left out count as background.
    """
    if method == "cam":
        best = [one.max(axis=1, initial=0) for one in pipeline.cam_scores]
        scores = np.concatenate(best).astype(np.float32)
        return np.concatenate(pipeline.pseudo_labels), scores
    labelling, extraction = pipeline.labelling, pipeline.extraction
    labels = np.zeros(pipeline.n_proposals, dtype=np.int64)
    scores = np.zeros(pipeline.n_proposals, dtype=np.float32)
    with_graph = method == "with_graph"
    labels[extraction.rows] = labelling.labels if with_graph else labelling.labels_without_graph
    scores[extraction.rows] = labelling.scores if with_graph else labelling.scores_without_graph
    return labels, scores


def objects_of(pipeline: Pipeline, method: str) -> Iterator[ImageLabels]:
    """The pseudo ground truth of each image, by one of ``METHODS``; ``"oracle"`` is Table 7's."""
    images = images_of_store(pipeline.proposals)
    settings = asdict(pipeline.config.assignment)
    if method != "oracle":
        return assign(images, *labels_of(pipeline, method), **settings)
    annotated = ((image, truth) for image, truth in zip(images, truths_of(pipeline), strict=True))
    return (one for image, truth in annotated for one in oracle([image], [truth], **settings))


def truths_of(pipeline: Pipeline) -> Iterator[Truth | None]:
    """The annotated objects of the images that have proposals."""
    skipped = pipeline.proposals.skipped
    for i, image_id in enumerate(pipeline.dataset.image_ids):
        if image_id not in skipped:
            yield pipeline.dataset.truth(i)


def is_annotated(pipeline: Pipeline) -> bool:
    """Whether any image has annotated objects to compare with."""
    return any(truth is not None for truth in truths_of(pipeline))


def coco_options(pipeline: Pipeline) -> dict[str, Any]:
    """Arguments of :func:`liid_mil.export.write_coco`: file names, and ids where COCO gave them."""
    source, dataset = pipeline.config.data.source, pipeline.dataset
    if isinstance(source, ScenesData):
        return {"file_name": "{}.png".format}
    if isinstance(source, VocData):
        base = source.root / "JPEGImages"
    else:
        base = source.folder if isinstance(source, FolderData) else source.images
    paths: tuple[Path, ...] = getattr(dataset, "paths", ())
    names = {
        image_id: path.relative_to(base).as_posix()
        for image_id, path in zip(dataset.image_ids, paths, strict=True)
    }
    found: dict[str, Any] = {"file_name": lambda image_id: names.get(image_id, f"{image_id}.jpg")}
    if hasattr(dataset, "category_ids"):
        found |= {"category_ids": dataset.category_ids, "numeric_ids": True}
    return found


def _make_export(pipeline: Pipeline, folder: Path) -> None:
    settings = pipeline.config.assignment
    facts = cut_facts(pipeline.labelling.result, asdict(pipeline.config.cut))
    for name in pipeline.config.export.formats:
        card = DataCard(
            "Object proposals labelled by a multi-way cut.",
            export={"format": name, **asdict(settings)},
            cut=facts,
            run=as_json(pipeline.config),
            inputs={"cut": pipeline.output("cut").key},
        )
        options = coco_options(pipeline) if name == "coco" else {}
        export(
            folder / name,
            objects_of(pipeline, "with_graph"),
            pipeline.dataset.class_names,
            format=name,
            card=card,
            **options,
        )


def _size_of_export(pipeline: Pipeline) -> int:
    """An object's mask and box as text, and two PNGs an image."""
    formats = pipeline.config.export.formats
    pngs = 20_000 if "voc" in formats else 0
    return pipeline.n_proposals * 1000 * len(formats) + pipeline.n_images * pngs + 20_000


def _make_metrics(pipeline: Pipeline, folder: Path) -> None:
    found: dict[str, Any] = {"n_images": pipeline.n_images, "annotated": is_annotated(pipeline)}
    for method in METHODS if found["annotated"] else ():
        pairs = zip(objects_of(pipeline, method), truths_of(pipeline), strict=True)
        names, settings = pipeline.dataset.class_names, pipeline.config.metrics
        found[method] = evaluate(pairs, names, **asdict(settings)).to_dict()
    with replacing(folder / METRICS) as file:
        file.write(json.dumps(found, indent=1).encode() + b"\n")


def _open_metrics(pipeline: Pipeline, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    return found


def _cut_at(pipeline: Pipeline, delta: float) -> MultiwayCutResult:
    """The run's cut at another delta, for the slider: labels to look at, so within some seconds."""
    cut = pipeline.config.cut
    limits = [limit for limit in (cut.time_limit, _SECONDS_OF_OTHER_CUTS) if limit is not None]
    scale = pipeline.labelling.background_scale
    changes = {"delta": delta, "background_scale": scale, "time_limit": min(limits)}
    result = label(pipeline.extraction, **asdict(cut) | changes, n_jobs=pipeline.n_jobs).result
    if result.status == "interrupted":
        raise KeyboardInterrupt
    return result


def _make_report(pipeline: Pipeline, folder: Path) -> None:
    extraction, labelling = pipeline.extraction, pipeline.labelling
    settings, metrics = pipeline.config.report, pipeline.metrics
    delta = labelling.result.delta
    path = [
        (delta * factor, _cut_at(pipeline, delta * factor) if factor != 1 else labelling.result)
        for factor in sorted(settings.delta_factors)
    ]
    facts = {"images": pipeline.n_images, "proposals": len(extraction)}
    for key, name in _SHOWN.items() if metrics["annotated"] else ():
        pair = [metrics[method][key] for method in ("without_graph", "with_graph")]
        cells = " -> ".join("-" if value is None else f"{100 * value:.1f}" for value in pair)
        facts[f"{name}, %, without -> with graph"] = cells
    truth = None
    if metrics["annotated"]:
        evaluator = ProposalEvaluator(pipeline.dataset, pipeline.proposals)
        truth = evaluator.true_labels[extraction.rows]
    write_report(
        folder / REPORT,
        labelling.result,
        probs=scaled(extraction.probs, labelling.background_scale),
        allowed=extraction.allowed,
        images=_report_images(pipeline),
        label_names=("background", *extraction.class_names),
        truth=truth,
        delta_path=path or None,
        margins=labelling.scores,
        facts=facts,
        title=settings.title,
        max_images=settings.max_images,
    )


def _report_images(pipeline: Pipeline) -> Iterator[ReportImage]:
    """Images with the proposals that were extracted; pixels are read only where they are shown."""
    extraction, dataset, store = pipeline.extraction, pipeline.dataset, pipeline.proposals
    ends = np.searchsorted(extraction.image_index, np.arange(len(dataset) + 1))
    for i, image_id in enumerate(dataset.image_ids):
        nodes = np.arange(ends[i], ends[i + 1])
        if len(nodes) == 0:
            continue
        truth, proposals = dataset.truth(i), store[i]
        yield ReportImage(
            image_id,
            nodes,
            proposals.boxes,
            load=lambda i=i: dataset.image(i),
            masks=proposals.masks,
            truth_boxes=None if truth is None else truth.boxes,
            truth_labels=None if truth is None else truth.labels,
        )


def _probe(pipeline: Pipeline) -> float:
    return 1e-3  # seconds a proposal, all formats or methods; not worth a measurement


EXPORT = Stage(
    name="export",
    does="pseudo ground truth as annotations",
    version=1,
    needs=("images", "proposals", "cut", "extraction"),
    settings=lambda pipeline: {
        **asdict(pipeline.config.assignment),
        **asdict(pipeline.config.export),
    },
    make=_make_export,
    open=lambda pipeline, folder: folder,
    size=_size_of_export,
    work=lambda pipeline: pipeline.n_proposals,
    probe=_probe,
)
EVALUATION = Stage(
    name="metrics",
    does="comparison with annotated objects",
    version=1,
    needs=("truth", "tags", "proposals", "scores", "cut", "extraction"),
    settings=lambda pipeline: {
        "eta": pipeline.config.mil.eta,
        **asdict(pipeline.config.assignment),
        **asdict(pipeline.config.metrics),
    },
    make=_make_metrics,
    open=_open_metrics,
    size=lambda pipeline: 100_000,
    work=lambda pipeline: pipeline.n_proposals,
    probe=_probe,
)
REPORTING = Stage(
    name="report",
    does="a page to look at",
    version=1,
    needs=("images", "truth", "proposals", "extraction", "cut", "metrics"),
    settings=lambda pipeline: asdict(pipeline.config.report),
    make=_make_report,
    open=lambda pipeline, folder: folder / REPORT,
    size=lambda pipeline: 20_000_000,
    work=lambda pipeline: pipeline.n_proposals,
    probe=_probe,
)
