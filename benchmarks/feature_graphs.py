"""Proves cuts of nearest-neighbour graphs of real features optimal, over graphs and deltas.

    python -m benchmarks.feature_graphs FILE.npz [--tags TAGS.npz] [--time-limit 30] [--only TEXT]
                                        [--json OUT]

FILE holds ``feats`` (n, d), ``labels`` (n,) and any tables ``probs_*`` (n, K+1). Every table is
solved on the mutual and the union graph of 3, 5 and 10 neighbours at five deltas, on one thread; a
row shows CPU seconds of the solve (neighbours are searched once, before), gap, and the latest stage
that a component needed. ``verify`` checks each result.

With ``--tags`` (array ``tags``, bool (n_images, any)) all of it is solved again with image tags:
the rows are dealt at random to images of 20; each image gets as many tags as a real image drawn
from TAGS, namely the true labels of that many of its rows; and label 0 stands for the background,
which is allowed everywhere.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import liid_cut
from benchmarks import records
from liid_cut import _core

NEIGHBORS = (3, 5, 10)
DELTAS = (0.03, 0.1, 0.3, 1.0, 5.0)
PER_IMAGE = 20
HEADER = ("CPU s", "closed by")


def random_tags(
    labels: NDArray[np.integer], n_labels: int, table: NDArray[np.bool_], seed: int = 0
) -> NDArray[np.bool_]:
    """Allowed labels, bool (n, n_labels), of images as the file head describes them."""
    rng = np.random.default_rng(seed)
    n = len(labels)
    image_ids = np.empty(n, dtype=np.int64)
    image_ids[rng.permutation(n)] = np.arange(n) // PER_IMAGE
    n_images = int(image_ids.max()) + 1
    counts = rng.choice(table.sum(axis=1), n_images)
    tags = np.zeros((n_images, n_labels), dtype=bool)
    for image, count in enumerate(counts):
        shown = rng.permutation(np.unique(labels[image_ids == image]))
        tags[image, shown[shown > 0][:count]] = True
    return liid_cut.tags_to_allowed(image_ids, tags[:, 1:])


def cut(probs: Any, graph: Any, allowed: Any, time_limit: float) -> dict[str, Any]:
    """Solve one instance; what a row shows."""
    start = time.process_time()
    result = liid_cut.multiway_cut(
        probs, graph=graph, allowed=allowed, time_limit=time_limit, n_jobs=1
    )
    cpu = time.process_time() - start
    stages = result.diagnostics["closed_by"]
    latest = [stage for stage in reversed(_core.STAGES) if stage in stages]
    verification = liid_cut.verify(result, probs, graph, allowed=allowed)
    return {
        "cpu_s": cpu,
        "cost": result.cost,
        "gap": result.gap,
        "status": result.status,
        "closed_by": "open" if "open" in stages else latest[0],
        "lps": result.mip_node_count,
        "verified": bool(verification) and verification.optimal == result.success,
    }


def rows(
    data: Any, tags: NDArray[np.bool_] | None, time_limit: float, only: str
) -> Iterator[dict[str, Any]]:
    """Solve every instance whose name contains ``only``, without and with ``tags``."""
    nearest = liid_cut.find_neighbors(data["feats"], max(NEIGHBORS), neighbors="exact")
    tables = {name: data[name] for name in data.files if name.startswith("probs_")}
    for k, symmetrize, delta, table in itertools.product(
        NEIGHBORS, ("mutual", "union"), DELTAS, tables
    ):
        name = f"{symmetrize}-{k}-{delta:g}-{table}"
        if only not in name:
            continue
        probs = tables[table]
        pair = (np.ascontiguousarray(x[:, :k]) for x in (nearest.ids, nearest.similarities))
        graph = _core.neighbour_edges(*pair, delta, symmetrize == "mutual")
        row = {
            "graph": f"{symmetrize} {k}",
            "delta": delta,
            "probs": table.removeprefix("probs_"),
            "edges": len(graph[0]),
            "free": cut(probs, graph, None, time_limit),
        }
        if tags is not None:
            allowed = random_tags(data["labels"], probs.shape[1], tags)
            row["tagged"] = cut(probs, graph, allowed, time_limit)
        print(f"{name}: {row['free']['status']}", file=sys.stderr, flush=True)
        yield row


def _cells(found: dict[str, Any]) -> tuple[str, ...]:
    closed_by = found["closed_by"]
    if found["status"] != "optimal":
        closed_by = f"open, gap {found['gap'] / max(1.0, abs(found['cost'])):.0e}"
    return f"{found['cpu_s']:.3f}", closed_by + ("" if found["verified"] else ", NOT VERIFIED")


def _sentence(name: str, kind: str, rows: list[dict[str, Any]]) -> str:
    found = [row[kind] for row in rows]
    left = [
        f"{row['graph']}, delta {row['delta']:g}, {row['probs']}"
        for row in rows
        if row[kind]["status"] != "optimal"
    ]
    times = [one["cpu_s"] for one in found]
    return (
        f"{name}: {len(found) - len(left)} of {len(found)} proven optimal, "
        f"{sum(one['verified'] for one in found)} verified; "
        f"CPU s at most {max(times):.2f}, together {sum(times):.1f}."
        + (f" Open: {'; '.join(left)}." if left else "")
    )


def markdown(data: dict[str, Any]) -> str:
    """A sentence for each set of instances, then the table."""
    found = data["rows"]
    kinds = {"free": "All labels", "tagged": "Image tags"}
    present = {kind: name for kind, name in kinds.items() if kind in found[0]}
    header = ("graph", "delta", "probs", "edges")
    for name in present.values():
        header += tuple(f"{name.lower()}: {column}" for column in HEADER)
    table = [header]
    for row in found:
        cells = (row["graph"], f"{row['delta']:g}", row["probs"], str(row["edges"]))
        table.append(cells + tuple(cell for kind in present for cell in _cells(row[kind])))
    text = [_sentence(name, kind, found) for kind, name in present.items()]
    return "\n\n".join([*text, records.markdown_table(table)])


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, solve, print; returns 1 if a result is not verified, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.feature_graphs", description="Cuts of graphs of real features."
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--tags", type=Path, metavar="FILE", help=".npz with real image tags")
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds an instance")
    parser.add_argument("--only", default="", help="part of a name, for example union-10")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every row")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", liid_cut.MultiwayCutWarning)
    tags = None
    if options.tags:
        with np.load(options.tags, allow_pickle=False) as file:
            tags = file["tags"]
    with np.load(options.file, allow_pickle=False) as data:
        found = list(rows(data, tags, options.time_limit, options.only))
    if not found:
        parser.error(f"--only: no instance has {options.only!r} in its name")
    record = {"time_limit_s": options.time_limit, "rows": found}
    print(markdown(record))
    if options.json:
        records.write(options.json, records.command_line("benchmarks.feature_graphs"), record)
    every = [row[kind] for row in found for kind in ("free", "tagged") if kind in row]
    return int(not all(one["verified"] for one in every))


if __name__ == "__main__":
    sys.exit(main())
