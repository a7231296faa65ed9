"""Breaks runs with a checkpoint in every way that we know, and looks at what comes out.

    python -m benchmarks.failures [CASE ...] [--rows 100000] [--json OUT] [--page]

CASE: `failure_single.CASES` are of one process, `failure_workers.CASES` of a Dask cluster on this
machine; each case replaces its part of the
results. Every run is a process of its own on generated proposals; its bits are held against those
of a run without failures and without checkpoint. ``--page`` writes FAILURES.md from the results.

*Repeated*: CPU seconds of all runs of a case over those of one run with a checkpoint that nothing
happens to, less 1: what was done twice, and starting the process and reading the input again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import failure_single, failure_workers, records
from benchmarks.failure_runs import Child, write_problem
from benchmarks.failure_single import Row, Setting
from benchmarks.instances import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "results" / "failures.json"
PAGE = REPOSITORY / "benchmarks" / "FAILURES.md"
CASES: dict[str, Callable[[Setting], Iterator[Row]]] = {
    **failure_single.CASES,
    **failure_workers.CASES,
}


def prepared(folder: Path, rows: int, columns: int, labels: int) -> tuple[Setting, str]:
    """The problem, and runs without failures: without and with a checkpoint."""
    problem = folder / "problem"
    write_problem(problem, rows, columns, labels)
    options = ("--neighbors", "exact")
    plain = Child(problem, None, *options).wait()
    kept = Child(problem, folder / "nothing-happens", *options).wait()
    setting = Setting(problem, folder, options, plain.done["digest"], kept.cpu_s)
    done = setting.check(kept)
    overhead = kept.cpu_s / plain.cpu_s - 1
    return setting, (
        f"{rows:,} x {columns}, {labels} labels, {kept.cpu_s:.0f} CPU s; the checkpoint, "
        f"{done['blocks_written']} writes, takes {overhead:+.1%} and changes no bit"
    )


def page(record: dict[str, Any]) -> str:
    """FAILURES.md."""
    cells = [("what happens", "what comes out", "repeated")]
    logs, problems = [], {}
    for name in CASES:
        if name not in record["data"]:
            continue
        found = record["data"][name]
        problems.setdefault(found["problem"], []).append(name)
        for row in found["rows"]:
            share = f"{row['repeated']:.1%}" if "repeated" in row else ""
            cells.append((row["case"], row["outcome"], share))
            if row.get("log"):
                logs.append(f"- {row['case']}:\n\n      {_short(row['log'])}")
    return (
        "# Failures, each tried\n\n"
        f"`python -m benchmarks.failures`, {record['date']}. What is measured, and how: the head "
        "of `failures.py`. Bits are those of labels, cost, bound, component table, messages and "
        "proofs.\n\n"
        + "".join(f"- {', '.join(names)}: {problem}.\n" for problem, names in problems.items())
        + "\n"
        + records.markdown_table(cells)
        + "\n\n## What the log says\n\n"
        + "\n".join(logs)
        + "\n"
    )


def _short(line: str) -> str:
    """Without the folders of this machine."""
    words = line.split(" ")
    return " ".join(".../" + "/".join(w.split("/")[-3:]) if "/" in w else w for w in words)


def main(words: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="; ".join(CASES))
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=256)
    parser.add_argument("--labels", type=int, default=21)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--page", action="store_true", help="write FAILURES.md from the results")
    options = parser.parse_args(words)
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error(f"unknown case {unknown[0]}; there are {', '.join(CASES)}")
    failed = False
    if options.cases or not options.page:
        with tempfile.TemporaryDirectory() as folder:
            setting, problem = prepared(Path(folder), options.rows, options.columns, options.labels)
            print(problem, flush=True)
            for name in options.cases or CASES:
                start = time.monotonic()
                rows: list[Row] = []
                try:
                    for row in CASES[name](setting):
                        rows.append(row)
                        print(row, f"{time.monotonic() - start:.0f} s", flush=True)
                except RuntimeError as error:
                    failed = True
                    rows.append({"case": name, "outcome": f"FAILED: {error}"})
                    print(rows[-1], flush=True)
                data = records.read(options.json)["data"] if options.json.exists() else {}
                data[name] = {"problem": problem, "rows": rows}
                records.write(options.json, records.command_line("benchmarks.failures"), data)
    if options.page:
        PAGE.write_text(page(records.read(options.json)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
