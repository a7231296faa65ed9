"""Guards against slow-downs: the same instances by this install of liid_cut and by another one.

    python -m benchmarks.guard BASE [--suite quick] [--rounds 5] [--threshold 1.25]

BASE is the Python interpreter of an environment with another liid_cut, or a commit, which is then
built into a temporary environment (minutes; needs git and a compiler). The two take turns, each
run in a fresh process; an instance's ratio is that of their smallest CPU times. The exit code is 1
if the ratio of an instance that takes at least 5 ms, or the geometric mean of all, is above the
threshold, or if the two prove different costs.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.instances import REPOSITORY, Instance
from benchmarks.records import markdown_table
from benchmarks.runner import PROOF_TOLERANCE, Measurement, run_apart
from benchmarks.suites import SUITES, load

SOLVER = "liid-auto"
GRACE_S = 60.0
LEAST_S = 0.005


def build(commit: str, folder: Path) -> str:
    """Install ``commit`` into a new environment in ``folder``; returns its interpreter."""
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", commit], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pins = source / "constraints.txt"
    install = [str(python), "-m", "pip", "install", "-q", "-c", str(pins), str(source)]
    subprocess.run(install, check=True)
    return str(python)


def fastest(runs: list[Measurement]) -> Measurement:
    """The run with the smallest CPU time.

    Raises
    ------
    SystemExit
        A run failed.
    """
    for run in runs:
        if run.cpu_s is None:
            raise SystemExit(f"{run.status}: {run.message}")
    return min(runs, key=lambda run: run.cpu_s or 0.0)


def measure(
    instances: dict[str, Instance], pythons: tuple[str, str], rounds: int, time_limit: float
) -> dict[str, tuple[Measurement, Measurement]]:
    """Fastest run of each interpreter on each instance."""
    runs: dict[str, tuple[list[Measurement], list[Measurement]]] = {
        title: ([], []) for title in instances
    }
    for _ in range(rounds):
        for title, instance in instances.items():
            for python, done in zip(pythons, runs[title], strict=True):
                done.append(run_apart(SOLVER, instance, time_limit, GRACE_S, python))
    return {title: (fastest(first), fastest(second)) for title, (first, second) in runs.items()}


def judge(
    found: dict[str, tuple[Measurement, Measurement]], threshold: float
) -> tuple[str, list[str]]:
    """A table of ratios, and what is wrong."""
    rows: list[tuple[str, ...]] = [("instance", "base CPU s", "here CPU s", "here / base")]
    wrong, logs = [], []
    for title, (base, here) in found.items():
        base_s, here_s = base.cpu_s or 0.0, here.cpu_s or 0.0
        ratio = here_s / max(base_s, 1e-9)
        logs.append(math.log(max(ratio, 1e-9)))
        rows.append((title, f"{base_s:.4g}", f"{here_s:.4g}", f"{ratio:.2f}"))
        if ratio > threshold and max(base_s, here_s) >= LEAST_S:
            wrong.append(f"{title}: {ratio:.2f} times slower")
        costs = base.cost or 0.0, here.cost or 0.0
        slack = PROOF_TOLERANCE * max(1.0, abs(costs[0]))
        if base.proved and here.proved and abs(costs[0] - costs[1]) > slack:
            wrong.append(f"{title}: {costs[0]!r} and {costs[1]!r} are both proved optimal")
        if base.proved and not here.proved:
            wrong.append(f"{title}: no longer proved")
    mean = math.exp(sum(logs) / len(logs))
    rows.append(("geometric mean", "", "", f"{mean:.2f}"))
    if mean > threshold:
        wrong.append(f"geometric mean: {mean:.2f} times slower")
    return markdown_table(rows), wrong


def main(arguments: list[str] | None = None) -> int:
    """Compare; returns 1 if this install is slower than the threshold allows, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guard", description="This install against another one."
    )
    parser.add_argument("base", help="a Python interpreter, or a commit")
    parser.add_argument("--suite", choices=list(SUITES), default="quick")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="instances to run, by name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threshold", type=float, default=1.25, help="largest ratio allowed")
    options = parser.parse_args(arguments)
    suite = SUITES[options.suite]
    made = {title: suite.instances[title] for title in options.only or suite.instances}
    instances = load(made)
    with tempfile.TemporaryDirectory() as folder:
        is_python = Path(options.base).is_file()
        base = options.base if is_python else build(options.base, Path(folder))
        found = measure(instances, (base, sys.executable), options.rounds, suite.time_limit)
    text, wrong = judge(found, options.threshold)
    print("\n\n".join([text, *wrong]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
