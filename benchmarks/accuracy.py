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
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

import liid_cut
from benchmarks.generators import proposals

Labels = NDArray[np.integer]


class Case(NamedTuple):
    """One run of every method: probabilities, and where the labels count.

    ``labelled``: rows whose label was given to the classifier, left out of the score. ``allowed``:
    bool (n, K + 1) or None.
    """

    probs: NDArray[np.floating]
    feats: NDArray[np.floating]
    truth: Labels
    labelled: NDArray[np.intp]
    allowed: NDArray[np.bool_] | None = None


class Outcome(NamedTuple):
    """Labels int32 or int64 (n,), and whether they are proven optimal."""

    labels: Labels
    proved: bool | None = None  # None: the method proves nothing


def weak_case(feats: NDArray[np.floating], truth: Labels, per_class: int, seed: int) -> Case:
    """Probabilities of a logistic regression fitted on ``per_class`` random rows a class."""
    rng = np.random.default_rng(seed)
    classes = np.unique(truth)
    labelled = np.concatenate(
        [rng.choice(np.flatnonzero(truth == k), per_class, False) for k in classes]
    )
    model = LogisticRegression(max_iter=1000).fit(feats[labelled], truth[labelled])
    return Case(model.predict_proba(feats), feats, truth, labelled)


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


def methods(case: Case, options: argparse.Namespace) -> Iterator[tuple[str, Outcome]]:
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
            few = np.full(len(case.truth), -1)
            few[case.labelled] = case.truth[case.labelled]
            labels = spreading.fit(case.feats, few).transduction_
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
    title: str, cases: Iterator[Case], options: argparse.Namespace, by_row: bool = False
) -> None:
    """Run every method on every case and print mean accuracy and difference to the argmax.

    The intervals are over cases, or over the rows of the only case where ``by_row``.
    """
    scores: dict[str, list[NDArray[np.float64]]] = {}
    proved: dict[str, list[bool]] = {}
    for case in cases:
        counted = np.ones(len(case.truth), dtype=bool)
        counted[case.labelled] = False
        for name, outcome in methods(case, options):
            right = (outcome.labels == case.truth)[counted].astype(np.float64)
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


def proposal_cases(options: argparse.Namespace, noise: float) -> Iterator[Case]:
    """Generated proposals, one set a seed."""
    for seed in range(options.seeds):
        made = proposals(options.images, noise=noise, seed=seed, tags=options.tags)
        allowed = liid_cut.tags_to_allowed(made.image_ids, made.image_tags)
        nobody = np.empty(0, dtype=np.intp)
        yield Case(made.probs, made.feats, made.labels, nobody, allowed)


def report_features(path: Path, options: argparse.Namespace) -> None:
    """Weak classifiers fitted here over seeds, then the file's own probabilities."""
    with np.load(path) as data:
        feats = data["feats"].astype(np.float32)
        truth = data["labels"]
        stored = {key: data[key] for key in data.files if key.startswith("probs")}
    for few in options.per_class:
        cases = (weak_case(feats, truth, few, seed) for seed in range(options.seeds))
        report(f"{path.stem}, {few} labelled a class, {options.seeds} seeds", cases, options)
    for key, probs in stored.items():
        case = Case(probs, feats, truth, np.empty(0, dtype=np.intp))
        report(f"{path.stem}, stored {key}, interval over rows", iter([case]), options, by_row=True)


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
    print("liid_cut's defaults: mutual, k=3, delta=5. The other settings are listed, not chosen.")
    if "digits" in options.data:
        feats, truth = load_digits(return_X_y=True)
        for few in options.per_class:
            cases = (weak_case(feats, truth, few, seed) for seed in range(options.seeds))
            report(f"digits, {few} labelled a class, {options.seeds} seeds", cases, options)
    if "proposals" in options.data:
        for noise in options.noise:
            title = f"proposals, noise {noise:g}, {options.seeds} seeds"
            report(title, proposal_cases(options, noise), options)
    if options.features:
        report_features(options.features, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
