"""One problem on disk, solved by one process and by a local Dask cluster: bits, time and memory.

    python -m benchmarks.distributed --rows 100000 --folder DIR             # a minute
    python -m benchmarks.distributed --folder DIR --json OUT                # 2,000,000 x 256
    python -m benchmarks.distributed --folder DIR --kill --json OUT         # and workers killed
    python -m benchmarks.distributed report RESULT.json ... > benchmarks/DISTRIBUTED.md

Features are those of `benchmarks.deep_features`; probabilities favour the class of a row's centre.
Both ways have the same number of cores: threads of one process, workers of one thread each. Each
runs in a fresh process. CPU seconds are user + system of all processes that take part, from the
call to its result, without the start of the cluster, which is told beside. Peak memory is the
kernel's VmHWM, pages of mapped files included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import records
from benchmarks.deep_features import write_deep_features

# In names of units: neighbours, edges, components, cuts.
KILLED_IN = ("pca-1-0", "edges-", "forest-", "batch-")
_BLOCK = 1 << 16


# ---- data


def write_problem(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Write ``feats.npy`` and ``probs.npy``, unless they are there; what they are."""
    facts = {
        name: getattr(options, name) for name in ("rows", "columns", "labels", "dtype", "decay")
    }
    known = folder / "problem.json"
    if known.exists() and json.loads(known.read_text()) == facts:
        return facts
    folder.mkdir(parents=True, exist_ok=True)
    n, n_labels = options.rows, options.labels
    centres = write_deep_features(
        folder / "feats.npy", n, options.columns, decay=options.decay, dtype=options.dtype
    )
    probs = np.lib.format.open_memmap(
        folder / "probs.npy", mode="w+", dtype=np.float32, shape=(n, n_labels)
    )
    for start in range(0, n, _BLOCK):
        of_row = centres[start : start + _BLOCK] % n_labels
        rng = np.random.default_rng([7, start])
        scores = rng.standard_normal((len(of_row), n_labels), dtype=np.float32) * 1.5
        scores[np.arange(len(of_row)), of_row] += 2.0
        exps = np.exp(scores)
        probs[start : start + _BLOCK] = exps / exps.sum(axis=1, keepdims=True)
    probs.flush()
    known.write_text(json.dumps(facts))
    return facts


# ---- the two ways


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Keywords of the call."""
    return {
        "delta": None if options.delta == "auto" else float(options.delta),
        "target_recall": options.target,
        "symmetrize": "mutual",
        "neighbors": options.neighbors,
    }


def single(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """In one process, all cores."""
    import liid_cut

    liid_cut.multiway_cut(np.eye(2) + 0.1, np.eye(2) + 0.1, delta=0.1)  # imports
    before, start = cpu_seconds(), time.perf_counter()
    result = liid_cut.multiway_cut(
        np.load(folder / "probs.npy", mmap_mode="r"),
        folder / "feats.npy",
        n_jobs=options.workers,
        **settings_of(options),
    )
    wall, used = time.perf_counter() - start, cpu_seconds() - before
    return {
        "cpu_s": used,
        "wall_s": wall,
        "peak_mib": peak_mib(),
        "timings": result.timings,
        **facts_of(result),
    }


def cluster(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """On a local cluster of as many workers as there were threads."""
    from distributed import Client

    import liid_cut
    from liid_cut.distributed import local_cluster

    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as marks,
        local_cluster(options.workers, memory_limit=options.memory) as workers,
        Client(workers) as client,
    ):
        client.run(_imports)
        started = time.perf_counter() - start
        killer = Killer(client, Path(marks)) if options.kill else None
        start, before = time.perf_counter(), cpu_seconds()
        of_workers = client.run(cpu_seconds)
        result = liid_cut.multiway_cut(
            folder / "probs.npy", folder / "feats.npy", client=client, **settings_of(options)
        )
        wall = time.perf_counter() - start
        after = client.run(cpu_seconds)
        used_by_workers = {
            worker: seconds - of_workers.get(worker, 0.0) for worker, seconds in after.items()
        }
        found = {
            "start_s": started,
            "cpu_s": cpu_seconds()
            - before
            + sum(used_by_workers.values())
            + (0.0 if killer is None else killer.cpu_s),
            "client_cpu_s": cpu_seconds() - before,
            "wall_s": wall,
            "peak_mib": peak_mib(),
            "worker_peak_mib": sorted(client.run(peak_mib).values()),
            "timings": result.timings,
            "blocks": result.diagnostics["distributed"]["blocks_written"],
            "bytes_on_disk": sum(
                path.stat().st_size
                for path in Path(result.diagnostics["distributed"]["folder"]).rglob("*")
                if path.is_file()
            ),
            "killed": [] if killer is None else killer.killed,
            **facts_of(result),
        }
        result = None
    return found


class Killer:
    """Has the worker killed that is at the first unit of each stage, in the middle of it."""

    def __init__(self, client: Any, folder: Path) -> None:
        from benchmarks.failure_workers import Strike

        self._marks = {stage: folder / stage for stage in KILLED_IN}
        for stage, mark in self._marks.items():
            client.register_plugin(Strike(stage, mark, signal.SIGKILL), name=f"kill in {stage}")

    @property
    def killed(self) -> list[str]:
        """Stages in which a worker was."""
        return [stage for stage, mark in self._marks.items() if mark.exists()]

    @property
    def cpu_s(self) -> float:
        """What those had used."""
        return sum(float(self._marks[stage].read_text().split()[1]) for stage in self.killed)


def _imports() -> None:
    import faiss  # noqa: F401

    import liid_cut.distributed.multiway  # noqa: F401


def cpu_seconds() -> float:
    """User and system seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    """VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")


def facts_of(result: Any) -> dict[str, Any]:
    """Digests of everything that has to be equal, and what the result is."""
    from benchmarks.bits import CUT_FIELDS, digest

    whole = {**result, "messages": np.asarray(result.messages)}
    digests = {name: digest(whole[name]) for name in CUT_FIELDS}
    search = result.diagnostics["neighbors"]
    return {
        "digests": digests,
        "status": result.status,
        "cost": result.cost,
        "gap": result.gap,
        "delta": result.delta,
        "edges": len(result.edges),
        "components": result.n_components,
        "largest": int(result.components["size"].max()),
        "search": {name: search[name] for name in ("method", "reason", "recall")},
    }


def in_process(way: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run one way in a fresh interpreter."""
    with tempfile.TemporaryDirectory() as results:
        path = Path(results, "result.json")
        process = multiprocessing.get_context("spawn").Process(
            target=_run, args=(way, folder, options, path)
        )
        process.start()
        process.join()
        if process.exitcode != 0:
            raise SystemExit(f"{way} ended with exit code {process.exitcode}")
        return json.loads(path.read_text())


def _run(way: str, folder: Path, options: argparse.Namespace, path: Path) -> None:
    found = {"single": single, "cluster": cluster}[way](folder, options)
    path.write_text(json.dumps(found))


# ---- the page

_HEAD = """# The distributed run, as measured

One problem on disk, solved by one process and by a local Dask cluster with as many workers of one
thread. What is counted, and how to repeat it: `python -m benchmarks.distributed --help`; this page
is written by `python -m benchmarks.distributed report`. CPU seconds are user + system of all
processes. Wall time is told, but other work shared the cores. The one process may use all memory of
the machine; a worker that exceeds its limit would be ended by Dask.
"""


def page(paths: list[Path]) -> str:
    """The page of some results."""
    sections = [_HEAD]
    for path in paths:
        record = records.read(path)
        data = record["data"]
        problem, settings = data["problem"], data["settings"]
        one, many = data["single"], data["cluster"]
        killed = f", workers killed in {', '.join(many['killed'])}" if many["killed"] else ""
        rows = [
            ("", "one process", "cluster", "ratio"),
            *(
                (title, f"{one[name]:,.0f}", f"{many[name]:,.0f}", f"{many[name] / one[name]:.2f}")
                for title, name in (("CPU s", "cpu_s"), ("wall s", "wall_s"))
            ),
            (
                "peak MiB",
                f"{one['peak_mib']:,.0f}",
                "workers "
                + ", ".join(f"{mib:,.0f}" for mib in many["worker_peak_mib"])
                + f"; client {many['peak_mib']:,.0f}",
                "",
            ),
        ]
        equal = "the same bits" if data["equal"] else "NOT the same bits"
        sections.append(
            f"## {problem['rows']:,} x {problem['columns']} {problem['dtype']}, "
            f"{problem['labels']} labels{killed}\n\n"
            f"{settings['workers']} workers of {settings['memory']}; delta {settings['delta']}, "
            f"target_recall {settings['target_recall']}, {settings['symmetrize']} graph: "
            f"{one['edges']:,} edges, {one['components']:,} components, the largest of "
            f"{one['largest']:,} nodes; {one['status']}.\n\n{records.markdown_table(rows)}\n\n"
            f"Labels, components, edges, weights, messages, proofs, cost and bound: **{equal}**. "
            f"Search: {one['search']['reason']}. Of the cluster's CPU seconds, the client and "
            f"scheduler took {many['client_cpu_s']:,.0f}; its start took {many['start_s']:.0f} s "
            f"more; {many['blocks']:,} blocks, {many['bytes_on_disk'] / 2**20:,.0f} MiB on disk. "
            f"Measured on {record['date']}, {record['environment']['cores']} cores, by "
            f"`{record['command']}`.\n"
        )
    return "\n".join(sections)


# ---- the command


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--columns", type=int, default=256)
    parser.add_argument("--labels", type=int, default=21)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--decay", type=float, default=1.0, help="of the features' spectrum")
    parser.add_argument("--delta", default="0.05")
    parser.add_argument("--target", type=float, default=0.95, help="recall of the search")
    parser.add_argument("--neighbors", default="auto")
    parser.add_argument("--workers", type=int, default=2, help="and threads of the one process")
    parser.add_argument("--memory", default="3 GiB", help="of a worker")
    parser.add_argument("--kill", action="store_true", help="a busy worker in each stage")
    parser.add_argument("--only", choices=("single", "cluster"))
    parser.add_argument("--folder", type=Path, required=True, help="for the data")
    parser.add_argument("--json", type=Path)
    if sys.argv[1:2] == ["report"]:
        print(page([Path(name) for name in sys.argv[2:]]), end="")
        return
    options = parser.parse_args()

    data: dict[str, Any] = {"problem": write_problem(options.folder, options)}
    data["settings"] = {**settings_of(options), "workers": options.workers}
    data["settings"]["memory"] = options.memory
    for way in ("single", "cluster"):
        if options.only in (None, way):
            data[way] = in_process(way, options.folder, options)
            print(way, json.dumps(data[way], indent=1), flush=True)
    if options.only is None:
        data["equal"] = data["single"]["digests"] == data["cluster"]["digests"]
        data["overhead"] = {
            name: data["cluster"][name] / data["single"][name] for name in ("cpu_s", "wall_s")
        }
        print("equal", data["equal"], "overhead", data["overhead"])
    if options.json is not None:
        records.write(options.json, records.command_line("benchmarks.distributed"), data)
    spared = len(KILLED_IN) - len(data["cluster"]["killed"]) if options.kill else 0
    if spared:
        print(f"no worker was killed in {spared} of the stages {', '.join(KILLED_IN)}")
    sys.exit(0 if data.get("equal", True) and not spared else 1)


if __name__ == "__main__":
    main()
