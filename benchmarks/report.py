"""Measures everything and writes the page ``RESULTS.md`` with its pictures.

    python -m benchmarks.report [PART ...] [--all] [--page] [--peer-time-limit S]

Each part is one of the other commands; it leaves a JSON file in ``results/``, and the page is built
from those files alone. Without names, the parts that are not slow are measured; ``--all`` adds the
slow ones, ``--page`` measures nothing. A part whose input is not there keeps its earlier result.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import feature_graphs, figures, records, scaling, tables, tiny_problems
from benchmarks.instances import REPOSITORY

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
FIGURES = FOLDER / "figures"
PAGE = FOLDER / "RESULTS.md"
HEAD = """\
# Measurements

Written by `python -m benchmarks.report`; how to repeat it, and what the columns mean, is in
[README.md](README.md). All of a section was measured in one run, ours and peers in turn, on one
machine that was busy with other work: read the ratios, not the seconds. CPU seconds are user +
system time of all threads. `liid-auto` is `multiway_cut(...)` as it stands, `liid-ckr` the paper's
way.
"""


class Part(NamedTuple):
    """A command, its place on the page, and how its data is shown."""

    title: str
    text: str
    command: tuple[str, ...]
    show: Callable[[dict[str, Any]], str]
    slow: bool = False


def _comparison(data: dict[str, Any]) -> str:
    found = [tables.Comparison.from_json(one) for one in data["runs"]]
    wrong = [line for one in found for line in tables.contradictions(one)]
    memory = "Peak memory of model and solve, in MiB:"
    return "\n\n".join(
        [
            data["limits"],
            tables.in_words(found),
            *wrong,
            tables.overview(found),
            memory,
            tables.memory_overview(found),
        ]
    )


def _compare(suite: str) -> tuple[str, ...]:
    return ("benchmarks.compare", "--suite", suite)


PARTS: dict[str, Part] = {
    "proposals": Part(
        "Graphs of proposals, against other solvers",
        "`voc-*` and `coco-*` are labelling problems that are not part of this repository; "
        "`proposals-*` are generated. In a cell: CPU seconds, their ratio to those of `liid-auto`, "
        "and for the heuristic how far its cost is from the best.",
        _compare("proposals"),
        _comparison,
    ),
    "gaps": Part(
        "Instances whose relaxation has a gap",
        "Families of `generators.py`, and `gap-*`, which are not part of this repository.",
        _compare("gaps"),
        _comparison,
    ),
    "hard": Part(
        "Random regular Potts graphs",
        "300 nodes, 6 labels, degree 4; `w` is the weight of every edge, the last number the seed. "
        "Of the seeds 0 to 7 these have the largest gaps.",
        _compare("hard"),
        _comparison,
        slow=True,
    ),
    "features": Part(
        "Graphs of real features",
        "Features of 10,000 photos (1280-d, not part of this repository) and the probabilities of "
        "two weak classifiers; with image tags, labels are restricted as the head of "
        "`feature_graphs.py` says. One thread, limit 30 s.",
        (
            "benchmarks.feature_graphs",
            "../shared/data/real_features_10k.npz",
            "--tags",
            "../shared/data/voc12_image_tags.npz",
        ),
        feature_graphs.markdown,
    ),
    "tiny": Part(
        "Every method against brute force",
        "",
        ("benchmarks.tiny_problems",),
        tiny_problems.markdown,
        slow=True,
    ),
    "nodes": Part(
        "Growing with the number of nodes",
        "The picture shows the points of the next two sections too.",
        ("benchmarks.scaling", "nodes"),
        scaling.markdown,
    ),
    "whole": Part(
        "10,000 images of 20 proposals in one graph",
        "In 32 dimensions, as in the other sections, the graph hangs together; in 256, as in "
        "`proposals-*` above, less so.",
        ("benchmarks.scaling", "whole"),
        scaling.markdown,
        slow=True,
    ),
    "blockwise": Part(
        "To 2,000,000 nodes x 81 labels",
        "Generated in blocks of 10,000 nodes.",
        ("benchmarks.scaling", "blockwise"),
        scaling.markdown,
        slow=True,
    ),
    "labels": Part(
        "Growing with the number of labels", "", ("benchmarks.scaling", "labels"), scaling.markdown
    ),
    "delta": Part(
        "Growing with delta",
        "Mutual graphs fall into small components; a union graph is one component, which is "
        "hardest where edges and probabilities weigh the same.",
        ("benchmarks.scaling", "delta"),
        scaling.markdown,
    ),
    "threads": Part(
        "Threads",
        "",
        ("benchmarks.scaling", "threads"),
        scaling.markdown,
    ),
}


def measure(name: str, peer_time_limit: float | None) -> bool:
    """Run a part's command; returns whether it ended well."""
    command = [*PARTS[name].command]
    missing = [word for word in command if word.endswith(".npz") and not Path(word).exists()]
    if missing:
        print(f"{name}: left out, no file {missing[0]}", file=sys.stderr)
        return True
    if peer_time_limit is not None and command[0] == "benchmarks.compare":
        command += ["--peer-time-limit", f"{peer_time_limit:g}"]
    command += ["--json", str((RESULTS / f"{name}.json").relative_to(REPOSITORY))]
    print(f"== {name}: python -m {' '.join(command)}", file=sys.stderr, flush=True)
    return subprocess.run([sys.executable, "-m", *command], check=False).returncode == 0


def _points(name: str, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What a part's picture shows; that of the nodes shows three parts."""
    if name == "features":
        rows: list[dict[str, Any]] = found[name]["data"]["rows"]
        return rows
    curves = ("nodes", "whole", "blockwise") if name == "nodes" else (name,)
    return [point for curve in curves if curve in found for point in found[curve]["data"]["points"]]


def section(name: str, found: dict[str, dict[str, Any]]) -> str:
    """One part of the page; draws its picture."""
    part, record = PARTS[name], found[name]
    text = [f"## {part.title}", part.text, f"`{record['command']}`, {record['date']}"]
    if name in figures.DRAW:
        points = _points(name, found)
        figures.draw(name, points, FIGURES / f"{name}.png")
        text.append(f"![{part.title}](figures/{name}.png)")
    text.append(part.show(record["data"]))
    return "\n\n".join(filter(None, text))


def versions(found: dict[str, dict[str, Any]]) -> str:
    """Machine and versions of every part."""
    by_environment: dict[str, list[str]] = {}
    for name, record in found.items():
        words = ", ".join(f"{key} {value}" for key, value in record["environment"].items())
        by_environment.setdefault(words, []).append(PARTS[name].title)
    if len(by_environment) == 1:
        return f"## Versions\n\n{next(iter(by_environment))}"
    lines = [f"- {words}: {'; '.join(titles)}" for words, titles in by_environment.items()]
    return "\n".join(["## Versions", "", *lines])


def write_page() -> None:
    """Build the page and the pictures from the stored results."""
    paths = {name: RESULTS / f"{name}.json" for name in PARTS}
    found = {name: records.read(path) for name, path in paths.items() if path.exists()}
    sections = [section(name, found) for name in found]
    PAGE.write_text("\n\n".join([HEAD.rstrip(), *sections, versions(found)]) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the page; returns 1 if a part did not end well, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description="All measurements, and their page."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--all", action="store_true", help="the slow parts too")
    parser.add_argument("--page", action="store_true", help="only build the page")
    parser.add_argument("--peer-time-limit", type=float, help="seconds a run of other solvers")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"unknown parts {unknown}; known are {list(PARTS)}")
    chosen = options.parts or [name for name, part in PARTS.items() if options.all or not part.slow]
    failed = []
    if not options.page:
        failed = [name for name in chosen if not measure(name, options.peer_time_limit)]
    write_page()
    if failed:
        print(f"did not end well: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
