"""The commands of ``liid-mil``, one module each, and the options that they share."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from liid_cut.commands import delta
from liid_cut.graph import SYMMETRIZE
from liid_mil.config import (
    PRESETS,
    CocoData,
    DataConfig,
    FolderData,
    PipelineConfig,
    ScenesData,
    VocData,
    preset,
)
from liid_mil.config_files import changed
from liid_mil.metrics import Metrics
from liid_mil.presets import SCENES_GRAPH
from liid_mil.training.config import Runtime

OK = 0
BAD_INPUT = 2
LIMIT = 3
INTERRUPTED = 130

EXIT_CODES = """\
exit codes:
  0    done
  2    bad input or usage, or a damaged file
  3    the cut reached a limit; its labels are valid, but not proven optimal
  130  interrupted (Ctrl-C); the same command goes on from the last checkpoint
"""
METHODS = {
    "cam": "CAM alone",
    "without_graph": "MIL without graph",
    "with_graph": "MIL with graph",
}


def add_data_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Options that say where images come from; one source, or none where that is allowed."""
    group = parser.add_argument_group("images (one of)")
    source = group.add_mutually_exclusive_group(required=required)
    source.add_argument("--scenes", type=int, metavar="N", help="N composed images")
    source.add_argument("--voc", type=Path, metavar="ROOT", help="VOC devkit layout")
    source.add_argument("--coco", type=Path, metavar="JSON", help="COCO annotations")
    source.add_argument("--folder", type=Path, metavar="DIR", help="images, with --tags")
    group.add_argument("--scenes-seed", type=int, metavar="S", help="of --scenes (default: 0)")
    group.add_argument(
        "--split",
        metavar="LIST",
        help="of --voc: a list in ImageSets, a .txt file, or main-without-seg-val, which the paper "
        "trains on (default: Main/trainval)",
    )
    group.add_argument(
        "--classes", metavar="A,B,...", help="names of the classes of --voc (default: VOC's 20)"
    )
    group.add_argument("--images", type=Path, metavar="DIR", help="image folder of --coco")
    group.add_argument(
        "--tags", type=Path, metavar="FILE", help="csv or npz of --folder, and maybe of --voc"
    )


_SOURCES = ("scenes", "voc", "coco", "folder")
_OWNERS = {  # option: sources that it goes with
    "scenes_seed": ("scenes",),
    "split": ("voc",),
    "classes": ("voc",),
    "images": ("coco",),
    "tags": ("folder", "voc"),
}


def names_images(arguments: argparse.Namespace) -> bool:
    """Whether an option of :func:`add_data_options` is given."""
    return any(getattr(arguments, name) is not None for name in (*_SOURCES, *_OWNERS))


def data_of(arguments: argparse.Namespace) -> DataConfig:
    """The source that :func:`add_data_options` describes.

    Raises
    ------
    ValueError : an option of another source, or one that is missing.
    """
    reader = next((name for name in _SOURCES if getattr(arguments, name) is not None), None)
    if reader is None:
        raise ValueError("give the images: one of --scenes, --voc, --coco, --folder")
    for option, owners in _OWNERS.items():
        given = getattr(arguments, option) is not None
        if given and reader not in owners:
            raise ValueError(f"--{option.replace('_', '-')} goes with --{owners[0]}, not {reader}")
        if not given and reader in ("coco", "folder") and reader == owners[0]:
            raise ValueError(f"--{reader} needs --{option}")
    if reader == "scenes":
        seed = arguments.scenes_seed or 0
        return DataConfig(scenes=ScenesData(n_images=arguments.scenes, seed=seed))
    if reader == "voc":
        return DataConfig(
            voc=VocData(
                root=arguments.voc.resolve(),
                images=arguments.split or "Main/trainval",
                class_names=arguments.classes and tuple(arguments.classes.split(",")),
                tag_file=arguments.tags and arguments.tags.resolve(),
            )
        )
    if reader == "coco":
        images = arguments.images.resolve()
        return DataConfig(coco=CocoData(annotations=arguments.coco.resolve(), images=images))
    return DataConfig(
        folder=FolderData(folder=arguments.folder.resolve(), tags=arguments.tags.resolve())
    )


def add_runtime_options(parser: argparse.ArgumentParser) -> None:
    """Options of :class:`liid_mil.training.config.Runtime`, and of the report."""
    group = parser.add_argument_group("running")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    group.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes that read images"
    )
    group.add_argument(
        "--skip-damaged", action="store_true", help="report damaged images and leave them out"
    )
    group.add_argument("--json", action="store_true", help="report as one JSON object")
    group.add_argument("--quiet", action="store_true", help="no report and no progress bar")


def runtime_of(arguments: argparse.Namespace, **settings: Any) -> Runtime:
    """The runtime that :func:`add_runtime_options` describes."""
    talks = not arguments.json and not arguments.quiet
    return Runtime(
        device=arguments.device,
        workers=arguments.workers,
        on_error="skip" if arguments.skip_damaged else "raise",
        progress=talks and sys.stderr.isatty(),
        **settings,
    )


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Options for the settings of the stages."""
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        help="settings to start from (default: scenes for --scenes, else paper)",
    )
    add_set_option(parser)
    parser.add_argument("--seed", type=int, metavar="S", help="of both trainings (default: 0)")
    parser.add_argument(
        "--proposals", type=int, metavar="N", help="an image (default: 20; for scenes 12)"
    )


def add_set_option(parser: argparse.ArgumentParser) -> None:
    """The option that changes single settings."""
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting, such as cut.delta=0.3 or cam.epochs=5; image_size=320 is that of "
        "both trainings (may be repeated)",
    )


def config_of(arguments: argparse.Namespace) -> PipelineConfig:
    """The configuration that data and settings options describe."""
    data = data_of(arguments)
    name = arguments.preset or ("scenes" if data.scenes is not None else "paper")
    config = replace(preset(name, seed=arguments.seed), data=data)
    if arguments.proposals is not None:
        proposals = replace(config.proposals, per_image=arguments.proposals)
        config = replace(config, proposals=proposals)
    return changed(config, arguments.settings)


def add_graph_options(parser: argparse.ArgumentParser) -> None:
    """Options of the multi-way cut's graph."""
    default = "(default: that of the run; the paper's is {}, for scenes {})".format
    parser.add_argument(
        "--delta",
        type=delta,
        metavar="D",
        help="weight of edges against probabilities " + default(5, SCENES_GRAPH["delta"]),
    )
    parser.add_argument(
        "--n-neighbors",
        type=int,
        metavar="K",
        help="nearest neighbours of a node " + default(3, SCENES_GRAPH["n_neighbors"]),
    )
    parser.add_argument(
        "--symmetrize",
        choices=SYMMETRIZE,
        help="an edge where both ends (mutual) or one (union) name the other as neighbour "
        "(default: that of the run)",
    )


def with_graph(config: PipelineConfig, arguments: argparse.Namespace) -> PipelineConfig:
    """A configuration with the settings of :func:`add_graph_options` that are given."""
    names = ("delta", "n_neighbors", "symmetrize", "time_limit")
    given = {name: getattr(arguments, name, None) for name in names}
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(config, cut=replace(config.cut, **changes))


def metrics_table(methods: dict[str, Metrics]) -> list[str]:
    """Metrics of :func:`liid_mil.pipeline.compare` for people, in percent."""
    lines = [f"{'':18} accuracy   AP50   AP75    ABO"]
    for name, metrics in methods.items():
        values = (metrics.accuracy, metrics.ap50, metrics.ap75, metrics.abo)
        cells = "  ".join(f"{100 * value:5.1f}" for value in values)
        lines.append(f"{METHODS[name]:18}    {cells}")
    return lines
