"""Data sets with known labels: what a weak classifier says of them, and where its answers count.

Output: `LabelledData`, one run of every method on a data set. The functions that make them:

- `digits`: 1,797 digits of scikit-learn, 64 grey values;
- `fashion_mnist`: photos of clothes from Debian's dataset-fashion-mnist, grey values or their
  principal components;
- `stored_features`: a file with features, labels and classifiers' probabilities;
- `generated_proposals`: proposals of images with tags (proposals.py).

Classifiers are logistic regressions on a few labelled rows (`weak_probs`), which are not scored.
To add a data set, write a function that yields `LabelledData` from features and true labels.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import liid_cut
from benchmarks.generators import proposals

Labels = NDArray[np.integer]

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


class LabelledData(NamedTuple):
    """One run of every method.

    Attributes
    ----------
    name : str
    probs : floating (n, K + 1)
        What the classifier says; all that methods may know of labels, but for ``labelled``.
    feats : floating (n, d)
    truth : integer (n,)
    labelled : intp (m,)
        Rows whose true label the classifier was given; they are left out of scores.
    allowed : bool (n, K + 1) or None
        Labels that image tags leave.
    """

    name: str
    probs: NDArray[np.floating]
    feats: NDArray[np.floating]
    truth: Labels
    labelled: NDArray[np.intp]
    allowed: NDArray[np.bool_] | None = None

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Rows that count, bool (n,)."""
        rows = np.ones(len(self.truth), dtype=bool)
        rows[self.labelled] = False
        return rows

    @property
    def known(self) -> Labels:
        """True labels of the labelled rows, -1 elsewhere, (n,)."""
        labels = np.full(len(self.truth), -1, dtype=np.int64)
        labels[self.labelled] = self.truth[self.labelled]
        return labels

    def accuracy(self, labels: Labels) -> float:
        """Share of right labels among the rows that count."""
        return float((labels == self.truth)[self.scored].mean())


def weak_probs(
    feats: NDArray[np.floating], truth: Labels, per_class: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Probabilities of a logistic regression fitted on random rows of each class, and those rows.

    Columns are the classes in ascending order.
    """
    rng = np.random.default_rng(seed)
    labelled = np.concatenate(
        [rng.choice(np.flatnonzero(truth == k), per_class, False) for k in np.unique(truth)]
    )
    model = LogisticRegression(max_iter=1000).fit(feats[labelled], truth[labelled])
    return model.predict_proba(feats), labelled


def with_weak_classifier(
    name: str, feats: NDArray[np.floating], truth: Labels, per_class: int, seed: int
) -> LabelledData:
    """Any features (n, d) and labels 0..K (n,), with `weak_probs`."""
    probs, labelled = weak_probs(feats, truth, per_class, seed)
    return LabelledData(f"{name}, {per_class} a class", probs, feats, truth, labelled)


def digits(per_class: Iterable[int], seeds: Iterable[int] = (0,)) -> Iterator[LabelledData]:
    """scikit-learn's digits."""
    feats, truth = load_digits(return_X_y=True)
    for few in per_class:
        for seed in seeds:
            yield with_weak_classifier("digits", feats, truth, few, seed)


def fashion_mnist(
    per_class: Iterable[int], seeds: Iterable[int] = (0,), rows: int = 5000, components: int = 0
) -> Iterator[LabelledData]:
    """Test photos of Fashion-MNIST: grey values 0..1, or that many principal components.

    Raises
    ------
    FileNotFoundError
        Debian's package dataset-fashion-mnist is not installed.
    """
    pixels = _idx(FASHION_MNIST / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28 * 28)[:rows]
    truth = _idx(FASHION_MNIST / "t10k-labels-idx1-ubyte.gz", 8)[:rows].astype(np.int64)
    feats = pixels.astype(np.float32) / 255
    name = "fashion-mnist pixels"
    if components:
        feats = PCA(components, random_state=0).fit_transform(feats)
        name = f"fashion-mnist pca {components}"
    for few in per_class:
        for seed in seeds:
            yield with_weak_classifier(name, feats, truth, few, seed)


def _idx(path: Path, header: int) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def stored_features(path: Path) -> Iterator[LabelledData]:
    """A file with ``feats`` (n, d), ``labels`` (n,) and tables ``probs_*`` (n, K + 1).

    The rows that those classifiers were fitted on are not known, so all count.
    """
    with np.load(path, allow_pickle=False) as data:
        feats = data["feats"].astype(np.float32)
        nobody = np.empty(0, dtype=np.intp)
        for key in data.files:
            if key.startswith("probs"):
                name = f"{path.stem}, {key.removeprefix('probs_')}"
                yield LabelledData(name, data[key], feats, data["labels"], nobody)


def generated_proposals(
    noises: Iterable[float],
    seeds: Iterable[int] = (0,),
    images: int = 150,
    tags: Path | None = None,
) -> Iterator[LabelledData]:
    """Generated proposals, 20 an image, with the labels that the image's tags allow."""
    for noise in noises:
        for seed in seeds:
            made = proposals(images, noise=noise, seed=seed, tags=tags)
            allowed = liid_cut.tags_to_allowed(made.image_ids, made.image_tags)
            nobody = np.empty(0, dtype=np.intp)
            name = f"proposals, noise {noise:g}"
            yield LabelledData(name, made.probs, made.feats, made.labels, nobody, allowed)
