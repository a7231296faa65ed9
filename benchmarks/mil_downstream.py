"""Whether better pseudo labels train a better model: a segmentation head on each method's.

    python -m benchmarks.mil_downstream RUN [RUN ...] [--keep SHARE] [--json OUT]

RUN: folders of `liid-mil train --scenes` and `liid-mil extract`, or of `benchmarks.mil_pipeline
scenes`, one for each seed. Steps: label the proposals by CAM alone, by the MIL network without and
with the graph, and by the oracle; merge each image's objects to a semantic map; train the same
head on each, from the same weights, in the same order; compare its maps of held-out scenes (other
photographs, other pictures of objects) with the true ones. Means over the runs with 95 %
intervals (Student's t).

The settings of the cut are those of `benchmarks.mil_pipeline`, chosen on seed 100.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from benchmarks import records
from benchmarks.mil_pipeline import CUTS
from liid_mil.config import CutConfig
from liid_mil.data.types import Image, ImageDataset, ImageLabels, Truth
from liid_mil.metrics import evaluate
from liid_mil.metrics.label_accuracy import Confusion
from liid_mil.metrics.region_ap import mean_over_classes
from liid_mil.pipeline import Pipeline, open_run
from liid_mil.segmentation import SegmentationConfig, predict_maps, train_segmentation
from liid_mil.semantic import VOID, SemanticMap, semantic_map, truth_map
from liid_mil.stages.results import objects_of

# What labels the proposals: a method, and the cut where there is one.
LABELS: dict[str, tuple[str, CutConfig]] = {
    "CAM alone": ("cam", CutConfig()),
    "without graph": ("without_graph", CUTS["graph of all"]),
    **{
        name: ("with_graph", CUTS[name])
        for name in ("without graph, expected mass", "graph of all", "graph, expected mass")
    },
    "oracle": ("oracle", CutConfig()),
}
BASES = ("without graph", "without graph, expected mass")  # that others are compared with
# Not mirrored, as digits are not.
HEAD = SegmentationConfig(image_size=64, width=32, epochs=12, learning_rate=5e-3, flip=False)


def least_score(objects: Iterable[ImageLabels], keep: float) -> float:
    """The score that a share ``keep`` of all objects reaches."""
    return float(np.quantile(np.concatenate([one.scores for one in objects]), 1 - keep))


def training_map(objects: ImageLabels, min_score: float) -> SemanticMap:
    """The objects that reach a score; where only others are, void."""
    sure = objects.scores >= min_score
    masks = None if objects.masks is None else [objects.masks[i] for i in np.flatnonzero(sure)]
    kept = replace(
        objects,
        boxes=objects.boxes[sure],
        labels=objects.labels[sure],
        scores=objects.scores[sure],
        masks=masks,
    )
    seen, every = semantic_map(kept), semantic_map(objects)
    return np.where((seen == 0) & (every > 0), np.uint8(VOID), seen)


def true_map(dataset: ImageDataset, i: int) -> SemanticMap:
    """The true map of a scene, where objects that are mostly hidden count like others."""
    truth = dataset.truth(i)
    assert isinstance(truth, Truth)
    size = dataset.image(i).shape[:2]
    return truth_map(replace(truth, difficult=np.zeros(len(truth), bool)), size)


class Kept:
    """The first N images of a dataset and their truth, made once for all methods."""

    def __init__(self, dataset: ImageDataset, n_images: int) -> None:
        self.class_names, self.image_ids = dataset.class_names, dataset.image_ids[:n_images]
        self.tags = dataset.tags[:n_images]
        self._images = [dataset.image(i) for i in range(n_images)]
        self._truths = [dataset.truth(i) for i in range(n_images)]

    def __len__(self) -> int:
        return len(self._images)

    def image(self, i: int) -> Image:
        """Image i."""
        return self._images[i]

    def truth(self, i: int) -> Truth | None:
        """Annotated objects of image i."""
        return self._truths[i]


def miou(dataset: ImageDataset, maps: Iterable[SemanticMap]) -> float:
    """Mean IoU of maps of all images of a dataset of scenes."""
    pixels = Confusion(len(dataset.class_names))
    for i, found in enumerate(maps):
        pixels.add(true_map(dataset, i), found)
    return float(mean_over_classes(pixels.iou()))


def measure(
    pipeline: Pipeline,
    names: Iterable[str],
    keep: float,
    config: SegmentationConfig,
    n_images: int,
    n_held_out: int,
) -> list[dict[str, Any]]:
    """One row for each of ``LABELS``: their quality, and that of the model trained on them.

    keep : share of the objects, the surest, that are taken as labelled; the others are void.
    """
    dataset = Kept(pipeline.dataset, n_images)
    scenes = pipeline.config.data.scenes
    if scenes is None:
        raise ValueError(f"{pipeline.folder}: held-out images are made of scenes alone")
    held_out = Kept(replace(scenes, n_images=n_held_out, split="val").open(), n_held_out)
    backbone = pipeline.classifier.backbone
    rows = []
    for name in names:
        start = time.process_time()
        method, cut = LABELS[name]
        objects = list(islice(objects_of(pipeline.changed(cut=cut), method), n_images))
        min_score = least_score(objects, keep)
        map_of = _maps(objects, min_score)
        model = train_segmentation(dataset, map_of, backbone, config)
        images = (held_out.image(i) for i in range(n_held_out))
        maps = predict_maps(model, backbone, images, config.image_size)
        held_out_miou = miou(held_out, maps)
        pairs = ((one, dataset.truth(i)) for i, one in enumerate(objects))
        report = evaluate(pairs, dataset.class_names, coco=False)
        row = {
            "seed": scenes.seed,
            "method": name,
            "labels": {
                metric: getattr(report, metric)
                for metric in ("n_labelled", "label_accuracy", "ap50", "ap75", "abo", "miou")
            },
            "miou": held_out_miou,
            "cpu_s": time.process_time() - start,
        }
        print(_line(row), flush=True)
        rows.append(row)
    return rows


def _maps(objects: list[ImageLabels], min_score: float) -> Callable[[int], SemanticMap]:
    return lambda i: training_map(objects[i], min_score)


def _line(row: dict[str, Any]) -> str:
    labels = row["labels"]
    shares = [labels[name] for name in ("label_accuracy", "ap50", "ap75", "abo", "miou")]
    cells = [f"{100 * value:.1f}" for value in (*shares, row["miou"])]
    return _cells([row["seed"], row["method"], labels["n_labelled"], *cells])


def _cells(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Means over the seeds with intervals, and differences, seed by seed, to ``BASES``."""
    seeds = sorted({row["seed"] for row in rows})
    by_name = {
        name: np.array([row["miou"] for row in rows if row["method"] == name])
        for name in dict.fromkeys(row["method"] for row in rows)
    }
    bases = [name for name in BASES if name in by_name]
    head = ["labels of", "mIoU", *(f"to {base}" for base in bases)]
    lines = [_cells(head), "|---" * len(head) + "|"]
    for name, values in by_name.items():
        differences = [_interval(values - by_name[base]) for base in bases]
        lines.append(_cells([name, _interval(values), *differences]))
    return [f"{len(seeds)} seeds", "", *lines]


def _interval(values: np.ndarray) -> str:
    """Mean and half the 95 % interval, in percent."""
    mean = f"{100 * values.mean():.1f}"
    if len(values) < 2:
        return mean
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{mean} ± {100 * half:.1f}"


def main() -> None:
    """Measure the runs and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument(
        "--images", type=int, default=400, help="to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--held-out", type=int, default=150, help="to test on (default: %(default)s)"
    )
    parser.add_argument(
        "--labels", action="append", choices=LABELS, help="of whom (default: all; may be repeated)"
    )
    parser.add_argument("--keep", type=float, default=1.0, help="share of objects, the surest")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    head = ["seed", "labels of", "objects", "accuracy", "AP50", "AP75", "ABO", "mIoU", "model mIoU"]
    print(_cells(head), "|---" * len(head) + "|", sep="\n", flush=True)
    rows = []
    for folder in arguments.runs:
        run = open_run(folder)
        if (problem := run.output("extraction").problem()) is not None:
            raise SystemExit(f"{folder}: {problem}; run `liid-mil extract {folder}` first")
        config = replace(HEAD, seed=run.config.mil.seed)
        names = arguments.labels or LABELS
        rows += measure(run, names, arguments.keep, config, arguments.images, arguments.held_out)
        data = {
            "head": asdict(HEAD),
            "keep": arguments.keep,
            "n_images": arguments.images,
            "n_held_out": arguments.held_out,
            "rows": rows,
        }
        if arguments.json is not None:
            records.write(arguments.json, records.command_line("benchmarks.mil_downstream"), data)
    print("", *summary(rows), sep="\n")


if __name__ == "__main__":
    main()
