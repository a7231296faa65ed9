"""Label accuracy of multi-way cuts beside the argmax and scikit-learn's LabelSpreading.

    python -m benchmarks.accuracy [--data digits proposals] [--features FILE.npz] [--seeds N] ...

Every method sees the same probabilities and features; no setting is chosen by looking at the true
labels: all settings on the command line are run and printed. Interval: 95 %, Student's t. Data sets
and columns: README.md beside this file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg
from scipy.stats import t as student
from sklearn.semi_supervised import LabelSpreading

import liid_cut
from benchmarks.labelled_data import (
    LabelledData,
    digits,
    generated_proposals,
    stored_features,
    with_weak_classifier,
)

Labels = NDArray[np.integer]


class Outcome(NamedTuple):
    """Labels int32 or int64 (n,), and whether they are proven optimal."""

    labels: Labels
    proved: bool | None = None  # None: the method proves nothing


def spread_softly(graph: csr_array, probs: NDArray[np.floating], alpha: float) -> Labels:
    """LabelSpreading's fixed point ``(I - alpha S)^-1 P`` from probabilities.

    scikit-learn starts from hard labels only.
    """
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-12)
    root = diags_array(1.0 / np.sqrt(degree))
    system = csr_array(diags_array(np.ones(len(degree))) - alpha * (root @ graph @ root))
    columns = [cg(system, probs[:, k], rtol=1e-8)[0] for k in range(probs.shape[1])]
    labels: Labels = np.stack(columns, axis=1).argmax(axis=1)
    return labels


def methods(case: LabelledData, options: argparse.Namespace) -> Iterator[tuple[str, Outcome]]:
    """Every method with its settings in its name."""
    best = case.probs.argmax(axis=1)
    yield "argmax", Outcome(best)
    if case.allowed is not None:
        yield "argmax, image tags", Outcome(np.where(case.allowed, case.probs, -1.0).argmax(axis=1))

    k = options.n_neighbors
    for symmetrize in options.symmetrize:
        # The weights are proportional to delta, so that one neighbour search serves them all.
        graph = liid_cut.build_graph(case.feats, n_neighbors=k, delta=1.0, symmetrize=symmetrize)
        for delta in options.delta:
            for allowed in (None,) if case.allowed is None else (None, case.allowed):
                result = liid_cut.multiway_cut(
                    case.probs, graph=graph * delta, allowed=allowed, time_limit=options.time_limit
                )
                name = f"liid_cut {symmetrize} k={k} delta={delta:g}"
                name += "" if allowed is None else ", image tags"
                yield name, Outcome(np.asarray(result.labels), result.status == "optimal")
        for alpha in options.alpha:
            labels = spread_softly(graph, case.probs, alpha)
            yield f"soft spreading {symmetrize} k={k} alpha={alpha:g}", Outcome(labels)

    for alpha in options.alpha:
        spreading = LabelSpreading(kernel="knn", alpha=alpha, max_iter=200)
        if len(case.labelled):
            labels = spreading.fit(case.feats, case.known).transduction_
            yield f"LabelSpreading knn=7 alpha={alpha:g}, from the labelled rows", Outcome(labels)
        labels = spreading.fit(case.feats, best).transduction_
        yield f"LabelSpreading knn=7 alpha={alpha:g}, from the argmax", Outcome(labels)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and half width of its 95 % confidence interval; the half width is nan for one value."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan")
    spread = float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, float(student.ppf(0.975, len(values) - 1)) * spread


def report(
    title: str, cases: Iterator[LabelledData], options: argparse.Namespace, by_row: bool = False
) -> None:
    """Run every method on every case and print mean accuracy and difference to the argmax.

    The intervals are over cases, or over the rows of the only case where ``by_row``.
    """
    scores: dict[str, list[NDArray[np.float64]]] = {}
    proved: dict[str, list[bool]] = {}
    for case in cases:
        for name, outcome in methods(case, options):
            right = (outcome.labels == case.truth)[case.scored].astype(np.float64)
            scores.setdefault(name, []).append(right if by_row else right.mean(keepdims=True))
            if outcome.proved is not None:
                proved.setdefault(name, []).append(outcome.proved)
    print(f"\n### {title}\n")
    print("| method | accuracy | minus argmax | proved optimal |\n|---|---|---|---|")
    base = np.concatenate(scores["argmax"])
    for name, parts in scores.items():
        values = np.concatenate(parts)
        mean, half = interval(values)
        difference, difference_half = interval(values - base)
        ended = f"{sum(proved[name])} of {len(proved[name])}" if name in proved else "-"
        cells = [name, f"{mean:.4f} +- {half:.4f}", f"{difference:+.4f} +- {difference_half:.4f}"]
        print(f"| {' | '.join([*cells, ended])} |")
    sys.stdout.flush()


def report_features(path: Path, options: argparse.Namespace) -> None:
    """Weak classifiers fitted here over seeds, then the file's own probabilities."""
    stored = list(stored_features(path))
    for few in options.per_class:
        cases = (
            with_weak_classifier(path.stem, stored[0].feats, stored[0].truth, few, seed)
            for seed in range(options.seeds)
        )
        report(f"{path.stem}, {few} labelled a class, {options.seeds} seeds", cases, options)
    for case in stored:
        report(f"{case.name}, stored, interval over rows", iter([case]), options, by_row=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the data sets that the options name; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description="Label accuracy."
    )
    parser.add_argument(
        "--data", nargs="*", choices=["digits", "proposals"], default=["digits", "proposals"]
    )
    parser.add_argument(
        "--features", type=Path, metavar="FILE", help=".npz with feats, labels, probs_*"
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--per-class", type=int, nargs="+", default=[3, 10], help="labelled rows a class"
    )
    parser.add_argument(
        "--noise", type=float, nargs="+", default=[1.5, 2.0, 2.5], help="of the proposals"
    )
    parser.add_argument("--images", type=int, default=150, help="images of 20 proposals each")
    parser.add_argument("--tags", type=Path, help=".npz with real image tags (n, 20) as array tags")
    parser.add_argument("--n-neighbors", type=int, default=3)
    parser.add_argument("--delta", type=float, nargs="+", default=[0.1, 0.3, 1.0, 5.0])
    parser.add_argument(
        "--symmetrize", nargs="+", choices=["mutual", "union"], default=["mutual", "union"]
    )
    parser.add_argument(
        "--alpha", type=float, nargs="+", default=[0.2, 0.8], help="of label spreading"
    )
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds a cut")
    options = parser.parse_args(arguments)
    print(
        "liid_cut's defaults: mutual, k=3, delta='auto'. The other settings are listed, not chosen."
    )
    if "digits" in options.data:
        for few in options.per_class:
            title = f"digits, {few} labelled a class, {options.seeds} seeds"
            report(title, digits([few], range(options.seeds)), options)
    if "proposals" in options.data:
        for noise in options.noise:
            title = f"proposals, noise {noise:g}, {options.seeds} seeds"
            made = generated_proposals(
                [noise], range(options.seeds), images=options.images, tags=options.tags
            )
            report(title, made, options)
    if options.features:
        report_features(options.features, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
