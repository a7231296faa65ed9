"""Proofs by hand: their steps, and results that claim what a proof is to show."""

from __future__ import annotations

from typing import Any

import numpy as np
from instances import Instance
from reference import cut_cost

from liid_cut import MultiwayCutResult

Step = dict[str, Any]


def bound(messages: Any = None, parts: Any = (), cuts: Any = None) -> Step:
    step = {"kind": "bound", "messages": messages, "parts": list(parts), "children": []}
    return step if cuts is None else step | {"cuts": cuts}


def cut(edges: Any, named: Any, multiplier: Any) -> Step:
    return {"edges": np.array(edges), "named": np.array(named), "multiplier": multiplier}


def branch(node: Any, label: Any, children: Any, messages: Any = None) -> Step:
    step = {"kind": "branch", "messages": messages, "node": node, "label": label}
    return step | {"children": children}


def rule_out(ruled_out: Any, children: Any, messages: Any = None) -> Step:
    step = {"kind": "rule_out", "messages": messages, "ruled_out": np.array(ruled_out)}
    return step | {"children": children}


def part(nodes: Any, edges: Any, proof: Any) -> Step:
    nodes, edges = (np.array(ids, dtype=np.int64) for ids in (nodes, edges))
    return {"nodes": nodes, "edges": edges, "proof": proof}


def proof_of_the_triangle() -> list[Step]:
    """All kinds of steps: a label of each node is ruled out, then node 0 branched on in a part."""
    messages = np.array([[0.5, 0.25, 0], [0.25, 0.5, 0], [0, 0.5, 0.25]])  # alone they give 3.75
    takes_0 = np.array([[0.5, 0, 0], [0.5, 0, 0], [-0.5, 0, 0]])
    takes_1 = np.array([[0, 0.5, 0], [0, 0.5, 0], [0, 0.5, 0]])
    inner = branch(0, 0, [bound(takes_0), bound(takes_1)])
    rest = bound(messages.copy(), [part([0, 1, 2], [0, 1, 2], inner)])
    return [part([0, 1, 2], [0, 1, 2], rule_out([(0, 2), (1, 0), (2, 1)], [rest], messages))]


def claiming(inst: Instance, labels: Any, proofs: Any) -> MultiwayCutResult:
    """A result that claims labels optimal, with zero messages and these proofs.

    For problems of one component.
    """
    result = inst.solve(method="ckr")
    assert result.n_components == 1
    assert result.status == "optimal"
    result.labels[:] = labels
    result.cost = result.lower_bound = cut_cost(inst, labels)
    result.update(fun=result.cost, mip_dual_bound=result.cost, gap=0.0, mip_gap=0.0)
    result.components["cost"] = result.components["lower_bound"] = result.cost
    result.messages[:] = 0
    result.proofs = proofs
    return result
