"""The cut under constraints, from the problem's arrays to a result in the core's form.

reduce (:mod:`.reduced`)  ->  plain cut  ->  a labelling that meets all constraints
(:mod:`.feasible`)  ->  where the cut breaks many, fewer labels (:mod:`.relaxation`)  ->  the
cheapest labelling (:mod:`.search`, or :mod:`.enumeration`)  ->  table and certificate
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut import _core
from liid_cut.constraints.blocks import CopySolver, Labels, Structure
from liid_cut.constraints.certificate import (
    block_bounds,
    earned,
    pack_relaxation,
    pack_trees,
    relaxed,
)
from liid_cut.constraints.enumeration import choices_of, enumerate_block
from liid_cut.constraints.feasible import feasible_labels, kept_literals
from liid_cut.constraints.inputs import Bools, Constraints, Ints
from liid_cut.constraints.pieces import divide, is_crowded
from liid_cut.constraints.reduced import Floats, Reduced, reduce_problem
from liid_cut.constraints.relaxation import PriceSearch
from liid_cut.constraints.restriction import Restriction, labels_too_dear, restrict
from liid_cut.constraints.search import ConstrainedSearch
from liid_cut.graph import Edges, Weights
from liid_cut.inputs import Matrix
from liid_cut.labellings import MOST_LABELLINGS, count_labellings
from liid_cut.progress import Report
from liid_cut.proofs import Scope, bound_by_node

# Stage of components that constraints had to be enforced in; after those of the core.
STAGE = len(_core.STAGES)
_OPTIMAL = 1e-9
# The search starts from prices of a relaxation that leaves less of what the constraints cost.
_TIGHT = 0.1


def solve_constrained(
    probs: Matrix,
    edges: Edges,
    weights: Weights,
    allowed: Bools | None,
    constraints: Constraints,
    *,
    method: str,
    time_limit_s: float,
    n_threads: int,
    progress: Report | None,
    max_memory: int,
    core: Callable[..., dict[str, Any]] = _core.solve,
) -> dict[str, Any]:
    """What ``_core.solve`` returns, for a problem with constraints, and further entries.

    ``core``: makes the plain cut.

    ``certificate``: of the constraints; ``constraint_facts``: for the diagnostics;
    ``graph_component_ids``, ``graph_components``: components without the constraints across.

    Raises
    ------
    ValueError : the constraints contradict each other, or ``allowed``.
    """
    start = time.perf_counter()
    problem = reduce_problem(probs, allowed, edges, weights, constraints)
    reduced = time.perf_counter()
    raw = core(
        problem.probs,
        problem.edges,
        problem.weights,
        problem.allowed,
        method=method,
        time_limit_s=max(time_limit_s - (reduced - start), 1e-9),
        n_threads=n_threads,
        progress=progress,
        max_memory=max_memory,
    )
    plain: Labels = raw["labels"]
    cut = time.perf_counter()
    solver = CopySolver(problem.n_labels, method, n_threads, max_memory, start + time_limit_s)
    first = feasible_labels(problem, plain)
    if first is not plain and method != "brute_force":
        first = _improved(problem, first, solver)
    feasible = time.perf_counter()
    solver.known_cost = problem.cost(first)
    solution = _Solution(problem, raw, first)
    if method == "brute_force":
        solution.enumerate()
    elif raw["status"] != "interrupted":
        if is_crowded(problem, plain, raw["component_ids"]):
            solution.relax(solver, progress)
        else:
            solution.search(solver, progress)
    searched = time.perf_counter()
    result = solution.result(edges, weights)
    result["timings"] = raw["timings"] | {
        "links": reduced - start,
        "first_labelling": feasible - cut,
        "constraints": searched - feasible,
        "certificate": time.perf_counter() - searched,
    }
    logic = problem.logic
    result["constraint_facts"] = {
        "must_links": len(constraints.must_link),
        "cannot_links": len(constraints.cannot_link),
        "tags": len(constraints.tags),
        "nodes_after_must_links": problem.n_nodes,
        "broken_cannot_links": len(logic.broken_pairs(plain)),
        "broken_tags": len(logic.broken_tags(plain)),
        "cost_without": raw["cost"] + float(weights[problem.always_cut].sum()),
        "extra_cost": result["cost"] - raw["cost"] - float(weights[problem.always_cut].sum()),
        **solution.facts,
    }
    return result


def _improved(problem: Reduced, labels: Labels, solver: CopySolver) -> Labels:
    """The cheapest cut that keeps what meets the constraints, if that is cheaper."""
    better: Labels = solver.plain(problem, kept_literals(problem, labels))["labels"]
    return better if problem.cost(better) < problem.cost(labels) else labels


class _Solution:
    """Labels of the reduced problem, and groups of its components with a common bound."""

    def __init__(self, problem: Reduced, raw: dict[str, Any], first: Labels) -> None:
        self.problem, self.raw, self.labels = problem, raw, first
        self.bounds: Floats = raw["components"]["lower_bound"].copy()  # by component
        self.stage = raw["components"]["stage"].astype(np.int64)
        self.nodes = raw["components"]["search_nodes"].astype(np.int64)
        self.coupled: list[Ints] = []  # components
        self.status = raw["status"]
        self.left_open = "unproven"  # what is open although no limit was met
        self.certificate = pack_trees([], {}, problem.n_labels)
        self.facts: dict[str, int] = {"rounds": 0, "copies": 0, "largest_cluster": 0}

    def relax(self, solver: CopySolver, progress: Report | None) -> None:
        """The cheapest labelling, of those that a relaxation leaves."""
        problem, ids = self.problem, self.raw["component_ids"]
        prices = PriceSearch(
            problem,
            self.raw["labels"],
            self.labels,
            solver,
            lambda labels: _improved(problem, labels, solver),
            progress,
        )
        relaxation = prices.run()
        self.labels, self.status = prices.labels, prices.status
        if relaxation is None:
            return
        ruled_out, together = labels_too_dear(problem, relaxation, self.labels, ids)
        left = restrict(problem, ruled_out)
        plain = solver.plain(left.problem, left.problem.allowed)
        known = (self.labels[left.nodes], feasible_labels(left.problem, plain["labels"]))
        rest = _Solution(left.problem, plain, min(known, key=left.problem.cost))
        inside = np.isin(ids, together)
        nodes, nodes_left = int(inside.sum()), int(inside[left.nodes].sum())
        if self.status == "optimal":
            gap, extra = prices.cost - prices.bound, prices.cost - float(self.bounds.sum())
            is_tight = gap < _TIGHT * extra
            start = left.prices(problem, relaxation) if is_tight else None
            rest.search(solver, progress, start)
            self.status = rest.status
        self._take(left, rest)
        self.certificate |= pack_relaxation(relaxation, ruled_out)
        self.coupled.append(together)
        self.stage[np.concatenate(self.coupled)] = STAGE
        self.facts |= {"relaxed_nodes": nodes, "nodes_left": nodes_left}

    def _take(self, left: Restriction, rest: _Solution) -> None:
        """The solution from that of what is left of the problem."""
        ids, n = self.raw["component_ids"], len(self.bounds)
        component = np.empty(len(rest.bounds), dtype=np.int64)
        component[rest.raw["component_ids"]] = ids[left.nodes]
        self.labels = left.lifted(rest.labels)
        self.bounds = np.bincount(ids, left.terms, n).astype(np.float64)
        np.add.at(self.bounds, component, rest.bounds)
        np.add.at(self.nodes, component, rest.nodes)
        self.coupled = [np.unique(component[together]) for together in rest.coupled]
        self.certificate, self.facts, self.left_open = rest.certificate, rest.facts, rest.left_open
        messages = np.zeros((len(self.problem.edges), self.problem.n_labels))
        messages[left.edges] = rest.raw["messages"]
        proven = {name: rest.raw[name] for name in ("proofs", "proofs_complete")}
        self.raw = self.raw | proven | {"messages": messages}

    def search(
        self, solver: CopySolver, progress: Report | None, first_prices: Floats | None = None
    ) -> None:
        """The cheapest labelling by :mod:`.search`, maybe from prices that are known."""
        problem, plain, ids = self.problem, self.raw["labels"], self.raw["component_ids"]
        messages = self.raw["messages"]
        terms = self._terms()
        piece = divide(problem, ids, plain, self._divisible(terms, plain))
        structure = Structure(problem, piece, messages)
        of_piece = np.zeros(int(piece.max(initial=-1)) + 1, dtype=np.int64)
        of_piece[piece] = ids
        is_whole = np.bincount(of_piece, minlength=len(self.bounds))[of_piece] == 1
        piece_bounds = np.where(
            is_whole, self.bounds[of_piece], np.bincount(piece, terms, len(of_piece))
        )
        search = ConstrainedSearch(
            problem, plain, structure, piece_bounds, self.labels, solver, progress, first_prices
        )
        search.run()
        self.labels = search.best
        if search.status != "optimal":
            self.status = search.status
        self.left_open = solver.left_open
        trees = [tree for cluster in search.clusters for tree in cluster.proof.trees]
        prices = {
            row: value for cluster in search.clusters for row, value in cluster.proof.prices.items()
        }
        self.certificate = pack_trees(trees, prices, self.problem.n_labels)
        structure, bounds = block_bounds(problem, messages, self.certificate)
        for tree in trees:
            piece_bounds[np.unique(piece[tree.block.nodes])] = 0
        self.bounds = np.bincount(of_piece, piece_bounds, len(self.bounds)).astype(np.float64)
        for tree, bound in zip(trees, bounds, strict=True):
            t = ids[tree.block.nodes[0]]
            self.bounds[t] += bound
            self.nodes[t] += len(tree.entries) + sum(
                entry.cut.search_nodes for entry in tree.entries if entry.cut is not None
            )
        self.bounds += np.bincount(ids, earned(structure, self.certificate), len(self.bounds))
        for cluster in search.clusters:
            together = np.unique(ids[search.nodes(cluster)]).astype(np.int64)
            self.coupled.append(together)
            self.stage[together] = STAGE
        self.facts = {
            "rounds": search.rounds,
            "copies": solver.copies,
            "clusters": len(search.clusters),
            "largest_cluster": max(
                (sum(len(b.nodes) for b in c.blocks) for c in search.clusters), default=0
            ),
        }

    def _terms(self) -> Floats:
        """The bound of the plain cut by node, where messages alone prove it."""
        problem = self.problem
        every = np.arange(problem.n_nodes)
        scope = Scope(every, np.arange(len(problem.edges)), problem.edges, problem.weights)
        return bound_by_node(scope, problem.costs(every), self.raw["messages"], [])

    def _divisible(self, terms: Floats, plain: Labels) -> Bools:
        """Components that messages alone prove, and where a constraint is broken."""
        logic, ids = self.problem.logic, self.raw["component_ids"]
        proven = np.bincount(ids, terms, len(self.bounds))
        good = proven >= self.bounds - _OPTIMAL * np.maximum(1.0, np.abs(self.bounds))
        touched = np.zeros(len(self.bounds), dtype=bool)
        touched[ids[logic.pairs[logic.broken_pairs(plain)]]] = True
        touched[ids[logic.nodes[np.isin(logic.of, logic.broken_tags(plain))]]] = True
        for part in self.raw["proofs"]:
            good[ids[part["nodes"]]] = False
        return np.asarray(good & touched)

    def enumerate(self) -> None:
        """The cheapest labelling of every set of components that constraints connect."""
        logic, ids = self.problem.logic, self.raw["component_ids"]
        structure = Structure(self.problem, ids)
        links = [logic.pairs] + [
            np.stack([nodes[:-1], nodes[1:]], axis=1)
            for nodes in np.split(logic.nodes, np.flatnonzero(np.diff(logic.of)) + 1)
        ]
        bound_nodes = np.unique(np.concatenate([logic.pairs.ravel(), logic.nodes]))
        for components in _joined(len(self.bounds), ids[np.concatenate(links)]):
            block = structure.block(structure.nodes(components))
            if not np.isin(block.nodes, bound_nodes).any():
                continue
            if count_labellings(choices_of(block)) > MOST_LABELLINGS:
                raise ValueError(
                    f"method brute_force: constraints connect {len(block.nodes)} nodes with more "
                    f"than {MOST_LABELLINGS} labellings; use method auto or ckr"
                )
            cost, labels = enumerate_block(block)
            assert labels is not None  # there is a first labelling
            self.labels[block.nodes] = labels
            self.bounds[components] = 0
            self.bounds[components[0]] = cost
            self.stage[components] = _core.STAGES.index("enumeration")
            self.coupled.append(components)

    def result(self, edges: Edges, weights: Weights) -> dict[str, Any]:
        """Labels, table, messages and certificate of the nodes of the problem."""
        problem, raw = self.problem, self.raw
        n = len(self.bounds)
        ids = raw["component_ids"]
        node_costs, cuts = problem.node_costs(self.labels), problem.cut_weights(self.labels)
        cost = np.bincount(ids, node_costs, n) + np.bincount(ids[problem.edges[:, 0]], cuts, n)
        always = problem.always_cut
        ends = ids[problem.group[edges]]
        constant = np.bincount(ends[always, 0], weights[always], n)
        links = [np.stack([t[:-1], t[1:]], axis=1) for t in self.coupled]
        sets = _joined(n, np.concatenate([ends[always], *links]))
        number = np.empty(n, dtype=np.int32)
        for i, components in enumerate(sets):
            number[components] = i
        of_node = number[ids[problem.group]]
        stage = np.array([self.stage[s].max() for s in sets], dtype=np.int64)
        for i in np.unique(number[ends[always]]):
            if len(sets[i]) > 1 and stage[i] != _core.STAGES.index("enumeration"):
                stage[i] = STAGE
        total = np.bincount(number, cost + constant)
        known = relaxed(problem, self.certificate, number[ids], len(sets))
        proven = known.joined(np.bincount(number, self.bounds))
        bound = np.minimum(proven + np.bincount(number, constant), total)
        closed = total - bound <= _OPTIMAL * np.maximum(1.0, np.abs(total))
        is_optimal = bool(closed.all())
        why = self.status if self.status != "optimal" else self.left_open
        statuses = np.where(closed, "optimal", why)
        plain = raw["components"]
        return {
            "labels": self.labels[problem.group],
            "cost": float(total.sum()),
            "lower_bound": float(bound.sum()),
            "status": "optimal" if is_optimal else why,
            "component_ids": of_node,
            "components": {
                "size": np.bincount(of_node, minlength=len(sets)),
                "edges": np.bincount(of_node[edges[:, 0]], minlength=len(sets)),
                "cost": total,
                "lower_bound": bound,
                "status": np.array([_core.STATUSES.index(s) for s in statuses], dtype=np.int64),
                "stage": np.where(closed, stage, 0),
                "search_nodes": np.bincount(number, self.nodes).astype(np.int64),
            },
            "messages": problem.lifted(raw["messages"], weights),
            "proofs": raw["proofs"],
            "proofs_complete": raw["proofs_complete"],
            "certificate": self.certificate,
            "graph_component_ids": ids[problem.group],
            "graph_components": plain | {"size": np.bincount(ids[problem.group], minlength=n)},
        }


def _joined(n: int, links: npt.NDArray[np.integer]) -> Sequence[Ints]:
    """Sets of 0..n-1 that links connect, by their smallest."""
    graph = scipy.sparse.coo_array(
        (np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(n, n)
    )
    count, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    _, first, number = np.unique(label, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))[number]
    order = np.argsort(rank, kind="stable")
    return np.split(order, np.searchsorted(rank[order], np.arange(1, count)))
