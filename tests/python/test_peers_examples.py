"""Small published examples of other solvers, and their answers on graphs of other libraries.

The numbers of gco's examples (its wrapper's tests) and of PyMaxflow's (its test of alpha-expansion)
are stated here; both solvers run beside ours where they are installed.
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.csgraph import maximum_flow

from liid_cut import cut_general_graph, multiway_cut, verify

POTTS = 1 - np.eye(3)


def grid_edges(rows: int, columns: int) -> np.ndarray:
    ids = np.arange(rows * columns).reshape(rows, columns)
    across = np.c_[ids[:, :-1].ravel(), ids[:, 1:].ravel()]
    down = np.c_[ids[:-1].ravel(), ids[1:].ravel()]
    return np.r_[across, down]


# gco: a chain of four nodes with whole costs, and one heavy edge among three nodes.
CHAIN: tuple[Any, ...] = (
    [[0, 1], [1, 2], [2, 3]],
    [3, 10, 1],
    [[2, 8, 8], [7, 3, 7], [8, 8, 2], [6, 4, 6]],
    POTTS,
)
PAIR: tuple[Any, ...] = (
    [[0, 1], [1, 2], [0, 2]],
    [2.0, 0.0, 0.0],
    [[0.0, 1.0, 2.0], [4.0, 1.0, 0.0], [1.0, 0.0, 2.0]],
    POTTS,
)


def test_chain_of_gco() -> None:
    result = cut_general_graph(*CHAIN, return_result=True)
    assert result.labels.tolist() == [0, 2, 2, 1]
    assert result.energy == 19  # 15 at the nodes, 4 between them
    assert result.energy_lower_bound == pytest.approx(19, abs=1e-9)


def test_pair_of_gco() -> None:
    """Two labellings are cheapest; gco's is one of them."""
    _, weights, unary, _ = PAIR
    result = cut_general_graph(*PAIR, return_result=True)
    at_nodes = sum(unary[u][k] for u, k in enumerate([0, 2, 1]))
    assert result.energy == at_nodes + weights[0] == 2


@pytest.mark.parametrize("example", [CHAIN, PAIR], ids=["chain", "pair"])
def test_gco_itself(example: tuple[Any, ...]) -> None:
    gco = pytest.importorskip("gco", reason="gco-wrapper is a peer of the bench extra")
    edges, weights, unary, pairwise = (np.asarray(part) for part in example)
    theirs = gco.cut_general_graph(
        edges.astype(np.int32), weights, unary, pairwise, down_weight_factor=1
    )
    ends = zip(edges.tolist(), weights.tolist(), strict=True)
    energy = sum(unary[u, k] for u, k in enumerate(theirs))
    energy += sum(w for (u, v), w in ends if theirs[u] != theirs[v])
    assert cut_general_graph(*example, return_result=True).energy <= energy


# PyMaxflow: a grid of 3 x 3 with a diagonal preference; label 1 is the compromise.
DIAGONAL = np.array(
    [
        [[5, 10, 10], [0, 5, 10], [0, 0, 5]],
        [[4, 5, 5], [5, 4, 5], [5, 5, 4]],
        [[5, 0, 0], [10, 5, 0], [10, 10, 5]],
    ],
    dtype=float,
).transpose(1, 2, 0)


@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_diagonal_of_pymaxflow(weight: float) -> None:
    edges = grid_edges(3, 3)
    weights = np.full(len(edges), weight)
    result = cut_general_graph(edges, weights, DIAGONAL.reshape(9, 3), POTTS, return_result=True)
    labels = result.labels.reshape(3, 3)
    if weight == 0.1:
        assert labels.tolist() == [[1, 2, 2], [0, 1, 2], [0, 0, 1]]
    else:
        assert not (labels == 1).any()
    maxflow = pytest.importorskip("maxflow", reason="PyMaxflow is not among our extras")
    theirs = maxflow.aexpansion_grid(DIAGONAL, weight * POTTS)
    energy = np.take_along_axis(DIAGONAL, theirs[..., None], axis=2).sum()
    energy += weight * ((theirs[1:] != theirs[:-1]).sum() + (theirs[:, 1:] != theirs[:, :-1]).sum())
    assert result.energy <= energy + 1e-9


TWO_TERMINALS = {
    "karate club": nx.karate_club_graph(),
    "petersen": nx.petersen_graph(),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 6)),
    "les miserables": nx.convert_node_labels_to_integers(nx.les_miserables_graph()),
    "random regular": nx.random_regular_graph(4, 40, seed=3),
}


@pytest.mark.parametrize("name", TWO_TERMINALS)
def test_two_terminals_are_a_minimum_cut(name: str) -> None:
    """Between the first and the last node, by networkx and by SciPy."""
    graph = TWO_TERMINALS[name]
    nodes = sorted(graph)
    first, last = nodes[0], nodes[-1]
    weights = {edge: graph.edges[edge].get("weight", 1) for edge in graph.edges}
    nx.set_edge_attributes(graph, weights, "weight")
    value, _ = nx.minimum_cut(graph, first, last, capacity="weight")

    probs = np.zeros((len(nodes), 2))
    labels = np.full(len(nodes), -1)
    probs[[first, last]] = np.eye(2)
    labels[[first, last]] = 0, 1
    result = multiway_cut(probs, graph=graph, labels=labels)
    assert result.status == "optimal"
    assert result.cost == pytest.approx(value, abs=1e-9)
    assert verify(result, probs, result.graph, labels=labels).optimal

    capacities = sp.csr_array(nx.to_scipy_sparse_array(graph, nodelist=nodes), dtype=np.int32)
    for name in ("indices", "indptr"):  # older SciPy's maximum_flow knows no others
        setattr(capacities, name, getattr(capacities, name).astype(np.int32))
    assert maximum_flow(capacities, first, last).flow_value == value


def test_three_terminals_of_a_star() -> None:
    """A star between three terminals: the lightest two of its edges are cut."""
    star = nx.star_graph(3)
    nx.set_edge_attributes(star, {(0, 1): 3.0, (0, 2): 2.0, (0, 3): 4.0}, "weight")
    probs = np.zeros((4, 3))
    labels = np.array([-1, 0, 1, 2])
    probs[1:] = np.eye(3)
    result = multiway_cut(probs, graph=star, labels=labels)
    assert (result.cost, result.labels.tolist()) == (5, [2, 0, 1, 2])
