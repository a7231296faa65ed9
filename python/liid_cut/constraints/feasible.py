"""A first labelling that meets all constraints, or the proof that there is none.

Input: the reduced problem and a labelling. Output: the labelling, changed only in those connected
parts of the constraints where it breaks one. Constraints know nothing of edges, so each part is
settled by itself: by an assignment of proposals to tags where there are only tags of one image,
else by a small integer program. Both are exact: where they find nothing, there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.constraints.inputs import Bools, Ints
from liid_cut.constraints.logic import Logic
from liid_cut.constraints.master import scale_of
from liid_cut.constraints.reduced import Floats, Reduced

Labels = npt.NDArray[np.int32]

_INFEASIBLE = 2  # scipy.optimize.milp's status


def feasible_labels(problem: Reduced, labels: Labels) -> Labels:
    """Labels (r,) that meet all constraints.

    Raises
    ------
    ValueError : the constraints cannot be met together; names a node where they clash.
    """
    parts = list(_broken_parts(problem.logic, labels, problem.n_nodes))
    if not parts:
        return labels
    every = np.sort(np.concatenate([nodes for nodes, _ in parts]))
    alone = problem.costs_alone(every, labels)
    result = labels.copy()
    for nodes, logic in parts:
        literals = nodes[logic.nodes] * np.int64(problem.n_labels) + logic.literal_labels
        if len(logic.pairs) == 0 and len(np.unique(literals)) == len(literals):
            found = _assign(alone[np.searchsorted(every, nodes)], logic, labels[nodes])
        else:
            found = _program(problem, nodes, logic)
        if found is None:
            raise ValueError(_sentence(problem, nodes, logic))
        result[nodes] = found
    return result


def kept_literals(problem: Reduced, labels: Labels) -> Bools:
    """Allowed labels (r, K+1) that leave no constraint to break: what meets them here is kept.

    Of each tag the node that pays least for it keeps its label, and so do all nodes of pairs.
    """
    logic = problem.logic
    allowed = problem.allowed.copy()
    takes = np.flatnonzero(labels[logic.nodes] == logic.literal_labels)
    nodes = logic.nodes[takes]
    costs = problem.costs_alone(nodes, labels)[np.arange(len(nodes)), labels[nodes]]
    order = np.lexsort((costs, logic.of[takes]))
    _, first = np.unique(logic.of[takes][order], return_index=True)
    kept = np.unique(np.concatenate([nodes[order[first]], logic.pairs.ravel()]))
    allowed[kept] = False
    allowed[kept, labels[kept]] = True
    return allowed


def _broken_parts(logic: Logic, labels: Labels, n: int) -> Iterator[tuple[Ints, Logic]]:
    """Nodes and constraints, with nodes renumbered, of the parts where ``labels`` break one."""
    first = np.concatenate([logic.pairs[:, 0], logic.nodes])
    second = np.concatenate([logic.pairs[:, 1], n + logic.of])
    size = n + len(logic.labels)
    _, part = scipy.sparse.csgraph.connected_components(
        scipy.sparse.coo_array((np.ones(len(first), np.int8), (first, second)), shape=(size, size)),
        False,
    )
    bad_pairs, bad_tags = logic.broken_pairs(labels), logic.broken_tags(labels)
    bad = np.unique(np.concatenate([part[logic.pairs[bad_pairs, 0]], part[n + bad_tags]]))
    index = np.full(part.max(initial=0) + 1, -1)
    index[bad] = np.arange(len(bad))

    def grouped(where: Ints) -> list[Ints]:
        """Rows by bad part, of rows that lie in the parts ``where``."""
        own = index[where]
        rows = np.flatnonzero(own >= 0)
        rows = rows[np.argsort(own[rows], kind="stable")]
        return np.split(rows, np.searchsorted(own[rows], np.arange(1, len(bad))))

    everything = zip(
        grouped(part[:n]),
        grouped(part[logic.pairs[:, 0]]),
        grouped(part[n:]),
        grouped(part[logic.nodes]),
        strict=True,
    )
    for nodes, pairs, tags, literals in everything:
        yield (
            nodes,
            Logic(
                np.searchsorted(nodes, logic.pairs[pairs]),
                logic.labels[tags],
                np.searchsorted(nodes, logic.nodes[literals]),
                np.searchsorted(tags, logic.of[literals]),
            ),
        )


def _assign(costs: Floats, logic: Logic, now: Labels) -> Labels | None:
    """A node of its own for each tag, cheapest if it changes alone; the others stay."""
    table = np.full((len(logic.labels), len(now)), np.inf)
    extra = costs[logic.nodes, logic.literal_labels] - costs[logic.nodes, now[logic.nodes]]
    table[logic.of, logic.nodes] = extra
    if len(logic.labels) > len(now):
        return None
    try:
        tags, chosen = scipy.optimize.linear_sum_assignment(table)
    except ValueError:  # no assignment of finite cost
        return None
    result = now.copy()
    result[chosen] = logic.labels[tags]
    return result


def _program(problem: Reduced, nodes: Ints, logic: Logic) -> Labels | None:
    """Cheapest by terminal weights, by integer programming."""
    costs = problem.costs(nodes)
    allowed = np.isfinite(costs)
    column = np.full(allowed.shape, -1)
    column[allowed] = np.arange(int(allowed.sum()))
    node_of, label_of = np.nonzero(allowed)
    one_label = scipy.sparse.csr_array((np.ones(len(node_of)), (node_of, np.arange(len(node_of)))))
    rows = [scipy.optimize.LinearConstraint(one_label, 1, 1)]
    if len(logic.labels):
        literals = column[logic.nodes, logic.literal_labels]
        taken = scipy.sparse.csr_array(
            (np.ones(len(literals)), (logic.of, literals)),
            shape=(len(logic.labels), len(node_of)),
        )
        rows.append(scipy.optimize.LinearConstraint(taken, 1, np.inf))
    if len(logic.pairs):
        pair, label = np.nonzero(allowed[logic.pairs[:, 0]] & allowed[logic.pairs[:, 1]])
        u, v = logic.pairs[pair].T
        ends = np.concatenate([column[u, label], column[v, label]])
        both = scipy.sparse.csr_array(
            (np.ones(len(ends)), (np.tile(np.arange(len(pair)), 2), ends)),
            shape=(len(pair), len(node_of)),
        )
        rows.append(scipy.optimize.LinearConstraint(both, -np.inf, 1))
    prices = costs[allowed] / scale_of(costs[allowed])
    # Any labelling, where the prices are in the way.
    for objective in (prices, np.zeros_like(prices)):
        found = scipy.optimize.milp(
            objective, constraints=rows, integrality=1, bounds=scipy.optimize.Bounds(0, 1)
        )
        if found.status == _INFEASIBLE:
            return None
        if found.x is not None:
            break
    else:
        raise RuntimeError(f"no labelling that meets the constraints: {found.message}")
    chosen = np.flatnonzero(found.x > 0.5)
    result = np.empty(len(nodes), dtype=np.int32)
    result[node_of[chosen]] = label_of[chosen]
    return result


def _sentence(problem: Reduced, nodes: Ints, logic: Logic) -> str:
    firsts = np.searchsorted(np.sort(problem.group), nodes[:5])
    members = np.argsort(problem.group, kind="stable")[firsts]
    shown = ", ".join(map(str, members)) + (", ..." if len(nodes) > 5 else "")
    if not len(logic.pairs):
        labels = ", ".join(map(str, np.unique(logic.labels)))
        return (
            f"coverage: the {len(nodes)} proposals (nodes {shown}) that may take the tags {labels} "
            "of their image cannot take all of them; one proposal takes one label"
        )
    kinds = "cannot_link and coverage" if len(logic.labels) else "cannot_link"
    return (
        f"{kinds}: no labelling keeps the {len(logic.pairs)} pairs of these {len(nodes)} nodes "
        f"({shown}) apart with the labels that are allowed"
    )
