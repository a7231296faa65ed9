"""Runs liid_cut and its peers on the same instances and prints tables.

    python -m benchmarks.compare [--suite NAME | --instances DIR] [--only NAME ...]
                                 [--peers NAME ...] [--time-limit S] [--peer-time-limit S]
                                 [--repeat N] [--json OUT] [--markdown OUT]

Runs are interleaved, each in a fresh process. How to read the tables: README.md beside this file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import records
from benchmarks.instances import Instance, read_folder
from benchmarks.peers import PEERS
from benchmarks.runner import run_apart
from benchmarks.suites import SUITES, load
from benchmarks.tables import OURS, REFERENCE, Comparison, contradictions, overview, table

# A peer that ignores the time limit is killed this many seconds after it; slow model building
# counts too.
GRACE_S = 60.0
# Longer runs are not repeated: noise is small beside them.
LONG_S = 5.0


def run_all(instances: dict[str, Instance], options: argparse.Namespace) -> list[Comparison]:
    """Measure every peer on every instance in rounds; progress goes to stderr.

    A peer that took long, ran out of time, failed or is not installed is not run on that instance
    again.
    """
    found = {
        title: Comparison.of(title, instance, options.peers)
        for title, instance in instances.items()
    }
    for turn in range(options.repeat):
        for title, instance in instances.items():
            for name in options.peers:
                done = found[title].runs[name]
                if done and (done[0].limited or (done[0].wall_s or LONG_S) >= LONG_S):
                    continue
                limit = options.time_limit if name in OURS else options.peer_time_limit
                label = f"round {turn + 1}/{options.repeat}: {title}: {name}"
                print(label, file=sys.stderr, flush=True)
                done.append(run_apart(name, instance, limit, GRACE_S))
    return list(found.values())


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line, with the defaults of the suite filled in."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description="Ours against peers."
    )
    parser.add_argument("--suite", choices=list(SUITES), default="quick", help="default: quick")
    parser.add_argument(
        "--instances", type=Path, metavar="DIR", help="a folder of .npz files instead"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="instances to run, by name")
    parser.add_argument(
        "--peers", nargs="+", choices=list(PEERS), metavar="NAME", help=", ".join(PEERS)
    )
    parser.add_argument("--time-limit", type=float, help="seconds a run")
    parser.add_argument("--peer-time-limit", type=float, help="the same for solvers not ours")
    parser.add_argument("--repeat", type=int, help="rounds; a row shows the median run")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every run")
    parser.add_argument("--markdown", type=Path, metavar="OUT", help="write the tables")
    options = parser.parse_args(arguments)
    suite = SUITES[options.suite]
    options.peer_time_limit = options.peer_time_limit or options.time_limit or suite.peer_time_limit
    options.time_limit = options.time_limit or suite.time_limit
    options.repeat = options.repeat or suite.repeat
    wanted = {REFERENCE, *(options.peers or suite.peers)}
    options.peers = [name for name in PEERS if name in wanted]
    return options


def choose_instances(options: argparse.Namespace) -> dict[str, Instance]:
    """Instances that the options ask for, by name."""
    if options.instances:
        chosen = read_folder(options.instances)
        known = set(chosen)
    else:
        made = SUITES[options.suite].instances
        known = set(made)
        chosen = load({title: made[title] for title in options.only or made if title in made})
    unknown = set(options.only or ()) - known
    if unknown:
        raise SystemExit(f"--only: unknown {sorted(unknown)}; known are {sorted(known)}")
    return {title: chosen[title] for title in options.only or chosen if title in chosen}


def limits(options: argparse.Namespace) -> str:
    """The settings of a comparison as a sentence."""
    text = f"Time limit {options.time_limit:g} s"
    if options.peer_time_limit != options.time_limit:
        text += f" (peers: {options.peer_time_limit:g} s)"
    return f"{text}, rounds: {options.repeat}, one thread a solver."


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; returns 1 if two solvers contradict each other, else 0."""
    options = parse(arguments)
    found = run_all(choose_instances(options), options)
    about = records.environment()
    text = [limits(options), "", ", ".join(f"{key} {value}" for key, value in about.items()), ""]
    wrong = [line for comparison in found for line in contradictions(comparison)]
    for comparison in found:
        size = f"{comparison.nodes} nodes, {comparison.labels} labels, {comparison.edges} edges"
        text += [f"### {comparison.title}: {size}", "", table(comparison), ""]
        text += contradictions(comparison)
    text += ["### CPU seconds", "", overview(found), "", *wrong]
    print("\n".join(text))
    if options.markdown:
        options.markdown.write_text("\n".join(text))
    if options.json:
        data = {"limits": limits(options), "runs": [c.to_json() for c in found]}
        records.write(options.json, records.command_line("benchmarks.compare"), data)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
