"""Holds the forecasts of ``liid-cut plan`` against runs, and prints plans that nobody here can run.

    python -m benchmarks.plan                  # measures every size of SIZES, writes PLAN.md
    python -m benchmarks.plan --only 20k 60k   # some of them; the others keep their place
    python -m benchmarks.plan --page           # the page alone, from the results file

Each size is a fresh process that does the stages of a run one after another, on one thread, on
features and probabilities in ``.npy`` files, and notes for each its CPU seconds and its largest
memory (RssAnon, read every few milliseconds: pages of mapped files do not count). Costs are
measured right before, so that forecast and run see the same machine. Some features have
the spectrum of a deep network's, some are noise around centres, in which no bound and few
coordinates help.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import records
from benchmarks.deep_features import write_deep_features
from benchmarks.instances import REPOSITORY
from benchmarks.proposals import proposals
from liid_cut.commands.plan import plan_lines
from liid_cut.planning import Costs, RunPlan, plan_run
from liid_cut.planning.costs import PACKAGED

RESULTS = REPOSITORY / "benchmarks" / "results" / "plan.json"
PAGE = REPOSITORY / "benchmarks" / "PLAN.md"
PER_IMAGE = 20
TOLERANCE = 0.3


@dataclass(frozen=True)
class Size:
    """One run. ``spectrum``: features of `deep_features`, else of `proposals`."""

    name: str
    n: int
    d: int
    labels: int = 21
    neighbors: str = "auto"
    spectrum: bool = False
    target_recall: float = 0.99
    symmetrize: str = "mutual"


SIZES = {
    size.name: size
    for size in (
        Size("20k", 20_000, 256),
        Size("60k", 60_000, 256),
        Size("200k", 200_000, 256),
        Size("50k wide", 50_000, 1024, spectrum=True),
        Size("300k clustered", 300_000, 96, neighbors="pca", spectrum=True),
    )
}
# Of these the page gives the plan alone.
PLANS: dict[str, dict[str, Any]] = {
    "COCO, one machine": {
        "n": 4_900_000, "d": 2048, "labels": 81, "dtype": "float16", "memory": "64 GiB",
        "cores_per_worker": 32,
    },
    "COCO, 8 workers": {
        "n": 4_900_000, "d": 2048, "labels": 81, "dtype": "float16", "memory": "16 GiB",
        "workers": 8, "cores_per_worker": 8,
    },
    "a billion proposals of 256 columns, 100 workers": {
        "n": 10**9, "d": 256, "labels": 81, "dtype": "float16", "memory": "256 GiB",
        "workers": 100, "cores_per_worker": 64, "target_recall": 0.99,
    },
    "a billion proposals of 2048 columns, 100 workers": {
        "n": 10**9, "d": 2048, "labels": 81, "dtype": "float16", "memory": "256 GiB",
        "workers": 100, "cores_per_worker": 64, "target_recall": 0.99,
    },
}  # fmt: skip


class Meter:
    """CPU seconds and largest anonymous memory of blocks of code."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block."""
        largest, stopped = _anonymous(), threading.Event()

        def watch() -> None:
            nonlocal largest
            while not stopped.wait(0.005):
                largest = max(largest, _anonymous())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        start = time.process_time()
        yield
        seconds = time.process_time() - start
        stopped.set()
        watcher.join()
        self.stages[name] = {"cpu_s": seconds, "memory": max(largest, _anonymous())}


def _anonymous() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024.0


def write_inputs(size: Size, folder: Path) -> None:
    """``feats.npy`` and ``probs.npy``, float32."""
    feats = folder / "feats.npy"
    if not size.spectrum:
        made = proposals(size.n // PER_IMAGE, PER_IMAGE, size.labels - 1, size.d)
        np.save(feats, made.feats)
        np.save(folder / "probs.npy", made.probs)
        return
    write_deep_features(feats, size.n, size.d)
    rows = np.load(feats, mmap_mode="r")
    probs = np.empty((size.n, size.labels), dtype=np.float32)
    classes = np.random.default_rng(1).standard_normal((size.d, size.labels), dtype=np.float32)
    for start in range(0, size.n, 8192):
        block = np.array(rows[start : start + 8192])
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        scores = np.exp(3 * (block @ classes))
        probs[start : start + 8192] = scores / scores.sum(axis=1, keepdims=True)
    np.save(folder / "probs.npy", probs)


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Run one size in this process."""
    import liid_cut
    from liid_cut.files import write_result

    warnings.simplefilter("ignore")
    probs = np.load(folder / "probs.npy", mmap_mode="r")
    meter = Meter()
    state = folder / "state"
    with meter.stage("neighbors"):
        table = liid_cut.find_neighbors(
            folder / "feats.npy", neighbors=size.neighbors, target_recall=size.target_recall,
            checkpoint=state, n_jobs=1,
        )  # fmt: skip
    searched = _bytes_in(state)
    with meter.stage("graph and delta"):
        problem = liid_cut.make_problem(
            probs, neighbors=table, symmetrize=size.symmetrize, n_jobs=1
        )
    with meter.stage("solve"):
        result = liid_cut.solve(problem, n_jobs=1, time_limit=120, checkpoint=state)
    with meter.stage("write"):
        write_result(folder / "result.npz", result)
    disk = {
        "neighbors": searched,
        "solve": _bytes_in(state) - searched,
        "write": (folder / "result.npz").stat().st_size,
    }
    return {
        "size": vars(size),
        "measured": {
            "stages": meter.stages,
            "disk": disk,
            "method": table.report["method"],
            "reason": table.report["reason"],
            "edges_a_row": len(problem.edges) / size.n,
            "largest_component": float(result.components["size"].max() / size.n),
            "status": result.status,
            "load": os.getloadavg(),
        },
        "costs": json.loads((folder / "costs.json").read_text()),
    }


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run_apart(size: Size) -> dict[str, Any]:
    """Calibrate, then one size in a process of its own, both on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(size, Path(folder))
        costs = Path(folder, "costs.json")
        _python("-m", "liid_cut.cli", "plan", "--calibrate", "--costs", str(costs))
        told = _python("-m", "benchmarks.plan", "--child", size.name, "--folder", folder)
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def _python(*arguments: str) -> str:
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    child = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY, env=os.environ | one_thread, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return child.stdout


# ---- forecasts beside what was measured


def forecast(run: dict[str, Any]) -> RunPlan:
    """What `plan_run` says of a run, with the costs that were measured right before it."""
    size = Size(**run["size"])
    costs = run["costs"]
    return plan_run(
        size.n, size.d, size.labels, neighbors=size.neighbors, symmetrize=size.symmetrize,
        target_recall=size.target_recall, checkpoint=True, cores_per_worker=1,
        costs=Costs(costs["seconds"], costs["machine"], costs["date"]),
    )  # fmt: skip


def compared(run: dict[str, Any]) -> list[tuple[str, str, float, float]]:
    """Rows (stage, what, forecast, measured) of a run; memory and disk in MiB."""
    plan = forecast(run)
    groups = {
        "neighbors": ("read", "neighbors"),
        "graph and delta": ("graph", "delta"),
        "solve": ("components", "solve"),
        "write": ("write",),
    }
    measured, rows = run["measured"], []
    for name, parts in groups.items():
        cpu_s = sum(plan.stage(part).cpu_s for part in parts)
        rows.append((name, "CPU s", cpu_s, measured["stages"][name]["cpu_s"]))
    rows.append(("all", "CPU s", sum(row[2] for row in rows), sum(row[3] for row in rows)))
    for name, parts in groups.items():
        memory = max(plan.stage(part).memory for part in parts)
        rows.append((name, "MiB", memory / 2**20, measured["stages"][name]["memory"] / 2**20))
    rows.append(("all", "MiB", *(max(row[i] for row in rows[-4:]) for i in (2, 3))))
    for name in measured["disk"]:
        rows.append(
            (name, "MiB on disk", plan.stage(name).disk / 2**20, measured["disk"][name] / 2**20)
        )
    rows.append(("all", "MiB on disk", *(sum(row[i] for row in rows[-3:]) for i in (2, 3))))
    return rows


def comparison(run: dict[str, Any]) -> str:
    """Table of forecasts and measurements of one run."""
    rows: list[tuple[str, ...]] = [("stage", "what", "forecast", "measured", "forecast / measured")]
    for stage, what, forecast, measured in compared(run):
        ratio = f"{forecast / measured:.2f}" if measured else "-"
        rows.append((stage, what, f"{forecast:.3g}", f"{measured:.3g}", ratio))
    return records.markdown_table(rows)


def outside(run: dict[str, Any]) -> list[str]:
    """Totals whose forecast is off by more than `TOLERANCE`."""
    return [
        f"{run['size']['name']}: {what} forecast {forecast:.3g}, measured {measured:.3g}"
        for stage, what, forecast, measured in compared(run)
        if stage == "all" and abs(forecast / measured - 1) > TOLERANCE
    ]


HEAD = """\
# Forecasts of `liid-cut plan`, held against runs

Written by `python -m benchmarks.plan`; what is measured, and how, stands at the head of that file.
Each size on one thread, costs measured anew right before each run. Other work makes CPU seconds of
long runs grow more than those of the short ones that measure the costs, so that forecasts of CPU
time come out low; memory and disk do not depend on it.
"""


def page(runs: dict[str, Any]) -> str:
    """The page, from the results and from plans made now with the packaged costs."""
    overview: list[tuple[str, ...]] = [("run", "CPU", "memory", "disk", "load meanwhile")]
    for name, run in runs.items():
        ratios = [f"{f / m:.2f}" for stage, _, f, m in compared(run) if stage == "all"]
        load = run["measured"].get("load")
        overview.append((name, *ratios, "-" if load is None else f"{load[0]:.1f}"))
    text = [HEAD, "Forecast / measured, of whole runs:\n", records.markdown_table(overview), ""]
    wrong = [sentence for run in runs.values() for sentence in outside(run)]
    text += [f"- off by more than {TOLERANCE:.0%}: {sentence}" for sentence in wrong]
    text += [f"- not measured: {name}" for name in SIZES if name not in runs]
    text.append("")
    for name, run in runs.items():
        size, measured = run["size"], run["measured"]
        text += [
            f"## {name}: {size['n']:,} x {size['d']}, {size['labels']} labels\n",
            f"Forecast: {forecast(run).method}. Taken: {measured['method']} "
            f"({measured['reason']}). {measured['edges_a_row']:.2f} edges a row, "
            f"{measured['largest_component']:.0%} of the rows in the largest component; the cut is "
            f"{measured['status']}.\n",
            comparison(run),
            "",
        ]
    text.append("# Plans\n")
    for name, settings in PLANS.items():
        lines = plan_lines(plan_run(**settings, costs=PACKAGED))
        text += [f"## {name}\n", "```", *lines, "```", ""]
    return "\n".join(text)


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the page; returns 1 where a forecast is off by more than `TOLERANCE`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plan", description="Forecasts held against runs."
    )
    parser.add_argument("--only", nargs="+", choices=list(SIZES), help="sizes to measure again")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--child", choices=list(SIZES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measure(SIZES[options.child], options.folder)))
        return 0
    runs = records.read(RESULTS)["data"] if RESULTS.exists() else {}
    for name in () if options.page else options.only or SIZES:
        print(name, file=sys.stderr, flush=True)
        runs[name] = run_apart(SIZES[name])
        print(comparison(runs[name]), flush=True)
        records.write(RESULTS, "python -m benchmarks.plan", runs)
    ordered = {name: runs[name] for name in SIZES if name in runs}
    PAGE.write_text(page(ordered))
    wrong = [sentence for run in ordered.values() for sentence in outside(run)]
    print(*wrong, sep="\n", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
