"""``liid-mil evaluate``: how good pseudo labels are, against annotated objects."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from liid_cut.commands import print_json, write
from liid_mil.assignment import assign, images_of_store
from liid_mil.commands import EXIT_CODES, OK, add_data_options, data_of, names_images
from liid_mil.data.types import ImageDataset, ImageLabels, Truth
from liid_mil.export.folders import COCO_FILE
from liid_mil.label_files import read_labels
from liid_mil.metrics import evaluate
from liid_mil.metrics.coco_labels import read_coco_labels
from liid_mil.metrics.overlaps import REGIONS
from liid_mil.pipeline import labels_file, open_run
from liid_mil.training.config import Runtime

_DESCRIPTION = """\
Compare labelled objects with annotated ones: region AP as VOC and as COCO count it, best overlap,
IoU of semantic maps, COCO's twelve numbers, recall, and label accuracy by class. LABELS is a COCO
JSON file (of `liid-mil export`, or a list of results), the folder of such an export, or a run that
is labelled, whose images are then known and whose proposals are suppressed as in an export.
"""
_EPILOG = f"""\
examples:
  liid-mil evaluate run
  liid-mil evaluate labels.json --voc VOCdevkit/VOC2012 --split Segmentation/train
  liid-mil evaluate labels.json --coco instances.json --images train2017 --json

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "evaluate",
        help="compare labelled objects with annotated ones",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("labels", type=Path, metavar="LABELS", help="JSON file, export, or run")
    parser.add_argument(
        "--region",
        choices=(*REGIONS, "auto"),
        default="auto",
        help="what overlaps are of (default: masks where both sides have them)",
    )
    parser.add_argument(
        "--no-coco",
        action="store_true",
        help="leave out COCO's twelve numbers, for which all objects are kept in memory",
    )
    parser.add_argument(
        "--without-graph", action="store_true", help="of a run: labels of the network alone"
    )
    add_data_options(parser, required=False)
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no report")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and report; returns the exit code."""
    dataset, pairs = _pairs(arguments)
    report = evaluate(
        pairs,
        dataset.class_names,
        region=arguments.region,
        coco=not arguments.no_coco,
        truth_maps=getattr(dataset, "class_map", None),
    )
    if arguments.json:
        print_json(report.to_dict())
    elif not arguments.quiet:
        write(report.table())
    return OK


def _pairs(
    arguments: argparse.Namespace,
) -> tuple[ImageDataset, Iterator[tuple[ImageLabels, Truth | None]]]:
    path: Path = arguments.labels
    if path.is_dir() and not (path / COCO_FILE).is_file():
        if names_images(arguments):
            raise ValueError(f"{path}: a run knows its images; leave out the options of images")
        return _of_run(path, arguments.without_graph)
    if arguments.without_graph:
        raise ValueError("--without-graph goes with a run")
    dataset = data_of(arguments).source.open()
    return dataset, read_coco_labels(path / COCO_FILE if path.is_dir() else path, dataset)


def _of_run(
    folder: Path, without_graph: bool
) -> tuple[ImageDataset, Iterator[tuple[ImageLabels, Truth | None]]]:
    """The images of a labelled run, and what its labels make of its proposals."""
    run = open_run(folder, runtime=Runtime(on_error="skip"))
    dataset, store = run.dataset, run.proposals
    file = read_labels(labels_file(run), without_graph=without_graph)
    images = assign(images_of_store(store), *file.of_store(store))
    place = {name: i for i, name in enumerate(dataset.image_ids)}
    return dataset, ((one, dataset.truth(place[one.image_id])) for one in images)
