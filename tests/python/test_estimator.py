"""The estimator against scikit-learn's own checks, and against ``multiway_cut``."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from instances import features, grid, probabilities

from liid_cut import find_neighbors, label_distributions, multiway_cut

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits, load_iris  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.naive_bayes import GaussianNB  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.semi_supervised import LabelSpreading  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from liid_cut import MultiwayCutClassifier  # noqa: E402
from liid_cut.inductive import KnownRows  # noqa: E402

EXPECTED_FAILURES = {
    # Its classes are -1 and 1. -1 is the mark of unlabelled rows here as in LabelSpreading, which
    # the check knows by its name and gives other classes.
    "check_classifiers_classes": "-1 in y means unlabelled",
}


@parametrize_with_checks(
    [MultiwayCutClassifier(), MultiwayCutClassifier(GaussianNB(), symmetrize="union", delta=0.3)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def half_labelled(seed: int = 0, n_labelled: int = 12) -> tuple[Any, Any, Any]:
    """Iris with a few labels: X, y with -1, and the truth."""
    X, truth = load_iris(return_X_y=True)
    rng = np.random.default_rng(seed)
    y = np.full(len(truth), -1)
    for k in range(3):
        rows = rng.choice(np.flatnonzero(truth == k), n_labelled // 3, replace=False)
        y[rows] = k
    return X, y, truth


# ---- the cut inside


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
def test_fit_is_the_cut(symmetrize: str) -> None:
    X, y, _ = half_labelled()
    model = MultiwayCutClassifier(symmetrize=symmetrize, n_neighbors=5, delta=0.4).fit(X, y)
    known = y >= 0
    base = LogisticRegression(max_iter=1000).fit(X[known], y[known])
    allowed = np.ones((len(y), 3), dtype=bool)
    allowed[known] = np.eye(3, dtype=bool)[y[known]]
    probs = base.predict_proba(X)
    result = multiway_cut(
        probs, X, symmetrize=symmetrize, n_neighbors=5, delta=0.4, allowed=allowed
    )
    np.testing.assert_array_equal(model.transduction_, result.labels)
    np.testing.assert_array_equal(model.labels_, model.transduction_)
    np.testing.assert_array_equal(model.transduction_[known], y[known])
    assert model.result_.cost == result.cost
    expected = label_distributions(result, probs, allowed=allowed)
    np.testing.assert_allclose(model.label_distributions_, expected)
    np.testing.assert_array_equal(model.label_distributions_.argmax(axis=1), result.labels)


def test_better_than_its_classifier_on_digits() -> None:
    X, truth = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    y = np.full(len(truth), -1)
    for k in range(10):
        rows = rng.choice(np.flatnonzero(truth == k), 10, replace=False)
        y[rows] = k
    model = MultiwayCutClassifier(symmetrize="union", delta=0.3).fit(X, y)
    rest = y < 0
    alone = (model.estimator_.predict(X) == truth)[rest].mean()
    assert (model.transduction_ == truth)[rest].mean() > alone + 0.02


# ---- labels of all sorts


@pytest.mark.parametrize(
    "names",
    [
        np.array([7, 3, 1000]),
        np.array([0.0, 1.0, 2.0]),
        np.array(["setosa", "versicolor", "virginica"], dtype=object),
        np.array([0, 1, 2], dtype=object),
    ],
    ids=["integers", "floats", "strings", "object integers"],
)
def test_names_of_classes_do_not_matter(names: Any) -> None:
    X, y, _ = half_labelled()
    expected = MultiwayCutClassifier().fit(X, y)
    order = np.argsort(names.argsort())
    named = np.where(y < 0, np.array(-1, dtype=names.dtype), names[y])
    model = MultiwayCutClassifier().fit(X, named)
    assert model.classes_.tolist() == sorted(names.tolist())
    np.testing.assert_array_equal(model.transduction_, names[expected.transduction_])
    np.testing.assert_allclose(
        model.label_distributions_[:, order], expected.label_distributions_, atol=1e-3
    )
    np.testing.assert_array_equal(model.predict(X[:9]), names[expected.predict(X[:9])])


def test_all_labelled_strings() -> None:
    X, _, truth = half_labelled()
    names = np.array(["a", "b", "c"])[truth]
    model = MultiwayCutClassifier().fit(X, names)
    np.testing.assert_array_equal(model.transduction_, names)


def test_one_class() -> None:
    model = MultiwayCutClassifier().fit(np.eye(3), [5, -1, -1])
    assert model.transduction_.tolist() == [5, 5, 5]
    assert model.predict_proba(np.eye(3)).tolist() == [[1.0]] * 3


# ---- new rows


def slow_neighbours(X: Any, new: Any, k: int, symmetrize: str) -> Any:
    """Similarities (r, n) of the rows that each new row is joined to, by loops."""

    def cosine(a: Any, b: Any) -> float:
        length = float(np.sqrt((a @ a) * (b @ b)))
        return float(a @ b) / length if length else -np.inf

    joined = np.zeros((len(new), len(X)))
    for r, row in enumerate(new):
        near = sorted(range(len(X)), key=lambda v: (-cosine(row, X[v]), v))[:k]
        for v in near:
            similarity = cosine(row, X[v])
            others = sorted((cosine(X[v], X[u]) for u in range(len(X)) if u != v), reverse=True)
            among = len(others) < k or similarity >= others[k - 1] - 1e-12
            if similarity > -np.inf and (symmetrize == "union" or among):
                joined[r, v] = similarity
    return joined


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
@pytest.mark.parametrize("k", [1, 3, 40])
def test_new_rows_are_joined_by_the_rule_of_the_graph(k: int, symmetrize: str) -> None:
    X, new = features(30, 5, 0), features(20, 5, 1)
    X[4] = X[9] = 0
    new[3] = 0
    table = find_neighbors(X, k, zero_rows="isolate")
    found = KnownRows.of(X, table, k, symmetrize).similarities(new).toarray()
    np.testing.assert_allclose(found, slow_neighbours(X, new, k, symmetrize), atol=1e-9)


def test_new_rows_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    X, new = features(30, 5, 2), features(20, 5, 3)
    rows = KnownRows.of(X, find_neighbors(X, 3), 3, "union")
    whole = rows.similarities(new).toarray()
    monkeypatch.setattr("liid_cut.inductive._ENTRIES_PER_BLOCK", 100)
    np.testing.assert_allclose(rows.similarities(new).toarray(), whole, atol=1e-12)
    assert rows.similarities(new[:0]).shape == (0, 30)


def test_equally_near_rows_go_to_the_lower() -> None:
    X = np.array([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    rows = KnownRows.of(X, find_neighbors(X, 2), 2, "union")
    assert rows.similarities(np.array([[2.0, 0]])).toarray().tolist() == [[1, 0, 1, 0]]


@pytest.mark.parametrize("terminal_weights", ["linear", "log"])
@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
def test_prediction_is_the_cut_with_one_more_node(symmetrize: str, terminal_weights: str) -> None:
    """All fitted rows keep their labels, the new one is free."""
    X, y, _ = half_labelled()
    rng = np.random.default_rng(1)
    new = X[rng.choice(len(X), 20)] + 0.3 * rng.random((20, 4))
    settings = {"terminal_weights": terminal_weights, "temperature": 1.5}
    model = MultiwayCutClassifier(symmetrize=symmetrize, delta=0.2, **settings).fit(X, y)
    probs, n = model.estimator_.predict_proba(new), len(X)
    joined = slow_neighbours(X, new, 3, symmetrize)
    fixed = np.eye(3, dtype=bool)[model.result_.labels]
    for row, edges, label in zip(probs, joined, model.predict(new), strict=True):
        (ends,) = np.nonzero(edges)
        result = multiway_cut(
            np.vstack([np.ones((n, 3)), row]),
            graph=(np.stack([ends, np.full(len(ends), n)], axis=1), 0.2 * abs(edges[ends])),
            allowed=np.vstack([fixed, np.ones((1, 3), dtype=bool)]),
            **settings,
        )
        assert result.labels[n] == label


def test_probabilities_of_new_rows() -> None:
    X, y, truth = half_labelled()
    model = MultiwayCutClassifier(delta=0.3).fit(X[::2], y[::2])
    found = model.predict_proba(X[1::2])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[found.argmax(axis=1)], model.predict(X[1::2]))
    assert model.score(X[1::2], truth[1::2]) == (model.predict(X[1::2]) == truth[1::2]).mean()


# ---- a graph instead of features


def seeds_on_a_grid() -> tuple[Any, Any]:
    """A weighted grid (36 nodes) with a labelled node in three of its corners."""
    inst = grid(6, 3, 0)
    graph = np.zeros((36, 36))
    for (u, v), w in zip(inst.edges, inst.weights, strict=True):
        graph[u, v] = graph[v, u] = w
    y = np.full(36, -1)
    y[[0, 5, 30]] = [4, 2, 9]
    return graph, y


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.coo_array, sp.csc_matrix])
def test_precomputed_graph(form: Any) -> None:
    graph, y = seeds_on_a_grid()
    model = MultiwayCutClassifier(metric="precomputed").fit(form(graph + 2 * np.eye(36)), y)
    allowed = np.ones((36, 3), dtype=bool)
    allowed[[0, 5, 30]] = np.eye(3, dtype=bool)[[1, 0, 2]]
    expected = multiway_cut(np.full((36, 3), 1 / 3), graph=sp.csr_array(graph), allowed=allowed)
    np.testing.assert_array_equal(model.transduction_, np.array([2, 4, 9])[expected.labels])
    assert model.result_.cost == pytest.approx(expected.cost)
    assert model.n_features_in_ == 36
    new = np.zeros((2, 36))
    new[0, 5], new[1, [0, 30]] = 1.0, [0.2, 0.3]
    assert model.predict(form(new)).tolist() == [2, 9]
    assert model.__sklearn_tags__().input_tags.pairwise


def test_delta_scales_a_precomputed_graph_and_new_edges() -> None:
    graph, _ = seeds_on_a_grid()
    probs, new = probabilities(36, 3, 1), np.zeros((1, 36))
    weak, strong = (
        MultiwayCutClassifier(metric="precomputed", delta=d).fit(graph, [-1] * 36, probs=probs)
        for d in (0.01, 100.0)
    )
    np.testing.assert_array_equal(weak.labels_, probs.argmax(axis=1))
    assert len(set(strong.labels_)) == 1
    new[0, 0], own = 1.0, np.roll(np.eye(3)[weak.labels_[:1]], 1)
    assert weak.predict(new, probs=own) != weak.labels_[0]
    assert strong.predict(new, probs=own) == strong.labels_[0]


def test_precomputed_graph_with_probs() -> None:
    graph, y = seeds_on_a_grid()
    probs = probabilities(36, 3, 0)
    model = MultiwayCutClassifier(metric="precomputed").fit(graph, y, probs=probs)
    assert not np.array_equal(
        model.transduction_,
        MultiwayCutClassifier(metric="precomputed").fit(graph, y).transduction_,
    )


# ---- probabilities instead of a classifier


def test_probs_instead_of_a_classifier() -> None:
    X, probs = features(50, 4, 0), probabilities(50, 4, 0)
    model = MultiwayCutClassifier(delta=0.5).fit(X, np.full(50, -1), probs=probs)
    expected = multiway_cut(probs, X, delta=0.5)
    np.testing.assert_array_equal(model.transduction_, expected.labels)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.estimator_ is None
    assert model.predict(X[:5], probs=probs[:5]).shape == (5,)
    named = MultiwayCutClassifier(delta=0.5)
    y = np.array([*"dbca", *[-1] * 46], dtype=object)
    assert named.fit(X, y, probs=probs).classes_.tolist() == ["a", "b", "c", "d"]
    assert named.transduction_[:4].tolist() == ["d", "b", "c", "a"]


# ---- the place among estimators


def test_pipeline_grid_search_clone_and_pickle() -> None:
    X, y, truth = half_labelled()
    pipeline = make_pipeline(StandardScaler(), MultiwayCutClassifier(delta=0.3))
    pipeline.fit(X, y)
    assert pipeline.score(X, truth) > 0.8
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(X), pipeline.predict_proba(X))
    copy = clone(pipeline[-1]).set_params(delta=1.0, n_jobs=1)
    assert copy.get_params()["delta"] == 1.0
    assert not hasattr(copy, "result_")
    search = GridSearchCV(MultiwayCutClassifier(), {"delta": [0.1, 1.0]}, cv=2).fit(X, truth)
    assert search.best_score_ > 0.8


def test_is_called_as_label_spreading_is() -> None:
    X, y, _ = half_labelled()
    ours, theirs = MultiwayCutClassifier().fit(X, y), LabelSpreading(kernel="knn").fit(X, y)
    for name in ("classes_", "transduction_", "label_distributions_", "X_"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert (a.shape, a.dtype.kind) == (b.shape, b.dtype.kind), name
    assert ours.predict_proba(X[:3]).shape == theirs.predict_proba(X[:3]).shape


def test_same_bits_for_any_number_of_jobs() -> None:
    X, y, _ = half_labelled()
    one, two = (MultiwayCutClassifier(n_jobs=j).fit(X, y) for j in (1, 2))
    np.testing.assert_array_equal(one.label_distributions_, two.label_distributions_)


def test_scikit_learn_is_imported_when_asked_for() -> None:
    code = """
import sys, liid_cut
assert "sklearn" not in sys.modules
sys.modules["sklearn"] = None
try:
    liid_cut.MultiwayCutClassifier
except ImportError as error:
    assert "needs scikit-learn >= 1.6 (pip install 'liid-cut[sklearn]')" in str(error), error
else:
    raise AssertionError("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# ---- faults

X4 = np.array([[1.0, 0], [0.9, 0.1], [0.1, 0.9], [0, 1]])
Y4 = np.array([0, -1, -1, 1])
P4 = np.full((4, 2), 0.5)

FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "metric": ({"metric": "l2"}, {}, "metric is 'l2'; it must be one of 'cosine', 'precomputed'"),
    "symmetrize": ({"symmetrize": "both"}, {}, "symmetrize is 'both'; it must be one of"),
    "n_neighbors": ({"n_neighbors": 0}, {}, "n_neighbors is 0; it must be an integer >= 1"),
    "no labels": ({}, {"y": np.full(4, -1)}, "y has no labelled row; give some, or probs"),
    "y length": ({}, {"y": [0, 1]}, "y has 2 entries but X has 4 rows"),
    "strings": (
        {},
        {"y": ["a", "-1", "-1", "b"]},
        "y is an array of strings with '-1'; use dtype=",
    ),
    "none": ({}, {"y": [0, None, None, 1]}, "y[1] is None; unlabelled rows have the number -1"),
    "regression": ({}, {"y": [0.5, -1, -1, 1.5]}, "Unknown label type"),
    "probs rows": ({}, {"probs": P4[:3]}, "probs has 3 rows but X has 4"),
    "probs columns": (
        {},
        {"probs": np.ones((4, 3)), "y": [7, -1, -1, 8]},
        "probs has 3 columns but y has 2 labels, not all of them 0 to 2: which column is which?",
    ),
    "graph not square": (
        {"metric": "precomputed"},
        {},
        "X has shape (4, 2); with metric='precomputed' it must be (n, n)",
    ),
    "graph asymmetric": (
        {"metric": "precomputed"},
        {"X": np.triu(np.ones((4, 4)))},
        "graph is not symmetric: graph[0, 1] is 1.0 but graph[1, 0] is 0",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    settings, changed, message = FAULTS[fault]
    arguments = {"X": X4, "y": Y4} | changed
    with pytest.raises(ValueError, match=re.escape(message)):
        MultiwayCutClassifier(**settings).fit(**arguments)


def test_classifier_without_probabilities() -> None:
    with pytest.raises(TypeError, match=r"estimator LinearSVC\(\) has no predict_proba"):
        MultiwayCutClassifier(LinearSVC()).fit(X4, Y4)


def test_probs_for_some_rows_only() -> None:
    with_probs = MultiwayCutClassifier().fit(X4, Y4, probs=P4)
    with pytest.raises(ValueError, match="fit was given probs, so that predict needs them too"):
        with_probs.predict(X4)
    with pytest.raises(ValueError, match=r"probs has shape \(4, 3\); it must be \(4, 2\)"):
        with_probs.predict(X4, probs=np.ones((4, 3)))
    with pytest.raises(ValueError, match="fit was not given probs, so that predict takes none"):
        MultiwayCutClassifier().fit(X4, Y4).predict(X4, probs=P4)


def test_negative_weights_of_new_rows() -> None:
    graph, y = seeds_on_a_grid()
    model = MultiwayCutClassifier(metric="precomputed").fit(graph, y)
    with pytest.raises(ValueError, match="X has a negative weight; with metric='precomputed' all"):
        model.predict(-np.ones((1, 36)))
