"""``liid-cut plan``: memory, disk, network and time of a run, before anything starts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from liid_cut.commands import CommandError, print_json, write
from liid_cut.graph import SYMMETRIZE
from liid_cut.neighbors.methods import METHODS
from liid_cut.npz import check_writable
from liid_cut.planning import Costs, RunPlan, plan_run, write_costs
from liid_cut.planning.advice import in_bytes, in_time
from liid_cut.planning.costs import cache_path
from liid_cut.planning.settings import DTYPES

_FITS = 0
_DOES_NOT_FIT = 3

_DESCRIPTION = """\
Say what a run will take, stage by stage: CPU time, time by the clock, memory of a worker, disk and
network; which neighbour method it will use, whether it fits, what limits it, and which setting
would change that. Nothing is read and nothing starts.

Time rests on what a unit of work costs: measured here by --calibrate (half a minute of one core),
else on another machine, which is named.
"""
_EPILOG = """\
examples:
  liid-cut plan --n 200000 --d 2048 --labels 21
  liid-cut plan --n 4900000 --d 2048 --labels 81 --dtype float16 --memory "64 GiB" --workers 8
  liid-cut plan --calibrate

exit codes:
  0    the run fits the memory
  2    bad usage
  3    it does not
"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "plan",
        help="memory, disk, network and time of a run, before it starts",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--n", type=int, metavar="N", help="proposals")
    parser.add_argument("--d", type=int, metavar="D", help="columns of the features")
    parser.add_argument("--labels", type=int, metavar="L", help="labels, the background included")
    parser.add_argument(
        "--memory", metavar="SIZE", help="of one worker, for example '64 GiB' (default: as here)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="W",
        help="processes of a distributed run; 1, the default: a single process",
    )
    parser.add_argument(
        "--cores-per-worker", type=int, metavar="C", help="(default: the cores of this machine)"
    )
    parser.add_argument(
        "--n-neighbors", type=int, default=3, metavar="K", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--neighbors",
        choices=METHODS,
        default="auto",
        help="how neighbours are found (default: %(default)s)",
    )
    parser.add_argument(
        "--symmetrize",
        choices=SYMMETRIZE,
        help="(default: union where delta is estimated, else mutual)",
    )
    parser.add_argument(
        "--delta", default="auto", metavar="D", help="a number, or auto, the default: estimated"
    )
    parser.add_argument(
        "--target-recall", type=float, default=0.999, metavar="R", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--dtype",
        choices=tuple(DTYPES),
        default="float32",
        help="of features and probabilities (default: %(default)s)",
    )
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="of a worker for the neighbour search (default: half of --memory)",
    )
    parser.add_argument("--checkpoint", action="store_true", help="the run keeps its state on disk")
    parser.add_argument(
        "--network-bandwidth",
        default="10 Gbit/s",
        metavar="RATE",
        help="of a worker (default: %(default)s)",
    )
    parser.add_argument(
        "--disk-bandwidth",
        default="500 MB/s",
        metavar="RATE",
        help="of a worker (default: %(default)s)",
    )
    parser.add_argument(
        "--costs",
        type=Path,
        metavar="FILE",
        help="measured costs (default: those of --calibrate in the cache folder, else packaged "
        "ones); with --calibrate: where to write them",
    )
    parser.add_argument(
        "--calibrate", action="store_true", help="measure this machine and keep the costs"
    )
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Calibrate or plan, and report; returns the exit code."""
    sizes = (arguments.n, arguments.d, arguments.labels)
    if arguments.calibrate:
        costs = _calibrate(arguments.costs or cache_path(), talks=not arguments.json)
        if sizes == (None, None, None):
            if arguments.json:
                print_json(vars(costs))
            return _FITS
        arguments.costs = costs
    if None in sizes:
        raise CommandError("--n, --d and --labels are needed, or --calibrate")
    plan = plan_run(
        *sizes,
        memory=arguments.memory,
        workers=arguments.workers,
        cores_per_worker=arguments.cores_per_worker,
        n_neighbors=arguments.n_neighbors,
        neighbors=arguments.neighbors,
        symmetrize=arguments.symmetrize,
        delta="auto" if arguments.delta == "auto" else _number(arguments.delta),
        target_recall=arguments.target_recall,
        dtype=arguments.dtype,
        max_memory=arguments.max_memory,
        checkpoint=arguments.checkpoint,
        network_bandwidth=arguments.network_bandwidth,
        disk_bandwidth=arguments.disk_bandwidth,
        costs=arguments.costs,
    )
    if arguments.json:
        print_json(plan.as_dict())
    else:
        write(*plan_lines(plan))
    return _FITS if plan.fits and not plan.problem else _DOES_NOT_FIT


def plan_lines(plan: RunPlan) -> list[str]:
    """A plan for people."""
    settings = plan.settings
    of = f"{settings.workers} workers, each" if settings.workers > 1 else "one process,"
    blocks = ", ".join(f"{name} {size:,}" for name, size in plan.blocks.items())
    return [
        f"problem      {settings.n:,} nodes x {settings.d} {settings.dtype} features "
        f"({in_bytes(settings.feats_bytes)}), {settings.labels} labels",
        f"machines     {of} with {settings.cores} cores and {in_bytes(settings.memory)}",
        f"neighbours   {plan.method}; {plan.reason}",
        *([f"blocks       {blocks}"] if blocks else []),
        "",
        *_table(plan),
        "",
        f"fits         {'yes' if plan.fits else 'no'}: {in_bytes(plan.memory)} of "
        f"{in_bytes(settings.memory)} a worker",
        *(
            [f"client       {in_bytes(plan.client_memory)} for numbers of nodes and edges"]
            if plan.client_memory
            else []
        ),
        f"bottleneck   {plan.bottleneck}",
        *(f"advice       {sentence}" for sentence in plan.advice),
        *(f"assumed      {sentence}" for sentence in plan.assumptions),
        f"costs        measured {plan.costs.date} on {plan.costs.machine}",
    ]


def _table(plan: RunPlan) -> list[str]:
    """A row for each stage, below it its steps where it has several, and the sums."""
    rows: list[tuple[str, ...]] = [("stage", "CPU", "clock", "memory", "disk", "network", "tasks")]
    for stage in plan.stages:
        rows.append(_row(stage.stage, stage, stage.tasks))
        if len(stage.steps) > 1:
            rows += [("", in_time(cpu_s), what) for what, cpu_s in stage.steps]
    rows.append(_row("all", plan, sum(stage.tasks for stage in plan.stages)))
    widths = [max(len(row[i]) for row in rows if len(row) == 7) for i in range(7)]
    lines = []
    for row in rows:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=False)]
        padded[0] = row[0].ljust(widths[0])
        if len(row) < 7:
            padded[2] = row[2]
        lines.append("  ".join(padded))
    return lines


def _row(name: str, of: Any, tasks: int) -> tuple[str, ...]:
    sizes = (of.memory, of.disk, of.network)
    return name, in_time(of.cpu_s), in_time(of.wall_s), *map(in_bytes, sizes), f"{tasks:,}"


def _calibrate(path: Path, *, talks: bool) -> Costs:
    from liid_cut.planning.calibration import calibrate

    path.parent.mkdir(parents=True, exist_ok=True)
    check_writable(path)
    if talks:
        write("measuring what a unit of work costs here ...")
    costs = calibrate()
    write_costs(path, costs)
    if talks:
        write(f"written      {path}")
    return costs


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CommandError(f"--delta is {text!r}; it must be auto or a number") from None
