"""Runs all parts, or those named, and writes the table; see :mod:`benchmarks.faults`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.faults import Row, disks, interrupts, limits, memory, numbers, threads

PARTS = {
    "numbers": numbers,
    "threads": threads,
    "disks": disks,
    "limits": limits,
    "interrupts": interrupts,
    "memory": memory,
}
PAGE = Path(__file__).resolve().parents[1] / "FAULTS.md"
RESULTS = PAGE.parent / "results" / "faults.json"
_HEAD = """\
# Faults tried, and what happened

Written by `python -m benchmarks.faults`; what each part does stands at the head of its file in
`benchmarks/faults/`. "Failures" counts crashes, false claims, lost files, leaks of our own, answers
that came too late, and later solves that were wrong.

In the rows of allocations every allocation of the core, or every n-th, fails in turn: alone, or
with all after it. Left out are the few by which the C library sets up a new thread: where these
fail, it ends the process itself. Where an allocation inside HiGHS fails, HiGHS may not give back
some of its own blocks; the notes count these.

"""


def page(found: list[dict[str, Any]]) -> str:
    """The table as Markdown."""
    table = [("part", "fault", "tried", "what happened", "failures", "notes")]
    for row in found:
        outcomes = ", ".join(f"{n} {what}" for what, n in sorted(row["outcomes"].items()))
        cells = (sum(row["outcomes"].values()), outcomes, len(row["failures"]), row["note"])
        table.append((row["part"], row["fault"], *map(str, cells)))
    return _HEAD + records.markdown_table(table) + "\n"


def main() -> int:
    """Run; 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a few of each; writes nothing")
    parser.add_argument("--sample", type=int, default=1, help="only every n-th allocation fails")
    options = parser.parse_args()
    memory.sample = options.sample
    kept = [] if not RESULTS.exists() else records.read(RESULTS)["data"]
    by_part = {name: [r for r in kept if r.get("module") == name] for name in PARTS}
    failed = False
    for name in options.parts or PARTS:
        by_part[name] = []
        for row in PARTS[name].rows(options.quick):
            if row.tried == 0:
                row.failures.append("nothing was tried")
            # dataclasses would make pairs of a Counter's keys.
            facts = vars(row) | {"outcomes": dict(row.outcomes), "module": name}
            by_part[name].append(facts)
            failed |= bool(row.failures)
            print(_line(row), flush=True)
    if not options.quick:
        found = [row for rows in by_part.values() for row in rows]
        records.write(RESULTS, "python -m benchmarks.faults", found)
        PAGE.write_text(page(found), encoding="utf-8")
    return int(failed)


def _line(row: Row) -> str:
    failures = f"; FAILURES {len(row.failures)}: {row.failures[:3]}" if row.failures else ""
    return f"{row.part}: {row.fault}: {dict(row.outcomes)}; {row.note}{failures}"


if __name__ == "__main__":
    sys.exit(main())
