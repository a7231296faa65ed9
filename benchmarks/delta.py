"""`delta="auto"` beside the best of a grid of deltas, and what the weight options do.

    python -m benchmarks.delta [--features FILE.npz] [--data real digits proposals fashion]
                               [--grid-from FILE.json] [--json OUT] [--page OUT.md]

For every data set (labelled_data.py), mutual and union graphs of k = 3, 5, 10 neighbours: accuracy
of the argmax, of `delta="auto"`, of the paper's delta 5, and of twelve deltas from .02 to 10, of
which the best is chosen *by the true labels*: what auto is held against. Auto sees none. The second
table repeats auto under each option of the terminal and edge weights, at k = 3. "known": auto where
the rows that the classifier was fitted on keep their labels (`allowed`), as evidence too.

One neighbour search a data set; cuts on one thread, each stopped after --time-limit seconds.
Accuracy in percent; rows whose label the classifier was given do not count.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import liid_cut
from benchmarks import records
from benchmarks.labelled_data import (
    FASHION_MNIST,
    LabelledData,
    digits,
    fashion_mnist,
    generated_proposals,
    stored_features,
    with_weak_classifier,
)

GRID = tuple(float(delta) for delta in np.geomspace(0.02, 10, 12).round(4))
NEIGHBORS = (3, 5, 10)
PAPER_DELTA = 5.0
WITHIN = 0.5  # points of the best of the grid
BELOW = 0.2  # points under the argmax
PATIENCE = 5  # the cut at the chosen delta may take so many times as long as one of the grid
OPTIONS: dict[str, dict[str, Any]] = {
    "linear, abs": {},
    "log": {"terminal_weights": "log"},
    "temperature .5": {"temperature": 0.5},
    "temperature 2": {"temperature": 2.0},
    "clip": {"edge_weights": "clip"},
    "local": {"edge_weights": "local"},
}
OPTIONS_NEIGHBORS = 3  # the options are measured at the paper's k
DATA = ("real", "refitted", "digits", "proposals", "fashion", "fashion-pixels")


def measure(
    data: LabelledData,
    symmetrize: str,
    k: int,
    table: Any,
    limit: float,
    before: dict[str, Any] | None = None,
) -> dict:
    """One row of both tables; ``before``: a row whose fixed deltas are taken, not cut again."""
    graph: dict[str, Any] = {"neighbors": table, "n_neighbors": k, "symmetrize": symmetrize}

    def percent(labels: Any) -> float:
        return 100 * data.accuracy(labels)

    def auto(**settings: Any) -> tuple[float, liid_cut.MultiwayCutResult, float]:
        start = time.process_time()
        given = {"allowed": data.allowed, **graph, **settings}
        problem = liid_cut.make_problem(data.probs, delta="auto", n_jobs=1, **given)
        seconds = time.process_time() - start
        result = liid_cut.solve(problem, time_limit=PATIENCE * limit, n_jobs=1)
        return percent(result.labels), result, seconds

    allowed = data.probs if data.allowed is None else np.where(data.allowed, data.probs, -1)
    row: dict[str, Any] = {
        "data": data.name,
        "symmetrize": symmetrize,
        "k": k,
        "argmax": percent(allowed.argmax(axis=1)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", liid_cut.MultiwayCutWarning)
        if before is None:
            path = liid_cut.delta_path(
                data.probs,
                deltas=[*GRID, PAPER_DELTA],
                allowed=data.allowed,
                time_limit=limit,
                n_jobs=1,
                **graph,
            )
            scores = {point.delta: percent(point.labels) for point in path}
            row["paper"] = scores.pop(PAPER_DELTA)
            row["grid"] = {f"{delta:g}": score for delta, score in scores.items()}
            row["best_delta"] = max(scores, key=lambda delta: scores[delta])
            row["best"] = scores[row["best_delta"]]
        elif before["argmax"] != row["argmax"]:
            raise ValueError(f"{data.name}: --grid-from is of other data: another argmax")
        else:
            row |= {name: before[name] for name in ("paper", "grid", "best_delta", "best")}
        if len(data.labelled):
            row["known"] = auto(allowed=known_labels(data))[0]
        row["options"] = {}
        for name, settings in OPTIONS.items() if k == OPTIONS_NEIGHBORS else [("", {})]:
            score, result, seconds = auto(**settings)
            if name:
                row["options"][name] = score
            if not settings:
                report = result.diagnostics["delta"]
                row |= {
                    "auto": score,
                    "delta": result.delta,
                    "status": result.status,
                    "collapsed": result.diagnostics["collapsed"],
                    "estimate_cpu_s": seconds,
                    "coupling": report["coupling"],
                    "curve": report["curve"],
                    "recovery": report["recovery"],
                }
    return row


def known_labels(data: LabelledData) -> np.ndarray:
    """Allowed labels, bool (n, K + 1), that hold the labelled rows fast."""
    allowed = np.ones(data.probs.shape, dtype=bool)
    allowed[data.labelled] = np.eye(allowed.shape[1], dtype=bool)[data.truth[data.labelled]]
    return allowed


def good(row: dict[str, Any]) -> bool:
    """Whether auto is near the best of the grid and not below the argmax."""
    return bool(row["auto"] >= row["best"] - WITHIN and row["auto"] >= row["argmax"] - BELOW)


def data_sets(options: argparse.Namespace) -> Iterator[LabelledData]:
    """Those that the options name and that are there."""
    if "real" in options.data:
        if options.features.exists():
            yield from stored_features(options.features)
        else:
            print(f"{options.features} is not there; left out", file=sys.stderr)
    if "refitted" in options.data and options.features.exists():
        stored = next(stored_features(options.features))
        for few in (5, 50):
            yield with_weak_classifier("refitted", stored.feats, stored.truth, few, 0)
    if "digits" in options.data:
        yield from digits([3, 10])
    if "proposals" in options.data:
        for data in generated_proposals([1.5, 2.0, 2.5]):
            yield data._replace(allowed=None)
            yield data._replace(name=f"{data.name}, image tags")
    if "fashion" in options.data:
        if FASHION_MNIST.exists():
            yield from fashion_mnist([5, 50], components=50)
        else:
            print(f"{FASHION_MNIST} is not there; left out", file=sys.stderr)
    if "fashion-pixels" in options.data and FASHION_MNIST.exists():
        yield from fashion_mnist([5, 50])


def rows(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One neighbour search for each data set, then its six graphs."""
    earlier = records.read(options.grid_from)["data"]["rows"] if options.grid_from else []
    before = {(row["data"], row["symmetrize"], row["k"]): row for row in earlier}
    for data in data_sets(options):
        table = liid_cut.find_neighbors(data.feats, max(options.k), n_jobs=1)
        for symmetrize in ("mutual", "union"):
            for k in options.k:
                known = before.get((data.name, symmetrize, k))
                yield measure(data, symmetrize, k, table, options.time_limit, known)


def choice_table(found: list[dict[str, Any]]) -> str:
    """Auto beside argmax, the paper's delta and the best of the grid, one line a graph."""
    head = ("data", "graph", "k", "argmax", "delta 5", "auto", "its delta", "best", "its delta")
    lines: list[tuple[str, ...]] = [(*head, "auto - best", "auto - argmax", "")]
    for row in found:
        lines.append(
            (
                row["data"],
                row["symmetrize"],
                str(row["k"]),
                f"{row['argmax']:.2f}",
                f"{row['paper']:.2f}",
                f"{row['auto']:.2f}" + (" (collapsed)" if row["collapsed"] else ""),
                f"{row['delta']:.3g}",
                f"{row['best']:.2f}",
                f"{row['best_delta']:.3g}",
                f"{row['auto'] - row['best']:+.2f}",
                f"{row['auto'] - row['argmax']:+.2f}",
                "ok" if good(row) else "no",
            )
        )
    return records.markdown_table(lines)


def summary_table(found: list[dict[str, Any]]) -> str:
    """Means over the six graphs of each data set."""
    head = ("data", "argmax", "delta 5", "auto", "known", "best", "within .5", "worst - argmax")
    lines: list[tuple[str, ...]] = [(*head, "CPU s")]
    for name in dict.fromkeys(row["data"] for row in found):
        part = [row for row in found if row["data"] == name]
        near = sum(row["auto"] >= row["best"] - WITHIN for row in part)
        columns = ("argmax", "paper", "auto", "known", "best")
        means = [np.mean([row.get(key, np.nan) for row in part]) for key in columns]
        worst = min(row["auto"] - row["argmax"] for row in part)
        seconds = np.mean([row["estimate_cpu_s"] for row in part])
        lines.append(
            (
                name,
                *("-" if np.isnan(mean) else f"{mean:.2f}" for mean in means),
                f"{near} of {len(part)}",
                f"{worst:+.2f}",
                f"{seconds:.2f}",
            )
        )
    return records.markdown_table(lines)


def options_table(found: list[dict[str, Any]]) -> str:
    """Accuracy of auto under each option, means over the graphs of a data set."""
    lines: list[tuple[str, ...]] = [("data", *OPTIONS)]
    for name in dict.fromkeys(row["data"] for row in found):
        part = [row["options"] for row in found if row["data"] == name and row["options"]]
        if not part:
            continue
        means = [np.mean([row[option] for row in part]) for option in OPTIONS]
        lines.append((name, *(f"{mean:.2f}" for mean in means)))
    every = [row["options"] for row in found if row["options"]]
    if every:
        means = [np.mean([row[option] for row in every]) for option in OPTIONS]
        lines.append(("all", *(f"{mean:.2f}" for mean in means)))
    return records.markdown_table(lines)


def page(found: list[dict[str, Any]], command: str) -> str:
    """What DELTA.md holds."""
    lines = []
    target = [row for row in found if row["data"].startswith("real_features")]
    if target:
        near = sum(row["auto"] >= row["best"] - WITHIN for row in target)
        worst = min(row["auto"] - row["argmax"] for row in target)
        lines.append(
            f"- On the real features auto is within {WITHIN:g} points of the best of the grid in "
            f"{near} of {len(target)} graphs,\n  and at worst {worst:+.2f} points from the argmax."
        )
    default = [row for row in found if (row["symmetrize"], row["k"]) == ("union", 3)]
    if default:
        argmax, paper, auto = (
            np.mean([row[key] for row in default]) for key in ("argmax", "paper", "auto")
        )
        lines.append(
            f"- On the default graph (union, k = 3), mean over {len(default)} data sets: argmax "
            f"{argmax:.2f}, delta 5 {paper:.2f}, auto {auto:.2f}."
        )
    facts = "\n".join(lines)
    return f"""# `delta="auto"` beside the best delta

Written by `{command}`; what is measured stands at
the head of [delta.py](delta.py). Accuracy in percent. "best" is chosen by the true labels among
twelve deltas from .02 to 10; auto sees no true label. "ok": at most {WITHIN:g} points below best
and {BELOW:g} below the argmax. Where the best delta is not on the grid auto can be above it.

{facts}

## Data sets, means over their graphs

{summary_table(found)}

known: auto that is told the labels of the classifier's own rows, which tell it how much neighbours
matter. "within .5" and "worst" are of auto, untold. CPU s: of the estimate, without neighbour
search and final cut.

## Options of the weights at k = {OPTIONS_NEIGHBORS}, each with its own `delta="auto"`

{options_table(found)}

## Every graph

{choice_table(found)}
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.delta", description="delta='auto' against a grid."
    )
    parser.add_argument("--data", nargs="+", choices=DATA, default=["real"])
    parser.add_argument(
        "--features", type=Path, default=Path("../shared/data/real_features_10k.npz")
    )
    parser.add_argument("--k", type=int, nargs="+", default=list(NEIGHBORS))
    parser.add_argument("--time-limit", type=float, default=2.0, help="seconds a cut")
    parser.add_argument(
        "--grid-from", type=Path, metavar="FILE.json",
        help="take the cuts at fixed deltas from this file of --json, and measure auto alone",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--page", type=Path, metavar="OUT.md")
    options = parser.parse_args(arguments)
    found = []
    for row in rows(options):
        found.append(row)
        print(choice_table([row]).splitlines()[-1], flush=True)
    if not found:
        parser.error("none of the data sets is there")
    command = "python -m benchmarks.delta --data " + " ".join(options.data)
    text = page(found, command)
    print(text)
    if options.json:
        records.write(options.json, command, {"time_limit_s": options.time_limit, "rows": found})
    if options.page:
        options.page.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
