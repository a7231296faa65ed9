"""Methods that label all rows of a data set, and how each one's settings are chosen.

Input: `Given`, which holds all that a method may know and no true label of a row that is scored.
Output: a label for each row. `METHODS` lists them; `choose` picks a setting

1. by the method's own evidence where it has one (`delta="auto"`: how well neighbours foretell each
   row's probabilities, the log pseudo-likelihood of `liid_cut.coupling`);
2. else by cross-validation on the labelled rows, for which the classifier is fitted anew without
   those of the fold;
3. else, where no row is labelled, the method's default setting.

All graphs have the same neighbours: the k rows of largest cosine. A method that cannot know image
tags takes its best label among those that they leave.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, diags
from scipy.sparse.linalg import cg
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

import liid_cut
from benchmarks.labelled_data import LabelledData

Labels = NDArray[np.integer]
Floats = NDArray[np.floating]

NEIGHBORS = (3, 5, 10)
PAPER_K = 3
SKLEARN_K = 7
FOLDS = 3
# Columns of the features that classifiers are fitted to again and again.
COMPACT = 256


@dataclass(frozen=True, eq=False)
class Given:
    """What methods may know of n rows.

    Attributes
    ----------
    probs : (n, C) of the weak classifier.
    known : (n,) label of the rows that it was fitted on, -1 elsewhere.
    allowed : bool (n, C) or None, labels that image tags leave.
    table : neighbours of all rows, by cosine.
    compact : (n, c) features, at most `COMPACT` principal directions of all rows.
    time_limit : seconds of a cut.
    """

    probs: Floats
    known: Labels
    allowed: NDArray[np.bool_] | None
    table: Any
    compact: Floats
    time_limit: float

    @classmethod
    def of(cls, data: LabelledData, table: Any, compact: Floats, time_limit: float) -> Given:
        """All of a data set but the true labels of the rows that are scored."""
        return cls(data.probs, data.known, data.allowed, table, compact, time_limit)

    @cached_property
    def restricted(self) -> NDArray[np.bool_] | None:
        """``allowed``, with the labelled rows at their label; None: nothing is known."""
        labelled = self.known >= 0
        if self.allowed is None and not labelled.any():
            return None
        allowed = np.ones(self.probs.shape, bool) if self.allowed is None else self.allowed.copy()
        allowed[labelled] = self.known[labelled, None] == np.arange(self.probs.shape[1])
        return allowed

    @cached_property
    def own(self) -> Floats:
        """``probs`` with what is known: 0 for labels that a row cannot have."""
        return self.probs if self.restricted is None else self.probs * self.restricted

    @cached_property
    def argmax(self) -> Labels:
        """The best label that a row can have."""
        return self.best_of(self.probs)

    def best_of(self, scores: Floats) -> Labels:
        """Label of the largest score >= 0 among those that a row can have."""
        if self.restricted is not None:
            scores = np.where(self.restricted, scores, -1.0)
        return np.asarray(scores.argmax(axis=1))

    @cached_property
    def seeds(self) -> Labels:
        """The labelled rows; where there is none, the surer half of each class of the argmax."""
        if (self.known >= 0).any():
            return self.known
        labels = np.full(len(self.known), -1, dtype=np.int64)
        sure = self.own.max(axis=1)
        for k in np.unique(self.argmax):
            rows = np.flatnonzero(self.argmax == k)
            labels[rows[sure[rows] >= np.median(sure[rows])]] = k
        return labels

    def neighbor_graph(self, k: int) -> csr_matrix:
        """What scikit-learn's ``kernel="knn"`` makes: 1 for a row's k neighbours and itself."""
        n = len(self.known)
        ids = np.hstack([np.arange(n)[:, None], self.table.ids[:, :k]])
        rows, columns = np.repeat(np.arange(n), k + 1), ids.ravel()
        there = columns >= 0
        ones = np.ones(int(there.sum()))
        return csr_matrix((ones, (rows[there], columns[there])), shape=(n, n))

    @cached_property
    def folds(self) -> list[tuple[NDArray[np.intp], Given]]:
        """Labelled rows of each fold, and what would be given without their labels."""
        labelled = np.flatnonzero(self.known >= 0)
        if not len(labelled):
            return []
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        parts = []
        for kept, held in splitter.split(labelled, self.known[labelled]):
            known = self.known.copy()
            known[labelled[held]] = -1
            rows = labelled[kept]
            model = LogisticRegression(max_iter=1000).fit(self.compact[rows], known[rows])
            probs = model.predict_proba(self.compact)
            parts.append((labelled[held], replace(self, probs=probs, known=known)))
        return parts


class Setting(NamedTuple):
    """Of a method; None: it has no such setting."""

    k: int | None = None
    alpha: float | None = None

    def __str__(self) -> str:
        parts = self._asdict()
        return " ".join(f"{name}={value:g}" for name, value in parts.items() if value is not None)


class Outcome(NamedTuple):
    """Labels (n,), and how good the method itself thinks they are."""

    labels: Labels
    evidence: float | None = None


class Method(NamedTuple):
    """How to run it, the settings to choose from, and the one to take where nothing speaks."""

    run: Callable[[Given, Setting], Outcome]
    settings: tuple[Setting, ...] = (Setting(),)
    default: Setting = Setting()


def choose(method: Method, given: Given, found: dict[Setting, Outcome]) -> Setting:
    """The setting among ``found`` by the rules above; of equal ones the default, then the first."""
    ordered = sorted(found, key=lambda setting: setting != method.default)
    evidence = {setting: found[setting].evidence for setting in ordered}
    if all(value is not None for value in evidence.values()):
        return max(ordered, key=lambda setting: evidence[setting] or 0.0)
    if len(ordered) == 1 or not given.folds:
        return ordered[0]
    scores = dict.fromkeys(ordered, 0)
    for held, without in given.folds:
        for setting in ordered:
            labels = method.run(without, setting).labels
            scores[setting] += int((labels[held] == given.known[held]).sum())
    return max(ordered, key=lambda setting: scores[setting])


def run_argmax(given: Given, setting: Setting) -> Outcome:
    """The classifier alone."""
    return Outcome(given.argmax)


def cutter(**settings: Any) -> Callable[[Given, Setting], Outcome]:
    """The multi-way cut; its evidence is the log pseudo-likelihood of its graph."""

    def run(given: Given, setting: Setting) -> Outcome:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", liid_cut.MultiwayCutWarning)
            result = liid_cut.multiway_cut(
                given.probs,
                neighbors=given.table,
                n_neighbors=setting.k,
                allowed=given.restricted,
                time_limit=given.time_limit,
                n_jobs=1,
                **settings,
            )
        evidence = result.diagnostics["delta"].get("log_pseudo_likelihood")
        return Outcome(np.asarray(result.labels), evidence)

    return run


def spread_softly(graph: csr_array, probs: Floats, alpha: float) -> Floats:
    """LabelSpreading's fixed point ``(I - alpha S)^-1 P`` from probabilities.

    scikit-learn starts from hard labels only.
    """
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-12)
    root = csr_array(diags(1.0 / np.sqrt(degree)))
    system = csr_array(csr_array(diags(np.ones(len(degree)))) - alpha * (root @ graph @ root))
    columns = [cg(system, probs[:, k], rtol=1e-6)[0] for k in range(probs.shape[1])]
    return np.maximum(np.stack(columns, axis=1), 0.0)


def run_soft_spreading(given: Given, setting: Setting) -> Outcome:
    """On the union graph with cosines as weights."""
    assert setting.k is not None
    assert setting.alpha is not None
    graph = liid_cut.build_graph(
        neighbors=given.table, n_neighbors=setting.k, delta=1.0, symmetrize="union"
    )
    spread = spread_softly(csr_array(graph), np.asarray(given.own, np.float64), setting.alpha)
    return Outcome(given.best_of(spread))


def _of_distributions(given: Given, model: Any) -> Labels:
    """Best labels of a fitted LabelSpreading or LabelPropagation.

    Rows that no label reaches have the argmax, where scikit-learn would take the first class.
    """
    scores = np.zeros(given.probs.shape)
    scores[:, model.classes_] = np.nan_to_num(model.label_distributions_)
    if given.restricted is not None:
        scores *= given.restricted
    return np.where(scores.any(axis=1), scores.argmax(axis=1), given.argmax)


def run_label_spreading(given: Given, setting: Setting) -> Outcome:
    """From the seeds."""
    return _label_spreading(given, setting, given.seeds)


def run_spreading_from_argmax(given: Given, setting: Setting) -> Outcome:
    """From every row's argmax."""
    return _label_spreading(given, setting, given.argmax)


def _label_spreading(given: Given, setting: Setting, start: Labels) -> Outcome:
    assert setting.k is not None
    graph = given.neighbor_graph(setting.k)
    model = LabelSpreading(kernel=lambda *_: graph, alpha=setting.alpha)
    return Outcome(_of_distributions(given, _fitted(model, given, start)))


def run_label_propagation(given: Given, setting: Setting) -> Outcome:
    """From the seeds, which keep their label."""
    assert setting.k is not None
    graph = given.neighbor_graph(setting.k)
    model = LabelPropagation(kernel=lambda *_: graph.copy())
    return Outcome(_of_distributions(given, _fitted(model, given, given.seeds)))


def _fitted(model: Any, given: Given, labels: Labels) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # rows that no label reaches: 0 / 0
        return model.fit(given.compact, labels)


def run_self_training(given: Given, setting: Setting) -> Outcome:
    """scikit-learn's defaults: rows of probability .75 and more join, ten times at most."""
    model = SelfTrainingClassifier(LogisticRegression(max_iter=1000))
    return _predicted(given, _fitted(model, given, given.seeds))


def run_cleanlab(given: Given, setting: Setting) -> Outcome:
    """Pseudo labels without those that cleanlab calls issues; a classifier fitted to the rest."""
    from cleanlab.filter import find_label_issues

    classes, codes = np.unique(given.argmax, return_inverse=True)
    model = LogisticRegression(max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)  # classes with fewer rows than folds
        held_out = cross_val_predict(model, given.compact, codes, cv=3, method="predict_proba")
        issues = find_label_issues(codes, held_out, n_jobs=1)
        labelled = given.known >= 0
        kept = ~issues | labelled
        model.fit(given.compact[kept], classes[codes[kept]])
    return _predicted(given, model)


def _predicted(given: Given, model: Any) -> Outcome:
    scores = np.zeros(given.probs.shape)
    scores[:, model.classes_] = model.predict_proba(given.compact)
    return Outcome(given.best_of(scores))


def _grid(ks: Sequence[int], alphas: Sequence[float | None] = (None,)) -> tuple[Setting, ...]:
    return tuple(Setting(k, alpha) for k in ks for alpha in alphas)


_CUTS = _grid(NEIGHBORS)
_PEERS = (3, 5, SKLEARN_K, 10)
_SPREADING = {
    "settings": _grid(_PEERS, (0.2, 0.8)),
    "default": Setting(SKLEARN_K, 0.2),
}
DEFAULT = "liid_cut: the default"
METHODS: dict[str, Method] = {
    "argmax": Method(run_argmax),
    DEFAULT: Method(cutter(), _CUTS, Setting(3)),
    "liid_cut: paper, delta 5": Method(cutter(preset="paper"), (Setting(3),), Setting(3)),
    "soft spreading": Method(
        run_soft_spreading,
        _grid(NEIGHBORS, (0.2, 0.5, 0.8, 0.95)),
        Setting(10, 0.8),
    ),
    "LabelSpreading": Method(run_label_spreading, **_SPREADING),
    "LabelSpreading, argmax": Method(run_spreading_from_argmax, **_SPREADING),
    "LabelPropagation": Method(run_label_propagation, _grid(_PEERS), Setting(SKLEARN_K)),
    "SelfTraining": Method(run_self_training),
    "cleanlab pruning": Method(run_cleanlab),
}
