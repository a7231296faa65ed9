"""``verify`` reports proofs that are none, and never fails or hangs on them."""

from __future__ import annotations

import copy
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from instances import triangle
from proof_steps import bound, branch, part, proof_of_the_triangle, rule_out
from reference import assert_rejected, steps_of

from liid_cut import verify

INST = triangle()
RESULT = INST.solve()
RESULT.proofs = proof_of_the_triangle()
WHOLE = [0, 1, 2]
JUNK: list[Any] = [None, "x", 3, 0.5, [None], {}, {"a": 1}, [[]], np.zeros((2, 2)), 1j]


@pytest.fixture(autouse=True)
def no_endless_check() -> Iterator[None]:
    def stop(*_: Any) -> None:
        pytest.fail("verify takes too long")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def assert_malformed(proofs: Any, message: str = "the certificate is malformed") -> None:
    forged = copy.copy(RESULT)
    forged.proofs = proofs
    assert_rejected(verify(forged, INST.probs), message)


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_proofs_are_no_list_of_parts(junk: Any) -> None:
    if isinstance(junk, dict) and not junk:
        pytest.skip("is as good as no part")
    assert_malformed(junk)


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("name", ["nodes", "edges", "proof"])
def test_part_without(name: str, junk: Any) -> None:
    right = copy.deepcopy(RESULT.proofs[0])
    assert_malformed([right | {name: junk}])
    del right[name]
    assert_malformed([right])


@pytest.mark.parametrize("kind", ["bound", "branch", "rule_out"])
@pytest.mark.parametrize("junk", [None, "leaf", 0, ["bound"], float("nan")], ids=repr)
def test_unknown_kind(kind: str, junk: Any) -> None:
    proofs = copy.deepcopy(RESULT.proofs)
    next(step for _, step in steps_of(proofs) if step["kind"] == kind)["kind"] = junk
    assert_malformed(proofs)


SCALARS = ("kind", "node", "label", "messages")
FIELDS = {  # the messages of the branch serve nothing: its children have their own
    "bound": ["kind", "messages", "parts", "children"],
    "branch": ["kind", "node", "label", "children"],
    "rule_out": ["kind", "messages", "ruled_out", "children"],
}


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in FIELDS.items() for n in names])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_step_with_junk(kind: str, name: str, junk: Any) -> None:
    if (name == "messages" and junk is None) or (repr(junk) == "{}" and name not in SCALARS):
        pytest.skip("is valid: no messages, or none of a list")
    proofs = copy.deepcopy(RESULT.proofs)
    next(step for _, step in steps_of(proofs) if step["kind"] == kind)[name] = junk
    assert_malformed(proofs, "malformed|component 0: .* but only")


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in FIELDS.items() for n in names])
def test_step_without(kind: str, name: str) -> None:
    proofs = copy.deepcopy(RESULT.proofs)
    del next(step for _, step in steps_of(proofs) if step["kind"] == kind)[name]
    assert_malformed(proofs)


# ---- steps that contain themselves, or too many


def test_branch_in_itself() -> None:
    step = branch(0, 0, [])
    step["children"] = [step, step]
    assert_malformed([part(WHOLE, WHOLE, step)])


def test_rule_out_in_itself() -> None:
    step = rule_out([(0, 0)], [])
    step["children"] = [step]
    assert_malformed([part(WHOLE, WHOLE, step)])


def test_part_in_itself() -> None:
    step = bound()
    step["parts"] = [part(WHOLE, WHOLE, step)]
    assert_malformed([part(WHOLE, WHOLE, step)])


def test_few_steps_that_unfold_to_many() -> None:
    step = bound()
    for _ in range(60):
        step = branch(0, 0, [step, step])
    assert_malformed([part(WHOLE, WHOLE, step)])


def test_parts_nested_without_need() -> None:
    # Sound, but no solve makes it; whether it is followed or called malformed, it proves nothing.
    step = bound()
    for _ in range(3000):
        step = bound(None, [part(WHOLE, WHOLE, step)])
    assert_malformed([part(WHOLE, WHOLE, step)], "malformed|component 0: .* but only")


def test_deep_branches_are_followed() -> None:
    # The second child of every branch drops label 0 again, which changes nothing.
    step = branch(0, 0, [bound(), bound()])
    for _ in range(3000):
        step = branch(0, 0, [bound(), step])
    assert_malformed([part(WHOLE, WHOLE, step)], "component 0: .* but only .* is proven")
