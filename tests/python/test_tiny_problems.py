"""The check of every method against brute force: its oracle, its problems, and that it can fail."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from instances import Instance
from reference import cheapest_cut, cut_cost

import liid_cut
from benchmarks import tiny_problems
from benchmarks.instances import make_instance
from benchmarks.tiny_constraints import (
    Constrained,
    check_constrained,
    check_relaxed,
    constrained_problem,
)
from benchmarks.tiny_constraints import all_costs as costs_of_constrained
from benchmarks.tiny_problems import all_costs, all_labellings, check, faults, tiny_problem


def test_oracle_is_that_of_the_tests() -> None:
    for seed in range(30):
        instance, allowed = tiny_problem(seed)
        n, labels = instance.probs.shape
        if labels**n > 1000:
            continue
        inst = Instance(*instance, allowed)
        costs = all_costs(instance)
        every = all_labellings(n, labels)
        for row in (0, len(every) // 2, len(every) - 1):
            assert costs[row] == pytest.approx(cut_cost(inst, every[row]), abs=1e-12)
        mask = allowed[np.arange(n), every].all(axis=1)
        assert costs[mask].min() == pytest.approx(cheapest_cut(inst), abs=1e-12)


def test_problems_repeat_and_differ() -> None:
    first, again = tiny_problem(7), tiny_problem(7)
    for one, other in zip(first.instance, again.instance, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.allowed, again.allowed)
    assert len({tiny_problem(seed).instance.probs.tobytes() for seed in range(20)}) == 20


def test_problems_need_the_later_stages() -> None:
    stages, wrong = tiny_problems.check_many(range(100))[:2]
    assert wrong == []
    assert sum(stages.values()) == 600
    assert stages["auto: linear_program"] + stages["auto: branch_and_bound"] >= 5
    assert stages["auto: dual_ascent"] >= 20


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("status", "time_limit", "status time_limit"),
        ("cost", 0.0, "cost 0.0, cheapest"),
        ("lower_bound", 0.0, "lower_bound 0.0, cheapest"),
        ("labels", "another", "labels .* cost .*, cheapest"),
        ("messages", "zero", "verify: "),
    ],
)
def test_faults_are_found(field: str, value: object, message: str) -> None:
    instance, _ = tiny_problem(5)  # closed by messages alone
    graph = instance.edges, instance.weights
    costs = all_costs(instance)
    result = liid_cut.multiway_cut(instance.probs, graph=graph)
    assert faults(result, instance, costs, {}) == []
    worst = all_labellings(*instance.probs.shape)[int(costs.argmax())].astype(np.int32)
    special = {"another": worst, "zero": np.zeros_like(result.messages)}
    result[field] = special.get(str(value), value)
    found = faults(result, instance, costs, {})
    assert any(re.search(message, text) for text in found), found


def test_a_crash_is_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(liid_cut, "multiway_cut", crash)
    _, wrong = check(0)
    assert len(wrong) == 6
    assert all("RuntimeError: boom" in text for text in wrong)


def test_the_exit_code_tells(capsys: pytest.CaptureFixture[str]) -> None:
    assert tiny_problems.main(["--n", "6", "--processes", "1"]) == 0
    assert "36 results, 0 mismatches" in capsys.readouterr().out


# ---- links, tags and known labels


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_constraints_against_brute_force(first: int) -> None:
    stages, wrong, _ = tiny_problems.check_many(range(first, first + 250), check_constrained)
    assert wrong == []
    assert sum(stages.values()) == 750
    assert stages["auto: constraints"] >= 60
    assert stages["auto: no labelling"] >= 20


@pytest.mark.parametrize("first", [0, 20_060])
def test_relaxations_against_brute_force(first: int) -> None:
    stages, wrong, _ = tiny_problems.check_many(range(first, first + 100), check_relaxed)
    assert wrong == []
    assert stages["auto: constraints"] >= 20


def test_every_constraint_occurs() -> None:
    found = Counter(name for seed in range(100) for name in constrained_problem(seed).keywords)
    names = {"allowed", "labels", "must_link", "cannot_link", "coverage", "node_weights"}
    assert {name for name, count in found.items() if count >= 20} == names | {"extra_edges"}


def test_the_oracle_of_constraints() -> None:
    instance = make_instance(np.array([[1.0, 0], [0.5, 0.25]]), np.array([[0, 1]]), np.ones(1))
    # costs of (0, 0), (0, 1), (1, 0), (1, 1): 0.25, 1.5, 2.25, 1.5
    for keywords, expected in (
        ({}, [0.25, 1.5, 2.25, 1.5]),
        ({"must_link": [[0, 1]]}, [0.25, np.inf, np.inf, 1.5]),
        ({"cannot_link": [[1, 0]]}, [np.inf, 1.5, 2.25, np.inf]),
        ({"labels": np.array([-1, 1])}, [np.inf, 1.5, np.inf, 1.5]),
        ({"coverage": (np.array([0, 0]), np.array([[True]]))}, [np.inf, 1.5, 2.25, 1.5]),
        ({"node_weights": np.array([1.0, 2])}, [0.5, 2, 2.5, 2]),
        ({"extra_edges": (np.array([[1, 0]]), np.ones(1))}, [0.25, 2.5, 3.25, 1.5]),
    ):
        costs = costs_of_constrained(Constrained(instance, dict(keywords)))
        np.testing.assert_allclose(costs, expected, err_msg=str(keywords))


def test_a_wrong_answer_under_constraints_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    solve = liid_cut.multiway_cut

    def without_links(*arguments: Any, **keywords: Any) -> Any:
        keywords.pop("cannot_link", None)
        return solve(*arguments, **keywords)

    monkeypatch.setattr(liid_cut, "multiway_cut", without_links)
    wrong = tiny_problems.check_many(range(40), check_constrained)[1]
    assert any("verify: " in text and "cannot_link" in text for text in wrong)
    assert any("a labelling where there is none" in text for text in wrong)


def test_constraints_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert tiny_problems.main(["--n", "6", "--processes", "1", "--constraints"]) == 0
    assert "18 results, 0 mismatches" in capsys.readouterr().out
