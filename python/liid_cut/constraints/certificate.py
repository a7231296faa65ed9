"""The proof of a bound under constraints as plain arrays, and what it proves, in plain NumPy.

A certificate is a dictionary of arrays and the list ``proofs``:

- ``price_rows``, ``price_values`` (p,): constraints, by number, and their multipliers >= 0. Tags
  come first, in the order of :class:`.reduced.Reduced`, then pairs times labels.
- ``block_nodes``, ``block_starts``: the nodes of each block of the reduced problem.
- ``tree`` (t, 4): the trees of all blocks, one after another; kind (0 branch, 1 leaf, 2 ruled out
  by the constraints inside), node and label of a branch, numbered in the block, and the place of
  its first child in the tree: there the node takes the label, in the next entry it does not.
  ``tree_starts`` (blocks + 1,).
- ``inner`` (i, 2), ``inner_values`` (i,): leaf, constraint and multiplier, of constraints inside.
- ``messages``, ``proofs``: of the leaves' copies of their blocks, one after another, as in
  :mod:`liid_cut.verify`.
- ``relaxed_rows``, ``relaxed_values`` (q,), ``relaxed_messages`` (m', K+1), ``ruled_out`` (r, K+1)
  bool, or all empty: prices and messages of a relaxation of the whole reduced problem, and the
  labels that it proves too dear (:mod:`.restriction`). All the above, and messages and proofs of
  the result, are then about the problem that this leaves.

Outside the blocks the messages of the result prove the bound; on edges that leave a block they
count as costs of its nodes. For any multipliers the least cost is
at least the sum over constraints of ``sign * multiplier`` (1 for tags, -1 for pairs) and, over
blocks, of the least that a labelling of the block costs less the prices that it earns. A component
with labels ruled out costs at least the smaller of that bound and those of the labels ruled out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.constraints.blocks import (
    BRANCH,
    DEAD,
    LEAF,
    Block,
    Structure,
    Tree,
    shifted,
)
from liid_cut.constraints.inputs import Bools, Ints
from liid_cut.constraints.reduced import Floats, Reduced
from liid_cut.constraints.restriction import Relaxation, Restriction, restrict, whole
from liid_cut.constraints.trees import changed_costs
from liid_cut.proofs import Malformed, bound_by_node

Certificate = dict[str, Any]

ARRAYS = {  # name: (dimensions, kind of dtype)
    "price_rows": (1, "i"),
    "price_values": (1, "f"),
    "block_nodes": (1, "i"),
    "block_starts": (1, "i"),
    "tree": (2, "i"),
    "tree_starts": (1, "i"),
    "inner": (2, "i"),
    "inner_values": (1, "f"),
    "messages": (2, "f"),
    "relaxed_rows": (1, "i"),
    "relaxed_values": (1, "f"),
    "relaxed_messages": (2, "f"),
    "ruled_out": (2, "b"),
}


def pack_trees(trees: Sequence[Tree], prices: dict[int, float], n_labels: int) -> Certificate:
    """The certificate of these trees at these prices."""
    entries: list[tuple[int, int, int, int]] = []
    tree_starts, block_starts = [0], [0]
    inner: list[tuple[int, int]] = []
    inner_values: list[float] = []
    messages: list[Floats] = [np.empty((0, n_labels))]
    proofs: list[dict[str, Any]] = []
    n_nodes = n_edges = 0
    for tree in trees:
        for entry in tree.entries:
            if entry.kind == LEAF:
                assert entry.cut is not None
                inner += [(len(entries), row) for row in entry.inner]
                inner_values += entry.inner.values()
                messages.append(entry.cut.messages)
                proofs += [shifted(part, n_nodes, n_edges) for part in entry.cut.proofs]
                n_nodes += len(tree.block.nodes)
                n_edges += len(tree.block.edges)
            entries.append((entry.kind, entry.node, entry.label, entry.children[0]))
        tree_starts.append(len(entries))
        block_starts.append(block_starts[-1] + len(tree.block.nodes))
    nodes = [np.empty(0, dtype=np.int64), *(tree.block.nodes for tree in trees)]
    kept = {row: value for row, value in prices.items() if value > 0}
    return {
        "price_rows": np.array(list(kept), dtype=np.int64),
        "price_values": np.array(list(kept.values()), dtype=np.float64),
        "block_nodes": np.concatenate(nodes).astype(np.int64),
        "block_starts": np.array(block_starts, dtype=np.int64),
        "tree": np.array(entries, dtype=np.int64).reshape(-1, 4),
        "tree_starts": np.array(tree_starts, dtype=np.int64),
        "inner": np.array(inner, dtype=np.int64).reshape(-1, 2),
        "inner_values": np.array(inner_values, dtype=np.float64),
        "messages": np.concatenate(messages),
        "proofs": proofs,
        "relaxed_rows": np.empty(0, dtype=np.int64),
        "relaxed_values": np.empty(0),
        "relaxed_messages": np.empty((0, n_labels)),
        "ruled_out": np.empty((0, n_labels), dtype=bool),
    }


def pack_relaxation(relaxation: Relaxation, ruled_out: Bools) -> Certificate:
    """The entries of a certificate that a relaxation has."""
    return {
        "relaxed_rows": relaxation.rows,
        "relaxed_values": relaxation.values,
        "relaxed_messages": relaxation.messages,
        "ruled_out": ruled_out,
    }


@dataclass(frozen=True)
class Relaxed:
    """What a certificate's relaxation proves of each component.

    ``bound`` (components,): of all labellings; ``ruled_out``: of those that take a label that is
    ruled out; the others are those of ``restriction``. None: there is no relaxation.
    """

    restriction: Restriction
    bound: Any = None
    ruled_out: Any = None

    def joined(self, rest: Any) -> Any:
        """Bounds of components, from those of the labellings without what is ruled out."""
        if self.bound is None:
            return rest
        return np.maximum(self.bound, np.minimum(rest, self.ruled_out))


def relaxed(problem: Reduced, certificate: Certificate, component_of: Ints, n: int) -> Relaxed:
    """What the relaxation of a certificate proves of n components.

    Raises
    ------
    Malformed : the certificate is not one, or a priced constraint reaches over two components.
    """
    ruled_out = certificate["ruled_out"]
    if not len(ruled_out):
        if len(certificate["relaxed_rows"]) or len(certificate["relaxed_messages"]):
            raise Malformed("a relaxation rules out nothing")
        return Relaxed(whole(problem))
    if len(ruled_out) != problem.n_nodes:
        raise Malformed(f"ruled_out has {len(ruled_out)} rows for {problem.n_nodes} nodes")
    rows, values = certificate["relaxed_rows"], certificate["relaxed_values"]
    _check_prices(rows, values, problem.n_constraints)
    relaxation = Relaxation(rows, values, certificate["relaxed_messages"])
    ends = component_of[relaxation.links(problem)]
    if (ends[:, 0] != ends[:, 1]).any():
        raise Malformed("a constraint with a relaxed price reaches over two components")
    costs, earned = relaxation.terms(problem)
    terms = costs.min(axis=1, initial=problem.infinite)
    bound = problem.zeros(n)
    np.add.at(bound, component_of, terms + earned)
    least = problem.zeros(n)
    least[:] = problem.infinite
    u, k = np.nonzero(ruled_out & problem.allowed)
    np.minimum.at(least, component_of[u], bound[component_of[u]] - terms[u] + costs[u, k])
    return Relaxed(restrict(problem, ruled_out), bound, least)


def bound_terms(
    problem: Reduced, messages: Floats, proofs: Any, certificate: Certificate
) -> tuple[Floats, Ints]:
    """Terms of the bound, one a node of the reduced problem, and the block of each node, or -1.

    ``messages``, ``proofs`` : of the reduced problem's edges; ``proofs_complete`` or not, what is
    there counts. A block's bound stands at its first node, a multiplier at the constraint's first.
    The caller has to see to it that what it sums up is closed: with a block all of its nodes, and
    with a node of a constraint that has a price all of the others.

    Raises
    ------
    Malformed : the certificate is not one.
    """
    n = problem.n_nodes
    scope = problem.scope(n, problem.edges, problem.weights)
    block_of, structure = _blocks(problem, messages, certificate)
    terms = bound_by_node(scope, problem.costs(np.arange(n)), messages, proofs)
    for part in proofs:
        if np.ptp(block_of[part["nodes"]]) != 0:
            raise Malformed("a part reaches over two blocks")
    terms[block_of >= 0] = 0
    terms[certificate["block_nodes"][certificate["block_starts"][:-1]]] = _block_bounds(
        structure, certificate
    )
    return terms + earned(structure, certificate), block_of


def block_bounds(
    problem: Reduced, messages: Floats, certificate: Certificate
) -> tuple[Structure, Floats]:
    """What is proven of each block, and the structure that blocks are numbered in."""
    _, structure = _blocks(problem, messages, certificate)
    return structure, _block_bounds(structure, certificate)


def coupled_nodes(problem: Reduced, certificate: Certificate) -> list[Ints]:
    """Nodes that share a bound: those of each block, and of each constraint that has a price."""
    starts = certificate["block_starts"]
    nodes = certificate["block_nodes"]
    blocks = [nodes[a:b] for a, b in pairwise(starts)]
    structure = Structure(problem, np.zeros(problem.n_nodes, dtype=np.int32))
    return blocks + [structure.literals(int(row))[0] for row in certificate["price_rows"]]


def checked(certificate: Any, n_labels: int) -> Certificate:
    """The certificate, with dimensions and types that the rest relies on."""
    if not isinstance(certificate, dict) or not isinstance(certificate.get("proofs"), list):
        raise Malformed("the certificate of the constraints is no dictionary with proofs")
    for name, (ndim, kind) in ARRAYS.items():
        array = certificate.get(name)
        if not isinstance(array, np.ndarray) or array.ndim != ndim or array.dtype.kind != kind:
            raise Malformed(f"{name} is no {ndim}-dimensional array of kind {kind!r}")
    labelled = dict.fromkeys(("messages", "relaxed_messages", "ruled_out"), n_labels)
    for name, width in ({"tree": 4, "inner": 2} | labelled).items():
        if certificate[name].shape[1] != width:
            raise Malformed(f"{name} has shape {certificate[name].shape}")
    for starts, array in (("block_starts", "block_nodes"), ("tree_starts", "tree")):
        places, length = certificate[starts], len(certificate[array])
        if not len(places) or places[0] or places[-1] != length or (np.diff(places) < 1).any():
            raise Malformed(f"{starts} does not divide {array}")
    if len(certificate["block_starts"]) != len(certificate["tree_starts"]):
        raise Malformed("there is not one tree for each block")
    for name in ("price_values", "inner_values", "relaxed_values"):
        values = certificate[name]
        if not (np.isfinite(values) & (values >= 0)).all():
            raise Malformed(f"{name} are not finite numbers >= 0")
    return certificate


def _blocks(problem: Reduced, messages: Floats, certificate: Certificate) -> tuple[Ints, Structure]:
    """The block of each node, -1 for none."""
    nodes, starts = certificate["block_nodes"], certificate["block_starts"]
    if nodes.size and not (nodes.min() >= 0 and nodes.max() < problem.n_nodes):
        raise Malformed("a block has a node that does not exist")
    if len(np.unique(nodes)) != len(nodes):
        raise Malformed("blocks overlap")
    block_of = np.full(problem.n_nodes, -1, dtype=np.int64)
    block_of[nodes] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    ids = np.where(block_of >= 0, block_of, len(starts) - 1)
    return block_of, Structure(problem, ids.astype(np.int32), messages)


def _price_rows(structure: Structure, certificate: Certificate) -> dict[int, Any]:
    rows = certificate["price_rows"]
    values = _numbers(structure, certificate["price_values"])
    _check_prices(rows, values, structure.problem.n_constraints)
    return dict(zip(rows.tolist(), values.tolist(), strict=True))


def _check_prices(rows: Ints, values: Any, n_constraints: int) -> None:
    if len(rows) != len(values) or len(np.unique(rows)) != len(rows):
        raise Malformed("there is not one price for each of different constraints")
    if rows.size and not (rows.min() >= 0 and rows.max() < n_constraints):
        raise Malformed("a price belongs to no constraint")


def _numbers(structure: Structure, values: Floats) -> Floats:
    """Numbers of a certificate as the problem counts."""
    problem = structure.problem
    return problem.scope(0, problem.edges[:0], problem.weights[:0]).numbers(values)


def earned(structure: Structure, certificate: Certificate) -> Floats:
    """Sign times multiplier of each constraint, at its first node."""
    terms = structure.problem.zeros(structure.problem.n_nodes)
    for row, value in _price_rows(structure, certificate).items():
        nodes, _, sign = structure.literals(row)
        terms[nodes[0]] += sign * value
    return terms


def _block_bounds(structure: Structure, certificate: Certificate) -> Floats:
    """What the trees prove of each block at the prices."""
    blocks = [
        structure.block(structure.nodes([b])) for b in range(len(certificate["block_starts"]) - 1)
    ]
    prices = _price_rows(structure, certificate)
    outside = len(blocks)
    for row in prices:
        nodes, _, _ = structure.literals(row)
        where = np.unique(structure.piece[nodes])
        if outside in where:
            raise Malformed("a constraint with a price reaches outside the blocks")
        for b in where:
            blocks[b].prices[row] = structure.price(blocks[b], row)

    inner = _inner_by_leaf(certificate["inner"], _numbers(structure, certificate["inner_values"]))
    leaves: list[tuple[int, Block, Floats, Any]] = []
    for b, block in enumerate(blocks):
        start, end = certificate["tree_starts"][b : b + 2]
        for entry, allowed in _leaves(block, certificate["tree"][start:end]):
            own = inner.pop(int(start) + entry, {})
            for row in own:
                if not block.has_inside(row):
                    raise Malformed(f"constraint {row} does not lie inside its block")
            costs, constant = changed_costs(block, allowed, prices, own)
            leaves.append((b, block, costs, constant))
    if inner:
        raise Malformed("multipliers of constraints inside belong to no leaf")

    sums = _leaf_sums(structure, leaves, certificate)
    bounds = structure.problem.zeros(len(blocks))
    bounds[:] = structure.problem.infinite
    np.minimum.at(bounds, np.array([leaf[0] for leaf in leaves], dtype=np.int64), sums)
    if (bounds == structure.problem.infinite).any() or (bounds != bounds).any():
        raise Malformed("the bound of a block is not finite")
    return bounds


def _leaf_sums(
    structure: Structure, leaves: list[tuple[int, Block, Floats, Any]], certificate: Certificate
) -> Floats:
    """The bound of each leaf; its copy's messages and proofs follow those of the one before."""
    if not leaves:
        if len(certificate["messages"]) or certificate["proofs"]:
            raise Malformed("there are messages or proofs, but no leaf")
        return structure.problem.zeros(0)
    sizes = np.array([len(leaf[2]) for leaf in leaves])
    starts = np.cumsum(sizes) - sizes
    edge_sizes = [len(leaf[1].edges) for leaf in leaves]
    ends = np.concatenate([leaf[1].ends.astype(np.int64) for leaf in leaves])
    ends += np.repeat(starts, edge_sizes)[:, None]
    weights = np.concatenate([leaf[1].weights for leaf in leaves])
    scope = structure.problem.scope(int(sizes.sum()), ends, weights)
    costs = np.concatenate([leaf[2] for leaf in leaves])
    messages = scope.numbers(certificate["messages"])
    terms = bound_by_node(scope, costs, messages, certificate["proofs"])
    copy_of = np.repeat(np.arange(len(leaves)), sizes)
    for part in certificate["proofs"]:
        if np.ptp(copy_of[part["nodes"]]) != 0:
            raise Malformed("a part reaches over two copies")
    sums = structure.problem.zeros(len(leaves))
    sums[:] = [leaf[3] for leaf in leaves]
    np.add.at(sums, copy_of, terms)
    return sums


def _leaves(block: Block, tree: npt.NDArray[np.int64]) -> list[tuple[int, Bools]]:
    """Leaves of a tree, in the order of its entries, with the labels left there."""
    found: list[tuple[int, Bools]] = []
    visited: set[int] = set()
    waiting = [(0, block.allowed)]
    while waiting:
        i, allowed = waiting.pop()
        if i in visited:
            raise Malformed("a tree names an entry twice")
        visited.add(i)
        kind, u, k, child = tree[i].tolist()
        impossible = block.logic.propagate(allowed) is not None
        if kind == DEAD:
            if not impossible:
                raise Malformed("labels are said to be ruled out that no constraint rules out")
        elif kind == LEAF:
            if impossible:
                raise Malformed("a leaf has no labelling left")
            found.append((i, allowed))
        elif kind == BRANCH:
            if not (0 <= u < len(block.nodes) and 0 <= k < allowed.shape[1]):
                raise Malformed("a tree branches on a node or label that does not exist")
            if not i < child < len(tree) - 1:
                raise Malformed("a tree names an entry that is not later")
            takes = allowed.copy()
            takes[u] = False
            takes[u, k] = allowed[u, k]
            allowed[u, k] = False
            waiting += [(child, takes), (child + 1, allowed)]
        else:
            raise Malformed(f"a tree has an entry of kind {kind}")
    if len(visited) != len(tree):
        raise Malformed("a tree does not reach all of its entries")
    return sorted(found, key=lambda leaf: leaf[0])


def _inner_by_leaf(inner: Ints, values: Floats) -> dict[int, dict[int, Any]]:
    if len(inner) != len(values):
        raise Malformed("inner and inner_values differ in length")
    found: dict[int, dict[int, Any]] = {}
    for (leaf, row), value in zip(inner.tolist(), values.tolist(), strict=True):
        own = found.setdefault(leaf, {})
        if row in own:
            raise Malformed("a constraint inside has two multipliers at one leaf")
        own[row] = value
    return found
