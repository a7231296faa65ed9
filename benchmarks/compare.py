"""Runs liid_cut and its peers on the same instances and prints a table for each instance.

    python -m benchmarks.compare [--quick] [--instances DIR] [--only NAME ...] [--peers NAME ...]
                                 [--time-limit SECONDS] [--repeat N] [--json OUT] [--markdown OUT]

Runs are interleaved, each in a fresh process. How to read the table: README.md beside this file.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import generators
from benchmarks.instances import Instance, make_instance, read_folder
from benchmarks.peers import PEERS
from benchmarks.runner import PROOF_TOLERANCE, Measurement, run_apart

REFERENCE = "liid-auto"
# A peer that ignores the time limit is killed this many seconds after it; slow model building
# counts too.
GRACE_S = 60.0
PACKAGES = ("liid-cut", "highspy", "PySCIPOpt", "pytoulbar2", "gco-wrapper", "numpy", "scipy")


def proposals_graph(n_images: int, seed: int) -> Instance:
    """Generated proposals on liid_cut's default graph (mutual, 3 neighbours, delta 5)."""
    import liid_cut

    made = generators.proposals(n_images, seed=seed)
    graph = liid_cut.build_graph(made.feats).tocoo()
    upper = graph.row < graph.col
    edges = np.stack([graph.row[upper], graph.col[upper]], axis=1)
    return make_instance(made.probs, edges, graph.data[upper])


QUICK: dict[str, Callable[[], Instance]] = {
    "triangle": generators.triangle,
    "simplex-grid-4": lambda: generators.simplex_grid(4),
    "potts-10x10-k4": lambda: generators.potts_grid(10, 10, 4, seed=0),
    "proposals-600": lambda: proposals_graph(30, seed=0),
}
GENERATED = QUICK | {
    "simplex-grid-10": lambda: generators.simplex_grid(10),
    "gadgets-300-k8": lambda: generators.gadgets(300, 8, seed=0),
    "regular-60-k6": lambda: generators.random_regular(60, 5, 6, seed=1),
    "regular-100-k6": lambda: generators.random_regular(100, 5, 6, seed=0),
    "proposals-6000": lambda: proposals_graph(300, seed=0),
}


def summary(runs: Sequence[Measurement]) -> Measurement:
    """The run with the median CPU time (the lower one of two); any run if none has a time."""
    timed = sorted((run for run in runs if run.cpu_s is not None), key=lambda run: run.cpu_s or 0.0)
    return timed[(len(timed) - 1) // 2] if timed else runs[0]


def is_limited(run: Measurement, time_limit: float) -> bool:
    """Whether the run ended for want of time."""
    return run.status == "killed" or (not run.proved and (run.wall_s or 0.0) >= 0.9 * time_limit)


def ratio(run: Measurement, reference: Measurement, time_limit: float) -> str:
    """CPU time over the reference's; a bound on it where one of them ran out of time."""
    if not run.cpu_s or not reference.cpu_s:
        return "-"
    limited, reference_limited = is_limited(run, time_limit), is_limited(reference, time_limit)
    if limited and reference_limited:
        return "1" if run is reference else "-"
    sign = ">" if limited else "<" if reference_limited else ""
    return f"{sign}{run.cpu_s / reference.cpu_s:.3g}"


def _number(value: float | None, digits: str) -> str:
    return "-" if value is None else format(value, digits)


def table(runs: dict[str, list[Measurement]], time_limit: float) -> str:
    """Markdown table of one instance, one row a peer, in the order of `PEERS`."""
    header = (
        "solver",
        "CPU s",
        "x ours",
        "build CPU s",
        "wall s",
        "cost",
        "bound",
        "gap",
        "status",
        "peak MiB",
        "of it solving",
    )
    reference = summary(runs[REFERENCE])
    rows = [header]
    for name, measured in runs.items():
        run = summary(measured)
        more = ">" if is_limited(run, time_limit) else ""
        used = run.peak_mib - run.base_mib if run.peak_mib and run.base_mib else None
        rows.append(
            (
                name,
                more + _number(run.cpu_s, ".4g"),
                ratio(run, reference, time_limit),
                _number(run.build_cpu_s, ".2g"),
                _number(run.wall_s, ".4g"),
                _number(run.cost, ".8g"),
                _number(run.bound, ".8g"),
                _number(run.gap, ".1e"),
                run.status + (f" ({run.message})" if run.message and not run.proved else ""),
                _number(run.peak_mib, ".0f"),
                _number(used, ".0f"),
            )
        )
    width = [max(len(row[c]) for row in rows) for c in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, width, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
    return "\n".join(lines)


def contradictions(runs: dict[str, list[Measurement]]) -> list[str]:
    """Bounds above another solver's cost: one of the two solvers, or the measurement, is wrong."""
    every = [run for found in runs.values() for run in found]
    bounds = [(run.bound, run.peer) for run in every if run.bound is not None]
    costs = [(run.cost, run.peer) for run in every if run.cost is not None]
    if not bounds or not costs:
        return []
    (bound, one), (cost, other) = max(bounds), min(costs)
    if bound - cost <= PROOF_TOLERANCE * max(1.0, abs(cost)):
        return []
    return [f"CONTRADICTION: {one} proves {bound!r}, but {other} found {cost!r}"]


def environment() -> dict[str, str]:
    """Versions and machine, for the reader of a saved result."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": str(os.cpu_count()),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def run_all(
    instances: dict[str, Instance], peers: Sequence[str], time_limit: float, repeat: int
) -> dict[str, dict[str, list[Measurement]]]:
    """Measure every peer on every instance in ``repeat`` rounds; progress goes to stderr.

    A peer that ran out of time, failed or is not installed is not run on that instance again.
    """
    runs: dict[str, dict[str, list[Measurement]]] = {
        title: {name: [] for name in peers} for title in instances
    }
    for turn in range(repeat):
        for title, instance in instances.items():
            for name in peers:
                done = runs[title][name]
                if done and (done[0].cpu_s is None or is_limited(done[0], time_limit)):
                    continue
                print(f"round {turn + 1}/{repeat}: {title}: {name}", file=sys.stderr, flush=True)
                done.append(run_apart(name, instance, time_limit, GRACE_S))
    return runs


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line, with the defaults that depend on ``--quick`` filled in."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description="Ours against peers."
    )
    parser.add_argument(
        "--quick", action="store_true", help="four tiny instances, limit 5 s, one round"
    )
    parser.add_argument(
        "--instances", type=Path, metavar="DIR", help="folder of .npz files, run alone"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="instances to run, by name")
    parser.add_argument(
        "--peers", nargs="+", choices=list(PEERS), metavar="NAME", help=", ".join(PEERS)
    )
    parser.add_argument("--time-limit", type=float, help="seconds a run (default 20; quick: 5)")
    parser.add_argument("--repeat", type=int, help="rounds (default 3; quick: 1)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every run")
    parser.add_argument("--markdown", type=Path, metavar="OUT", help="write the tables")
    options = parser.parse_args(arguments)
    options.time_limit = options.time_limit or (5.0 if options.quick else 20.0)
    options.repeat = options.repeat or (1 if options.quick else 3)
    return options


def choose_instances(options: argparse.Namespace) -> dict[str, Instance]:
    """Instances that the options ask for, by name.

    Without liid_cut, the generated ones that need its graph are left out, with a word.
    """
    if options.instances:
        chosen = read_folder(options.instances)
    else:
        chosen = {}
        for title, make in (QUICK if options.quick else GENERATED).items():
            try:
                chosen[title] = make()
            except ImportError as error:
                print(f"{title}: left out, {error}", file=sys.stderr)
        if not options.quick:
            chosen |= read_folder()
    unknown = set(options.only or ()) - set(chosen)
    if unknown:
        raise SystemExit(f"--only: unknown {sorted(unknown)}; known are {sorted(chosen)}")
    return {title: chosen[title] for title in options.only or chosen}


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; returns 1 if two solvers contradict each other, else 0."""
    options = parse(arguments)
    wanted = {REFERENCE, *(options.peers or PEERS)}
    peers = [name for name in PEERS if name in wanted]
    instances = choose_instances(options)
    runs = run_all(instances, peers, options.time_limit, options.repeat)
    about = environment()
    text = [
        f"time limit {options.time_limit:g} s, rounds: {options.repeat}, one thread a solver",
        "",
    ]
    text += [", ".join(f"{key} {value}" for key, value in about.items()), ""]
    failed = False
    for title, instance in instances.items():
        n, labels = instance.probs.shape
        text += [f"### {title}: {n} nodes, {labels} labels, {len(instance.edges)} edges", ""]
        text += [table(runs[title], options.time_limit), ""]
        wrong = contradictions(runs[title])
        text += [*wrong, ""] if wrong else []
        failed = failed or bool(wrong)
    print("\n".join(text))
    if options.markdown:
        options.markdown.write_text("\n".join(text))
    if options.json:
        every = {
            title: {name: [asdict(run) for run in found] for name, found in by_peer.items()}
            for title, by_peer in runs.items()
        }
        options.json.write_text(json.dumps({"environment": about, "runs": every}, indent=1))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
