"""Proves cuts of nearest-neighbour graphs of real features optimal, over graphs and deltas.

    python -m benchmarks.feature_graphs FILE.npz [--time-limit 30] [--only TEXT]

FILE holds ``feats`` (n, d) and any tables ``probs_*`` (n, K+1). Every table is solved on the mutual
and the union graph of 3, 5 and 10 neighbours at five deltas, on one thread; a row shows CPU
seconds of the solve (neighbours are searched once, before), gap, and the stages that closed the
components. ``verify`` checks each result.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import liid_cut
from liid_cut import _core
from liid_cut.neighbors import nearest_neighbors

NEIGHBORS = (3, 5, 10)
DELTAS = (0.03, 0.1, 0.3, 1.0, 5.0)
HEADER = [
    "graph",
    "delta",
    "probs",
    "edges",
    "CPU s",
    "gap",
    "status",
    "LPs",
    "closed by",
    "verified",
]


def rows(data: Any, time_limit: float, only: str) -> Iterator[list[str]]:
    """Solve every instance whose name contains ``only``."""
    ids, cosines = nearest_neighbors(data["feats"], max(NEIGHBORS))
    tables = [name for name in data.files if name.startswith("probs_")]
    for k, symmetrize, delta, table in itertools.product(
        NEIGHBORS, ("mutual", "union"), DELTAS, tables
    ):
        name = f"{symmetrize}-{k}-{delta}-{table}"
        if only not in name:
            continue
        nearest = np.ascontiguousarray(ids[:, :k]), np.ascontiguousarray(cosines[:, :k])
        graph = _core.neighbour_edges(*nearest, delta, symmetrize == "mutual")
        start = time.process_time()
        result = liid_cut.multiway_cut(data[table], graph=graph, time_limit=time_limit, n_jobs=1)
        cpu = time.process_time() - start
        stages = result.diagnostics["closed_by"]
        hardest = [stage for stage in reversed(_core.STAGES) if stage in stages]
        closed_by = "open" if "open" in stages else hardest[0]
        yield [
            f"{symmetrize} {k}",
            f"{delta:g}",
            table.removeprefix("probs_"),
            str(len(graph[0])),
            f"{cpu:.2f}",
            f"{result.gap:.1e}",
            result.status,
            str(result.mip_node_count),
            closed_by,
            "yes" if liid_cut.verify(result, data[table], graph) else "NO",
        ]


def main() -> None:
    """Parse the command line, solve, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file")
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds an instance")
    parser.add_argument("--only", default="", help="part of a name, for example union-10")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", liid_cut.MultiwayCutWarning)
    with np.load(arguments.file, allow_pickle=False) as data:
        print("| " + " | ".join(HEADER) + " |")
        print("|" + "---|" * len(HEADER))
        for row in rows(data, arguments.time_limit, arguments.only):
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
