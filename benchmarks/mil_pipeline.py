"""The whole pipeline of liid_mil, measured: real photos, and the graph's worth on scenes.

``python -m benchmarks.mil_pipeline bccd ROOT -o DIR``: blood cells (BCCD, a folder in VOC's layout)
from images and tags to annotations, metrics and report. ``... scenes -o DIR --seeds 0,1,2``: 2,000
composed images of 10 classes; labels with and without the graph, each as it is and with as many
objects as the probabilities expect (``background_scale``), and the oracle. Both print tables for
MIL.md; ``--json OUT`` keeps the figures. Stages that DIR holds are not done again.

The setting of the cut on scenes was chosen on seed 100 with 1,000 images; report other seeds.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import command_line, write
from liid_mil.config import (
    CutConfig,
    DataConfig,
    PipelineConfig,
    ProposalConfig,
    ScenesData,
    VocData,
    preset,
)
from liid_mil.metrics import Metrics, ProposalEvaluator
from liid_mil.pipeline import Pipeline, compare
from liid_mil.stages import STAGES
from liid_mil.stages.results import METHODS, labels_of
from liid_mil.stages.stage import read_record
from liid_mil.training.config import CamConfig, MilConfig, Runtime

BCCD_CLASSES = ("RBC", "WBC", "Platelets")
_SHARED: dict[str, Any] = {
    "delta": 0.1,
    "n_neighbors": 12,
    "shared_tags": True,
    "across_images": True,
}
_LOG: dict[str, Any] = {**_SHARED, "delta": 0.2, "terminal_weights": "log"}
_EXPECTED: dict[str, Any] = {"background_scale": "expected"}
CUTS = {
    "without graph, expected mass": CutConfig(delta=0.0, **_EXPECTED),
    "graph of all": CutConfig(delta=0.1, n_neighbors=12),
    "graph across images that share tags": CutConfig(**_SHARED),
    "graph, expected mass": CutConfig(**_SHARED, **_EXPECTED),
    "graph, log, expected mass": CutConfig(**_LOG, **_EXPECTED),
}


def bccd_config(root: Path) -> PipelineConfig:
    """An ImageNet network, small images and few epochs: some minutes on one core."""
    small: dict[str, Any] = {
        "backbone": "efficientnet_lite0",
        "weights": "bundled",
        "output_stride": 16,
        "image_size": 224,
        "batch_size": 4,
    }
    data = VocData(root=root, images="Main/train", class_names=BCCD_CLASSES)
    return PipelineConfig(
        data=DataConfig(voc=data),
        proposals=ProposalConfig(per_image=60),
        cam=CamConfig(**small, epochs=3, drop_after=2, learning_rate=0.01),
        mil=MilConfig(
            **small, epochs=2, drop_after=1, learning_rate=0.002, eta=1.0, pooling="align"
        ),
        cut=CutConfig(delta=0.3, n_neighbors=12),
    )


def scenes_config(seed: int, n_images: int) -> PipelineConfig:
    """The scenes' preset with 10 classes; fewer epochs, as there are more images."""
    config = preset("scenes", seed=seed)
    return replace(
        config,
        data=DataConfig(scenes=ScenesData(n_images=n_images, n_classes=10, seed=seed)),
        cam=replace(config.cam, epochs=5, drop_after=4),
        mil=replace(config.mil, epochs=2, drop_after=1),
    )


def run_bccd(root: Path, folder: Path) -> dict[str, Any]:
    """Run the pipeline; metrics by method, and CPU seconds by stage."""
    pipeline = Pipeline(bccd_config(root), folder, runtime=Runtime(device="cpu"))
    pipeline.run()
    tags = np.asarray(pipeline.dataset.tags)
    classes = dict(zip(BCCD_CLASSES, tags.mean(axis=0).tolist(), strict=True))
    return {
        "n_images": pipeline.n_images,
        "n_proposals": pipeline.n_proposals,
        "share_of_images_with_tag": classes,
        "cut": pipeline.labelling.result.status,
        "cpu_seconds": _cpu_seconds(pipeline),
        "metrics": pipeline.metrics,
    }


def run_scenes(seed: int, n_images: int, folder: Path) -> dict[str, Any]:
    """Metrics of every way to label the proposals of one seed."""
    pipeline = Pipeline(scenes_config(seed, n_images), folder, runtime=Runtime(device="cpu"))
    pipeline.save_config()  # `benchmarks.labels --scenes` opens the folder
    evaluator = ProposalEvaluator(pipeline.dataset, pipeline.proposals)
    found = {"oracle": evaluator.evaluate(evaluator.true_labels, _sure(evaluator))}
    found |= {name: one for name, one in compare(pipeline, evaluator).items() if name == "cam"}
    found["without graph"] = evaluator.evaluate(*labels_of(pipeline, "without_graph"))
    facts: dict[str, Any] = {}
    for name, cut in CUTS.items():
        one = pipeline.changed(cut=cut)
        found[name] = evaluator.evaluate(*labels_of(one, "with_graph"))
        result = one.labelling.result
        changed = one.labelling.labels != one.labelling.labels_without_graph
        facts[name] = {
            "status": result.status,
            "background_scale": one.labelling.background_scale,
            "changed": int(changed.sum()),
            "seconds": result.timings["total"],
        }
    return {
        "seed": seed,
        "cpu_seconds": _cpu_seconds(pipeline),
        "cuts": facts,
        "metrics": {name: asdict(metrics) for name, metrics in found.items()},
    }


def main() -> None:
    """Run one of the two and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    bccd = commands.add_parser("bccd")
    bccd.add_argument("root", type=Path)
    scenes = commands.add_parser("scenes")
    scenes.add_argument("--seeds", default="0,1,2")
    scenes.add_argument("--images", type=int, default=2000)
    for one in (bccd, scenes):
        one.add_argument("-o", "--output", type=Path, required=True)
        one.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.command == "bccd":
        found: Any = run_bccd(arguments.root.resolve(), arguments.output)
        _print_bccd(found)
    else:
        seeds = map(int, arguments.seeds.split(","))
        found = []
        for seed in seeds:
            found.append(run_scenes(seed, arguments.images, arguments.output / f"seed{seed}"))
            _print_seed(found[-1])
        _print_means(found)
    if arguments.json is not None:
        write(arguments.json, command_line("benchmarks.mil_pipeline"), found)


def _sure(evaluator: ProposalEvaluator) -> Any:
    return np.ones(len(evaluator.true_labels))


def _cpu_seconds(pipeline: Pipeline) -> dict[str, float]:
    """CPU seconds of each stage that is there, as its making recorded them."""
    records = {name: read_record(pipeline.output(name).path) for name in STAGES}
    return {name: round(one["cpu_seconds"], 1) for name, one in records.items() if one}


def _print_bccd(found: dict[str, Any]) -> None:
    print(f"{found['n_images']} images, {found['n_proposals']} proposals; cut {found['cut']}")
    print("share of images with each tag:", found["share_of_images_with_tag"])
    print("CPU s:", found["cpu_seconds"], "sum", round(sum(found["cpu_seconds"].values()), 1))
    print(
        "\n| method | AP50 | AP75 | ABO | right | objects | "
        + " | ".join(f"{name} AP50 / ABO" for name in BCCD_CLASSES)
        + " |"
    )
    print("|---" * (6 + len(BCCD_CLASSES)) + "|")
    for method in METHODS:
        one = found["metrics"][method]
        cells = [_percent(one[name]) for name in ("ap50", "ap75", "abo", "label_accuracy")]
        cells.append(f"{one['n_labelled']:,}")
        cells += [f"{_percent(c['ap50'])} / {_percent(c['abo'])}" for c in one["classes"]]
        print(f"| {method.replace('_', ' ')} | " + " | ".join(cells) + " |")


def _print_seed(found: dict[str, Any]) -> None:
    print(f"seed {found['seed']}: CPU s {found['cpu_seconds']}; {found['cuts']}", flush=True)


def _print_means(found: list[dict[str, Any]]) -> None:
    """A row a method: each seed's values, and their mean."""
    names = ("ap50", "ap75", "abo", "accuracy")
    print("| labels | AP50 | AP75 | ABO | accuracy | kept |\n|---|---|---|---|---|---|")
    for method in found[0]["metrics"]:
        rows = [Metrics(**one["metrics"][method]) for one in found]
        cells = []
        for name in names:
            values = [getattr(row, name) for row in rows]
            each = " ".join(map(_percent, values))
            cells.append(f"{each} (**{_percent(float(np.mean(values)))}**)")
        kept = " ".join(str(row.n_kept) for row in rows)
        print(f"| {method} | " + " | ".join(cells) + f" | {kept} |")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    main()
