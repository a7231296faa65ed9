"""``liid-mil label``: the multi-way cut of a run's proposals, under their images' tags."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from liid_cut.commands import exit_code, print_json, summary, summary_lines, write
from liid_mil.commands import EXIT_CODES, METHODS, add_graph_options, metrics_table, with_graph
from liid_mil.labelling import write_labelling
from liid_mil.metrics import ProposalEvaluator
from liid_mil.pipeline import RESULT, compare, locked, open_run
from liid_mil.stages.cutting import LABELS

_DESCRIPTION = """\
Label the extracted proposals of a run by the cheapest multi-way cut of their nearest-neighbour
graph; an image's proposals take its tags or the background. The labels are written as an npz file:
labels, labels_without_graph, scores, image_index, boxes, image_ids, class_names, facts. Without -o
they are the run's labels from now on, RUN/config.yaml keeps the settings, and `liid-mil export`
makes annotations of them that detectors train on. With -o the run stays as it is.
"""
_EPILOG = f"""\
examples:
  liid-mil label run
  liid-mil label run --delta 1 -o labels.npz --evaluate

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "label",
        help="label the proposals by the multi-way cut",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="after `liid-mil extract`")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.npz",
        help="file (default: RUN/result/cut/labels.npz)",
    )
    add_graph_options(parser)
    parser.add_argument(
        "--time-limit", type=float, metavar="S", help="seconds; then the best labels so far"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="threads (default: all cores)")
    parser.add_argument(
        "--evaluate",
        action="store_true",
        help="compare with the annotated objects of the images; reads all of them",
    )
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no report")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Cut, write and report; returns the exit code."""
    pipeline = open_run(arguments.folder, n_jobs=arguments.jobs)
    pipeline = pipeline.changed(cut=with_graph(pipeline.config, arguments).cut)
    with locked(arguments.folder):
        labelling, extraction = pipeline.labelling, pipeline.extraction
        if arguments.output is None:
            pipeline.save_config()
            pipeline.run("cut")
    if arguments.output is None:
        output = arguments.folder / RESULT / "cut" / LABELS
    else:
        output = arguments.output
        write_labelling(output, extraction, labelling, asdict(pipeline.config.cut))

    counts = np.bincount(labelling.labels, minlength=len(extraction.class_names) + 1)
    names = ("background", *extraction.class_names)
    facts: dict[str, Any] = {
        **asdict(pipeline.config.cut),
        **summary(labelling.result),  # last: it has the delta that was estimated
        "n_changed": int((labelling.labels != labelling.labels_without_graph).sum()),
        "n_by_label": {name: int(n) for name, n in zip(names, counts, strict=True)},
        "output": str(output),
    }
    table: list[str] = []
    if arguments.evaluate:
        evaluator = ProposalEvaluator(pipeline.dataset, pipeline.proposals)
        metrics = compare(pipeline, evaluator)
        facts |= {method: asdict(metrics[method]) for method in METHODS}
        table = metrics_table(metrics)
    if arguments.json:
        print_json(facts)
    elif not arguments.quiet:
        found = ", ".join(f"{name} {n:,}" for name, n in facts["n_by_label"].items())
        write(
            *summary_lines(facts),
            f"labels       {found}",
            f"changed      {facts['n_changed']:,} by the graph",
            *table,
            f"written      {output}",
        )
    return exit_code(labelling.result)
