"""Makes FUZZING.md of what `benchmarks.fuzzing` recorded and of the faults that were found.

python -m benchmarks.fuzzing_page
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.fuzzing import CPP, RECORD, seeds_file
from benchmarks.records import markdown_table

FINDINGS = RECORD.with_name("fuzzing_findings.json")
PAGE = RECORD.parents[1] / "FUZZING.md"

HEAD = """# Fuzzing

Written by `python -m benchmarks.fuzzing_page` from `results/fuzzing.jsonl`, a line a run of
`python -m benchmarks.fuzzing run`, and from `results/fuzzing_findings.json`. To search on:
`nox -s fuzz -- --hours 1`. `nox -s fuzz` replays the kept inputs and makes a fixed
number of runs. In CI `tests/fuzz/replay.cpp`, with every compiler and sanitizer of the C++ tests,
and `tests/python/test_fuzz.py` do so without a fuzzing library.

An execution is one call of libFuzzer (coverage-guided) with one input, judged to its end. The core
(`tests/fuzz/*.cpp`) is held against all labellings in extended precision, the certificate checker,
other methods, two threads and a second run; Python (atheris) against all labellings in NumPy,
`verify`, and the errors that the documentation allows. `fuzz` is the build for speed, with traps
for undefined behaviour; `fuzz-asan` has the address and undefined-behaviour sanitizers and the
heavy asserts. Beside the promised 1e-9, costs may be off by 1e-14 of the sum of all weights, their
rounding. Edges are those of a target's best run. The runs shared two cores with other work, at the
lowest priority: CPU seconds count, not hours.
"""
SUMMARY = """
**{core:,} executions of the core and {python:,} of Python**, in {cpu:.1f} CPU hours ({wall:.1f}
hours of running). Runs that ended in a fault, many in one that another had found:
{failed}{faults}.
Executions since each target's last such run: {since}.
"""


def read(path: Path) -> list[dict[str, Any]]:
    """The recorded runs."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows_of(runs: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each target and build."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        grouped.setdefault((run["target"], run["build"]), []).append(run)
    order = {name: i for i, name in enumerate(CPP)}

    def place(key: tuple[str, str]) -> tuple[bool, int, tuple[str, str]]:
        return key[1] == "python", order.get(key[0], len(order)), key

    rows = []
    for target, build in sorted(grouped, key=place):
        own = grouped[target, build]
        executions = sum(run["executions"] for run in own)
        cpu = sum(run["cpu_s"] for run in own)
        rows.append(
            (
                f"`{target}`",
                build,
                f"{executions:,}",
                f"{cpu:,.0f}",
                f"{executions / max(cpu, 1e-9):,.0f}",
                f"{max(run['edges'] for run in own):,}",
                str(len(seeds_file(target).read_text().split())),
                ", ".join(sorted({run["commit"] for run in own})),
            )
        )
    return rows


def tallies(runs: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What became of the inputs, by target."""
    sums: dict[str, Counter[str]] = {}
    for run in runs:
        sums.setdefault(run["target"], Counter()).update(run["tally"])
    return [
        (f"`{target}`", "; ".join(f"{name}: {count:,}" for name, count in tally.items()))
        for target, tally in sums.items()
    ]


def finding(found: dict[str, str]) -> tuple[str, ...]:
    """A row of what was found."""
    return f"`{found['target']}`", found["fault"], found["now"], f"`{found['test']}`"


def since_the_last_fault(runs: list[dict[str, Any]]) -> dict[str, int]:
    """Executions of each target after its last run that ended in a fault."""
    executions: dict[str, int] = {}
    for run in sorted(runs, key=lambda run: run["started"]):
        so_far = executions.get(run["target"], 0)
        executions[run["target"]] = 0 if run["failed"] else so_far + run["executions"]
    return executions


def page(runs: list[dict[str, Any]], findings: list[dict[str, str]]) -> str:
    """The whole page."""
    python = sum(run["executions"] for run in runs if run["build"] == "python")
    failed = Counter(run["target"] for run in runs if run["failed"])
    summary = SUMMARY.format(
        core=sum(run["executions"] for run in runs) - python,
        python=python,
        failed=sum(failed.values()),
        faults="".join(f", {n} of `{target}`" for target, n in failed.items()),
        since=", ".join(f"{n:,} `{target}`" for target, n in since_the_last_fault(runs).items()),
        cpu=sum(run["cpu_s"] for run in runs) / 3600,
        wall=sum(run["wall_s"] for run in runs) / 3600,
    )
    head = ("target", "build", "executions", "CPU s", "a CPU s", "edges", "kept inputs", "commits")
    parts = [
        HEAD + summary,
        "## Runs\n",
        markdown_table([head, *rows_of(runs)]),
        "\nWhat became of the inputs (runs that ended in a fault have no counts):\n",
        markdown_table([("target", "inputs"), *tallies(runs)]),
        "\n## Found and mended\n",
        markdown_table([("found by", "what happened", "now", "test"), *map(finding, findings)]),
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Command line."""
    PAGE.write_text(page(read(RECORD), json.loads(FINDINGS.read_text())))
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
