"""Measures how time and memory of a cut grow with the number of proposals.

    python -m benchmarks.scaling [--labels 21] [--nodes 20000 200000]

Instances are generated in blocks of 200,000 proposals (20 an image), each with its own
nearest-neighbour graph (mutual, 3 neighbours, delta 5), so that the search for neighbours, which
is not measured, stays affordable. Each size runs in a process of its own, on one thread.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

import numpy as np

import liid_cut
from benchmarks.generators import proposals
from liid_cut.graph import neighbor_edges

BLOCK = 200_000
PER_IMAGE = 20
DIMENSION = 32
HEADER = [
    "nodes",
    "edges",
    "input MiB",
    "CPU s",
    "us a node",
    "peak MiB over input",
    "status",
    "verified",
]


def blockwise(n_nodes: int, n_labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probs float32 (n, K+1), edges int32 (m, 2) and weights (m,) of generated proposals."""
    probs = np.empty((n_nodes, n_labels), dtype=np.float32)
    edges, weights = [], []
    for start in range(0, n_nodes, BLOCK):
        size = min(BLOCK, n_nodes - start)
        made = proposals(size // PER_IMAGE, PER_IMAGE, n_labels - 1, DIMENSION, seed=start)
        probs[start : start + size] = made.probs
        block, w = neighbor_edges(
            made.feats, n_neighbors=3, delta=5.0, symmetrize="mutual", n_threads=0
        )
        edges.append(block + np.int32(start))
        weights.append(w)
    return probs, np.concatenate(edges), np.concatenate(weights)


def memory_mib(field: str) -> float:
    """A field of this process's memory status, for example VmRSS or VmHWM."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


def measure(n_nodes: int, n_labels: int) -> list[str]:
    """One row of the table."""
    probs, edges, weights = blockwise(n_nodes, n_labels)
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")  # the peak so far is the generator's
    before = memory_mib("VmRSS")
    start = time.process_time()
    result = liid_cut.multiway_cut(probs, graph=(edges, weights), n_jobs=1)
    cpu = time.process_time() - start
    peak = memory_mib("VmHWM") - before
    return [
        str(n_nodes),
        str(len(edges)),
        f"{(probs.nbytes + edges.nbytes + weights.nbytes) / 2**20:.0f}",
        f"{cpu:.2f}",
        f"{1e6 * cpu / n_nodes:.2f}",
        f"{peak:.0f}",
        result.status,
        "yes" if liid_cut.verify(result, probs, (edges, weights)) else "NO",
    ]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--labels", type=int, default=21)
    parser.add_argument("--nodes", type=int, nargs="+", default=[20_000, 200_000])
    arguments = parser.parse_args()
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    fresh = multiprocessing.get_context("spawn")
    for n_nodes in arguments.nodes:
        with fresh.Pool(1) as process:
            row = process.apply(measure, (n_nodes, arguments.labels))
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
