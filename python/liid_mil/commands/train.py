"""``liid-mil train``: proposals, CAM classifier, pseudo labels and MIL network, in one folder."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from liid_cut.commands import print_json, write
from liid_mil.commands import (
    EXIT_CODES,
    OK,
    add_data_options,
    add_runtime_options,
    add_settings_options,
    config_of,
    runtime_of,
)
from liid_mil.pipeline import Pipeline, locked
from liid_mil.training.distributed import is_main, processes

_DESCRIPTION = """\
Train on images with image-level tags. The folder gets config.yaml and a folder for each stage, in
which every output lies under a digest of its settings and inputs. The same command goes on after a
stop; one with other settings does what depends on them, and leaves the rest.
Several GPUs: torchrun --nproc-per-node 4 -m liid_mil.cli train ...
"""
_EPILOG = f"""\
examples:
  liid-mil train --scenes 300 -o run
  liid-mil train --voc VOCdevkit/VOC2012 -o run --set weights=resnet50.pth --workers 8
  liid-mil train --folder photos --tags tags.csv -o run --set backbone=efficientnet_lite0 \\
      --set weights=bundled --set image_size=320

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "train",
        help="train the CAM classifier and the MIL network",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run"
    )
    add_settings_options(parser)
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=10.0,
        metavar="M",
        help="between checkpoints inside an epoch (default: %(default)s)",
    )
    parser.add_argument("--tensorboard", metavar="DIR", help="folder for TensorBoard's event files")
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and report; returns the exit code."""
    config = config_of(arguments)
    runtime = runtime_of(
        arguments,
        checkpoint_minutes=arguments.checkpoint_minutes,
        tensorboard=arguments.tensorboard,
    )
    with locked(arguments.output) if is_main() else nullcontext(), processes(runtime.device):
        pipeline = Pipeline(config, arguments.output, runtime=runtime)
        n_proposals = sum(map(len, pipeline.proposals))
        _ = pipeline.network
        if is_main():
            pipeline.save_config()
    facts = {
        "n_images": len(pipeline.dataset),
        "n_classes": len(pipeline.dataset.class_names),
        "n_proposals": n_proposals,
        "output": str(arguments.output),
    }
    if is_main() and arguments.json:
        print_json(facts)
    elif is_main() and not arguments.quiet:
        write(
            f"data      {facts['n_images']:,} images, {facts['n_classes']} classes, "
            f"{facts['n_proposals']:,} proposals",
            f"written   {arguments.output}",
            f"go on     liid-mil extract {arguments.output}",
        )
    return OK
