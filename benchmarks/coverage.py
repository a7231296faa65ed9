"""What it costs that every tag of an image is taken by one of its proposals.

    python -m benchmarks.coverage [--images 10000] [--d 256] [--noise 2] [--delta 5] [--free]
                                  [--run RUN] [--time-limit S] [--json OUT]

Proposals of `benchmarks.proposals`, 20 an image, 20 classes, mutual 3-NN graph. The neighbours are
found once; then the plain cut and the cut under coverage are solved on one thread and verified.
CPU seconds are those of the whole call, the graph included, the neighbour search not.
``--free``: without ``allowed``, so that proposals may take labels outside their image's tags.
``--run``: the proposals of a finished ``liid-mil run`` instead, neighbours in all images, delta
estimated. The last row is the search without the relaxation of :mod:`liid_cut.constraints`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import liid_cut
from benchmarks import records
from benchmarks.generators import proposals
from liid_cut.constraints import pieces


def problem(options: argparse.Namespace) -> dict[str, Any]:
    """Probabilities, features, images and tags; and the true labels, if they are known."""
    if options.run:
        folder = options.run / "result" / "extraction"
        index = np.load(folder / "index.npz")
        coverage = index["image_index"], index["tags"]
        probs, feats, truth = np.load(folder / "probs.npy"), np.load(folder / "feats.npy"), None
    else:
        made = proposals(options.images, d=options.d, noise=options.noise, seed=options.seed)
        coverage = made.image_ids, made.image_tags
        probs, feats, truth = made.probs, made.feats, made.labels
    return {"probs": probs, "feats": feats, "coverage": coverage, "truth": truth}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Solve all; the figures of the table."""
    made = problem(options)
    probs, coverage = made["probs"], made["coverage"]
    search = "exact" if options.run else options.neighbors
    table = liid_cut.find_neighbors(
        made["feats"], 3, neighbors=search, n_jobs=1, zero_rows="isolate"
    )
    allowed = None if options.free else liid_cut.tags_to_allowed(*coverage)
    rows = []
    with_it: dict[str, Any] = {"coverage": coverage}
    crowd = pieces.CROWD
    for name, given in (("plain", {}), ("coverage", with_it), ("without relaxation", with_it)):
        pieces.CROWD = 0 if name == "without relaxation" else crowd
        start = time.process_time()
        result = liid_cut.multiway_cut(
            probs,
            neighbors=table,
            delta="auto" if options.run else options.delta,
            allowed=allowed,
            n_jobs=1,
            time_limit=options.time_limit if given else None,
            **given,
        )
        solved = time.process_time() - start
        verification = liid_cut.verify(result, probs, allowed=allowed, **given)
        optimal = result.components["status"] == "optimal"
        row = {
            "problem": name,
            "cpu_s": solved,
            "verify_cpu_s": time.process_time() - start - solved,
            "verified": bool(verification),
            "status": result.status,
            "cost": result.cost,
            "relative_gap": result.mip_gap,
            "optimal_components": float(optimal.mean()),
            "nodes_in_them": float(result.components["size"][optimal].sum() / len(probs)),
            **result.diagnostics.get("constraints", {}),
        }
        if made["truth"] is not None:
            row["accuracy"] = float((result.labels == made["truth"]).mean())
        rows.append(row)
    return {"nodes": len(probs), "tags": int(coverage[1].sum()), "rows": rows}


def markdown(data: dict[str, Any]) -> str:
    """A table of the cuts."""
    columns = ("problem", "cpu_s", "verify_cpu_s", "status", "relative_gap", "optimal_components")
    columns += ("cost", "accuracy", "broken_tags", "nodes_left", "rounds", "largest_cluster")
    rows: list[tuple[str, ...]] = [columns]
    for row in data["rows"]:
        values = [row.get(column, "") for column in columns]
        rows.append(tuple(f"{v:.6g}" if isinstance(v, float) else str(v) for v in values))
    return f"{data['nodes']} proposals, {data['tags']} tags\n\n" + records.markdown_table(rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the figures if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--d", type=int, default=256)
    parser.add_argument("--noise", type=float, default=2.0)
    parser.add_argument("--delta", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--neighbors", default="pca", help="how neighbours are found")
    parser.add_argument("--time-limit", type=float, help="of the cut under coverage")
    parser.add_argument("--run", type=Path, help="a folder of liid-mil run")
    parser.add_argument("--free", action="store_true", help="no label is ruled out by the tags")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    data = measure(options)
    print(markdown(data))
    if options.json:
        records.write(options.json, records.command_line("benchmarks.coverage"), data)


if __name__ == "__main__":
    main()
