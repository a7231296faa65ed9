"""Time limits from a millisecond up, and limits of the address space, in many steps."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.faults import Row

HANGS_AFTER_S = 120


def rows(quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    yield _time_limits(4 if quick else 12)
    yield from _address_spaces(range(0, 96, 24 if quick else 3))


def _time_limits(steps: int) -> Row:
    from hard_instances import HARD, NESTED_WITH_CUTS

    from liid_cut import verify

    row = Row("time", f"time limits from 1 ms to 1 s, {steps} each, of 2 instances by 2 methods")
    over = []
    for inst in (HARD, NESTED_WITH_CUTS):
        optimum = None if inst is HARD else inst.solve().cost
        for method in ("auto", "ckr"):
            for limit in np.geomspace(1e-3, 1, steps):
                cpu, begin = time.process_time(), time.perf_counter()
                result = inst.solve(method=method, time_limit=float(limit), n_jobs=1)
                spent = min(time.perf_counter() - begin, time.process_time() - cpu)
                over.append(spent - limit)
                row.outcomes[result.status] += 1
                report = verify(result, inst.probs, inst.graph)
                if not report or result.status not in ("optimal", "time_limit"):
                    row.failures.append(f"{limit:.3g} s: {result.status}, {report.problems[:1]}")
                if optimum is not None and not (
                    result.lower_bound <= optimum + 1e-9 and result.cost >= optimum - 1e-9
                ):
                    row.failures.append(f"{limit:.3g} s: the optimum is outside the bracket")
    row.note = f"at most {max(over):.3f} s over the limit (the less of wall clock and CPU)"
    if max(over) > 0.2:
        row.failures.append(row.note)
    return row


def _address_spaces(mib: range) -> Iterator[Row]:
    for part in ("cut of a graph", "neighbours, delta and cut"):
        row = Row("memory", f"RLIMIT_AS {mib[0]} to {mib[-1]} MiB above what is used, {part}")
        for extra in mib:
            try:
                child = subprocess.run(
                    [sys.executable, "-m", "benchmarks.faults.limits", part, str(extra)],
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=HANGS_AFTER_S,
                )
            except subprocess.TimeoutExpired:
                row.outcomes["hang"] += 1
                row.failures.append(f"{extra} MiB: no answer for {HANGS_AFTER_S} s")
                continue
            if child.returncode or not child.stdout:
                row.outcomes["crash"] += 1
                row.failures.append(f"{extra} MiB: {child.returncode} {child.stderr[-200:]}")
                continue
            found = json.loads(child.stdout.splitlines()[-1])
            row.outcomes[found["outcome"]] += 1
            row.failures += [f"{extra} MiB: {problem}" for problem in found["problems"]]
        yield row


def _child(part: str, extra_mib: int) -> None:
    from instances import features, probabilities

    from liid_cut import multiway_cut, verify

    n = 6000
    probs, feats = probabilities(n, 21, 0), features(n, 32, 0)
    table = multiway_cut(probs, feats, delta=1.0)
    graph = (table.edges, table.weights)
    reference = multiway_cut(probs, graph=graph)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (extra_mib << 20), resource.RLIM_INFINITY))
    problems: list[str] = []
    try:
        if part == "cut of a graph":
            found = multiway_cut(probs, graph=graph)
        else:
            found = multiway_cut(probs, feats)
        outcome = found.status
    except (MemoryError, RuntimeError, OSError) as error:
        outcome = type(error).__name__
        if not isinstance(error, MemoryError) and "thread" not in str(error):
            problems.append(repr(error))
        found = None
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if found is not None and not verify(found, probs):
        problems.append("false claims")
    if (multiway_cut(probs, graph=graph).labels != reference.labels).any():
        problems.append("the next cut differs")
    print(json.dumps({"outcome": outcome, "problems": problems}))


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]))
