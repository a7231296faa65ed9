"""Threads, forks and interpreters: the same bits from all of them, or a clean refusal."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.faults import Row

SUBINTERPRETER = """
import _xxsubinterpreters as interpreters
interpreter = interpreters.create()
try:
    interpreters.run_string(interpreter, "import liid_cut")
except interpreters.RunFailedError as error:
    print("refused:", str(error).splitlines()[0])
else:
    print("imported")
import liid_cut
print(liid_cut.multiway_cut([[0.9, 0.1]], graph=([], [])).status)
"""


def labels_of(seed: int) -> bytes:
    """The labels of one of some problems, as bytes."""
    from hard_instances import hesitant
    from instances import grid

    inst = hesitant(20, 4, 5, seed) if seed % 2 else grid(12, 5, seed)
    result = inst.solve(n_jobs=1 + seed % 3)
    return bytes(result.labels.tobytes() + result.messages.tobytes())


def rows(quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    times = 2 if quick else 10
    expected = [labels_of(seed) for seed in range(16)]

    def compare(row: Row, found: Any) -> Row:
        for i, labels in enumerate(found):
            good = labels == expected[i % 16]
            row.outcomes["same bits" if good else "other bits"] += 1
            if not good:
                row.failures.append(f"problem {i % 16} differs")
        return row

    with ThreadPoolExecutor(16) as pool:
        name = "16 Python threads, different problems"
        yield compare(Row("threads", name), pool.map(labels_of, list(range(16)) * times))
        row = Row("threads", "16 Python threads, one problem")
        for labels in pool.map(labels_of, [3] * 16 * times):
            row.outcomes["same bits" if labels == expected[3] else "other bits"] += 1
        if row.outcomes["other bits"]:
            row.failures.append("bits differ")
        yield row

    for start, what in (("fork", "after solves in the parent"), ("spawn", "from new processes")):
        with multiprocessing.get_context(start).Pool(2) as processes:
            name = f"multiprocessing, {start}: {what}"
            yield compare(Row("threads", name), processes.map(labels_of, range(16)))
    yield _fork_while_solving(expected[1])
    child = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, check=False
    )
    row = Row("threads", "import in a subinterpreter, then a solve in the main one")
    lines = child.stdout.splitlines()
    row.outcomes[lines[0] if lines else "crash"] += 1
    if child.returncode or lines[-1:] != ["optimal"]:
        row.failures.append(f"{child.returncode}: {child.stdout} {child.stderr[-300:]}")
    yield row


def _fork_while_solving(expected: bytes) -> Row:
    """A child that is forked while other threads solve, and then solves itself."""
    from hard_instances import HARD

    row = Row("threads", "fork while another thread solves; the child solves")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(HARD.solve, time_limit=3)
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if labels_of(1) == expected else 1)
            _, status = os.waitpid(child, 0)
            row.outcomes["same bits" if status == 0 else "failure"] += 1
            if status:
                row.failures.append(f"the child ended with {status}")
        running.result()
    return row
