"""Cuts in proofs: the one that proves the triangle, and forged ones, which ``verify`` rejects."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from instances import instance, necklace, triangle
from proof_steps import bound, branch, claiming, cut, part, rule_out
from reference import assert_rejected, assert_same_tree, steps_of

from liid_cut import MultiwayCutResult, verify
from liid_cut.proof_files import pack, unpack

# The triangle of edges 0, 1, 2 with a node 3 that hangs on node 2 by edge 3, and takes any label.
INST = instance(
    [*triangle().probs, [0, 0, 0]], [[0, 1], [0, 2], [1, 2], [2, 3]], [0.5, 0.5, 0.5, 0.1]
)
ALL = range(4)
ZERO = np.zeros((4, 3))
RIGHT = cut([0, 1, 2], [1, 2, 0], 0.5)  # names for every label the node that does not want it


def with_proof(proof: Any) -> MultiwayCutResult:
    """Everything takes label 0, for 4, with a proof of all."""
    return claiming(INST, [0, 0, 0, 0], [part(ALL, ALL, proof)])


PROVING: dict[str, Any] = {
    "bound": bound(ZERO, cuts=[RIGHT]),
    "two halves": bound(ZERO, cuts=[RIGHT | {"multiplier": 0.25}] * 2),
    "edges in another order": bound(ZERO, cuts=[RIGHT | {"edges": np.array([2, 0, 1])}]),
    "a cut of no weight": bound(ZERO, cuts=[RIGHT, RIGHT | {"multiplier": 0.0}]),
    "inherited by a bound": branch(3, 0, [bound(), bound()], ZERO) | {"cuts": [RIGHT]},
    "of a rule_out": rule_out([], [bound()], ZERO) | {"cuts": [RIGHT]},
    "in a part": bound(ZERO, [part([0, 1, 2], [0, 1, 2], bound(ZERO[:3], cuts=[RIGHT]))]),
}
PROVING["of a rule_out"]["ruled_out"] = np.empty((0, 2), int)


@pytest.mark.parametrize("name", PROVING)
def test_cut_proves_the_triangle(name: str) -> None:
    verification = verify(with_proof(PROVING[name]), INST.probs, INST.graph)
    assert verification, verification.problems
    assert verification.optimal
    assert verification.lower_bound == pytest.approx(4, rel=1e-12)


@pytest.mark.parametrize("name", PROVING)
def test_no_proof_of_more(name: str) -> None:
    forged = claiming(INST, [0, 0, 0, 1], [part(ALL, ALL, PROVING[name])])  # costs 4.1
    message = r"component 0: lower bound is claimed to be 4\.1 but only (4\.0|3\.9+) "
    assert_rejected(verify(forged, INST.probs, INST.graph), message)


def test_the_solver_proves_the_triangle_by_a_cut() -> None:
    inst = triangle()
    result = inst.solve(method="ckr")  # "auto" branches
    cuts = [cut for _, step in steps_of(result.proofs) for cut in step.get("cuts", [])]
    assert [sorted(cut["edges"]) for cut in cuts] == [[0, 1, 2]]
    assert verify(result, inst.probs, inst.graph).lower_bound == pytest.approx(4, rel=1e-12)


@pytest.mark.parametrize("name", PROVING)
def test_packed_cuts_come_back(name: str) -> None:
    proofs = with_proof(PROVING[name]).proofs
    before = copy.deepcopy(proofs)
    assert_same_tree(unpack(*pack(proofs)), before)


# ---- forged

NOT_PROVEN = "component 0: lower bound is claimed to be .* but only .* is proven"
NO_CYCLE = "malformed: a cut is no cycle with one of its nodes named for every label"
OUTSIDE = "malformed: a proof names a node or edge outside its part"
WEIGHT = "malformed: messages of edge 0 spread by .*, more than its weight"
ANY = "the certificate is malformed"
FORGED: dict[str, tuple[str, Any, str]] = {  # name: field of the cut, its new value, message
    "path": ("edges", [0, 1], NO_CYCLE),
    "longer path": ("edges", [0, 1, 3], NO_CYCLE),
    "cycle and a path": ("edges", [0, 1, 2, 3], NO_CYCLE),
    "edge alone": ("edges", [0], NO_CYCLE),
    "edge there and back": ("edges", [0, 0], NO_CYCLE),
    "edge twice": ("edges", [0, 1, 2, 2], NO_CYCLE),
    "edge for another": ("edges", [0, 1, 1], NO_CYCLE),
    "cycle twice": ("edges", [0, 1, 2, 0, 1, 2], NO_CYCLE),
    "no edges": ("edges", np.empty(0, int), NO_CYCLE),
    "edge unknown": ("edges", [0, 1, 9], OUTSIDE),
    "edge negative": ("edges", [0, 1, -2], OUTSIDE),
    "edges of no integer": ("edges", [0.0, 1.0, 2.0], "names a node or edge by a float64"),
    "edges in rows": ("edges", [[0], [1], [2]], ANY),
    "edges in a row": ("edges", [[0, 1, 2]], ANY),
    "named off the cycle": ("named", [1, 2, 3], NO_CYCLE),
    "all named off the cycle": ("named", [3, 3, 3], NO_CYCLE),
    "named too few": ("named", [1, 2], NO_CYCLE),
    "named too many": ("named", [1, 2, 0, 0], NO_CYCLE),
    "none named": ("named", np.empty(0, int), NO_CYCLE),
    "named unknown": ("named", [1, 2, 9], OUTSIDE),
    "named negative": ("named", [1, 2, -4], OUTSIDE),
    "named of no integer": ("named", [1.0, 2.0, 0.0], "names a node or edge by a float64"),
    "named the wrong ones": ("named", [0, 1, 2], NOT_PROVEN),
    "named for one more": ("named", [1, 2, 2], NOT_PROVEN),
    "negative": ("multiplier", -0.5, "a cut has the multiplier -0.5"),
    "nan": ("multiplier", np.nan, "a cut has the multiplier nan"),
    "inf": ("multiplier", np.inf, "a cut has the multiplier inf"),
    "minus inf": ("multiplier", -np.inf, "a cut has the multiplier -inf"),
    "no weight left": ("multiplier", 0.6, WEIGHT),
    "huge": ("multiplier", 1e308, ANY),
    "too small": ("multiplier", 0.4, NOT_PROVEN),
    **{f"{f} {v!r}": (f, v, ANY) for f in RIGHT for v in (None, "x", [], {}, 1j, [None])},
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_cut(name: str) -> None:
    field, value, message = FORGED[name]
    forged = RIGHT | {field: np.array(value) if isinstance(value, list) else value}
    proof = bound(ZERO, cuts=[forged])
    assert_rejected(verify(with_proof(proof), INST.probs, INST.graph), message)


@pytest.mark.parametrize("field", RIGHT)
def test_field_missing(field: str) -> None:
    proof = bound(ZERO, cuts=[{name: RIGHT[name] for name in RIGHT if name != field}])
    assert_rejected(verify(with_proof(proof), INST.probs, INST.graph), ANY)


@pytest.mark.parametrize("cuts", [None, 3, "x", [3], ["x"], [None], RIGHT, [[RIGHT]]], ids=repr)
def test_cuts_are_no_list_of_cuts(cuts: Any) -> None:
    proof = bound(ZERO) | {"cuts": cuts}
    assert_rejected(verify(with_proof(proof), INST.probs, INST.graph), ANY)


STEPS: dict[str, tuple[Any, str]] = {
    "twice": (bound(ZERO, cuts=[RIGHT, RIGHT]), WEIGHT),
    "messages too": (bound(ZERO + np.array([0.01, 0, 0]), cuts=[RIGHT]), WEIGHT),
    "with parts": (bound(ZERO, [part([3], [], bound())], [RIGHT]), "has both cuts and parts"),
    "with parts, inherited": (
        branch(3, 0, [bound(None, [part([3], [], bound())]), bound()], ZERO) | {"cuts": [RIGHT]},
        "has both cuts and parts",
    ),
    "without messages": (bound(cuts=[RIGHT]), NOT_PROVEN),
    "dropped by new messages": (
        branch(3, 0, [bound(ZERO), bound(ZERO)], ZERO) | {"cuts": [RIGHT]},
        NOT_PROVEN,
    ),
    "read only once": (bound(ZERO) | {"cuts": iter([RIGHT | {"multiplier": 0.6}])}, ANY),
}


@pytest.mark.parametrize("name", STEPS)
def test_forged_step(name: str) -> None:
    proof, message = STEPS[name]
    assert_rejected(verify(with_proof(proof), INST.probs, INST.graph), message)


def test_two_cycles_are_no_cycle() -> None:
    inst = necklace(2)
    result = inst.solve()
    inside = np.flatnonzero(result.edges[:, 0] // 3 == result.edges[:, 1] // 3)
    proof = bound(np.zeros((len(result.edges), 3)), cuts=[cut(inside, [1, 2, 0], 0.5)])
    result.proofs = [part(range(6), range(len(result.edges)), proof)]
    assert_rejected(verify(result, inst.probs, inst.graph), NO_CYCLE)


def test_a_multiplier_whose_rounding_raises_the_bound() -> None:
    # 2.5 - 2e16 is rounded up to 4 - 2e16; all 0 costs 2.5, all 1 costs 4.
    inst = instance([[2.5, 2.5], [1.5, 0], [0, 0]], [[0, 1], [0, 2], [1, 2]], [1e16] * 3)
    proof = bound(np.zeros((3, 2)), cuts=[cut([0, 1, 2], [0, 0], 1e16)])
    forged = claiming(inst, [1, 1, 1], [part(range(3), range(3), proof)])
    assert_rejected(verify(forged, inst.probs, inst.graph), "component 0|malformed")


def test_messages_of_large_weights_whose_rounding_raises_the_bound() -> None:
    # 1.5 + 1e16 is rounded up to 2 + 1e16; all 0 costs 1.5, all 1 costs 2.
    inst = instance([[1.5, 1.5], [0.5, 0], [0, 0]], [[0, 1], [0, 2], [1, 2]], [1e16] * 3)
    forged = claiming(inst, [1, 1, 1], [])
    forged.messages[:] = [1e16, 0], [0, 1e16], [1e16, 0]  # 1e16 of both labels goes round
    assert_rejected(verify(forged, inst.probs, inst.graph), "component 0|malformed")
