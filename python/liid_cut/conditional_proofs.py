"""What a proof says of every label of every node: bounds on all labellings that have it.

The same walk through a proof as in :mod:`liid_cut.proofs`, whose checks it uses. Where that adds
the smallest terms of all nodes, this one replaces the term of node u by its term for label k: a
bound on labellings with ``x_u = k``. Of a tree of cases the smallest over the cases counts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from liid_cut.proofs import MOST_NESTED, Floats, Malformed, Scope, cuts_of, position


def conditional_bounds(
    scope: Scope, costs: Floats, messages: Floats, parts: Any, nested: int = 0
) -> Floats:
    """Bounds (nodes, K+1) on the cost of the scope; their least is that of its proof."""
    if nested > MOST_NESTED:
        raise Malformed(f"parts are nested more than {MOST_NESTED} deep")
    with_messages = scope.with_messages(costs, messages)
    terms = with_messages.min(axis=1, initial=np.inf)
    of_parts = bounds_of_parts(scope, with_messages, messages, parts, nested)
    for rows, bounds in of_parts:
        terms[rows] = 0
        terms[rows[0]] = bounds.min()
    total = math.fsum(terms) if np.isfinite(terms).all() else math.inf
    conditional = _replaced(total, terms, with_messages)
    for rows, bounds in of_parts:
        conditional[rows] = total - bounds.min() + bounds if math.isfinite(total) else math.inf
    return conditional


def bounds_of_parts(
    scope: Scope, with_messages: Floats, messages: Floats, parts: Any, nested: int = 0
) -> list[tuple[Any, Floats]]:
    """Rows of the scope that each part has, and its conditional bounds."""
    found = []
    for part in parts:
        inner, rows, columns = scope.part(part["nodes"], part["edges"])
        own = inner.checked_messages(messages[columns], inner.weights, with_messages.shape[1])
        costs = with_messages[rows] - inner.sums_of_messages(own)
        found.append((rows, _prove(inner, costs, messages[columns], part["proof"], nested + 1)))
    return found


def _prove(
    scope: Scope, costs: Floats, messages: Floats, proof: dict[str, Any], nested: int
) -> Floats:
    """Conditional bounds (nodes, K+1) of a part, the smallest over the steps of its proof."""
    least = np.full(costs.shape, np.inf)
    steps: list[tuple[dict[str, Any], Floats, Floats, Any]] = [(proof, costs, messages, ())]
    while steps:
        step, costs, messages, cuts = steps.pop()
        cuts = cuts_of(step, cuts)
        if step["messages"] is not None:
            messages = np.asarray(step["messages"], dtype=np.float64)
        if step["kind"] == "bound" and step["parts"]:
            np.minimum(
                least,
                conditional_bounds(scope, costs, messages, step["parts"], nested),
                out=least,
            )
            continue
        if step["kind"] == "branch":
            u, k = position(scope.nodes, step["node"]), step["label"]
            taken, dropped = costs.copy(), costs.copy()
            taken[u, np.arange(costs.shape[1]) != k] = np.inf
            dropped[u, k] = np.inf
            first, second = step["children"]
            steps += [(first, taken, messages, cuts), (second, dropped, messages, cuts)]
            continue

        with_messages = scope.with_messages(costs, messages, cuts)
        terms = with_messages.min(axis=1, initial=np.inf)
        total = 2 * math.fsum(cut["multiplier"] for cut in cuts)
        total += math.fsum(terms) if np.isfinite(terms).all() else math.inf
        if step["kind"] == "bound":
            np.minimum(least, _replaced(total, terms, with_messages), out=least)
            continue
        left = costs.copy()
        base = _replaced(total, terms, with_messages)
        for node, k in step["ruled_out"]:
            u = np.searchsorted(scope.nodes, node)
            added = with_messages[u, k] - terms[u] if math.isfinite(total) else 0.0
            bounds = base + added
            bounds[u] = np.inf  # a node that takes k takes no other label,
            bounds[u, k] = base[u, k]  # and k costs its price once
            np.minimum(least, bounds, out=least)
            left[u, k] = np.inf
        steps.append((step["children"][0], left, messages, cuts))
    return least


def _replaced(total: float, terms: Floats, with_messages: Floats) -> Floats:
    """``total`` with the term of each node replaced by that of each of its labels."""
    if not math.isfinite(total):  # no labelling is left in this case
        return np.full(with_messages.shape, np.inf)
    bounds: Floats = total - terms[:, None] + with_messages
    return bounds
