"""The CKR relaxation that ``ckr_model`` hands to another LP solver."""

from __future__ import annotations

from pathlib import Path

import highspy
import numpy as np
import pytest
from instances import (
    Instance,
    grid,
    instance,
    necklace,
    path,
    random_instance,
    simplex_grid,
    triangle,
)
from reference import cut_cost
from scipy.optimize import linprog

from liid_cut import ckr_model, make_problem


def textbook_value(inst: Instance) -> float:
    """The relaxation as published: both directions of |x_u - x_v| for every edge and label."""
    n, n_labels = inst.probs.shape
    m = len(inst.edges)
    costs = inst.probs.sum(axis=1, keepdims=True) - inst.probs
    objective = np.concatenate([costs.ravel(), np.repeat(inst.weights / 2, n_labels)])
    rows = []
    for e, (u, v) in enumerate(inst.edges):
        for k in range(n_labels):
            for sign in (1, -1):  # sign (x_u,k - x_v,k) - d_e,k <= 0
                row = np.zeros(len(objective))
                row[u * n_labels + k], row[v * n_labels + k] = sign, -sign
                row[n * n_labels + e * n_labels + k] = -1
                rows.append(row)
    sums = np.zeros((n, len(objective)))
    for u in range(n):
        sums[u, u * n_labels : (u + 1) * n_labels] = 1
    upper = np.ones(n * n_labels) if inst.allowed is None else inst.allowed.ravel().astype(float)
    solution = linprog(
        objective,
        A_ub=np.array(rows) if rows else None,
        b_ub=np.zeros(len(rows)) if rows else None,
        A_eq=sums,
        b_eq=np.ones(n),
        bounds=[(0, top) for top in upper] + [(0, None)] * (m * n_labels),
    )
    assert solution.status == 0
    return float(solution.fun)


def run(inst: Instance, *, integer: bool = False) -> highspy.Highs:
    model = ckr_model(inst.problem(), integer=integer)
    model.run()
    assert model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return model


def value(inst: Instance, *, integer: bool = False) -> float:
    return float(run(inst, integer=integer).getInfo().objective_function_value)


@pytest.mark.parametrize("seed", range(60))
def test_value_is_that_of_the_textbook_lp(seed: int) -> None:
    inst = random_instance(seed + 500)
    assert value(inst) == pytest.approx(textbook_value(inst), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize(
    "inst",
    [path(), triangle(), simplex_grid(4), grid(5, 4, seed=3), necklace(3)],
    ids=["path", "triangle", "simplex-grid", "grid", "necklace"],
)
def test_value_of_named_problems(inst: Instance) -> None:
    assert value(inst) == pytest.approx(textbook_value(inst), rel=1e-8)


def test_integer_model_is_the_cut() -> None:
    inst = triangle()
    assert value(inst) == pytest.approx(3.75)
    assert value(inst, integer=True) == pytest.approx(4)


@pytest.mark.parametrize("seed", range(20))
def test_integer_solution_is_a_labelling(seed: int) -> None:
    inst = random_instance(seed + 700)
    if inst.allowed is not None:  # columns of labels that are ruled out may be missing
        inst = instance(inst.probs, inst.edges, inst.weights)
    model = run(inst, integer=True)
    x = np.array(model.getSolution().col_value)[: inst.probs.size].reshape(inst.probs.shape)
    labels = x.argmax(axis=1)
    np.testing.assert_allclose(x, np.eye(x.shape[1])[labels], atol=1e-6)
    cost = model.getInfo().objective_function_value
    assert cut_cost(inst, labels) == pytest.approx(cost, rel=1e-6, abs=1e-6)


def test_half_the_rows_of_the_textbook() -> None:
    inst = grid(5, 4, seed=4)
    model = ckr_model(inst.problem())
    assert model.getNumRow() == len(inst.probs) + 4 * len(inst.edges)
    assert model.getNumCol() == inst.probs.size + 4 * len(inst.edges)


def test_model_goes_to_other_solvers_as_an_mps_file(tmp_path: Path) -> None:
    inst = grid(5, 3, seed=5)
    file = tmp_path / "cut.mps"
    ckr_model(inst.problem()).writeModel(str(file))
    other = highspy.Highs()
    other.silent()
    other.readModel(str(file))
    other.run()
    assert other.getInfo().objective_function_value == pytest.approx(value(inst), rel=1e-8)


def test_model_is_not_run_yet() -> None:
    model = ckr_model(triangle().problem())
    assert model.getModelStatus() == highspy.HighsModelStatus.kNotset


def test_model_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    highspy.Highs()  # the first one of a process prints a banner, whatever its options
    capfd.readouterr()
    ckr_model(grid(5, 3, seed=6).problem()).run()
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_no_node() -> None:
    inst = instance(np.empty((0, 3)), [], [])
    model = ckr_model(inst.problem())
    model.run()
    assert model.getInfo().objective_function_value == 0


def test_more_entries_than_an_lp_solver_can_index() -> None:
    # 1,000 nodes, all connected; the labels take no memory.
    edges = np.argwhere(np.triu(np.ones((1000, 1000)), k=1))
    probs = np.broadcast_to(np.float32(1), (1000, 1500))
    problem = make_problem(probs, graph=(edges, np.ones(len(edges))))
    with pytest.raises(ValueError, match=r"the CKR LP of 1000 nodes, .* more than 2\^31 - 1 entr"):
        ckr_model(problem)
