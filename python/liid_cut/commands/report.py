"""``liid-cut report RESULT -o report.html``: a result as one page to look at."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from liid_cut.commands import EXIT_CODES, OK, CommandError, write
from liid_cut.files import read_result
from liid_cut.npz import check_writable
from liid_cut.report import write_report
from liid_cut.report.files import read_delta_path, read_input, read_names, read_truth

_DESCRIPTION = """\
Write one HTML page that shows a result: status and warnings in words, what the cut changed and
which neighbours made it change, labels on images, bound and gap by stage, sizes and timings. The
page needs no server and no network.

IN.npz, mostly the problem file of the solve, may hold
  probs, allowed or image_ids + image_tags   as in the solve: what the cut changed needs probs;
  boxes (n, 4)       xyxy, with the image of each node: image_ids (n,) and image_names, or
                     image_index (n,) and image_ids as `liid-mil label` writes them;
  masks (n,)         run-length encodings, with image_sizes (n_images, 2);
  crops (n, h, w) or (n, h, w, 3)            uint8, a picture a node;
  truth (n,)         true labels, -1 unknown;
  margins (n,)       how sure each label is;
  label_names (K+1), or class_names (K) without the background; node_names (n,).
Pictures need: pip install "liid-cut[report]"
"""
_EPILOG = f"""\
examples:
  liid-cut report labels.npz -o report.html
  liid-cut report labels.npz --input proposals.npz --images photos --names labels.txt -o report.html

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "report",
        help="a result as one HTML page",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("result", metavar="RESULT.npz", help="result file of `liid-cut solve`")
    parser.add_argument(
        "-o", "--output", metavar="REPORT.html", required=True, help="page to write"
    )
    parser.add_argument("--input", metavar="IN.npz", help="probs and what else the nodes have")
    parser.add_argument(
        "--images", metavar="FOLDER", help="image files, named as the images of IN.npz"
    )
    parser.add_argument(
        "--names", metavar="FILE", help="text file, a label's name a line, label 0 first"
    )
    parser.add_argument(
        "--truth", metavar="FILE", help="true labels: .npy, or the array truth of an .npz"
    )
    parser.add_argument(
        "--delta-path",
        metavar="FILE",
        help="cuts for the slider, as DeltaPath.save writes them: .npz with deltas, labels (d, n), "
        "costs, lower_bounds and statuses",
    )
    parser.add_argument("--title", help="heading of the page (default: the result's file name)")
    parser.add_argument(
        "--max-images",
        type=int,
        default=24,
        metavar="N",
        help="images shown, those with most changes (default: %(default)s)",
    )
    parser.add_argument(
        "--max-changes",
        type=int,
        default=1000,
        metavar="N",
        help="changed nodes listed, those with the largest saving (default: %(default)s)",
    )
    parser.add_argument(
        "--max-bytes",
        default="8 MB",
        metavar="SIZE",
        help="of all pictures together (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, write the page and say where; returns the exit code."""
    output = arguments.output
    check_writable(output)
    read = [arguments.result, arguments.input, arguments.names, arguments.truth]
    for path in (*read, arguments.delta_path):
        if path is not None and os.path.exists(output) and os.path.samefile(path, output):
            raise CommandError(f"{output}: the page would overwrite an input")
    if arguments.images is not None and arguments.input is None:
        raise CommandError("--images needs --input, which says where in the images the nodes are")

    result = read_result(arguments.result)
    given: dict[str, Any] = {}
    if arguments.input is not None:
        given = read_input(arguments.input, arguments.images)
    if arguments.names is not None:
        given["label_names"] = read_names(arguments.names)
    if arguments.truth is not None:
        given["truth"] = read_truth(arguments.truth)
    if arguments.delta_path is not None:
        given["delta_path"] = read_delta_path(arguments.delta_path)
    if "allowed" in given and "probs" not in given:
        del given["allowed"]
    try:
        write_report(
            output,
            result,
            title=arguments.title or Path(arguments.result).stem,
            max_images=arguments.max_images,
            max_changes=arguments.max_changes,
            max_bytes=arguments.max_bytes,
            **given,
        )
    except (ImportError, TypeError) as error:
        raise CommandError(str(error)) from None
    if not arguments.quiet:
        write(f"written      {output} ({os.path.getsize(output):,} bytes)")
    return OK
