"""Numbers at the ends of float64, and sizes at the ends of the index types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.faults import Row

SCALES = (5e-324, 1e-310, 1e-300, 1e-150, 1e-20, 1e20, 1e150, 1e300)


def rows(quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    seeds = range(3 if quick else 30)
    yield _scaled("every weight times {}".format(", ".join(map(str, SCALES))), seeds, _all_scaled)
    yield _scaled("weights 10^-300 to 10^300 mixed in one problem", seeds, _mixed)
    yield _scaled("-0.0 for 0, one weight a denormal", seeds, _signed_zeros)
    yield _refused()
    yield _empty()


def _all_scaled(seed: int) -> Iterator[Any]:
    from instances import instance, random_instance

    one = random_instance(seed)
    for scale in SCALES:
        probs, weights = one.probs * scale, one.weights * scale
        if (probs.sum(axis=1) > 0).all():
            yield instance(probs, one.edges, weights, one.allowed)


def _mixed(seed: int) -> Iterator[Any]:
    from instances import instance, random_instance

    one, rng = random_instance(seed), np.random.default_rng(seed)
    probs = one.probs * 10.0 ** rng.uniform(-300, 300, one.probs.shape)
    weights = one.weights * 10.0 ** rng.uniform(-300, 300, len(one.weights))
    yield instance(probs, one.edges, weights, one.allowed)


def _signed_zeros(seed: int) -> Iterator[Any]:
    from instances import instance, random_instance

    one = random_instance(seed)
    probs, weights = np.where(one.probs == 0, -0.0, one.probs), one.weights.copy()
    weights[:1] = 5e-324
    yield instance(probs, one.edges, np.where(weights == 0, -0.0, weights), one.allowed)


def _scaled(name: str, seeds: range, make: Callable[[int], Iterator[Any]]) -> Row:
    from liid_cut import verify

    row = Row("numbers", name)
    largest = 0.0
    for seed in seeds:
        for inst in make(seed):
            best = inst.solve(method="brute_force")
            oracle = verify(best, inst.probs, inst.graph, allowed=inst.allowed, exact=True)
            for method in ("auto", "ckr"):
                result = inst.solve(method=method)
                row.outcomes[result.status] += 1
                report = verify(result, inst.probs, inst.graph, allowed=inst.allowed, exact=True)
                if not report:
                    row.failures.append(f"seed {seed}, {method}: {report.problems[:1]}")
                elif oracle.exact_lower_bound is not None and report.exact_cost is not None:
                    total = max(1, float(inst.probs.sum() + inst.weights.sum()))
                    above = float((report.exact_cost - oracle.exact_lower_bound) / int(total))
                    largest = max(largest, above)
                    if above > 1e-9:
                        row.failures.append(f"seed {seed}, {method}: {above} above the optimum")
    row.note = f"exactly verified; at most {largest:.1g} of all weights above the optimum"
    return row


def _refused() -> Row:
    from liid_cut import multiway_cut

    row = Row("numbers", "refused: sums beyond float64, nan, inf, more than 2^31 - 1 edges or rows")
    one = np.ones((2, 2))
    edges = np.array([[0, 1]])
    many = np.broadcast_to(edges, (2**31, 2))
    cases: list[tuple[Any, Any]] = [
        (one * 1.7e308, (edges, [1.0])),
        (one, (np.repeat(edges, 3, axis=0), [1.7e308] * 3)),
        (one * 1e308 / 4, (edges, [1.7e308])),
        (one * np.nan, (edges, [1.0])),
        (one, (edges, [np.inf])),
        (one, (edges, [-1e-300])),
        (one, (many, np.broadcast_to(1.0, 2**31))),
        (np.broadcast_to(1.0, (2**31, 2)), (edges, [1.0])),
    ]
    for probs, graph in cases:
        try:
            multiway_cut(probs, graph=graph)
            row.outcomes["accepted"] += 1
            row.failures.append(f"accepted: probs of {probs.shape}, {len(graph[1])} edges")
        except ValueError:
            row.outcomes["ValueError"] += 1
    return row


def _empty() -> Row:
    from liid_cut import multiway_cut, verify

    row = Row("numbers", "no node, one node, no edge, one label")
    for probs, feats in (
        (np.empty((0, 3)), np.empty((0, 4))),
        (np.ones((1, 3)), np.ones((1, 4))),
        (np.ones((5, 1)), np.ones((5, 4))),
    ):
        for given in ({"feats": feats}, {"graph": (np.empty((0, 2), int), np.empty(0))}):
            for method in ("auto", "ckr", "brute_force"):
                result = multiway_cut(probs, **given, method=method)
                row.outcomes[result.status] += 1
                if not verify(result, probs, exact=True).optimal:
                    row.failures.append(f"{probs.shape}, {list(given)}, {method}")
    return row
