"""``MultiwayCutClassifier``: the cut as a scikit-learn estimator, shaped like ``LabelSpreading``.

Input: X and y with -1 for unlabelled rows. Steps of ``fit``: a classifier is trained on the
labelled rows; its probabilities and the nearest-neighbour graph of all rows make a multi-way cut in
which labelled rows keep their label. Output: labels and their distributions for all rows, and
``predict`` for new rows, each joined to the graph on its own.

The only file of the package that needs scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from liid_cut.api import multiway_cut
from liid_cut.confidence import (
    cap_at,
    label_distributions,
    own_distributions,
    pool,
    votes,
)
from liid_cut.constraints.inputs import restricted
from liid_cut.graph import SYMMETRIZE
from liid_cut.inductive import KnownRows
from liid_cut.inputs import as_choice, as_positive_int, as_probs
from liid_cut.neighbors import find_neighbors
from liid_cut.weights import as_terminal_weights

METRICS = ("cosine", "precomputed")
UNLABELLED = -1

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class MultiwayCutClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Semi-supervised classification by the provably cheapest multi-way cut.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``, trained on the labelled rows; None:
        ``LogisticRegression(max_iter=1000)``. Not used where ``fit`` is given ``probs``, or with
        ``metric="precomputed"``.
    metric : ``"cosine"``: the graph joins each row to the ``n_neighbors`` rows of largest cosine;
        ``"precomputed"``: X is the graph, a symmetric (n, n) matrix of weights >= 0, dense or
        sparse, whose diagonal does not count. Rows then have no features: without ``probs`` every
        unlabelled row is undecided, and the cut separates the labelled ones.
    n_neighbors, symmetrize, delta, terminal_weights, temperature, neighbors, time_limit, n_jobs :
        as in :func:`liid_cut.multiway_cut`, with its defaults: for features ``delta="auto"`` and
        the union graph, a precomputed graph as it is. All-zero rows have no neighbours.

    Attributes
    ----------
    classes_ : (C,) the labels in y but -1, sorted.
    transduction_, labels_ : (n,) label of every row of X, known ones unchanged.
    label_distributions_ : (n, C) probabilities (:func:`liid_cut.label_distributions`); ``argmax``
        is the label.
    estimator_ : the trained classifier, or None.
    result_ : the :class:`liid_cut.MultiwayCutResult`, with bound and certificate.
    X_ : the rows of X.
    n_features_in_, feature_names_in_ : as in all of scikit-learn.

    Notes
    -----
    -1 in y means unlabelled, so that it cannot be a class. For string labels use an object array:
    ``np.array(["cat", -1, "dog"], dtype=object)``. An array of strings alone has no unlabelled row.

    Examples
    --------
    >>> import numpy as np
    >>> from liid_cut import MultiwayCutClassifier
    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.3], [0.3, 0.8], [0.1, 0.9], [0.0, 1.0]])
    >>> y = np.array(["a", -1, -1, -1, -1, "b"], dtype=object)
    >>> model = MultiwayCutClassifier(n_neighbors=1).fit(X, y)
    >>> model.transduction_
    array(['a', 'a', 'a', 'b', 'b', 'b'], dtype=object)
    >>> model.predict([[0.7, 0.2]])
    array(['a'], dtype=object)
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        metric: str = "cosine",
        n_neighbors: int = 3,
        symmetrize: str | None = None,
        delta: float | str | None = None,
        terminal_weights: str = "linear",
        temperature: float = 1.0,
        neighbors: Any = "auto",
        time_limit: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.metric = metric
        self.n_neighbors = n_neighbors
        self.symmetrize = symmetrize
        self.delta = delta
        self.terminal_weights = terminal_weights
        self.temperature = temperature
        self.neighbors = neighbors
        self.time_limit = time_limit
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, probs: Any = None) -> MultiwayCutClassifier:
        """Label all rows of X.

        Parameters
        ----------
        X : (n, d) features, or the graph (n, n) with ``metric="precomputed"``.
        y : (n,) labels, -1 where unknown.
        probs : (n, C), instead of training ``estimator``: probabilities of the classes, in sorted
            order. Where y does not have all C labels, columns are the classes 0..C-1.

        Raises
        ------
        ValueError : bad input, or no labelled row and no ``probs``.
        TypeError : ``estimator`` has no ``predict_proba``; X is sparse and no graph.
        """
        as_choice("metric", self.metric, METRICS)
        if self.symmetrize is not None:
            as_choice("symmetrize", self.symmetrize, SYMMETRIZE)
        as_positive_int("n_neighbors", self.n_neighbors)
        is_graph = self.metric == "precomputed"
        X = validate_data(
            self,
            X,
            accept_sparse=["csr"] if is_graph else False,
            dtype=[np.float64, np.float32],
        )
        known, names = _split(y, len_of(X))
        self.classes_ = _classes(names, probs)
        codes = np.full(len(known), UNLABELLED)
        codes[known] = np.searchsorted(self.classes_, names)

        self.estimator_ = None
        self._needs_probs = probs is not None
        if probs is not None:
            probs = as_probs(probs, allow_zero_rows=is_graph)
            if len(probs) != len(known):
                raise ValueError(f"probs has {len(probs)} rows but X has {len(known)}")
        elif is_graph or len(self.classes_) == 1:
            probs = np.full((len(known), len(self.classes_)), 1 / len(self.classes_))
        else:
            self.estimator_ = self._base().fit(X[known], names)
            probs = self.estimator_.predict_proba(X)

        settings: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("delta", "terminal_weights", "temperature", "time_limit", "n_jobs")
        }
        if is_graph:
            self.result_ = multiway_cut(probs, graph=_without_diagonal(X), labels=codes, **settings)
        else:
            table = find_neighbors(
                X,
                self.n_neighbors,
                neighbors=self.neighbors,
                zero_rows="isolate",
                n_jobs=self.n_jobs,
            )
            self.result_ = multiway_cut(
                probs, neighbors=table, n_neighbors=self.n_neighbors, symmetrize=self.symmetrize,
                labels=codes, **settings,
            )  # fmt: skip
            self._rows = KnownRows.of(X, table, self.n_neighbors, self.result_.symmetrize)
        self.X_ = X
        self._own = own_distributions(probs, restricted(None, codes, np.shape(probs)))
        self.label_distributions_ = label_distributions(self.result_, probs, labels=codes)
        self.transduction_ = self.classes_[self.result_.labels]
        self.labels_ = self.transduction_
        return self

    def predict(self, X: Any, probs: Any = None) -> npt.NDArray[Any]:
        """Labels of new rows, each the cheapest given the labels of the fitted ones.

        A new row is joined to the graph by the rule it was built with, and takes the label k that
        is best in its terminal weight of k plus the weight of its edges to rows labelled k.

        Parameters
        ----------
        X : (r, d) features, or with ``metric="precomputed"`` the weights (r, n) of their edges to
            the fitted rows.
        probs : (r, C), needed where ``fit`` was given ``probs``.
        """
        labels, _ = self._predict(X, probs)
        return np.asarray(self.classes_[labels])

    def predict_proba(self, X: Any, probs: Any = None) -> Floats:
        """Probabilities (r, C) of new rows; as ``label_distributions_``. See ``predict``."""
        _, distributions = self._predict(X, probs)
        return distributions

    def _predict(self, X: Any, probs: Any) -> tuple[npt.NDArray[np.intp], Floats]:
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            reset=False,
            accept_sparse=["csr"] if self.metric == "precomputed" else False,
            dtype=[np.float64, np.float32],
        )
        if self.metric == "precomputed":
            weights = scipy.sparse.csr_array(X, dtype=np.float64) * self.result_.graph_scale
            if not (weights.data >= 0).all():
                raise ValueError("X has a negative weight; with metric='precomputed' all are >= 0")
        else:
            weights = abs(self._rows.similarities(X)) * self.result_.delta
        own = self._probs_of(X, probs)
        terminals = as_terminal_weights(own, self.terminal_weights, self.temperature, None)
        gain = terminals + votes(weights, self.result_.labels, len(self.classes_))
        labels = gain.argmax(axis=1)
        distributions = pool(own_distributions(own, None), self._own, weights)
        cap_at(distributions, labels)
        return labels, distributions

    def _probs_of(self, X: Any, probs: Any) -> Floats:
        shape = (len_of(X), len(self.classes_))
        if (probs is not None) != self._needs_probs:
            raise ValueError(
                "fit was given probs, so that predict needs them too"
                if self._needs_probs
                else "fit was not given probs, so that predict takes none"
            )
        if probs is not None:
            own = as_probs(probs, allow_zero_rows=True)
            if own.shape != shape:
                raise ValueError(f"probs has shape {own.shape}; it must be {shape}")
            return np.asarray(own, dtype=np.float64)
        if self.estimator_ is None:
            return np.full(shape, 1 / shape[1])
        return np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)

    def _base(self) -> Any:
        base = LogisticRegression(max_iter=1000) if self.estimator is None else self.estimator
        if not hasattr(base, "predict_proba"):
            raise TypeError(f"estimator {base!r} has no predict_proba")
        return clone(base)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.sparse = self.metric == "precomputed"
        return tags


def len_of(X: Any) -> int:
    """Rows, also of sparse matrices."""
    return int(X.shape[0])


def _split(y: Any, n: int) -> tuple[Bools, npt.NDArray[Any]]:
    """Which rows have a label, and the labels of those."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True, dtype=None)
    if len(y) != n:
        raise ValueError(f"y has {len(y)} entries but X has {n} rows")
    if y.dtype.kind == "O":
        for row, label in enumerate(y):
            if label is None:
                raise ValueError(f"y[{row}] is None; unlabelled rows have the number -1")
        known = np.array([not (_is_int(label) and label == UNLABELLED) for label in y], dtype=bool)
    elif y.dtype.kind in "US":
        known = np.ones(n, dtype=bool)
        if str(UNLABELLED) in y:
            raise ValueError(
                "y is an array of strings with '-1'; use dtype=object and the number -1 for "
                "unlabelled rows"
            )
    else:
        assert_all_finite(y, input_name="y")
        known = y != UNLABELLED
    names = y[known]
    if y.dtype.kind == "O" and all(isinstance(name, int | float | np.number) for name in names):
        names = np.array(names.tolist())  # numbers in an array that was made for strings
    if known.any():
        check_classification_targets(names)
    return known, names


def _is_int(label: Any) -> bool:
    return isinstance(label, int | np.integer) and not isinstance(label, bool)


def _classes(known_labels: npt.NDArray[Any], probs: Any) -> npt.NDArray[Any]:
    """The classes, sorted."""
    classes = np.unique(known_labels)
    if probs is None:
        if not len(classes):
            raise ValueError("y has no labelled row; give some, or probs")
        return classes
    n_columns = np.shape(probs)[1] if np.ndim(probs) == 2 else 0
    if n_columns == len(classes):
        return classes
    names = np.arange(n_columns)
    if len(classes) and not np.isin(classes, names).all():
        raise ValueError(
            f"probs has {n_columns} columns but y has {len(classes)} labels, not all of them 0 to "
            f"{n_columns - 1}: which column is which?"
        )
    return names


def _without_diagonal(graph: Any) -> scipy.sparse.coo_array:
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"X has shape {graph.shape}; with metric='precomputed' it must be (n, n)")
    entries = scipy.sparse.coo_array(graph)
    off = entries.row != entries.col
    return scipy.sparse.coo_array(
        (entries.data[off], (entries.row[off], entries.col[off])), shape=graph.shape
    )
