"""``liid-mil ablate``: the paper's Tables 1-6 for the dataset of a run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from liid_cut.commands import print_json, write
from liid_mil.ablation import TABLES, AblationRow, ablate, format_table
from liid_mil.commands import (
    EXIT_CODES,
    OK,
    add_graph_options,
    add_runtime_options,
    runtime_of,
    with_graph,
)
from liid_mil.pipeline import locked, open_run

_DESCRIPTION = """\
Print the paper's ablation tables for the dataset of a run, each result without / with the graph.
Each row but the base and those of Table 6 trains a MIL network. Rows are stored in RUN/ablation as
they are done; the same command goes on after the last one.
"""
_LIST = "\n".join(f"  {number}  {table.title}" for number, table in TABLES.items())
_EPILOG = f"""\
tables:
{_LIST}

example:
  liid-mil ablate run --tables 1,3

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "ablate",
        help="the paper's Tables 1-6 for a run's dataset",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of `liid-mil train`")
    parser.add_argument(
        "--tables",
        type=_numbers,
        default=list(TABLES),
        metavar="1,3",
        help="which (default: all)",
    )
    add_graph_options(parser)
    add_runtime_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compute what is missing and print the tables; returns the exit code."""
    pipeline = open_run(arguments.folder, runtime=runtime_of(arguments))
    pipeline = pipeline.changed(cut=with_graph(pipeline.config, arguments).cut)

    def report(row: AblationRow) -> None:
        if not arguments.json and not arguments.quiet:
            settings = ", ".join(f"{name}={value}" for name, value in row.settings.items())
            print(f"table {row.table}: {settings}: done", file=sys.stderr)

    with locked(arguments.folder):
        rows = ablate(pipeline, arguments.tables, report=report)
    if arguments.json:
        print_json({"rows": [asdict(row) for row in rows]})
    elif not arguments.quiet:
        for number in arguments.tables:
            write(*format_table(number, rows), "")
    return OK


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 1,3") from None
