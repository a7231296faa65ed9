"""Ctrl-C at random moments of whole calls; how long until the call answers, and with what.

A child calls over and over; this process sends it SIGINT after a random part of the time that a
call takes. Times are from the signal to the answer: by the clock, and CPU seconds of the child,
which a busy machine does not stretch. A result has to hold what it claims, and the next call has
to be right.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.faults import Row

WITHIN_S = 0.2


def _features(n: int) -> tuple[Any, Any]:
    from instances import features, probabilities

    return probabilities(n, 10, 0), features(n, 64, 0)


def _jobs() -> dict[str, Any]:
    from constrained import tagged_images
    from hard_instances import HARD

    from liid_cut import multiway_cut

    probs, feats = _features(4000)
    tagged, coverage = tagged_images(200, seed=0)
    return {
        "neighbours, delta estimate and cut": lambda: multiway_cut(probs, feats),
        "certified neighbours": lambda: multiway_cut(
            probs, feats, neighbors="certified", delta=1.0
        ),
        "linear programs and search": lambda: HARD.solve(time_limit=3),
        "the paper's LP": lambda: HARD.solve(method="ckr", time_limit=3),
        "constraints": lambda: multiway_cut(
            tagged.probs, graph=tagged.graph, coverage=coverage, time_limit=5
        ),
    }


def rows(quick: bool) -> Iterator[Row]:
    """The rows of this part: 200 signals in all."""
    for name in _jobs():
        yield _interrupted(name, 4 if quick else 40)


def _interrupted(name: str, times: int) -> Row:
    row = Row("Ctrl-C", name)
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.faults.interrupts", name, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    clock = (~child.pid << 3) | 2  # the CPU clock of that process
    random.seed(0)
    usual = float(child.stdout.readline())
    walls, cpus = [], []
    for _ in range(times):
        print("go", file=child.stdin, flush=True)
        child.stdout.readline()
        time.sleep(random.random() * usual)
        cpu, wall = time.clock_gettime(clock), time.monotonic()
        child.send_signal(signal.SIGINT)
        line = child.stdout.readline()
        if not line:
            row.outcomes["crash"] += 1
            row.failures.append(f"the process ended with {child.wait()}")
            return row
        answer = json.loads(line)
        row.outcomes[answer["outcome"]] += 1
        row.failures += answer["failures"]
        if answer["outcome"] != "done before the signal":
            walls.append(answer["wall"] - wall)
            cpus.append(answer["cpu"] - cpu)
    child.stdin.close()
    child.wait()
    if walls:
        late = sum(c > WITHIN_S and w > WITHIN_S for c, w in zip(cpus, walls, strict=True))
        row.note = (
            f"answers after {np.median(walls):.3f} s, at most {max(walls):.3f} s; "
            f"CPU {np.median(cpus):.3f} s, at most {max(cpus):.3f} s; {late} of {len(walls)} late"
        )
        if late:
            row.failures.append(f"{late} answers after more than {WITHIN_S} s, also of CPU time")
    return row


def _child(name: str, times: int) -> None:
    from liid_cut import verify

    # A shell that starts this in the background has had the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = _jobs()[name]
    reference = job()
    begin = time.monotonic()
    reference = job()
    print(time.monotonic() - begin, flush=True)
    probs = _features(4000)[0] if "neighbours" in name else None
    for i in range(times):
        sys.stdin.readline()
        failures: list[str] = []
        found: Any = None
        waiting = False
        try:
            try:
                print("started", flush=True)
                found = job()
                wall, cpu = time.monotonic(), time.process_time()
                outcome = found.status
                waiting = True
                while outcome != "interrupted":  # the signal is still on its way, or was too late
                    time.sleep(0.001)
            except KeyboardInterrupt:
                if waiting:
                    outcome = "done before the signal"
                else:
                    wall, cpu = time.monotonic(), time.process_time()
                    outcome = "KeyboardInterrupt"
        except KeyboardInterrupt:
            outcome = "done before the signal"
        if found is not None and probs is not None and not verify(found, probs):
            failures.append("false claims")
        if found is not None and found.cost < found.lower_bound:
            failures.append("the bound is above the cost")
        if i % 10 == 9:
            again = job()
            if again.status == "optimal" and again.cost != reference.cost:
                failures.append("the next call differs")
        answer = {"outcome": outcome, "wall": wall, "cpu": cpu, "failures": failures}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]))
