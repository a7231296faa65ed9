"""How well confidences tell right labels from wrong ones, and whether they are probabilities.

    python -m benchmarks.confidence [--features FILE.npz] [--seeds N] [--json OUT] [--page OUT]

Weak classifiers (a logistic regression on a few labelled rows) and the cut of their probabilities,
on digits and on a file of real features. Every confidence of the cut's labels is held against the
classifier's own of its own labels. True labels choose nothing: settings are listed, not chosen; the
"held-out" rows get 50 true labels to fit one temperature, and these rows are scored nowhere.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.labelled_data import LabelledData, digits, stored_features, with_weak_classifier
from benchmarks.labels import interval
from benchmarks.records import command_line, markdown_table, write
from liid_cut import (
    MultiwayCutWarning,
    cut_margins,
    label_distributions,
    min_marginals,
    multiway_cut,
)

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

HELD_OUT = 50
BINS = 15
# Graph, n_neighbors, delta: the paper's, the default, and denser graphs.
Setting = tuple[str, int, float | str]
SETTINGS: tuple[Setting, ...] = (
    ("mutual", 3, 5.0),
    ("mutual", 3, "auto"),
    ("union", 3, "auto"),
    ("union", 10, "auto"),
)
COLUMNS = ("accuracy", "ECE", "AUROC", "at 90 %", "at 50 %")


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ``BINS`` bins of equally many rows."""
    order = np.argsort(confidence, kind="stable")
    error = 0.0
    for part in np.array_split(order, BINS):
        error += abs(confidence[part].mean() - right[part].mean()) * len(part) / len(order)
    return error


def accuracy_of_surest(confidence: Floats, right: NDArray[np.bool_], share: float) -> float:
    """Accuracy of the share of rows with the largest confidence."""
    order = np.argsort(-confidence, kind="stable")[: round(share * len(right))]
    return float(right[order].mean())


def scores(right: NDArray[np.bool_], confidence: Floats, is_probability: bool) -> Floats:
    """The numbers of ``COLUMNS``; the calibration error is nan for what is no probability."""
    return np.array(
        [
            right.mean(),
            calibration_error(confidence, right) if is_probability else np.nan,
            roc_auc_score(right, confidence),
            accuracy_of_surest(confidence, right, 0.9),
            accuracy_of_surest(confidence, right, 0.5),
        ]
    )


def confidences(
    data: LabelledData, setting: Setting, held_out: Labels, time_limit: float
) -> Iterator[tuple[str, Labels, Floats]]:
    """Name, labels and confidence of every row, for each way to be sure of a cut."""
    symmetrize, k, delta = setting
    probs, rows = data.probs, np.arange(len(data.probs))
    known = data.known
    allowed = (known[:, None] < 0) | (known[:, None] == np.arange(probs.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultiwayCutWarning)  # a collapse shows in the accuracy
        result = multiway_cut(
            probs, data.feats, symmetrize=symmetrize, n_neighbors=k, delta=delta,
            allowed=allowed, zero_rows="isolate", time_limit=time_limit,
        )  # fmt: skip
    labels = result.labels

    best = probs.argmax(axis=1)
    yield "classifier: its probability, its labels", best, probs[rows, best]
    yield "classifier's probability of the cut's label", labels, probs[rows, labels]
    yield "`cut_margins`", labels, cut_margins(result, probs, allowed=allowed)
    proven = min_marginals(result, probs, allowed=allowed).margins
    yield "`min_marginals(...).margins`", labels, proven
    plain = label_distributions(result, probs, allowed=allowed)
    yield "`label_distributions`", labels, plain[rows, labels]
    fitted = label_distributions(result, probs, allowed=allowed, held_out=held_out)
    yield f"`label_distributions`, {HELD_OUT} held-out labels", labels, fitted[rows, labels]


def measure(
    runs: list[LabelledData], setting: Setting, time_limit: float
) -> dict[str, list[list[float]]]:
    """Scores of every confidence, a row a run."""
    found: dict[str, list[list[float]]] = {}
    for seed, data in enumerate(runs):
        counted = data.scored
        shown = np.random.default_rng(seed).choice(np.flatnonzero(counted), HELD_OUT, False)
        held_out = np.full(len(data.truth), -1)
        held_out[shown] = data.truth[shown]
        counted[shown] = False
        for name, labels, confidence in confidences(data, setting, held_out, time_limit):
            right = (labels == data.truth)[counted]
            row = scores(right, confidence[counted], "margins" not in name)
            found.setdefault(name, []).append(row.tolist())
    return found


def table(found: dict[str, list[list[float]]]) -> str:
    """Means over cases, and half widths of 95 % intervals where there are several."""
    rows: list[tuple[str, ...]] = [("confidence", *COLUMNS)]
    for name, values in found.items():
        cells = []
        for column in np.array(values).T:
            mean, half = interval(column)
            text = "-" if np.isnan(mean) else f"{mean:.3f}"
            cells.append(text if np.isnan(half) else f"{text} +- {half:.3f}")
        rows.append((name, *cells))
    return markdown_table(rows)


def all_runs(options: argparse.Namespace) -> Iterator[tuple[str, list[LabelledData]]]:
    """Title and runs of every data set."""
    for few in (3, 10):
        runs = list(digits([few], range(options.seeds)))
        yield f"{runs[0].name}, {options.seeds} seeds", runs
    if options.features is None:
        return
    stored = list(stored_features(options.features))
    feats, truth = stored[0].feats, stored[0].truth
    for few in (5, 50):
        runs = [
            with_weak_classifier(options.features.stem, feats, truth, few, seed)
            for seed in range(options.feature_seeds)
        ]
        yield f"{runs[0].name}, {options.feature_seeds} seeds", runs
    for data in stored:
        yield f"{data.name}, stored, one classifier", [data]


def page(parts: dict[str, dict[str, dict[str, list[list[float]]]]], command: str) -> str:
    """All tables as one Markdown page."""
    lines = [
        "# Confidence",
        "",
        f"Written by `{command}`; columns and rows: [README.md](README.md).",
    ]
    for title, settings in parts.items():
        lines += ["", f"## {title}"]
        for setting, found in settings.items():
            lines += ["", f"### {setting}", "", table(found)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Measure every data set with every setting; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.confidence", description=__doc__)
    parser.add_argument("--features", type=Path, metavar="FILE", help="feats, labels, probs_*")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--feature-seeds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds a cut")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--page", type=Path, metavar="OUT", help="Markdown")
    options = parser.parse_args(arguments)
    parts: dict[str, dict[str, dict[str, list[list[float]]]]] = {}
    for title, runs in all_runs(options):
        print(f"\n## {title}", flush=True)
        for setting in SETTINGS:
            name = "{} graph, k = {}, delta = {}".format(*setting)
            found = measure(runs, setting, options.time_limit)
            parts.setdefault(title, {})[name] = found
            print(f"\n### {name}\n\n{table(found)}", flush=True)
    command = command_line("benchmarks.confidence")
    if options.json:
        write(options.json, command, parts)
    if options.page:
        options.page.write_text(page(parts, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
