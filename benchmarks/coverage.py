"""What it costs that every tag of an image is taken by one of its proposals.

    python -m benchmarks.coverage [--images 10000] [--d 256] [--noise 2] [--delta 5] [--free]
                                  [--time-limit S] [--json OUT]

Proposals of `benchmarks.proposals`, 20 an image, 20 classes, mutual 3-NN graph. The neighbours are
found once; then the plain cut and the cut under coverage are solved on one thread and verified.
CPU seconds are those of the whole call, the graph included, the neighbour search not.
``--free``: without ``allowed``, so that proposals may take labels outside their image's tags.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import liid_cut
from benchmarks import records
from benchmarks.generators import proposals


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Solve both; the figures of the table."""
    made = proposals(options.images, d=options.d, noise=options.noise, seed=options.seed)
    table = liid_cut.find_neighbors(made.feats, 3, neighbors=options.neighbors, n_jobs=1)
    coverage = made.image_ids, made.image_tags
    allowed = None if options.free else liid_cut.tags_to_allowed(*coverage)
    rows = []
    for name, given in (("plain", {}), ("coverage", {"coverage": coverage})):
        start = time.process_time()
        result = liid_cut.multiway_cut(
            made.probs,
            neighbors=table,
            delta=options.delta,
            allowed=allowed,
            n_jobs=1,
            time_limit=options.time_limit if given else None,
            **given,
        )
        solved = time.process_time() - start
        verification = liid_cut.verify(result, made.probs, allowed=allowed, **given)
        optimal = result.components["status"] == "optimal"
        rows.append(
            {
                "problem": name,
                "cpu_s": solved,
                "verify_cpu_s": time.process_time() - start - solved,
                "verified": bool(verification),
                "status": result.status,
                "cost": result.cost,
                "relative_gap": result.mip_gap,
                "optimal_components": float(optimal.mean()),
                "nodes_in_them": float(result.components["size"][optimal].sum() / len(made.labels)),
                "accuracy": float((result.labels == made.labels).mean()),
                **result.diagnostics.get("constraints", {}),
            }
        )
    return {"nodes": len(made.labels), "tags": int(made.image_tags.sum()), "rows": rows}


def markdown(data: dict[str, Any]) -> str:
    """A table of both cuts."""
    columns = ("problem", "cpu_s", "verify_cpu_s", "status", "relative_gap", "optimal_components")
    columns += ("cost", "accuracy", "broken_tags", "rounds", "copies", "largest_cluster")
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
    parser.add_argument("--free", action="store_true", help="no label is ruled out by the tags")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    data = measure(options)
    print(markdown(data))
    if options.json:
        records.write(options.json, records.command_line("benchmarks.coverage"), data)


if __name__ == "__main__":
    main()
