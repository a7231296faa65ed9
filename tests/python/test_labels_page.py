"""The comparison page: no choice sees the true labels of scored rows; intervals, means, tables."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.stats import t
from sklearn.neighbors import kneighbors_graph

import liid_cut
from benchmarks import labels
from benchmarks.label_methods import (
    DEFAULT,
    METHODS,
    Given,
    Method,
    Outcome,
    Setting,
    choose,
    spread_softly,
)
from benchmarks.labelled_data import LabelledData, mil_proposals

# Without cleanlab the page has dashes for it, and so has this test.
THERE = {
    name: method
    for name, method in METHODS.items()
    if name != "cleanlab pruning" or find_spec("cleanlab")
}


def clusters(per_class: int = 30, labelled: int = 4) -> LabelledData:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(3), per_class)
    feats = rng.normal(size=(len(truth), 8)) + 3 * np.eye(8)[truth]
    probs = rng.dirichlet(np.ones(3), len(truth)) + 0.4 * np.eye(3)[truth]
    rows = np.concatenate([np.flatnonzero(truth == k)[:labelled] for k in range(3)])
    return LabelledData("clusters", probs / probs.sum(axis=1, keepdims=True), feats, truth, rows)


def given_of(data: LabelledData) -> Given:
    table = liid_cut.find_neighbors(data.feats, 10)
    return Given.of(data, table, labels.compact(data.feats), 5.0)


def test_choices_do_not_see_the_true_labels_of_scored_rows() -> None:
    data = clusters()
    other = data.truth.copy()
    other[data.scored] = np.random.default_rng(1).permutation(other[data.scored])
    first = labels.measure(data, given_of(data))
    second = labels.measure(data._replace(truth=other), given_of(data._replace(truth=other)))
    for name in THERE:
        assert {key: first[name][key] for key in ("k3", "own")} == {
            key: second[name][key] for key in ("k3", "own")
        }
    assert first[DEFAULT]["scores"] != second[DEFAULT]["scores"]


def test_a_method_whose_package_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(given: Given, setting: Setting) -> Outcome:
        raise ImportError("no module named cleanlab")

    monkeypatch.setattr(labels, "METHODS", {"argmax": METHODS["argmax"], "x": Method(absent)})
    row = labels.measure(clusters(), given_of(clusters()))
    assert row["x"] == {"missing": "no module named cleanlab"}
    assert "scores" in row["argmax"]


def test_folds_do_not_see_the_labels_that_they_hold_out() -> None:
    data = clusters()
    given = given_of(data)
    for held, without in given.folds:
        assert (without.known[held] == -1).all()
        other = data.truth.copy()
        other[held] = (other[held] + 1) % 3
        kept = np.flatnonzero(without.known >= 0)
        np.testing.assert_array_equal(without.known[kept], other[kept])
        assert not np.array_equal(without.probs, given.probs)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([held for held, _ in given.folds])), np.sort(data.labelled)
    )


def test_the_setting_of_largest_evidence_is_chosen() -> None:
    method = Method(lambda given, setting: Outcome(given.argmax))
    answers = {Setting(3): 0.5, Setting(5): 0.8, Setting(10): 0.7}
    found = {setting: Outcome(np.zeros(1, int), value) for setting, value in answers.items()}
    assert choose(method, given_of(clusters()), found) == Setting(5)


def test_without_evidence_labelled_rows_decide() -> None:
    data = clusters()

    def run(given: Given, setting: Setting) -> Outcome:
        return Outcome(data.truth if setting.k == 5 else np.zeros(len(data.truth), int))

    method = Method(run, (Setting(3), Setting(5)), Setting(3))
    given = given_of(data)
    found = {setting: run(given, setting) for setting in method.settings}
    assert choose(method, given, found) == Setting(5)
    unlabelled = given_of(data._replace(labelled=np.empty(0, dtype=np.intp)))
    assert choose(method, unlabelled, found) == Setting(3)


def test_every_method_keeps_known_labels_and_image_tags() -> None:
    data = clusters()
    allowed = np.ones((len(data.truth), 3), dtype=bool)
    allowed[50:, 0] = False
    given = given_of(data._replace(allowed=allowed))
    rows = np.arange(len(data.truth))
    for name, method in THERE.items():
        found = method.run(given, method.default).labels
        assert allowed[rows, found].all(), name
        np.testing.assert_array_equal(found[data.labelled], data.truth[data.labelled], name)


def test_without_labelled_rows_the_surer_half_of_each_class_are_seeds() -> None:
    given = given_of(clusters()._replace(labelled=np.empty(0, dtype=np.intp)))
    for k in range(3):
        rows = given.argmax == k
        chosen = given.seeds[rows] == k
        sure = given.probs[rows, k]
        assert chosen.sum() == (rows.sum() + 1) // 2
        assert sure[chosen].min() > sure[~chosen].max()


def test_the_graph_is_that_of_scikit_learn_on_unit_rows() -> None:
    data = clusters()
    unit = data.feats / np.linalg.norm(data.feats, axis=1, keepdims=True)
    theirs = kneighbors_graph(unit, 4, include_self=True)
    np.testing.assert_array_equal(given_of(data).neighbor_graph(3).toarray(), theirs.toarray())


def test_soft_spreading_solves_its_equations() -> None:
    data = clusters()
    graph = liid_cut.build_graph(data.feats, n_neighbors=5, delta=1.0, symmetrize="union")
    dense = graph.toarray()
    degrees = dense.sum(axis=1)
    system = np.eye(len(dense)) - 0.8 * dense / np.sqrt(np.outer(degrees, degrees))
    expected = np.linalg.solve(system, data.probs)
    np.testing.assert_allclose(spread_softly(graph, data.probs, 0.8), expected, rtol=1e-4)


def test_interval_is_students() -> None:
    values = np.array([1.0, 2.0, 4.0])
    mean, half = labels.interval(values)
    low, high = t.interval(0.95, 2, values.mean(), values.std(ddof=1) / np.sqrt(3))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert np.isnan(labels.interval(values[:1])[1])


def case(data: str, group: str, seed: int, **scores: Any) -> dict[str, Any]:
    methods = {
        name: {
            "scores": values,
            "balanced": {setting: value - 10 for setting, value in values.items()},
            "k3": "k=3",
            "own": own,
            "cpu_s": 1.0,
        }
        for name, (own, values) in scores.items()
    }
    return {
        "data": data, "group": group, "seed": seed, "rows": 9, "features": 2, "labels": 3,
        "methods": methods,
    }  # fmt: skip


def made(ours: float) -> list[dict[str, Any]]:
    """Two data sets, the second of two groups; ours is that much above the argmax, spreading 2.5"""
    cases = []
    for data, group, base in (("digits", "a", 50.0), ("real", "b", 60.0), ("real", "c", 80.0)):
        for seed in (0, 1):
            scores = {
                "argmax": ("k=3", {"k=3": base}),
                DEFAULT: ("k=5", {"k=3": base + ours, "k=5": base + ours + 1}),
                "soft spreading": ("k=3", {"k=3": base + 2.5, "k=5": base + 2.5 + seed}),
            }
            cases.append(case(data, group, seed, **scores))
    return cases


def test_data_sets_count_alike_and_their_groups_too() -> None:
    assert labels.means(made(3.0), "argmax", "k3") == {"digits": 50.0, "real": 70.0}
    line = next(x for x in labels.overview(made(3.0), "own").splitlines() if DEFAULT in x)
    assert [cell.strip() for cell in line.split("|")[2:-1]] == ["54.00", "74.00", "64.00", "+4.00"]


def test_balanced_accuracy_counts_classes_alike() -> None:
    data = clusters()._replace(truth=np.repeat([0, 1], [81, 9]), labelled=np.arange(41))
    assert data.accuracy(np.zeros(90, int)) == pytest.approx(40 / 49)
    assert data.balanced_accuracy(np.zeros(90, int)) == 0.5
    assert labels.means(made(3.0), "argmax", "k3", "balanced") == {"digits": 40.0, "real": 60.0}


def test_best_in_hindsight_is_one_setting_for_all_seeds() -> None:
    found = labels.accuracies(made(3.0)[:2], "soft spreading", "best")
    assert found is not None
    assert found.tolist() == [52.5, 53.5]


def test_methods_that_did_not_run_are_dashes() -> None:
    cases = made(3.0)
    cases[0]["methods"]["soft spreading"] = {"missing": "no module"}
    assert labels.accuracies(cases[:2], "soft spreading", "k3") is None
    line = next(x for x in labels.overview(cases, "k3").splitlines() if "soft" in x)
    assert [cell.strip() for cell in line.split("|")[2:-1]] == ["-", "72.50", "-", "-"]
    assert "soft spreading" not in labels.verdict(cases)


def test_verdict_compares_with_argmax_and_the_best_other_method() -> None:
    at_3, own = labels.verdict(made(3.0)).splitlines()
    assert "+3.00 points from the argmax and +0.50" in at_3
    assert "not met" not in at_3
    assert "+4.00 points from the argmax" in own
    assert "not met" in labels.verdict(made(2.2)).splitlines()[0]  # spreading is better
    assert "not met" in labels.verdict(made(0.5)).splitlines()[1]  # and so near the argmax


def test_page_and_results_of_a_file_of_features(tmp_path: Path) -> None:
    data = clusters()
    features = tmp_path / "tiny.npz"
    np.savez(features, feats=data.feats, labels=data.truth, probs_weak=data.probs)
    results, page = tmp_path / "labels.json", tmp_path / "LABELS.md"
    results.write_text(json.dumps({"data": {"cases": made(3.0)}}))
    settings = ["--seeds", "2", "--per-class", "4", "--json", str(results), "--page", str(page)]
    assert labels.main(["--data", "real", "scenes", "--features", str(features), *settings]) == 0
    kept = json.loads(results.read_text())["data"]["cases"]
    assert [(one["data"], one["group"]) for one in kept] == [
        ("digits", "a"), ("digits", "a"),
        ("real", "4 labelled a class"), ("real", "4 labelled a class"),
    ]  # fmt: skip
    text = page.read_text()
    assert "## real features: 4 labelled a class, 2 seeds\n\n90 rows, 8 features, 3 labels." in text
    assert "scenes: no run was given by --scenes" in text
    assert all(f"| {name} " in text for name in METHODS)


def test_proposals_of_a_run_come_from_the_kept_file(tmp_path: Path) -> None:
    file = tmp_path / "kept.npz"
    arrays = {
        "probs": np.full((5, 3), 1 / 3, np.float16),
        "feats": np.arange(10, dtype=np.float16).reshape(5, 2),
        "image_index": np.array([0, 0, 1, 1, 2]),
        "tags": np.array([[True, False], [False, True], [True, True]]),
        "truth": np.array([1, -1, 0, 2, 1]),
    }
    np.savez(file, run="seed0", **arrays)
    without, tagged = mil_proposals(tmp_path / "seed0", file, images=2)
    assert without.allowed is None
    assert tagged.truth.tolist() == [1, 0, 2]
    assert tagged.allowed is not None
    assert tagged.allowed.tolist() == [
        [True, True, False],
        [True, False, True],
        [True, False, True],
    ]
    with pytest.raises(ValueError, match=r"kept\.npz was made with other settings"):
        next(mil_proposals(tmp_path / "seed1", file, images=2))


def test_methods_that_are_not_measured_again_keep_their_place() -> None:
    data = clusters()
    case = {"data": "digits", "group": "all", "seed": 0}
    before = case | {"methods": {"argmax": {"scores": {"": 60.0}}, "gone": {}, DEFAULT: {"old": 1}}}
    measured = labels.measure(data, given_of(data), ["argmax", "SelfTraining"])
    assert list(measured) == ["argmax", "SelfTraining"]
    measured["argmax"]["scores"] = {"": 60.0}
    new = case | {"methods": measured}
    both = labels.joined(new, [case | {"seed": 1, "methods": {}}, before])["methods"]
    assert both == {DEFAULT: {"old": 1}, **measured}
    assert labels.joined(new, []) == new
    measured["argmax"]["scores"] = {"": 61.0}
    with pytest.raises(ValueError, match="the argmax is not as it was"):
        labels.joined(new, [before])
