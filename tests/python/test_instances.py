"""Instances beside the repository, with optima and relaxation values known from other solvers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instances import Instance
from reference import cut_cost

from liid_cut import ckr_model, verify

FOLDER = Path(__file__).parents[3] / "shared" / "instances"
# Name: optimum, value of the CKR relaxation, and what rounding to the known digits may change.
KNOWN = {
    "gap-tri": (4, 3.75, 1e-9),
    "gap-simplex4-k3": (1068, 1001.25, 1e-9),
    "gap-gadgets120-01": (168.94, 161.58, 5.1e-3),
    "gap-potts20-k5": (756.976, 756.904, 5.1e-4),
    "voc-small-mutual": (1076.0142, 1076.0142, 5.1e-5),
    "voc-union-d1": (701.9733, 701.9733, 5.1e-5),
    "coco-mutual": (717.7895, 717.7895, 5.1e-5),
}


def read(name: str) -> Instance:
    path = FOLDER / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{name}.npz is not beside the repository, in ../shared/instances")
    with np.load(path) as file:
        edges = np.stack([file["a"], file["b"]], axis=1).astype(np.int64)
        return Instance(file["P"].astype(np.float64), edges, file["w"])


@pytest.mark.parametrize("name", KNOWN)
def test_optimum(name: str) -> None:
    inst, (optimum, relaxed, digits) = read(name), KNOWN[name]
    result = inst.solve()
    assert result.status == "optimal"
    assert result.cost == pytest.approx(optimum, abs=digits)
    assert cut_cost(inst, result.labels) == pytest.approx(result.cost, rel=1e-9)
    verification = verify(result, inst.probs, inst.graph)
    assert verification, verification.problems
    assert verification.optimal
    if relaxed == optimum:  # then messages alone prove it
        assert result.proofs == []


@pytest.mark.parametrize("name", [name for name in KNOWN if name.startswith("gap-")])
def test_relaxation(name: str) -> None:
    inst, (_, relaxed, digits) = read(name), KNOWN[name]
    model = ckr_model(inst.problem())
    model.run()
    value = model.getInfo().objective_function_value
    assert value == pytest.approx(relaxed, abs=digits)


@pytest.mark.parametrize("name", [name for name in KNOWN if name.startswith("gap-")])
def test_root_messages_prove_the_relaxation(name: str) -> None:
    inst, (_, relaxed, digits) = read(name), KNOWN[name]
    result = inst.solve(method="ckr")
    result.proofs = []
    verification = verify(result, inst.probs)
    assert verification.lower_bound == pytest.approx(relaxed, abs=digits)


def test_float32_probs_give_the_same_cut() -> None:
    inst = read("gap-potts20-k5")
    single = Instance(inst.probs.astype(np.float32), inst.edges, inst.weights).solve()
    assert single.cost == inst.solve().cost


def test_largest_instance_is_closed_without_a_linear_program() -> None:
    result = read("coco-mutual").solve()
    assert set(result.components["stage"]) <= {"inspection", "reduction", "dual_ascent"}


def test_a_time_limit_brackets_the_optimum() -> None:
    inst, (optimum, _, digits) = read("gap-gadgets120-01"), KNOWN["gap-gadgets120-01"]
    result = inst.solve(time_limit=1e-3)
    assert result.lower_bound <= optimum + digits
    assert result.cost >= optimum - digits
    verification = verify(result, inst.probs, inst.graph)
    assert verification, verification.problems
    assert verification.optimal == (result.status == "optimal")
