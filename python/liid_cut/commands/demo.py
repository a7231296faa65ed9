"""``liid-cut demo``: the cut corrects a weak classifier of handwritten digits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from liid_cut import demo
from liid_cut.api import multiway_cut
from liid_cut.commands import (
    EXIT_CODES,
    CommandError,
    exit_code,
    print_json,
    summary,
    summary_lines,
    write,
)
from liid_cut.files import ProblemFile, write_problem, write_result
from liid_cut.graph import SYMMETRIZE
from liid_cut.npz import check_writable

_DESCRIPTION = """\
Label 1,797 real handwritten digits. A logistic regression that saw a few labelled digits a class
gives probabilities; the cheapest multi-way cut of the digits' nearest-neighbour graph gives the
labels. Accuracy is that of the digits without a given label.
Needs: pip install "liid-cut[demo]"

Written into the output folder: problem.npz, result.npz, changes.png, and report.html to look at.
"""
_EPILOG = f"""\
examples:
  liid-cut demo
  liid-cut demo --labels-per-class 3 --seed 7 -o digits
  liid-cut demo --symmetrize mutual --delta 5 --json

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "demo",
        help="handwritten digits, in seconds",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--labels-per-class",
        type=int,
        default=5,
        metavar="N",
        help="labelled digits a class that the classifier sees (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="chooses those digits (default: %(default)s)"
    )
    parser.add_argument(
        "--delta",
        type=float,
        default=demo.DELTA,
        metavar="D",
        help="weight of edges against probabilities (default: %(default)s)",
    )
    parser.add_argument(
        "--symmetrize",
        choices=SYMMETRIZE,
        default=demo.SYMMETRIZE,
        help="an edge where both ends (mutual) or one (union) name the other as neighbour "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("liid-cut-demo"),
        metavar="DIR",
        help="folder for the files, made where it is missing (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Classify, cut, draw and report; returns the exit code."""
    try:
        demo.require_extra()
    except ImportError as error:
        raise CommandError(str(error)) from None
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    names = ("problem.npz", "result.npz", "changes.png", "report.html")
    files = {name: folder / name for name in names}
    for path in files.values():
        check_writable(path)

    digits = demo.weakly_labelled_digits(arguments.labels_per_class, arguments.seed)
    settings = {"delta": arguments.delta, "symmetrize": arguments.symmetrize}
    result = multiway_cut(digits.probs, digits.feats, allowed=digits.allowed, **settings)
    result.settings = settings

    before, after = digits.classified(), result.labels
    facts = {
        "labels_per_class": arguments.labels_per_class,
        "seed": arguments.seed,
        **settings,
        "accuracy_before": digits.accuracy(before),
        "accuracy_after": digits.accuracy(after),
        "n_changed": int((before != after).sum()),
        "n_now_right": int(((before != after) & (after == digits.truth)).sum()),
        **summary(result),
        "files": [str(path) for path in files.values()],
    }
    write_problem(
        files["problem.npz"],
        ProblemFile(digits.probs, digits.feats, allowed=digits.allowed),
        truth=digits.truth,
        labelled=digits.labelled,
        crops=digits.pictures(),
    )
    write_result(files["result.npz"], result)
    title = (
        f"Accuracy {facts['accuracy_before']:.1%} → {facts['accuracy_after']:.1%}, with "
        f"{arguments.labels_per_class} labelled digits a class"
    )
    demo.draw_changes(files["changes.png"], digits, before, after, title)
    demo.write_page(files["report.html"], digits, result)

    if arguments.json:
        print_json(facts)
    else:
        write(*_report(facts))
    return exit_code(result)


def _report(facts: dict[str, Any]) -> list[str]:
    n_unlabelled = facts["n"] - 10 * facts["labels_per_class"]
    problem, result, picture, page = facts["files"]
    return [
        f"data         1,797 handwritten digits, {facts['labels_per_class']} labelled a class "
        f"(seed {facts['seed']})",
        f"graph        3 nearest neighbours, {facts['symmetrize']}, delta {facts['delta']:g}",
        f"accuracy     {facts['accuracy_before']:.2%} before the cut, "
        f"{facts['accuracy_after']:.2%} after, of {n_unlabelled:,} digits without a given label",
        f"changed      {facts['n_changed']} labels, {facts['n_now_right']} of them now right",
        *summary_lines(facts),
        f"written      {picture}, {problem}, {result}",
        f"look at it   {page}",
        f"check it     liid-cut verify {problem} {result}",
    ]
