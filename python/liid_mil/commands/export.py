"""``liid-mil export``: labelled proposals as annotations that detectors train on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from liid_cut.commands import print_json, write
from liid_mil.assignment import NMS_IOU, SUPPRESS, Selection, assign, images_of_store
from liid_mil.baselines import MAKERS, with_masks
from liid_mil.commands import EXIT_CODES, OK
from liid_mil.config_files import as_json
from liid_mil.data.types import ImageDataset, ImageLabels, Truth
from liid_mil.export import FORMATS, DataCard, Tally, export
from liid_mil.export.data_card import file_hash
from liid_mil.label_files import read_labels
from liid_mil.oracle import oracle
from liid_mil.pipeline import CONFIG, Pipeline, labels_file, open_run
from liid_mil.proposals.store import ProposalStore
from liid_mil.stages.results import coco_options
from liid_mil.training.config import Runtime

_DESCRIPTION = """\
Write pseudo ground truth: drop the background, suppress overlapping proposals of one class in an
image, and write what is left with a data card. The folder OUT is new, and appears when it is whole.
"""
_EPILOG = f"""\
examples:
  liid-mil export run --format coco -o run/coco
  liid-mil export run --format voc -o run/voc --min-score 0.5 --void-width 2
  liid-mil export run --format coco -o run/bound --oracle
  liid-mil export --labels result.npz --proposals store --classes cat,dog --format yolo -o yolo

{EXIT_CODES}"""
_OPTIONS = {  # of one format: name on the command line, and its default
    "split": ("voc", "yolo"),
    "void_width": ("voc",),
    "tolerance": ("yolo",),
}


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "export",
        help="write the labelled proposals as COCO, VOC or YOLO annotations",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="RUN", help="after `liid-mil label`"
    )
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", required=True, help="new folder"
    )

    source = parser.add_argument_group("what is exported")
    source.add_argument(
        "--labels",
        type=Path,
        metavar="NPZ",
        help="of `liid-mil label`, or a result of `liid-cut solve` (default: RUN's own)",
    )
    source.add_argument(
        "--proposals", type=Path, metavar="STORE", help="a store (default: that of RUN)"
    )
    source.add_argument(
        "--classes", metavar="A,B,...", help="names of the classes 1, 2, ... where no file says"
    )
    source.add_argument(
        "--without-graph", action="store_true", help="labels of the network alone, not the cut's"
    )
    source.add_argument(
        "--oracle",
        action="store_true",
        help="labels from the annotated boxes of RUN's images: the upper bound of Table 7",
    )
    source.add_argument(
        "--masks",
        choices=("own", *MAKERS),
        default="own",
        help="masks of the proposals, or shapes in their boxes (default: %(default)s)",
    )

    selection = parser.add_argument_group("which proposals become objects")
    selection.add_argument(
        "--nms",
        choices=SUPPRESS,
        default="box",
        help="overlap that counts for non-maximum suppression (default: %(default)s)",
    )
    selection.add_argument(
        "--iou", type=float, default=NMS_IOU, metavar="T", help="of --nms (default: %(default)s)"
    )
    selection.add_argument("--min-score", type=float, metavar="S", help="least score of an object")
    selection.add_argument(
        "--max-per-image", type=int, metavar="N", help="the surest N of an image"
    )
    selection.add_argument(
        "--skip-empty", action="store_true", help="leave out images without an object"
    )

    options = parser.add_argument_group("options of formats")
    options.add_argument(
        "--split", metavar="NAME", help="of voc and yolo: name of the list (default: train)"
    )
    options.add_argument(
        "--void-width", type=int, metavar="W", help="of voc: void pixels on each side of a border"
    )
    options.add_argument(
        "--tolerance", type=float, metavar="T", help="of yolo: pixels that polygons may be off by"
    )
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no report and no progress bar")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write and report; returns the exit code."""
    options = _options(arguments)
    source = _source(arguments)
    selection = Selection(
        arguments.nms, arguments.iou, arguments.min_score, arguments.max_per_image
    )
    images = source.images(selection)
    if arguments.masks != "own":
        images = with_masks(images, arguments.masks)
    if arguments.skip_empty:
        images = (image for image in images if len(image) > 0)
    card = DataCard(
        source.sentence,
        export={
            "format": arguments.format,
            **asdict(selection),
            "masks": arguments.masks,
            "skip_empty": arguments.skip_empty,
            **options,
        },
        cut=source.cut,
        run=None if source.run is None else as_json(source.run.config),
        inputs={name: file_hash(path) for name, path in source.inputs.items()},
        warnings=source.warnings,
    )
    if arguments.format == "coco":
        options |= {} if source.run is None else coco_options(source.run)
    talks = not arguments.json and not arguments.quiet
    bar = tqdm(
        images,
        total=len(source.store),
        desc="export",
        unit="image",
        file=sys.stderr,
        disable=not talks or not sys.stderr.isatty(),
    )
    tally = export(
        arguments.output, bar, source.class_names, format=arguments.format, card=card, **options
    )
    _report(arguments, card.facts(tally), tally)
    return OK


@dataclass(frozen=True, eq=False)
class _Source:
    """Where labelled proposals come from."""

    store: ProposalStore
    class_names: tuple[str, ...]
    sentence: str
    images: Callable[[Selection], Iterator[ImageLabels]]
    inputs: dict[str, Path]
    run: Pipeline | None
    cut: Any = None
    warnings: tuple[str, ...] = ()


def _source(arguments: argparse.Namespace) -> _Source:
    folder: Path | None = arguments.folder
    if folder is None and (arguments.labels is None or arguments.proposals is None):
        raise ValueError("give a RUN, or both --labels and --proposals")
    run = None if folder is None else open_run(folder, runtime=Runtime(on_error="skip"))
    if arguments.proposals is not None or run is None:
        store = ProposalStore(arguments.proposals)
    else:
        store = run.proposals
    inputs = {"proposals/header.json": store.path / "header.json"}
    if folder is not None:
        inputs[CONFIG] = folder / CONFIG
    if arguments.oracle:
        if run is None:
            raise ValueError("--oracle needs a RUN, whose images have annotations")
        if arguments.labels is not None or arguments.without_graph:
            raise ValueError("--oracle takes no labels")
        dataset = run.dataset
        return _Source(
            store,
            dataset.class_names,
            "Proposals that annotated boxes filter and label: an upper bound, not for training.",
            lambda selection: oracle(
                images_of_store(store), _truths(store, dataset), **asdict(selection)
            ),
            inputs,
            run,
        )
    path = arguments.labels
    if path is None:
        assert run is not None  # without a run, --labels was asked for above
        path = labels_file(run)
    inputs["labels.npz"] = path
    file = read_labels(path, without_graph=arguments.without_graph)
    names = file.class_names or tuple((arguments.classes or "").split(","))
    if file.class_names is None and arguments.classes is None:
        raise ValueError(f"{path}: has no names of classes; give them by --classes")
    labels, scores = file.of_store(store)
    by = "the network alone" if arguments.without_graph else "a multi-way cut"
    warnings = (
        [] if file.scores is not None else ["Scores are those of the proposals, not the cut's."]
    )
    if file.cut is None and not arguments.without_graph:
        warnings.append("Nothing is known of the certificate of the cut.")
    return _Source(
        store,
        names,
        f"Object proposals labelled by {by}.",
        lambda selection: assign(images_of_store(store), labels, scores, **asdict(selection)),
        inputs,
        run,
        file.cut,
        tuple(warnings),
    )


def _truths(store: ProposalStore, dataset: ImageDataset) -> Iterable[Truth | None]:
    """Annotated objects of the images that the store did not skip."""
    index = {name: i for i, name in enumerate(dataset.image_ids)}
    for name in store.image_ids:
        if name not in store.skipped:
            yield dataset.truth(index[name]) if name in index else None


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Options of the format that were given; raises ``ValueError`` for those of another."""
    given = {}
    for name, formats in _OPTIONS.items():
        value = getattr(arguments, name)
        if value is None:
            continue
        if arguments.format not in formats:
            option = name.replace("_", "-")
            raise ValueError(
                f"--{option} goes with {' and '.join(formats)}, not {arguments.format}"
            )
        given[name] = value
    return given


def _report(arguments: argparse.Namespace, facts: dict[str, Any], tally: Tally) -> None:
    if arguments.json:
        print_json({**facts, "output": str(arguments.output)})
    elif not arguments.quiet:
        found = ", ".join(f"{name} {n:,}" for name, n in facts["counts"]["by_class"].items())
        write(
            f"images       {tally.n_images:,}, of these without an object {tally.n_empty:,}",
            f"objects      {tally.n_objects:,}: {found}",
            *(f"warning      {sentence}" for sentence in facts["warnings"]),
            f"written      {arguments.output}",
        )
