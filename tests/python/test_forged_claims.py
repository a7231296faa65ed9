"""``verify`` rejects every forged claim, one per test; forged proofs: test_forged_proofs.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from instances import star, triangle, union
from reference import assert_rejected, steps_of

from liid_cut import MultiwayCutResult, verify

# Component 0, a triangle, has a proof: branches from "auto", a cut from "ckr"; component 1, a star,
# is proven by its messages.
INST = union(triangle(), star())
RESULTS = {method: INST.solve(method=method) for method in ("auto", "ckr")}
ENUMERATED = INST.solve(method="brute_force")


def edited(edit: Callable[[Any], None], result: MultiwayCutResult) -> MultiwayCutResult:
    forged = copy.deepcopy(result)
    edit(forged)
    return forged


def put(name: str, index: Any, value: Any) -> Callable[[Any], None]:
    return lambda result: result[name].__setitem__(index, value)


def put_field(field: str, value: Any, component: Any = 0) -> Callable[[Any], None]:
    return lambda result: result.components[field].__setitem__(component, value)


def test_premises() -> None:
    for method, stage, has_cuts in (
        ("auto", "branch_and_bound", False),
        ("ckr", "linear_program", True),
    ):
        result = RESULTS[method]
        assert result.components["stage"][0] == stage
        (proof,) = result.proofs
        steps = [step for _, step in steps_of([proof])]
        assert any(step.get("cuts") for step in steps) == has_cuts
        assert any(step["kind"] == "branch" for step in steps) != has_cuts
        assert proof["nodes"].tolist() == [0, 1, 2]
        assert verify(result, INST.probs).optimal
    assert verify(ENUMERATED, INST.probs).optimal


CLAIMS: dict[str, tuple[Callable[[Any], None], str]] = {
    # labels and cost
    "label changed": (put("labels", 0, 2), "cost is claimed to be .* but is"),
    "other labels": (
        lambda r: r.__setitem__("labels", (r.labels + 1) % 3),
        "labels",
    ),
    "label too large": (put("labels", 4, 3), "a label is outside 0 to 2"),
    "label negative": (put("labels", 4, -1), "a label is outside 0 to 2"),
    "label missing": (lambda r: r.update(cut_labels=r.labels[1:]), r"cut_labels has shape \(6,\)"),
    "cost lowered": (lambda r: r.update(cost=r.cost - 1e-6), "cost is claimed to be"),
    "cost raised": (lambda r: r.update(cost=r.cost + 1e-6), "cost is claimed to be"),
    "cost nan": (lambda r: r.update(cost=float("nan")), "cost is nan; it must be a finite float"),
    "component's cost": (put_field("cost", 3.9), "component 0: cost is claimed to be"),
    "endless temperature": (
        lambda r: r.update(temperature=10**400),
        "terminal_weights is 'linear', temperature 1000",
    ),
    # bound
    "bound raised": (lambda r: r.update(lower_bound=r.cost + 1), "lower_bound is claimed to be"),
    "bound nan": (lambda r: r.update(lower_bound=float("nan")), "lower_bound is nan; it must be"),
    "component's bound": (put_field("lower_bound", 4.1), "component 0: lower bound is claimed to"),
    "component's bound nan": (put_field("lower_bound", np.nan), "component table is not finite"),
    "component's bound inf": (put_field("lower_bound", np.inf), "component table is not finite"),
    "infinite bounds": (
        put_field("lower_bound", [np.inf, -np.inf], slice(None)),
        "a cost or lower_bound in the component table is not finite",
    ),
    "bounds too large to add": (
        put_field("lower_bound", 1.7e308, slice(None)),
        "component 0: lower bound is claimed to be 1.7e.308",
    ),
    "bound of a star": (put_field("lower_bound", 1.1, 1), "component 1: lower bound is claimed"),
    # messages
    "too large": (
        put("messages", (3, 0), 9.0),
        "messages of edge 3 spread by 8.5, more than its we",
    ),
    "message nan": (put("messages", (3, 0), np.nan), "malformed: a message is not finite"),
    "message inf": (put("messages", 3, np.inf), "malformed: a message is not finite"),
    "other messages": (lambda r: r.messages[3:].__imul__(-1), "component 1: .* but only .* is pro"),
    "no messages": (lambda r: r.messages.fill(0), "component 1: .* but only .* is proven"),
    "messages too large to add": (lambda r: r.messages[3:].fill(1e308), "component 1: |malformed"),
    "no proofs": (lambda r: r.proofs.clear(), "component 0: .* but only .*3.75"),
    "messages cut": (lambda r: r.update(messages=r.messages[1:]), r"messages has shape \(5, 3\)"),
    # the graph and its components
    "edge joins": (put("component_ids", 0, 1), "an edge joins two components"),
    "component unknown": (put("component_ids", slice(3, 7), 2), "a component id is not in the com"),
    "component negative": (put("component_ids", slice(3, 7), -1), "a component id is not in the c"),
    "ids cut": (lambda r: r.update(component_ids=r.component_ids[1:]), "component_ids has shape"),
    "weights cut": (lambda r: r.update(weights=r.weights[1:]), "weights has shape"),
    "weight changed": (put("weights", 3, 0.6), "the result belongs to another graph"),
    "edge changed": (put("edges", 3, (3, 6)), "the result belongs to another graph"),
    "edge unknown": (put("edges", 3, (3, 99)), "an edge ends outside 0 to 6"),
    "edge negative": (put("edges", 3, (-1, 3)), "an edge ends outside 0 to 6"),
    "edges flat": (lambda r: r.update(edges=r.edges[:, 0]), "edges has shape"),
    "edges of three": (lambda r: r.update(edges=r.edges[:, [0, 1, 1]]), "edges has shape"),
    # what only repeats another claim
    "gap": (lambda r: r.update(gap=1.0), "gap"),
    "mip_gap": (lambda r: r.update(mip_gap=1.0), "mip_gap"),
    "fun": (lambda r: r.update(fun=4.9), "fun"),
    "mip_dual_bound": (lambda r: r.update(mip_dual_bound=5.1), "mip_dual_bound"),
    "x": (lambda r: r.update(x=np.zeros(7, int)), "x"),
    "n_components": (lambda r: r.update(n_components=1), "n_components"),
}


@pytest.mark.parametrize("method", RESULTS)
@pytest.mark.parametrize("claim", CLAIMS)
def test_forged_claim(claim: str, method: str) -> None:
    edit, message = CLAIMS[claim]
    assert_rejected(verify(edited(edit, RESULTS[method]), INST.probs, INST.graph), message)


def test_forged_enumeration() -> None:
    forged = edited(put_field("lower_bound", 4.1), ENUMERATED)
    assert_rejected(verify(forged, INST.probs), "component 0: .* but only .*4.0")


@pytest.mark.parametrize("weights", [np.inf, np.nan, -1.0, 1.7e308, (np.inf, -np.inf)])
def test_forged_weights_without_a_graph_to_compare_with(weights: Any) -> None:
    forged = edited(lambda r: r.weights.__setitem__(slice(3, 5), weights), RESULTS["auto"])
    forged.labels[3:] = 0, 1, 2, 0
    forged.cut_labels = forged.labels
    assert_rejected(verify(forged, INST.probs), "cost is claimed to be|weight|malformed")
