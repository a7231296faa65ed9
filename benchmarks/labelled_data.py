"""Data sets with known labels: what a weak classifier says of them, and where its answers count.

Output: `LabelledData`, one run of every method on a data set. The functions that make them:

- `digits`: 1,797 digits of scikit-learn, 64 grey values;
- `fashion_mnist`: photos of clothes from Debian's dataset-fashion-mnist, grey values or their
  principal components, or what an ImageNet network says of them (`fashion_mnist_deep`);
- `stored_features`: a file with features, labels and classifiers' probabilities;
- `generated_proposals`: proposals of images with tags (proposals.py);
- `mil_proposals`: proposals of a run of `liid-mil run`, with the probabilities of its network.

Classifiers are logistic regressions on a few labelled rows (`weak_probs`), which are not scored.
What takes long to make is kept in a file that the caller names, and read from it the next time.
To add a data set, write a function that yields `LabelledData` from features and true labels.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import liid_cut
import liid_cut.npz
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

    def balanced_accuracy(self, labels: Labels) -> float:
        """Mean over classes of the share of their rows, among those that count, that are right."""
        truth, right = self.truth[self.scored], (labels == self.truth)[self.scored]
        return float(np.mean([right[truth == k].mean() for k in np.unique(truth)]))


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
    photos, truth = _photos(rows)
    feats = photos.reshape(rows, -1).astype(np.float32) / 255
    name = "fashion-mnist pixels"
    if components:
        feats = PCA(components, random_state=0).fit_transform(feats)
        name = f"fashion-mnist pca {components}"
    for few in per_class:
        for seed in seeds:
            yield with_weak_classifier(name, feats, truth, few, seed)


def fashion_mnist_deep(
    per_class: Iterable[int], seeds: Iterable[int], cache: Path, rows: int = 5000, size: int = 64
) -> Iterator[LabelledData]:
    """The same photos, enlarged to ``size`` pixels: 1,280 features of an ImageNet network.

    The network is liid_mil's EfficientNet-Lite0 with its bundled weights, its map averaged over the
    image. ``cache``: file of the features; the photos take about 2 CPU minutes.

    Raises
    ------
    FileNotFoundError
        Debian's package dataset-fashion-mnist is not installed.
    ImportError
        The features are not there and liid_mil's extra efficientnet is not installed.
    """
    photos, truth = _photos(rows)
    settings = {"rows": np.array(rows), "size": np.array(size)}
    arrays = _kept(cache, settings, lambda: {"feats": _network_features(photos, size)})
    for few in per_class:
        for seed in seeds:
            yield with_weak_classifier("fashion-mnist", arrays["feats"], truth, few, seed)


def _network_features(photos: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    import torch
    from torch.nn.functional import interpolate

    from liid_mil.models import build_backbone

    network = build_backbone("efficientnet_lite0", "bundled").eval()
    parts = []
    with torch.inference_mode():
        for batch in np.array_split(photos, max(1, len(photos) // 64)):
            images = torch.from_numpy(batch.copy()).float()[:, None] / 255
            images = interpolate(images, (size, size), mode="bilinear", align_corners=False)
            parts.append(network(images.expand(-1, 3, -1, -1)).mean(dim=(2, 3)).numpy())
    return np.concatenate(parts)


def _kept(
    path: Path,
    settings: Mapping[str, NDArray[Any]],
    make: Callable[[], Mapping[str, NDArray[Any]]],
) -> Mapping[str, NDArray[Any]]:
    """Arrays of the file if it was written with these settings; else they are made and written."""
    if path.exists():
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        if all(np.array_equal(arrays.get(name), value) for name, value in settings.items()):
            return arrays
        raise ValueError(f"{path} was made with other settings or from other data; remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {**make(), **settings}
    liid_cut.npz.write_arrays(path, arrays)
    return arrays


def _photos(rows: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first of Fashion-MNIST's 10,000 test photos (rows, 28, 28) and their classes."""
    photos = _idx(FASHION_MNIST / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return photos[:rows], _idx(FASHION_MNIST / "t10k-labels-idx1-ubyte.gz", 8)[:rows].astype(
        np.int64
    )


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


def mil_proposals(folder: Path, cache: Path, images: int) -> Iterator[LabelledData]:
    """Proposals of the first ``images`` images of a run, without and with the images' tags.

    The true label of a proposal is that of the annotated object that it overlaps by at least half;
    proposals of images without annotation are left out. ``cache``: file of the arrays.
    """
    arrays = _kept(cache, {"run": np.array(folder.name)}, lambda: _arrays_of_run(folder))
    rows = (arrays["image_index"] < images) & (arrays["truth"] >= 0)
    allowed = liid_cut.tags_to_allowed(arrays["image_index"][rows], arrays["tags"])
    data = LabelledData(
        folder.name,
        arrays["probs"][rows].astype(np.float32),
        arrays["feats"][rows].astype(np.float32),
        arrays["truth"][rows],
        np.empty(0, dtype=np.intp),
    )
    yield data
    yield data._replace(name=f"{data.name}, image tags", allowed=allowed)


def _arrays_of_run(folder: Path) -> dict[str, NDArray[Any]]:
    from liid_mil.metrics import ProposalEvaluator
    from liid_mil.pipeline import open_run

    run = open_run(folder)
    found = run.extraction
    evaluator = ProposalEvaluator(run.dataset, run.proposals)
    return {
        "probs": np.asarray(found.probs),
        "feats": np.asarray(found.feats),
        "image_index": found.image_index,
        "tags": found.tags,
        "truth": evaluator.true_labels[found.rows],
    }
