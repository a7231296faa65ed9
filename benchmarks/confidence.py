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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy import interval
from benchmarks.records import command_line, markdown_table, write
from liid_cut import (
    MultiwayCutClassifier,
    MultiwayCutWarning,
    cut_margins,
    label_distributions,
    min_marginals,
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


class Case(NamedTuple):
    """Features, true labels, known labels (-1 where unknown), and stored probabilities or None."""

    feats: NDArray[np.floating]
    truth: Labels
    known: Labels
    probs: NDArray[np.floating] | None = None


def weak_case(feats: NDArray[np.floating], truth: Labels, per_class: int, seed: int) -> Case:
    """``per_class`` random rows of each class are labelled."""
    rng = np.random.default_rng(seed)
    known = np.full(len(truth), -1)
    for k in np.unique(truth):
        rows = rng.choice(np.flatnonzero(truth == k), per_class, replace=False)
        known[rows] = k
    return Case(feats, truth, known)


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
    case: Case, symmetrize: str, k: int, delta: float | str, held_out: Labels, time_limit: float
) -> Iterator[tuple[str, Labels, Floats]]:
    """Name, labels and confidence of every row, for each way to be sure of a cut."""
    model = MultiwayCutClassifier(
        symmetrize=symmetrize, n_neighbors=k, delta=delta, time_limit=time_limit
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultiwayCutWarning)  # a collapse shows in the accuracy
        model.fit(case.feats, case.known, probs=case.probs)
    probs = case.probs
    if probs is None:
        probs = model.estimator_.predict_proba(case.feats)
    allowed = np.ones(probs.shape, dtype=bool)
    (labelled,) = np.nonzero(case.known >= 0)
    allowed[labelled] = np.arange(probs.shape[1]) == case.known[labelled, None]
    result, rows = model.result_, np.arange(len(probs))
    labels = result.labels

    best = probs.argmax(axis=1)
    yield "classifier: its probability, its labels", best, probs[rows, best]
    yield "classifier's probability of the cut's label", labels, probs[rows, labels]
    margins = cut_margins(result, probs, allowed=allowed)
    yield "`cut_margins`", labels, margins
    proven = min_marginals(result, probs, allowed=allowed).margins
    yield "`min_marginals(...).margins`", labels, proven
    plain = label_distributions(result, probs, allowed=allowed)
    yield "`label_distributions`", labels, plain[rows, labels]
    fitted = label_distributions(result, probs, allowed=allowed, held_out=held_out)
    yield f"`label_distributions`, {HELD_OUT} held-out labels", labels, fitted[rows, labels]


def measure(cases: list[Case], setting: Setting, time_limit: float) -> dict[str, list[list[float]]]:
    """Scores of every confidence, a row a case."""
    found: dict[str, list[list[float]]] = {}
    for seed, case in enumerate(cases):
        counted = case.known < 0
        shown = np.random.default_rng(seed).choice(np.flatnonzero(counted), HELD_OUT, False)
        held_out = np.full(len(case.truth), -1)
        held_out[shown] = case.truth[shown]
        counted[shown] = False
        for name, labels, confidence in confidences(case, *setting, held_out, time_limit):
            right = (labels == case.truth)[counted]
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


def all_cases(options: argparse.Namespace) -> Iterator[tuple[str, list[Case]]]:
    """Title and cases of every data set."""
    feats, truth = load_digits(return_X_y=True)
    for few in (3, 10):
        cases = [weak_case(feats, truth, few, seed) for seed in range(options.seeds)]
        yield f"digits, {few} labelled a class, {options.seeds} seeds", cases
    if options.features is None:
        return
    with np.load(options.features) as data:
        feats, truth = data["feats"].astype(np.float32), data["labels"].astype(np.int64)
        stored = {key: data[key] for key in data.files if key.startswith("probs")}
    name = options.features.stem
    for few in (5, 50):
        cases = [weak_case(feats, truth, few, seed) for seed in range(options.feature_seeds)]
        yield f"{name}, {few} labelled a class, {options.feature_seeds} seeds", cases
    unknown = np.full(len(truth), -1)
    for key, probs in stored.items():
        yield f"{name}, stored {key}, one classifier", [Case(feats, truth, unknown, probs)]


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
    for title, cases in all_cases(options):
        print(f"\n## {title}", flush=True)
        for setting in SETTINGS:
            name = "{} graph, k = {}, delta = {}".format(*setting)
            found = measure(cases, setting, options.time_limit)
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
