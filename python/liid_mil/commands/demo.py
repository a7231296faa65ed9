"""``liid-mil demo``: train on composed scenes and label their proposals."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from liid_cut.commands import exit_code, print_json, write
from liid_mil import demo
from liid_mil.commands import (
    EXIT_CODES,
    METHODS,
    add_graph_options,
    add_runtime_options,
    add_set_option,
    metrics_table,
    runtime_of,
    with_graph,
)
from liid_mil.config_files import changed
from liid_mil.pipeline import locked

_DESCRIPTION = """\
Compose images of handwritten digits on photographs, train the CAM classifier and the MIL network
on their tags alone, label their proposals by the multi-way cut, and compare with the annotated
objects: label accuracy of all proposals, AP and best overlap of those labelled as objects.
Minutes on two cores. Everything is kept in the output folder; the same command goes on there.
"""
_EPILOG = f"""\
examples:
  liid-mil demo
  liid-mil demo --seed 7 -o demo-7 --json

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "demo",
        help="the whole chain on composed scenes, in minutes",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of images and trainings (default: %(default)s)"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=demo.N_IMAGES,
        metavar="N",
        help="scenes to train on and label (default: %(default)s)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("liid-mil-demo"),
        metavar="DIR",
        help="folder for all files, made where it is missing (default: %(default)s)",
    )
    add_graph_options(parser)
    add_set_option(parser)
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the chain and report; returns the exit code."""
    config = demo.demo_config(arguments.seed, arguments.images)
    config = changed(with_graph(config, arguments), arguments.settings)
    graph = asdict(config.cut)
    start, cpu_start = time.perf_counter(), time.process_time()
    with _one_thread(), locked(arguments.output):
        found = demo.run_demo(config, arguments.output, runtime_of(arguments))
    facts = {
        "seed": arguments.seed,
        "n_images": arguments.images,
        "n_proposals": found.n_proposals,
        **graph,
        **{method: asdict(metrics) for method, metrics in found.metrics.items()},
        "cut": found.result.status,
        "warnings": found.result.diagnostics["warnings"],
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu_start,
        "output": str(arguments.output),
    }
    if arguments.json:
        print_json(facts)
    elif not arguments.quiet:
        write(
            f"data      {arguments.images} scenes, {found.n_proposals:,} proposals "
            f"(seed {arguments.seed})",
            f"graph     {graph['n_neighbors']} nearest neighbours, {graph['symmetrize']}, "
            f"delta {graph['delta']:g}; the cut is {found.result.status}",
            *metrics_table({name: found.metrics[name] for name in METHODS}),
            *(f"warning   {warning}" for warning in facts["warnings"]),
            f"time      {facts['seconds']:.0f} s ({facts['cpu_seconds']:.0f} CPU s)",
            f"written   {arguments.output}",
        )
    return exit_code(found.result)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The same bits on any number of cores.

    Networks this small gain little from more threads, and lose much where other work takes cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
