"""Labels that a relaxation proves too dear, ruled out, and the smaller problem that this leaves.

Input: a reduced problem, prices of its constraints, and dual messages at these prices. They bound
every labelling, and, with the term of one node replaced by that of one of its labels, every
labelling that has this label there. Where that bound is no lower than the cost of a labelling that
is known, the label is ruled out (reduced-cost fixing of integer programming; Dantzig, Fulkerson and
Johnson 1954). A node that has one label left joins its terminal: the edges to it become terminal
weights of the nodes around it.

In plain NumPy, so that :func:`liid_cut.verify` can do it again without the solver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from liid_cut.constraints.blocks import Labels
from liid_cut.constraints.inputs import Bools, Ints
from liid_cut.constraints.reduced import Floats, Reduced, open_logic
from liid_cut.proofs import Malformed

# A cost that is no higher than a bound, relative to it.
_CLOSED = 1e-12


@dataclass(frozen=True)
class Relaxation:
    """A bound on all labellings that knows constraints by their prices alone.

    ``rows``, ``values`` (p,): constraints by number, and their multipliers; ``messages`` (m', K+1).
    """

    rows: Ints
    values: Floats
    messages: Floats

    def terms(self, problem: Reduced) -> tuple[Any, Any]:
        """What each label adds to the bound (r, K+1), and what prices add (r,).

        The bound is the sum of the least of each row and of the prices. It holds for nodes between
        which, and the others, there are no edges and no priced constraints.
        """
        costs, earned = self.priced(problem)
        scope = problem.scope(problem.n_nodes, problem.edges, problem.weights)
        return scope.with_messages(costs, scope.numbers(self.messages)), earned

    def priced(self, problem: Reduced) -> tuple[Any, Any]:
        """Costs (r, K+1) with the prices in them; sign times price at each constraint's first node.

        The price of a tag is taken from each of its literals, that of a pair added to both.
        """
        logic, n_tags = problem.logic, len(problem.logic.labels)
        costs = problem.costs(np.arange(problem.n_nodes))
        earned = problem.zeros(problem.n_nodes)
        values = problem.scope(0, problem.edges[:0], problem.weights[:0]).numbers(self.values)
        is_tag = self.rows < n_tags

        of_tag = problem.zeros(n_tags)
        of_tag[self.rows[is_tag]] = values[is_tag]
        np.subtract.at(costs, (logic.nodes, logic.literal_labels), of_tag[logic.of])
        first = logic.nodes[np.searchsorted(logic.of, self.rows[is_tag])]
        np.add.at(earned, first, values[is_tag])

        pair, label = np.divmod(self.rows[~is_tag] - n_tags, problem.n_labels)
        for end in (0, 1):
            u = logic.pairs[pair, end]
            may = problem.allowed[u, label]
            np.add.at(costs, (u[may], label[may]), values[~is_tag][may])
        np.subtract.at(earned, logic.pairs[pair, 0], values[~is_tag])
        return costs, earned

    def links(self, problem: Reduced) -> Ints:
        """Pairs (?, 2) of nodes that have to be in one component for the bound of it."""
        logic, n_tags = problem.logic, len(problem.logic.labels)
        is_priced = np.zeros(n_tags, dtype=bool)
        is_priced[self.rows[self.rows < n_tags]] = True
        priced = is_priced[logic.of]
        nodes, of = logic.nodes[priced], logic.of[priced]
        links = np.stack([nodes[:-1], nodes[1:]], axis=1)[of[:-1] == of[1:]]
        pairs = logic.pairs[(self.rows[self.rows >= n_tags] - n_tags) // problem.n_labels]
        return np.concatenate([links, pairs])


@dataclass(frozen=True)
class Restriction:
    """What is left of a problem where each node has lost some labels.

    Attributes
    ----------
    problem : of the nodes that have more than one label left.
    nodes, edges : their ids, and those of the edges between them, in the problem before, ascending.
    labels : (r,) labels of the decided nodes; -1 at the others.
    terms : (r,) what decided nodes pay, with the edges between them.
    tags, pairs : ids of the constraints that are left.
    """

    problem: Reduced
    nodes: Ints
    edges: Ints
    labels: Labels
    terms: Any
    tags: Ints
    pairs: Ints

    def prices(self, problem: Reduced, relaxation: Relaxation) -> Floats:
        """Prices of the constraints that are left, of those of the problem before."""
        n_tags = len(problem.logic.labels)
        prices = np.zeros(problem.n_constraints)
        prices[relaxation.rows] = relaxation.values
        of_pairs = prices[n_tags:].reshape(-1, problem.n_labels)[self.pairs]
        return np.concatenate([prices[:n_tags][self.tags], of_pairs.ravel()])

    def lifted(self, labels: Labels) -> Labels:
        """Labels of the problem before, from those of what is left."""
        whole = self.labels.copy()
        whole[self.nodes] = labels
        return whole


def restrict(problem: Reduced, ruled_out: Bools) -> Restriction:
    """The problem without the labels ``ruled_out`` (r, K+1) and what follows from that.

    Raises
    ------
    Malformed : no labelling is left.
    """
    allowed = problem.allowed & ~ruled_out
    if problem.logic.propagate(allowed) is not None:
        raise Malformed("the labels ruled out leave no labelling that meets the constraints")
    is_free = allowed.sum(axis=1) > 1
    labels = np.where(is_free, -1, allowed.argmax(axis=1)).astype(np.int32)
    free, decided = np.flatnonzero(is_free), np.flatnonzero(~is_free)

    terms = problem.zeros(problem.n_nodes)
    terms[decided] = problem.costs(decided)[np.arange(len(decided)), labels[decided]]
    u, v = problem.edges.T
    kept = np.flatnonzero(is_free[u] & is_free[v])
    cut = np.flatnonzero(~is_free[u] & ~is_free[v] & (labels[u] != labels[v]))
    np.add.at(terms, u[cut], problem.weights[cut])

    number = np.cumsum(is_free) - 1
    probs = np.array(problem.probs[free], dtype=terms.dtype)
    for a, b in ((u, v), (v, u)):
        rim = np.flatnonzero(is_free[a] & ~is_free[b])
        np.add.at(probs, (number[a[rim]], labels[b[rim]]), problem.weights[rim])

    logic, tags, pairs = open_logic(problem.logic, allowed)
    left = replace(
        problem,
        group=np.arange(len(free)),
        probs=probs,
        allowed=allowed[free],
        edges=number[problem.edges[kept]].astype(np.int32),
        weights=problem.weights[kept],
        edge_of=np.arange(len(kept)),
        sign=np.ones(len(kept)),
        always_cut=np.zeros(len(kept), dtype=bool),
        logic=replace(logic, nodes=number[logic.nodes], pairs=number[logic.pairs]),
    )
    return Restriction(left, free, kept, labels, terms, tags, pairs)


def whole(problem: Reduced) -> Restriction:
    """All of a problem."""
    n, m = problem.n_nodes, len(problem.edges)
    logic = problem.logic
    return Restriction(
        problem,
        np.arange(n),
        np.arange(m),
        np.full(n, -1, dtype=np.int32),
        problem.zeros(n),
        np.arange(len(logic.labels)),
        np.arange(len(logic.pairs)),
    )


def labels_too_dear(
    problem: Reduced, relaxation: Relaxation, labels: Labels, component_ids: Ints
) -> tuple[Bools, Ints]:
    """Labels (r, K+1) ruled out by a labelling that meets the constraints, and where.

    That is in the components that priced constraints reach or where the labelling costs more than
    the bound, taken together: labels of ``labels`` stay, others where the bound with them is no
    lower than its cost. In all other components it costs what the bound says, so that no labelling
    can make up there for what it loses here.
    """
    costs, earned = relaxation.terms(problem)
    terms = costs.min(axis=1)
    paid = problem.node_costs(labels)
    np.add.at(paid, problem.edges[:, 0], problem.cut_weights(labels))
    above = np.bincount(component_ids, paid - terms - earned)
    is_above = above > _CLOSED * np.maximum(1.0, np.bincount(component_ids, paid))
    reached = component_ids[relaxation.links(problem)].ravel()
    together = np.union1d(reached, np.flatnonzero(is_above)).astype(np.int64)
    inside = np.isin(component_ids, together)
    ruled_out = problem.allowed & inside[:, None]
    ruled_out &= costs - terms[:, None] >= above[together].sum()
    ruled_out[np.arange(len(labels)), labels] = False
    return ruled_out, together
