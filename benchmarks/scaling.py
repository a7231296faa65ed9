"""Measures how time and memory of a cut grow: with nodes, labels, delta and threads.

    python -m benchmarks.scaling CURVE [--repeat 3] [--time-limit 30] [--most-nodes N] [--json OUT]

CURVE is one of `CURVES`. Instances are generated proposals, 20 an image, on graphs of nearest
neighbours (mutual, 3 neighbours, delta 5, where nothing else is said). They are generated in
blocks of ``block`` proposals, each with a graph of its own, so that the search for neighbours,
which is not measured, stays affordable. Each instance has a process of its own; one thread where
nothing else is said; CPU and wall seconds are medians over ``--repeat`` solves (one solve
where it takes more than 5 s).
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import liid_cut
from benchmarks import records
from benchmarks.generators import proposals
from liid_cut.graph import neighbor_edges

PER_IMAGE = 20
LONG_S = 5.0


class Point(NamedTuple):
    """Settings of one measurement."""

    nodes: int
    labels: int = 21
    symmetrize: str = "mutual"
    delta: float = 5.0
    threads: int = 1
    block: int = 200_000
    dimension: int = 32  # of the features


BLOCK = 10_000
DELTAS = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
CURVES: dict[str, list[Point]] = {
    "nodes": [Point(n) for n in (2_000, 6_000, 20_000, 60_000)],
    # One graph, whose neighbours take minutes. In few dimensions it hangs together, in many it does
    # not.
    "whole": [Point(200_000), Point(200_000, dimension=256)],
    "blockwise": [Point(n, labels=81, block=BLOCK) for n in (20_000, 200_000, 2_000_000)],
    "labels": [Point(20_000, labels=k) for k in (6, 11, 21, 41, 81, 161)],
    "delta": [
        Point(10_000, symmetrize=symmetrize, delta=delta)
        for symmetrize in ("mutual", "union")
        for delta in DELTAS
    ],
    "threads": [
        Point(nodes, labels=labels, block=BLOCK, threads=threads)
        for nodes, labels in ((400_000, 21), (200_000, 81))
        for threads in (1, 2, 4)
    ],
}


def generate(point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probs float32 (n, K+1), edges int32 (m, 2) and weights (m,) of generated proposals."""
    probs = np.empty((point.nodes, point.labels), dtype=np.float32)
    edges, weights = [], []
    for start in range(0, point.nodes, point.block):
        size = min(point.block, point.nodes - start)
        made = proposals(
            size // PER_IMAGE, PER_IMAGE, point.labels - 1, point.dimension, seed=start
        )
        probs[start : start + size] = made.probs
        table = liid_cut.find_neighbors(made.feats, 3, neighbors="exact")
        block, w = neighbor_edges(table, delta=point.delta, symmetrize=point.symmetrize)
        edges.append(block + np.int32(start))
        weights.append(w)
    return probs, np.concatenate(edges), np.concatenate(weights)


def memory_mib(field: str) -> float:
    """A field of this process's memory status, for example VmRSS or VmHWM."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


class Runs:
    """CPU and wall seconds of a point's solves, their peak memory, and the first result's facts."""

    def __init__(self) -> None:
        self.cpu_s: list[float] = []
        self.wall_s: list[float] = []
        self.peak_mib = 0.0
        self.facts: dict[str, Any] = {}

    def solve(self, point: Point, probs: Any, graph: Any, time_limit: float) -> None:
        """Solve once more; the first result is verified."""
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")  # the peak so far is the generator's, or verify's
        before = memory_mib("VmRSS")
        start, wall = time.process_time(), time.perf_counter()
        result = liid_cut.multiway_cut(
            probs, graph=graph, n_jobs=point.threads, time_limit=time_limit
        )
        self.cpu_s.append(time.process_time() - start)
        self.wall_s.append(time.perf_counter() - wall)
        self.peak_mib = max(self.peak_mib, memory_mib("VmHWM") - before)
        if not self.facts:
            self.facts = {
                "status": result.status,
                "relative_gap": result.gap / max(1.0, abs(result.cost)),
                "largest_component": int(result.components["size"].max()),
                "lps": result.mip_node_count,
                "verified": bool(liid_cut.verify(result, probs, graph)),
            }


def measure(points: list[Point], repeat: int, time_limit: float) -> list[dict[str, Any]]:
    """Generate one instance and solve it at each point in turn; the points differ in threads."""
    warnings.simplefilter("ignore", liid_cut.MultiwayCutWarning)
    probs, edges, weights = generate(points[0])
    size = {
        "edges": len(edges),
        "input_mib": (probs.nbytes + edges.nbytes + weights.nbytes) / 2**20,
    }
    runs = {point: Runs() for point in points}
    for _ in range(repeat):
        for point, done in runs.items():
            if not done.cpu_s or done.cpu_s[0] < LONG_S:
                done.solve(point, probs, (edges, weights), time_limit)
    return [
        point._asdict()
        | size
        | {
            "cpu_s": statistics.median(done.cpu_s),
            "wall_s": statistics.median(done.wall_s),
            "solves": len(done.cpu_s),
            "peak_over_input_mib": done.peak_mib,
        }
        | done.facts
        for point, done in runs.items()
    ]


def markdown(data: dict[str, Any]) -> str:
    """The points as a table."""
    rows: list[tuple[str, ...]] = [
        (
            "nodes x labels",
            "edges",
            "largest component",
            "features, graph, delta",
            "threads",
            "CPU s",
            "wall s",
            "CPU us a node",
            "input MiB",
            "peak MiB over input",
            "result",
        )
    ]
    for point in data["points"]:
        ended = point["status"]
        if ended != "optimal":
            ended += f", gap {point['relative_gap']:.0e}"
        rows.append(
            (
                f"{point['nodes']} x {point['labels']}",
                str(point["edges"]),
                str(point["largest_component"]),
                f"{point['dimension']}-d, {point['symmetrize']}, {point['delta']:g}",
                str(point["threads"]),
                f"{point['cpu_s']:.3g}",
                f"{point['wall_s']:.3g}",
                f"{1e6 * point['cpu_s'] / point['nodes']:.3g}",
                f"{point['input_mib']:.1f}",
                f"{point['peak_over_input_mib']:.0f}",
                ended + (", verified" if point["verified"] else ", NOT VERIFIED"),
            )
        )
    return records.markdown_table(rows)


def main(arguments: list[str] | None = None) -> int:
    """Measure one curve and print it; returns 1 if a result is not verified, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description="How time and memory of a cut grow."
    )
    parser.add_argument("curve", choices=list(CURVES))
    parser.add_argument("--repeat", type=int, default=3, help="solves a point")
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds a solve")
    parser.add_argument("--most-nodes", type=int, help="leave out larger instances")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every point")
    options = parser.parse_args(arguments)
    points: list[dict[str, Any]] = []
    fresh = multiprocessing.get_context("spawn")
    chosen = [p for p in CURVES[options.curve] if p.nodes <= (options.most_nodes or p.nodes)]
    for _, group in itertools.groupby(chosen, lambda point: point._replace(threads=1)):
        alike = list(group)
        print(*alike, file=sys.stderr, flush=True)
        with fresh.Pool(1) as process:
            points += process.apply(measure, (alike, options.repeat, options.time_limit))
    data = {"curve": options.curve, "points": points}
    print(markdown(data))
    if options.json:
        records.write(options.json, records.command_line("benchmarks.scaling"), data)
    return int(not all(point["verified"] for point in points))


if __name__ == "__main__":
    sys.exit(main())
