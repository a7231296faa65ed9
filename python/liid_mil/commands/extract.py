"""``liid-mil extract``: probabilities and features of the proposals of a run."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from liid_cut.commands import print_json, write
from liid_mil.commands import EXIT_CODES, OK, add_runtime_options, runtime_of
from liid_mil.config import ExtractionConfig
from liid_mil.extraction import DTYPES
from liid_mil.pipeline import locked, open_run
from liid_mil.training.distributed import is_main, processes

_DESCRIPTION = """\
Compute class probabilities and features of all proposals of a run of `liid-mil train`, in a folder
of RUN/extraction with probs.npy, feats.npy (memory maps) and index.npz. A run that was stopped goes
on with the same command. Several GPUs: torchrun --nproc-per-node 4 -m liid_mil.cli extract ...
"""
_EPILOG = f"""\
example:
  liid-mil extract run --dtype float32

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "extract",
        help="probabilities and features of all proposals",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of `liid-mil train`")
    parser.add_argument(
        "--dtype", choices=DTYPES, help="of the files (default: that of the run, at first float16)"
    )
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Extract and report; returns the exit code."""
    runtime = runtime_of(arguments)
    pipeline = open_run(arguments.folder, runtime=runtime)
    if arguments.dtype is not None:
        pipeline = pipeline.changed(extraction=ExtractionConfig(dtype=arguments.dtype))
    with locked(arguments.folder) if is_main() else nullcontext(), processes(runtime.device):
        extraction = pipeline.extraction
        if is_main():
            pipeline.save_config()
    output = str(pipeline.output("extraction").path)
    n, d = extraction.feats.shape
    facts = {
        "n_proposals": n,
        "n_features": d,
        "n_labels": extraction.probs.shape[1],
        "dtype": extraction.feats.dtype.name,
        "output": output,
    }
    if is_main() and arguments.json:
        print_json(facts)
    elif is_main() and not arguments.quiet:
        write(
            f"proposals {n:,}, each with {facts['n_labels']} probabilities and {d} features",
            f"written   {output}",
            f"go on     liid-mil label {arguments.folder}",
        )
    return OK
