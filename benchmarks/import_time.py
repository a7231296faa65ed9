"""How long `import liid_cut` takes, beside NumPy alone and a bare interpreter.

    python -m benchmarks.import_time [--rounds 20] [--longest 10]

Every import is a fresh process; rounds go over all in turn, and the smallest of each counts: the
rest is other processes' doing. Prints wall-clock and CPU seconds, then the modules that take
longest themselves (``-X importtime``), ours and others'. The target is 0.3 s.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import time

from benchmarks.records import markdown_table

STATEMENTS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "liid_cut": "import liid_cut",
    "liid_cut, first cut of a given graph": (
        "import liid_cut; liid_cut.multiway_cut([[1, 0], [0, 1]], graph=([[0, 1]], [0.5]))"
    ),
    "liid_cut, first cut of features": (
        "import numpy, liid_cut; x = numpy.eye(8); liid_cut.multiway_cut(x[:, :2] + 0.1, x + 0.1)"
    ),
}


def seconds(statement: str) -> tuple[float, float]:
    """Wall-clock and CPU seconds of a fresh interpreter that runs ``statement``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def slowest_modules(count: int) -> list[tuple[str, str]]:
    """Modules with the largest time of their own, in milliseconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import liid_cut"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr)
    own = sorted(((int(us), name) for us, name in found), reverse=True)
    return [(name, f"{us / 1000:.1f}") for us, name in own[:count]]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_time")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--longest", type=int, default=10, help="modules to list")
    options = parser.parse_args(arguments)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in STATEMENTS}
    for _ in range(options.rounds):
        for name, statement in STATEMENTS.items():
            found[name].append(seconds(statement))
    rows = [("import", "wall s", "CPU s")]
    for name, runs in found.items():
        wall, cpu = (min(column) for column in zip(*runs, strict=True))
        rows.append((name, f"{wall:.3f}", f"{cpu:.3f}"))
    print(markdown_table(rows), end="\n\n")
    print(markdown_table([("module", "ms of its own"), *slowest_modules(options.longest)]))


if __name__ == "__main__":
    main()
