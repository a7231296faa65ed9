"""``liid-mil import``: others' proposals into a store."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from liid_cut.commands import print_json, write
from liid_mil.commands import OK, add_data_options, data_of
from liid_mil.importing import ImportReport, import_proposals
from liid_mil.readers import FORMATS, Limits

_DESCRIPTION = """\
Read object proposals that others have made, and write them to a store, the folder that the other
commands read. With images, the store gets them in their order: names in the files are matched to
image ids and file names, each with or without its ending. Nothing is ever unpickled.

formats:
  mcg         MCG's .mat files (superpixels, labels, scores; or bboxes), one an image
  sam         Segment Anything's .json files, one an image: SA-1B's or the mask generator's
  prm         Peak Response Mapping's .json files, one an image
  coco        COCO's results format, one .json file
  label-maps  .png files whose values number the proposals, such as S4Net's
  voc         .png files as VOC's SegmentationObject, 255: void; or the folder above
  authors     plain arrays, .npz or .json: what pickles are to be converted to
  auto        one of these, by the contents
"""
_EPILOG = """\
examples:
  liid-mil import mcg MCG-Pascal-Main_trainvaltest_2012-proposals -o proposals \\
      --voc VOCdevkit/VOC2012 --top 500 --select 20
  liid-mil import sam masks -o proposals --folder photos --tags tags.csv
  liid-mil import coco results.json -o proposals --coco instances.json --images train2017
  liid-mil import mcg boxes -o proposals --images photos

exit codes:
  0    done
  2    bad input or usage, a damaged file, or images without proposals (see --allow-missing)
  130  interrupted (Ctrl-C); nothing is written
"""
_SHOWN = 5


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "import",
        help="others' proposals into a store",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=FORMATS, metavar="FORMAT", help="one of the above")
    parser.add_argument("path", type=Path, metavar="PATH", help="file, or folder of files")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="STORE", help="folder, which is new"
    )
    add_data_options(parser, required=False)
    group = parser.add_argument_group("proposals")
    group.add_argument("--top", type=int, metavar="N", help="keep the N best of an image")
    group.add_argument(
        "--select", type=int, metavar="N", help="keep N of them that cover the image (section 6.1)"
    )
    group.add_argument(
        "--missing-scores",
        choices=("one", "area"),
        default="one",
        help="scores where the files have none: 1, or the share of the image (default: one)",
    )
    limits = Limits()
    group.add_argument(
        "--max-pixels",
        type=int,
        default=limits.max_pixels,
        metavar="N",
        help="refuse larger images (default: %(default)s)",
    )
    group.add_argument(
        "--max-proposals",
        type=int,
        default=limits.max_proposals,
        metavar="N",
        help="refuse more of one image (default: %(default)s)",
    )
    group = parser.add_argument_group("running")
    group.add_argument(
        "--allow-missing", action="store_true", help="images without proposals in PATH get none"
    )
    group.add_argument(
        "--skip-damaged", action="store_true", help="report damaged files and leave them out"
    )
    group.add_argument("--json", action="store_true", help="report as one JSON object")
    group.add_argument("--quiet", action="store_true", help="no report and no progress bar")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Import and report; returns the exit code."""
    on_error = "skip" if arguments.skip_damaged else "raise"
    dataset = None
    image_dir = arguments.images
    if any(getattr(arguments, name) is not None for name in ("scenes", "voc", "coco", "folder")):
        dataset = data_of(arguments).source.open(on_error)
        image_dir = None
    else:
        for option in ("scenes_seed", "split", "classes", "tags"):
            if getattr(arguments, option) is not None:
                raise ValueError(f"--{option.replace('_', '-')} goes with a source of images")
    talks = not arguments.json and not arguments.quiet
    _, report = import_proposals(
        arguments.format,
        arguments.path,
        arguments.output,
        dataset=dataset,
        image_dir=image_dir,
        top=arguments.top,
        select=arguments.select,
        allow_missing=arguments.allow_missing,
        limits=Limits(max_pixels=arguments.max_pixels, max_proposals=arguments.max_proposals),
        missing_scores=arguments.missing_scores,
        on_error=on_error,
        progress=talks and sys.stderr.isatty(),
    )
    if arguments.json:
        print_json(_facts(report, arguments.output))
    elif not arguments.quiet:
        write(*_lines(report, arguments.output))
    return OK


def _facts(report: ImportReport, output: Path) -> dict[str, Any]:
    return {
        "format": report.format,
        "n_images": report.n_images,
        "n_proposals": report.n_proposals,
        "n_empty": report.n_empty,
        "n_missing": len(report.missing),
        "n_unknown": report.unknown,
        "skipped": report.skipped,
        "output": str(output),
    }


def _lines(report: ImportReport, output: Path) -> list[str]:
    damaged = {name: why for name, why in report.skipped.items() if name not in report.missing}
    lines = [
        f"read      {report.n_images:,} images, {report.n_proposals:,} proposals ({report.format})"
    ]
    if report.n_empty > 0:
        lines.append(f"left out  {report.n_empty:,} proposals without a pixel")
    if report.missing:
        some = ", ".join(report.missing[:_SHOWN])
        more = ", ..." if len(report.missing) > _SHOWN else ""
        lines.append(f"missing   {len(report.missing):,} images without proposals: {some}{more}")
    if damaged:
        lines.append(f"damaged   {len(damaged):,} images, left out:")
        lines += [f"          {name}: {why}" for name, why in list(damaged.items())[:_SHOWN]]
    if report.unknown > 0:
        lines.append(f"ignored   {report.unknown:,} images that are not the dataset's")
    return [*lines, f"written   {output}"]
