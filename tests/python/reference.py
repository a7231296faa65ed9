"""What the package computes, written out slowly and on its own, and checks of results."""

from __future__ import annotations

import math
import re
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from instances import Bools, Floats, Instance, Ints

from liid_cut import MultiwayCutResult, Verification, ckr_model


def cut_cost(inst: Instance, labels: Any) -> float:
    """Weight of the edges, to terminals and between nodes, that a labelling cuts."""
    cut = [
        p
        for row, label in zip(inst.probs.tolist(), labels, strict=True)
        for k, p in enumerate(row)
        if k != label
    ]
    for (u, v), w in zip(inst.edges.tolist(), inst.weights.tolist(), strict=True):
        if labels[u] != labels[v]:
            cut.append(w)
    return math.fsum(cut)


def is_allowed(inst: Instance, labels: Any) -> bool:
    return inst.allowed is None or all(inst.allowed[u, k] for u, k in enumerate(labels))


def cheapest_cut(inst: Instance) -> float:
    """Cost of the best of all labellings."""
    n, n_labels = inst.probs.shape
    every = product(range(n_labels), repeat=n)
    return min(cut_cost(inst, labels) for labels in every if is_allowed(inst, labels))


def messages_bound(inst: Instance, edges: Any, messages: Any) -> float:
    """The bound of the CKR dual: every node takes the cheapest reparametrised label."""
    total = []
    for u, row in enumerate(inst.probs.tolist()):
        costs = [math.fsum(row) - p for p in row]
        for (a, b), y in zip(edges.tolist(), messages.tolist(), strict=True):
            sign = (u == a) - (u == b)
            costs = [c + sign * y_k for c, y_k in zip(costs, y, strict=True)]
        choices = range(len(row)) if inst.allowed is None else np.flatnonzero(inst.allowed[u])
        total.append(min(costs[k] for k in choices))
    return math.fsum(total)


def cosines(feats: Floats) -> Floats:
    """All pairs, in double; dividing by the largest entry first keeps the squares in range."""
    scaled = feats / np.abs(feats).max(axis=1, keepdims=True)
    unit: Floats = scaled / np.sqrt((scaled**2).sum(axis=1, keepdims=True))
    similarity: Floats = np.clip(unit @ unit.T, -1, 1)
    return similarity


def nearest(similarity: Floats, k: int) -> Ints:
    """The k other rows of largest similarity, (n, min(k, n-1)); ties go to the lower index."""
    n = len(similarity)
    lists = [
        sorted((v for v in range(n) if v != u), key=lambda v: (-similarity[u, v], v))[:k]
        for u in range(n)
    ]
    return np.array(lists, dtype=np.int64).reshape(n, min(k, max(n - 1, 0)))


def neighbor_graph(feats: Floats, k: int, delta: float, symmetrize: str) -> Floats:
    """Dense weight matrix of the k-nearest-neighbour graph."""
    similarity = cosines(feats)
    near = [set(row) for row in nearest(similarity, k).tolist()]
    matrix = np.zeros((len(feats), len(feats)))
    for u, v in combinations(range(len(feats)), 2):
        ends = (v in near[u]) + (u in near[v])
        if ends == 2 or (ends == 1 and symmetrize == "union"):
            matrix[u, v] = matrix[v, u] = delta * abs(similarity[u, v])
    return matrix


def authors_instance(probs: Floats, feats: Floats, allowed: Bools, k: int = 3) -> Instance:
    """The problem of the authors' script, whose k neighbours count the node itself."""
    n = len(feats)
    similarity = cosines(feats) + 1
    table = [sorted(range(n), key=lambda v: (v != u, -similarity[u, v], v))[:k] for u in range(n)]
    least = min(similarity[u, v] for u in range(n) for v in table[u])
    edges, weights = [], []
    for u in range(n):
        for v in table[u]:
            if v <= u:
                continue
            if any(allowed[u, tag] and allowed[v, tag] for tag in range(1, allowed.shape[1])):
                edges.append((u, v))
                weights.append(similarity[u, v] - least)

    terminals = np.zeros_like(probs)
    for u in range(n):
        tagged = [p if ok else 0.0 for p, ok in zip(probs[u], allowed[u], strict=True)]
        ranked = sorted(range(len(tagged)), key=lambda label: (-tagged[label], label))
        for label in ranked[: 1 if tagged[ranked[0]] >= 0.9 else 4]:
            if tagged[label] > 1e-4:
                terminals[u, label] = tagged[label]
    return Instance(
        terminals, np.array(edges, dtype=np.int64).reshape(-1, 2), np.array(weights, dtype=float)
    )


def lp_value(inst: Instance, *, integer: bool = False) -> float:
    """Value of the CKR relaxation, or of its integer program, by HiGHS from PyPI."""
    model = ckr_model(inst.problem(), integer=integer)
    model.setOptionValue("mip_rel_gap", 0.0)
    model.setOptionValue("mip_abs_gap", 1e-9)
    model.run()
    return float(model.getInfo().objective_function_value)


def assert_optimal(inst: Instance, result: MultiwayCutResult, cost: float) -> None:
    """The claims of one result, recomputed."""
    assert result.status == "optimal"
    assert result.cost == pytest.approx(cost, rel=1e-9, abs=1e-9)
    assert result.lower_bound == pytest.approx(cost, rel=1e-9, abs=1e-9)
    assert cut_cost(inst, result.labels) == pytest.approx(cost, rel=1e-9, abs=1e-9)
    assert is_allowed(inst, result.labels)


def assert_same_bits(a: MultiwayCutResult, b: MultiwayCutResult) -> None:
    for name in ("labels", "component_ids", "edges", "weights", "messages", "components"):
        assert a[name].tobytes() == b[name].tobytes(), name
    assert (a.cost, a.lower_bound, a.status) == (b.cost, b.lower_bound, b.status)
    assert_same_tree(a.proofs, b.proofs)


def assert_same_tree(a: Any, b: Any) -> None:
    """Dictionaries, lists, arrays and plain values: equal at every depth, arrays to the bit."""
    waiting = [(a, b, "proofs")]
    while waiting:
        a, b, place = waiting.pop()
        assert type(a) is type(b), place
        if isinstance(a, dict):
            assert a.keys() == b.keys(), place
            waiting += [(a[name], b[name], f"{place}.{name}") for name in a]
        elif isinstance(a, list):
            assert len(a) == len(b), place
            waiting += [(p, q, f"{place}[{i}]") for i, (p, q) in enumerate(zip(a, b, strict=True))]
        elif isinstance(a, np.ndarray):
            assert (a.dtype.kind, a.shape) == (b.dtype.kind, b.shape), place
            wide = np.int64 if a.dtype.kind == "i" else a.dtype  # files hold all integers as int64
            assert a.astype(wide).tobytes() == b.astype(wide).tobytes(), place
        else:
            assert a == b, place


def steps_of(parts: Any) -> list[tuple[int, dict[str, Any]]]:
    """All steps of the proofs, each with the number of parts that it lies in."""
    found = []
    waiting = [(1, part["proof"]) for part in parts]
    while waiting:
        depth, step = waiting.pop()
        found.append((depth, step))
        waiting += [(depth, child) for child in step["children"]]
        waiting += [(depth + 1, part["proof"]) for part in step.get("parts", [])]
    return found


def assert_rejected(verification: Verification, message: str) -> None:
    """A verification that fails, with a problem that matches ``message``."""
    assert not verification
    assert not verification.optimal
    text = "\n".join(verification.problems)
    assert re.search(message, text), text
