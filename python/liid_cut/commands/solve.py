"""``liid-cut solve IN.npz -o OUT.npz``: problem file to result file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liid_cut.api import METHODS, multiway_cut
from liid_cut.commands import (
    EXIT_CODES,
    CommandError,
    cluster,
    delta,
    exit_code,
    print_json,
    summary,
    summary_lines,
    to_json,
    write,
)
from liid_cut.files import ProblemFile, read_problem, write_result
from liid_cut.graph import SYMMETRIZE
from liid_cut.npz import check_writable
from liid_cut.presets import PRESETS
from liid_cut.weights import EDGE_WEIGHTS, TERMINAL_WEIGHTS

if TYPE_CHECKING:
    from liid_cut.result import MultiwayCutResult

_DESCRIPTION = """\
Label the nodes of a problem file by the cheapest multi-way cut.

IN.npz holds probs (n, K+1), column 0 the background, and either
  feats (n, d)                      features, of which a nearest-neighbour graph is built, or
  edges (m, 2) and weights (m,)     a graph, each undirected edge once;
and, where labels are restricted, either
  allowed (n, K+1)                  bool, the labels that each node may take, or
  image_ids (n,), image_tags (n_images, K)   the image of each node, the tags of each image;
and, where wanted,
  labels (n,)                       int, known labels, which are kept, and -1 for unknown ones,
  must_link, cannot_link (m, 2)     pairs of nodes of the same label, of different labels,
  node_weights (n,)                 how often each row of probs counts.
P, a, b, w (terminal weights, ends and weights of the edges) are understood too.

OUT.npz gets labels (n,) and everything that `liid-cut verify` needs.

What does not fit into memory goes to a Dask cluster: IN is then a folder with probs and feats (and
allowed) as .npy, .zarr or .parquet, and OUT may be NAME.zarr or a folder, OUT/, which get labels in
blocks.
"""
_EPILOG = f"""\
examples:
  liid-cut solve proposals.npz -o labels.npz
  liid-cut solve photos.npz -o labels.npz --symmetrize union --delta 0.3
  liid-cut solve tagged.npz -o labels.npz --coverage
  liid-cut solve hard.npz -o labels.npz --time-limit 60 --json > report.json
  liid-cut solve big/ -o labels.zarr --local-cluster 8 --checkpoint state/

{EXIT_CODES}"""
_GRAPH_SETTINGS = (
    "edge_weights",
    "n_neighbors",
    "symmetrize",
    "neighbors",
    "target_recall",
    "max_memory",
    "shared_tags",
)
_OTHER_SETTINGS = (
    "checkpoint",
    "coverage",
    "delta",
    "terminal_weights",
    "temperature",
    "preset",
    "method",
    "time_limit",
)


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "solve",
        help="label the nodes of a problem file",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="IN.npz", help="problem file, or folder")
    parser.add_argument(
        "-o", "--output", metavar="OUT.npz", required=True, help="result file; or NAME.zarr, OUT/"
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        help="how the optimum is found (default: auto); all agree on the cost",
    )
    parser.add_argument(
        "--delta",
        type=delta,
        metavar="D",
        help="weight of edges against probabilities, or 'auto': estimated from probs and the graph "
        "(the default for a problem with feats); multiplies the weights of a graph",
    )
    parser.add_argument(
        "--terminal-weights",
        choices=TERMINAL_WEIGHTS,
        help="weights of edges to terminals: probs (linear, the default) or log(p / min p)",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="probs ** (1/T) in place of probs, rows scaled to their sums (default: 1)",
    )
    parser.add_argument(
        "--edge-weights",
        choices=EDGE_WEIGHTS,
        help="weights of edges between neighbours, for a problem with feats: |cos| (abs, the "
        "default), max(cos, 0) (clip) or locally scaled (local)",
    )
    parser.add_argument(
        "--n-neighbors",
        type=int,
        metavar="K",
        help="nearest neighbours of a node, for a problem with feats (default: 3)",
    )
    parser.add_argument(
        "--symmetrize",
        choices=SYMMETRIZE,
        help="an edge where both ends (mutual) or one (union) name the other as neighbour, for a "
        "problem with feats (default: union where delta is estimated, else mutual)",
    )
    parser.add_argument(
        "--neighbors",
        metavar="HOW",
        help="how neighbours are found: auto (default), exact, certified, pca, "
        "'faiss:<factory string>' or 'torch:<device>'",
    )
    parser.add_argument(
        "--target-recall",
        type=float,
        metavar="R",
        help="share of the true neighbours to find where the search is not exact (default: .999)",
    )
    parser.add_argument(
        "--max-memory", metavar="SIZE", help="for the neighbour search, for example '2 GiB'"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="FOLDER",
        help="keep what is done here, and go on from it after a kill",
    )
    parser.add_argument(
        "--shared-tags",
        action="store_true",
        default=None,
        help="only nodes that may take a common foreground label become neighbours",
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        default=None,
        help="each tag of an image is taken by one of its nodes at least",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        help="paper: delta is 5 unless given; authors: the graph of the authors' script",
    )
    parser.add_argument(
        "--time-limit",
        type=float,
        metavar="S",
        help="seconds after which the best labelling so far is written",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="threads (default: all cores)")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no report and no progress bar")
    cluster.add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Solve and write; returns the exit code."""
    arguments_of_problem, settings = _problem_and_settings(arguments)
    with cluster.client_of(arguments) as client:
        result = multiway_cut(
            **arguments_of_problem,
            n_jobs=arguments.jobs,
            progress=wants_progress(arguments),
            client=client,
            **{name: value for name, value in settings.items() if name != "coverage"},
        )
        result.settings = settings
        _write(arguments.output, result)

    facts = {**summary(result), "output": arguments.output}
    if arguments.json:
        print_json(facts)
    elif not arguments.quiet:
        write(*summary_lines(facts), f"written      {arguments.output}")
    return exit_code(result)


def _problem_and_settings(
    arguments: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords of the solve: what the input holds, and what the options say."""
    folder = Path(arguments.input)
    problem = None if folder.is_dir() else read_problem(arguments.input)
    if problem is None and not cluster.is_asked_for(arguments):
        raise CommandError(f"{folder}: a folder needs --local-cluster or --scheduler")
    _check_output(arguments)
    settings = {
        name: getattr(arguments, name)
        for name in (*_GRAPH_SETTINGS, *_OTHER_SETTINGS)
        if getattr(arguments, name) is not None
    }
    if problem is None:
        if "coverage" in settings:
            raise CommandError("--coverage has no distributed form")
        return cluster.folder_problem(folder), settings
    _check_settings(settings, problem, arguments.input)
    constraints = problem.constraints(bool(arguments.coverage))
    given = {"probs": problem.probs, "feats": problem.feats, "graph": problem.graph}
    return {**given, **constraints}, settings


def _write(output: str, result: MultiwayCutResult) -> None:
    if not cluster.is_blocks(output):
        write_result(output, result)
        return
    from liid_cut.distributed.output import write_labels

    write_labels(output, result, json.loads(to_json(summary(result))))


def wants_progress(arguments: argparse.Namespace) -> bool | None:
    """True for a bar: at a terminal, unless the output is for a program or for nobody."""
    shown = sys.stderr.isatty() and not arguments.json and not arguments.quiet
    return True if shown else None


def _check_output(arguments: argparse.Namespace) -> None:
    output = arguments.output
    if cluster.is_blocks(output):
        source, target = Path(arguments.input).resolve(), Path(output).resolve()
        if source in (target, *target.parents):
            raise CommandError(f"{output}: is in the input; name a place of its own")
        from liid_cut.distributed.output import check_blocks

        check_blocks(output)
        return
    if os.path.exists(output) and os.path.samefile(arguments.input, output):
        raise CommandError(f"{output}: the output would overwrite the input")
    check_writable(output)


def _check_settings(settings: dict[str, Any], problem: ProblemFile, path: str) -> None:
    for name in _GRAPH_SETTINGS:
        if problem.graph is not None and name in settings:
            option = "--" + name.replace("_", "-")
            raise CommandError(f"{option} builds a graph of feats, but {path} holds a graph")
    if "coverage" in settings and problem.image_tags is None:
        raise CommandError(f"--coverage needs image_ids and image_tags, which {path} does not hold")
