"""``verify`` rejects forged proofs: steps changed, numbers out of range, unsound tricks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from instances import instance, star, triangle, union
from proof_steps import bound, branch, claiming, part, proof_of_the_triangle, rule_out
from reference import assert_rejected, steps_of

from liid_cut import MultiwayCutResult, verify

# Component 0, a triangle, is proven by labels ruled out and, in a part of the rest, a branching;
# component 1, a star, by messages.
INST = union(triangle(), star())
RESULT = INST.solve()
RESULT.proofs = proof_of_the_triangle()
Edit = Callable[[Any], object]


def step_of(result: MultiwayCutResult, kind: str) -> Any:
    """The first step of a kind; of "bound", the one with a part."""
    steps = [step for _, step in steps_of(result.proofs) if step["kind"] == kind]
    return next(step for step in steps if kind != "bound" or step["parts"])


def in_step(kind: str, edit: Edit) -> Edit:
    return lambda result: edit(step_of(result, kind))


def in_part(edit: Edit) -> Edit:
    return lambda result: edit(result.proofs[0])


def put(name: str, value: Any) -> Edit:
    return lambda holder: holder.update({name: value})


def put_message(value: float) -> Edit:
    return lambda step: step["messages"].__setitem__((0, 0), value)


def rule_out_also(step: Any, labels: Any) -> None:
    step["ruled_out"] = np.concatenate([step["ruled_out"], labels])


def test_premises() -> None:
    assert {step["kind"] for _, step in steps_of(RESULT.proofs)} == {"bound", "branch", "rule_out"}
    assert max(depth for depth, _ in steps_of(RESULT.proofs)) == 2
    assert verify(RESULT, INST.probs).optimal


NOT_PROVEN = "component 0: lower bound is claimed to be .* but only .* is proven"
OUTSIDE = "malformed: a proof names a node or edge outside its part"
OPTIMUM = np.stack([np.arange(3), RESULT.cut_labels[:3]], axis=1)
FORGED: dict[str, tuple[Edit, str]] = {
    # ruled-out labels
    "optimum ruled out": (in_step("rule_out", lambda s: rule_out_also(s, OPTIMUM)), NOT_PROVEN),
    "one of the optimum": (
        in_step("rule_out", lambda s: rule_out_also(s, OPTIMUM[:1])),
        NOT_PROVEN,
    ),
    "ruled out nan": (in_step("rule_out", put_message(np.nan)), "a message is not finite"),
    "ruled out node": (in_step("rule_out", lambda s: rule_out_also(s, [[3, 0]])), OUTSIDE),
    "ruled out label": (
        in_step("rule_out", lambda s: rule_out_also(s, [[0, 3]])),
        "malformed: a proof names label 3; labels are 0 to 2",
    ),
    "rest missing": (in_step("rule_out", put("children", [])), "'rule_out' has 0 children"),
    # branches
    "children swapped": (in_step("branch", lambda s: s["children"].reverse()), NOT_PROVEN),
    "child missing": (in_step("branch", lambda s: s["children"].pop()), "'branch' has 1 children"),
    "child more": (in_step("branch", lambda s: s["children"].append(bound())), "has 3 children"),
    "no child": (in_step("branch", put("children", [])), "'branch' has 0 children"),
    "other label": (in_step("branch", put("label", 1)), NOT_PROVEN),
    "several nodes": (in_step("branch", put("node", [0, 1])), "malformed: a proof names several"),
    "node in an array": (in_step("branch", put("node", np.array([0]))), "names several nodes"),
    "label too large": (in_step("branch", put("label", 3)), "a proof names label 3; labels are 0"),
    "label negative": (in_step("branch", put("label", -1)), "a proof names label -1; labels are"),
    "other node": (in_step("branch", put("node", 1)), NOT_PROVEN),
    "node of another": (in_step("branch", put("node", 3)), OUTSIDE),
    "node unknown": (in_step("branch", put("node", 99)), OUTSIDE),
    "node negative": (in_step("branch", put("node", -1)), OUTSIDE),
    "leaf nan": (
        in_step("branch", lambda s: put_message(np.nan)(s["children"][0])),
        "malformed: a message is not finite",
    ),
    "leaf too large": (
        in_step("branch", lambda s: put_message(9.0)(s["children"][0])),
        "malformed: messages of edge 0 spread by .* more than its weight 0.5",
    ),
    "leaf zero": (
        in_step("branch", lambda s: s["children"][0]["messages"].fill(0)),
        NOT_PROVEN,
    ),
    "leaf short": (
        in_step("branch", lambda s: s["children"][1].update(messages=np.zeros((2, 3)))),
        r"malformed: messages of shape \(2, 3\) for 3 edges",
    ),
    "branch is a bound": (
        in_step("branch", lambda s: s.update(bound(s["children"][0]["messages"]))),
        NOT_PROVEN,
    ),
    # parts
    "a part twice": (lambda r: r.proofs.append(r.proofs[0]), "malformed: parts overlap"),
    "an inner part twice": (in_step("bound", lambda s: s["parts"].extend(s["parts"])), "overlap"),
    "empty part": (lambda r: r.proofs.append(part([], [], bound())), "overlap or are empty"),
    "no inner part": (in_step("bound", put("parts", [])), NOT_PROVEN),
    "a bound with a child": (in_step("bound", put("children", [bound()])), "has 1 children"),
    "edge outside": (in_part(put("edges", np.array([0, 1, 3]))), OUTSIDE),
    "edge unknown": (in_part(put("edges", np.array([0, 1, 99]))), OUTSIDE),
    "edge missing": (in_part(put("edges", np.array([0, 1]))), "malformed: messages of shape"),
    "edge twice": (in_part(put("edges", np.array([0, 0, 1, 2]))), "malformed: "),
    "node outside": (in_part(put("nodes", np.array([0, 1, 2, 99]))), OUTSIDE),
    "node missing": (in_part(put("nodes", np.array([0, 1]))), OUTSIDE),
    "node twice": (in_part(put("nodes", np.array([0, 0, 1, 2]))), "malformed: "),
    "nodes descending": (in_part(put("nodes", np.array([2, 1, 0]))), "malformed: "),
    "part of another": (in_part(put("nodes", np.array([3, 4, 5]))), OUTSIDE),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_proof(name: str) -> None:
    edit, message = FORGED[name]
    forged = copy.deepcopy(RESULT)
    edit(forged)
    assert_rejected(verify(forged, INST.probs, INST.graph), message)


# ---- unsound tricks: labellings that are not optimal, with a proof made to measure

# (1, 0) --- .5 --- (0, 1): a cut costs .5, one label for both costs 1.
PAIR = instance([[1, 0], [0, 1]], [[0, 1]], [0.5])


def test_an_edge_counted_twice_in_a_part() -> None:
    messages = np.array([[0.5, 0.0], [0.5, 0.0]])
    forged = claiming(PAIR, [0, 0], [part([0, 1], [0, 0], bound(messages))])
    assert_rejected(verify(forged, PAIR.probs), "component 0|malformed")


def test_an_edge_whose_weight_is_no_number_and_limits_nothing() -> None:
    forged = claiming(PAIR, [0, 0], [])
    forged.weights = np.array([np.nan])
    forged.messages[:] = 1.0, 0.0
    assert_rejected(verify(forged, PAIR.probs, PAIR.graph), "weight|another graph|malformed")


@pytest.mark.parametrize("size", [1e308, -1e308])
def test_messages_whose_sum_overflows(size: float) -> None:
    # Infinite costs mean labels that are not allowed; here only the additions made them infinite.
    inst = star()
    forged = claiming(inst, [0, 0, 0, 0], [])
    forged.messages[:] = size
    assert_rejected(verify(forged, inst.probs), "component 0|malformed")


def test_messages_whose_rounding_raises_the_bound() -> None:
    # 1.5 +- 1e16 are both rounded up to 2 +- 1e16.
    inst = instance([[1.5, 1.5], [1.5, 1.5]], [[0, 1]], [1])
    forged = claiming(inst, [0, 1], [])
    forged.messages[:] = 1e16
    assert_rejected(verify(forged, inst.probs), "component 0|malformed")


@pytest.mark.parametrize("read", [list, iter])
def test_a_part_that_gives_one_component_the_bound_of_another(read: Any) -> None:
    # Component 1 is enumerated, so that the part's bound of both is all to the credit of 0.
    inst = union(PAIR, PAIR)
    result = inst.solve(method="ckr")
    result.labels[:] = 1, 1, 0, 1
    result.messages[:] = 0.5, 0
    result.proofs = read([part([0, 1, 2, 3], [0, 1], bound())])
    result.update(cost=1.5, lower_bound=1.5, fun=1.5, mip_dual_bound=1.5, gap=0.0, mip_gap=0.0)
    result.components["cost"] = result.components["lower_bound"] = [1.0, 0.5]
    result.components["stage"][1] = "enumeration"
    assert_rejected(verify(result, inst.probs), "component|malformed")


def test_a_label_that_only_its_own_bound_rules_out() -> None:
    # One node; a label may be ruled out only at the bound that it has.
    inst = instance([[0.2, 0.8]], [], [])
    forged = claiming(inst, [0], [part([0], [], rule_out([(0, 1)], [bound()]))])
    assert_rejected(
        verify(forged, inst.probs), r"component 0: .* claimed to be 0.8 but only 0\.(2|19)"
    )


def test_a_branch_on_no_label_drops_none() -> None:
    inst = instance([[0.2, 0.8]], [], [])
    step = branch(0, -1, [bound(), bound()])
    forged = claiming(inst, [0], [part([0], [], step)])
    assert_rejected(verify(forged, inst.probs), "malformed: a proof names label -1")


@pytest.mark.parametrize("exact", [False, True])
def test_a_branch_on_two_nodes_at_once_proves_nothing(exact: bool) -> None:
    # "Both take label 0" and "neither takes it" leave the optimum, 0.1, out.
    inst = instance([[1, 0], [0, 1]], [[0, 1]], [0.1])
    proof = branch([0, 1], 0, [bound(np.zeros((1, 2))), bound(np.zeros((1, 2)))])
    forged = claiming(inst, [0, 0], [part([0, 1], [0], proof)])
    assert forged.cost == 1
    assert_rejected(verify(forged, inst.probs, exact=exact), "a proof names several nodes")
