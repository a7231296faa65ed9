"""One small adapter per solver: ``PEERS[name].prepare`` returns a function that solves.

A peer's model is built in ``prepare`` and solved by the returned function, so that the time of
building a model through a slow Python interface is not held against a solver. Ours has no such
split: its time is that of the whole call. Every solver runs on one thread. Bounds are None where a
solver proves nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.ckr_lp import (
    ckr_lp,
    is_integral,
    make_integer,
    new_highs,
    node_positions,
    proven_bound,
    rounded,
)
from benchmarks.instances import Instance, cut_cost, unary_costs
from benchmarks.scip_mip import scip_solver

# HiGHS stops at 1e-4 by default, which would not count as a proof.
MIP_GAP = 1e-7
SCIP_INFINITY = 1e20


@dataclass
class Answer:
    """What a solver says.

    Labels int32 (n,) or None, a lower bound or None, and its own word on how it ended.
    """

    labels: NDArray[np.int32] | None
    bound: float | None
    status: str


Solve = Callable[[], Answer]


@dataclass(frozen=True)
class Peer:
    """A solver: the module it needs, what it is, and ``prepare(instance, time_limit_s)``."""

    module: str
    about: str
    prepare: Callable[[Instance, float], Solve]


def _ours(method: str) -> Callable[[Instance, float], Solve]:
    def prepare(instance: Instance, time_limit: float) -> Solve:
        import liid_cut

        def solve() -> Answer:
            result = liid_cut.multiway_cut(
                instance.probs,
                graph=(instance.edges, instance.weights),
                method=method,
                time_limit=time_limit,
                n_jobs=1,
            )
            return Answer(np.asarray(result.labels), float(result.lower_bound), str(result.status))

        return solve

    return prepare


def _highs_lp(**options: str | float) -> Callable[[Instance, float], Solve]:
    def prepare(instance: Instance, time_limit: float) -> Solve:
        lp = ckr_lp(instance)

        def solve() -> Answer:
            highs = new_highs(time_limit, **options)
            highs.passModel(lp)
            highs.run()
            status = highs.modelStatusToString(highs.getModelStatus())
            labels = rounded(node_positions(highs, instance))
            return Answer(labels, proven_bound(highs, instance), f"LP: {status}")

        return solve

    return prepare


def _highs_mip(instance: Instance, time_limit: float) -> Solve:
    lp = make_integer(ckr_lp(instance), instance)

    def solve() -> Answer:
        highs = new_highs(time_limit, mip_rel_gap=MIP_GAP)
        highs.passModel(lp)
        highs.run()
        status = highs.modelStatusToString(highs.getModelStatus())
        bound = highs.getInfo().mip_dual_bound
        labels = rounded(node_positions(highs, instance))
        return Answer(labels, bound if math.isfinite(bound) else None, f"MIP: {status}")

    return solve


def split(instance: Instance) -> list[tuple[NDArray[np.int64], Instance]]:
    """Nodes and sub-instance of every connected component with an edge."""
    n, m = len(instance.probs), len(instance.edges)
    graph = coo_array((np.ones(m), (instance.edges[:, 0], instance.edges[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    by_node = np.argsort(component, kind="stable")
    size = np.bincount(component)
    first = np.concatenate([[0], np.cumsum(size)])
    local = np.empty(n, dtype=np.int32)
    local[by_node] = np.arange(n) - np.repeat(first[:-1], size)
    edge_component = component[instance.edges[:, 0]]
    by_edge = np.argsort(edge_component, kind="stable")
    first_edge = np.concatenate([[0], np.cumsum(np.bincount(edge_component, minlength=len(size)))])
    parts = []
    for c in np.flatnonzero(size > 1):
        nodes = by_node[first[c] : first[c + 1]]
        rows = by_edge[first_edge[c] : first_edge[c + 1]]
        parts.append(
            (
                nodes,
                Instance(
                    instance.probs[nodes], local[instance.edges[rows]], instance.weights[rows]
                ),
            )
        )
    return parts


def _highs_components(instance: Instance, time_limit: float) -> Solve:
    parts = [(nodes, part, ckr_lp(part)) for nodes, part in split(instance)]

    def solve() -> Answer:
        # The cheapest label at every node of no component, which is also the fallback when time
        # runs out.
        costs = unary_costs(instance)
        labels = costs.argmin(axis=1).astype(np.int32)
        cheapest = costs.min(axis=1)
        bound = float(cheapest.sum())
        deadline = time.perf_counter() + time_limit
        highs = new_highs(time_limit)
        status = "simplex + MIP: every component"
        for nodes, part, lp in parts:
            left = deadline - time.perf_counter()
            if left <= 0:
                status = "simplex + MIP: time limit"
                break
            highs.setOptionValue("time_limit", left + highs.getRunTime())
            highs.passModel(lp)
            highs.run()
            positions = node_positions(highs, part)
            value = proven_bound(highs, part)
            if not is_integral(positions):
                mip = new_highs(max(0.0, deadline - time.perf_counter()), mip_rel_gap=MIP_GAP)
                mip.passModel(make_integer(ckr_lp(part), part))
                mip.run()
                candidates = [rounded(positions), rounded(node_positions(mip, part))]
                labels[nodes] = min(candidates, key=lambda x: cut_cost(part, x))
                mip_bound = mip.getInfo().mip_dual_bound
                value = max((b for b in (value, mip_bound) if b is not None), default=None)
            else:
                labels[nodes] = rounded(positions)
            if value is not None:
                bound += max(0.0, value - float(cheapest[nodes].sum()))
        return Answer(labels, bound, status)

    return solve


def _toulbar2(instance: Instance, time_limit: float) -> Solve:
    import pytoulbar2

    # Costs are integers times 1e-6 inside; the optimum is exact for the rounded costs.
    network = pytoulbar2.CFN(resolution=6)
    labels = instance.probs.shape[1]
    values = [f"l{k}" for k in range(labels)]
    for u, row in enumerate(unary_costs(instance).tolist()):
        network.AddVariable(f"x{u}", values)
        network.AddFunction([u], row)
    differ = (1.0 - np.eye(labels)).ravel()
    for (u, v), w in zip(instance.edges.tolist(), instance.weights.tolist(), strict=True):
        network.AddFunction([u, v], (w * differ).tolist())

    def solve() -> Answer:
        found = network.Solve(timeLimit=max(1, math.ceil(time_limit)))
        bound = float(network.GetDDualBound())
        if found is None:
            return Answer(None, bound, "no solution found")
        return Answer(np.asarray(found[0], dtype=np.int32), bound, "search ended")

    return solve


def _scip(instance: Instance, time_limit: float) -> Solve:
    solve = scip_solver(instance, time_limit)

    def answer() -> Answer:
        labels, bound, status = solve()
        return Answer(labels, bound if abs(bound) < SCIP_INFINITY else None, f"MIP: {status}")

    return answer


def _alpha_expansion(instance: Instance, time_limit: float) -> Solve:
    import gco

    # gco truncates to integers: scale the costs ourselves, by one factor, to what its integer terms
    # can hold.
    costs = unary_costs(instance)
    scale = 1e6 / max(
        float(costs.max(initial=0.0)), float(instance.weights.max(initial=0.0)), 1e-300
    )
    unary = np.rint(scale * costs).astype(np.intc)
    weights = np.rint(scale * instance.weights).astype(np.intc)
    labels = instance.probs.shape[1]
    differ = (1 - np.eye(labels)).astype(np.intc)

    def solve() -> Answer:
        x = gco.cut_general_graph(
            instance.edges,
            weights,
            unary,
            differ,
            n_iter=-1,
            algorithm="expansion",
            down_weight_factor=1,
        )
        return Answer(np.asarray(x, dtype=np.int32), None, "no proof")

    return solve


PEERS: dict[str, Peer] = {
    "liid-auto": Peer("liid_cut", "ours, every stage", _ours("auto")),
    "liid-ckr": Peer(
        "liid_cut", "ours, the paper's way: simplex and branch and bound", _ours("ckr")
    ),
    "highs-components": Peer(
        "highspy", "HiGHS simplex by component, HiGHS MIP where fractional", _highs_components
    ),
    "highs-simplex": Peer(
        "highspy", "HiGHS simplex, whole LP, rounded", _highs_lp(solver="simplex")
    ),
    "highs-pdlp": Peer(
        "highspy", "HiGHS PDLP (first order), whole LP, rounded", _highs_lp(solver="pdlp")
    ),
    "highs-ipm": Peer(
        "highspy",
        "HiGHS interior point without crossover, whole LP, rounded",
        _highs_lp(solver="ipm", run_crossover="off"),
    ),
    "highs-mip": Peer("highspy", "HiGHS MIP, whole problem", _highs_mip),
    "scip": Peer("pyscipopt", "SCIP MIP, whole problem", _scip),
    "toulbar2": Peer("pytoulbar2", "toulbar2 exact search", _toulbar2),
    "alpha-expansion": Peer(
        "gco", "gco alpha-expansion, no proof, ignores the time limit", _alpha_expansion
    ),
}
