"""Label functions in, labels out: votes -> label model -> probabilities -> multi-way cut.

    python examples/weak_supervision.py [--seeds N] [--fashion FOLDER] [--file DATA.npz] ...

Label functions are rules that vote for a class or abstain (-1). A label model estimates how right
each of them is from their agreement alone, which gives probabilities; the cut of the graph of
similar rows then lets rows without votes, or with contradicting ones, take the label of their
surroundings. No true label is used but to print accuracies.

The votes here: twenty rules an image, each looking at its own small window and comparing it with
two example images of every class; where no class is clearly nearest, it abstains. Your own votes:
an npz file with votes (n, m), feats (n, d) and, to print accuracies, labels (n,).
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liid_cut import label_distributions, multiway_cut

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ABSTAIN = -1
N_FUNCTIONS = 20
N_EXAMPLES = 2


class Task(NamedTuple):
    """Votes (n, m), -1 where a function abstains; features (n, d); true labels (n,) or None."""

    votes: Ints
    feats: Floats
    truth: Ints | None


def majority_vote(votes: Ints, n_classes: int) -> Ints:
    """The class with most votes; of equal ones, and where all abstain, the lowest."""
    labels: Ints = count(votes, n_classes).argmax(axis=1)
    return labels


def count(votes: Ints, n_classes: int, weights: Any = None) -> Floats:
    """Votes for each class, (n, n_classes), those of function j counted ``weights[j]`` times."""
    totals = np.zeros((len(votes), n_classes))
    rows, functions = np.nonzero(votes != ABSTAIN)
    each = 1.0 if weights is None else np.asarray(weights)[functions]
    np.add.at(totals, (rows, votes[rows, functions]), each)
    return totals


def label_model(votes: Ints, n_classes: int, n_rounds: int = 100) -> tuple[Floats, Floats]:
    """Probabilities (n, n_classes), and the accuracy (m,) of each label function.

    Accuracies: naive Bayes with unknown labels, by expectation maximisation (Dawid and Skene, 1979,
    with one parameter a function): right with probability a, else any other class. Probabilities:
    the mean of what the functions that voted say. Their product, which is that of naive Bayes, is
    far too sure where functions look at the same thing and err together, as rules do.
    """
    fired = votes != ABSTAIN
    probs = count(votes, n_classes) + 0.1
    probs /= probs.sum(axis=1, keepdims=True)
    accuracy = np.full(votes.shape[1], 0.7)
    for _ in range(n_rounds):
        # Ten votes of a function that is right in seven of ten cases keep it away from 0 and 1.
        right = np.take_along_axis(probs, np.where(fired, votes, 0), axis=1)
        before = accuracy
        accuracy = (7 + np.where(fired, right, 0).sum(axis=0)) / (10 + fired.sum(axis=0))
        odds = np.log(accuracy) - np.log((1 - accuracy) / max(n_classes - 1, 1))
        scores = np.log(probs.mean(axis=0)) + count(votes, n_classes, odds)
        probs = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        if np.abs(accuracy - before).max(initial=0.0) < 1e-6:
            break
    wrong = (1 - accuracy) / max(n_classes - 1, 1)
    said = count(votes, n_classes, accuracy - wrong) + (fired @ wrong)[:, None]
    silent = ~fired.any(axis=1)
    said[silent] = probs[silent]  # the shares of the classes
    return said / said.sum(axis=1, keepdims=True), accuracy


def snorkel_model(votes: Ints, n_classes: int, seed: int) -> Floats | None:
    """Probabilities of snorkel's label model; None where it is not installed."""
    try:
        from snorkel.labeling.model import LabelModel
    except ImportError:
        return None
    model = LabelModel(cardinality=n_classes, verbose=False)
    model.fit(votes, n_epochs=200, seed=seed, progress_bar=False)
    return np.asarray(model.predict_proba(votes))


def window_votes(images: Floats, truth: Ints, seed: int) -> tuple[Ints, Ints]:
    """Votes (n, m) of rules that each look at a window, and the rows of their examples."""
    rng = np.random.default_rng(seed)
    n, height, width = images.shape
    classes = np.unique(truth)
    examples = np.concatenate(
        [rng.choice(np.flatnonzero(truth == k), N_EXAMPLES, replace=False) for k in classes]
    )
    votes = np.full((n, N_FUNCTIONS), ABSTAIN)
    tall, wide = height // 2, width // 2
    for j in range(N_FUNCTIONS):
        top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
        window = images[:, top : top + tall, left : left + wide].reshape(n, -1)
        squares = (window**2).sum(axis=1)
        distance = squares[:, None] - 2 * window @ window[examples].T + squares[examples]
        by_class = distance.reshape(n, len(classes), N_EXAMPLES).min(axis=2)
        first, second = np.partition(by_class, 1, axis=1)[:, :2].T
        clear = first < 0.5 * second
        votes[clear, j] = by_class[clear].argmin(axis=1)
    return votes, examples


def digits() -> tuple[Floats, Ints]:
    """1,797 digits of scikit-learn, 8 x 8."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images, data.target


def fashion(folder: Path) -> tuple[Floats, Ints]:
    """10,000 test images of Fashion-MNIST, 28 x 28, from its gz files."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), dtype=np.uint8, offset=8)
    return images / 255.0, labels.astype(np.int64)


def tasks(options: argparse.Namespace) -> Iterator[Task]:
    """One task a seed, or the one of the file."""
    if options.file:
        with np.load(options.file) as data:
            truth = data.get("labels")
            yield Task(data["votes"].astype(np.int64), data["feats"], truth)
        return
    images, truth = fashion(options.fashion) if options.fashion else digits()
    for seed in range(options.seeds):
        votes, examples = window_votes(images, truth, seed)
        scored = truth.copy()
        scored[examples] = -1  # the rules have seen these
        yield Task(votes, images.reshape(len(images), -1), scored)


def run(task: Task, seed: int, options: argparse.Namespace) -> dict[str, Ints]:
    """Labels by each method; prints what the cut has to say of its own."""
    n_classes = int(max(task.votes.max(), 0 if task.truth is None else task.truth.max())) + 1
    settings = {} if options.delta is None else {"delta": options.delta}
    probs, accuracy = label_model(task.votes, n_classes)
    labels = {"majority vote": majority_vote(task.votes, n_classes)}
    tables = {"label model": probs, "snorkel": snorkel_model(task.votes, n_classes, seed)}
    for name, table in tables.items():
        if table is None:
            continue
        labels[name] = table.argmax(axis=1)
        result = multiway_cut(
            table, task.feats, symmetrize=options.symmetrize, n_neighbors=options.n_neighbors,
            zero_rows="isolate", time_limit=60, **settings,
        )  # fmt: skip
        labels[f"{name}, then the cut"] = result.labels
        if name == "label model":
            sure = label_distributions(result, table).max(axis=1) >= 0.9
            if task.truth is not None:
                sure &= task.truth >= 0
                right = (result.labels == task.truth)[sure].mean() if sure.any() else np.nan
                print(
                    f"seed {seed}: functions right in {accuracy.min():.0%} to {accuracy.max():.0%} "
                    f"of their votes (estimated), {(task.votes != ABSTAIN).mean():.0%} votes; cut "
                    f"{result.status}; {sure.mean():.0%} of the rows are sure, {right:.1%} right"
                )
    return labels


def main(arguments: list[str] | None = None) -> int:
    """Print the accuracy of every method; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fashion", type=Path, metavar="FOLDER", help="folder of Fashion-MNIST")
    parser.add_argument("--file", type=Path, metavar="DATA.npz", help="votes, feats, and labels")
    parser.add_argument("--output", type=Path, metavar="OUT.npy", help="labels of the cut")
    parser.add_argument("--n-neighbors", type=int, default=3)
    parser.add_argument("--symmetrize", choices=["mutual", "union"], default="mutual")
    parser.add_argument("--delta", type=float, help="default: the library's")
    options = parser.parse_args(arguments)
    scores: dict[str, list[float]] = {}
    for seed, task in enumerate(tasks(options)):
        labels = run(task, seed, options)
        if options.output:
            np.save(options.output, labels["label model, then the cut"])
        if task.truth is None:
            continue
        known = task.truth >= 0
        for name, found in labels.items():
            scores.setdefault(name, []).append(float((found == task.truth)[known].mean()))
    for name, values in scores.items():
        spread = f" +- {np.std(values, ddof=1):.3f} (standard deviation)" if len(values) > 1 else ""
        print(f"{name:28s} {np.mean(values):.3f}{spread}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
