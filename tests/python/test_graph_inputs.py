"""networkx and igraph graphs are the same problems as their edge lists."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from instances import random_instance, triangle

from liid_cut import make_problem, multiway_cut, verify

EDGES = [(0, 1), (0, 2), (1, 2)]
WEIGHTS = [0.5, 0.25, 2.0]
PROBS = triangle().probs


def networkx_graph(kind: str = "Graph", nodes: Any = (), edges: Any = EDGES) -> Any:
    """An empty or weighted networkx graph; weights in the order of ``WEIGHTS``."""
    networkx = pytest.importorskip("networkx")
    graph = getattr(networkx, kind)()
    graph.add_nodes_from(nodes)
    graph.add_weighted_edges_from((u, v, w) for (u, v), w in zip(edges, WEIGHTS * 2, strict=False))
    return graph


def igraph_graph(edges: Any = EDGES, n_nodes: int = 3, **settings: Any) -> Any:
    igraph = pytest.importorskip("igraph")
    graph = igraph.Graph(n_nodes, edges, **settings)
    graph.es["weight"] = (WEIGHTS * 2)[: len(edges)]
    return graph


def both_ways(edges: Any = EDGES) -> Any:
    return [*edges, *((v, u) for u, v in edges)]


def assert_is_triangle(graph: Any, weights: Any = WEIGHTS) -> None:
    problem = make_problem(PROBS, graph=graph)
    np.testing.assert_array_equal(problem.edges, EDGES)
    np.testing.assert_array_equal(problem.weights, weights)


# ---- networkx


def test_networkx() -> None:
    assert_is_triangle(networkx_graph())


def test_networkx_integers_are_rows_in_any_order() -> None:
    assert_is_triangle(networkx_graph(nodes=[2, 0, 1]))
    assert_is_triangle(networkx_graph(nodes=np.array([1, 2, 0], dtype=np.int16)))


def test_networkx_rows_without_a_node_are_isolated() -> None:
    problem = make_problem(np.ones((5, 2)), graph=networkx_graph())
    np.testing.assert_array_equal(problem.edges, EDGES)


def test_networkx_names_are_rows_in_the_order_of_nodes() -> None:
    named = [("c", "a"), ("c", "b"), ("a", "b")]
    assert_is_triangle(networkx_graph(nodes=["c", "a", "b"], edges=named))


def test_networkx_without_weights() -> None:
    networkx = pytest.importorskip("networkx")
    assert_is_triangle(networkx.complete_graph(3), [1, 1, 1])


def test_networkx_parallel_edges_add_up() -> None:
    graph = networkx_graph("MultiGraph", edges=[*EDGES, (1, 0)])
    assert_is_triangle(graph, [1.0, 0.25, 2.0])


@pytest.mark.parametrize("kind", ["DiGraph", "MultiDiGraph"])
def test_networkx_directed_both_ways(kind: str) -> None:
    assert_is_triangle(networkx_graph(kind, edges=both_ways()))


def test_networkx_views_and_subclasses() -> None:
    networkx = pytest.importorskip("networkx")

    class Own(networkx.Graph):  # type: ignore[misc, name-defined]
        pass

    larger = networkx_graph(edges=[*EDGES, (2, 3)])
    assert_is_triangle(larger.subgraph([0, 1, 2]))
    assert_is_triangle(Own(networkx_graph()))


def test_networkx_without_edges() -> None:
    networkx = pytest.importorskip("networkx")
    for kind in (networkx.Graph, networkx.DiGraph):
        assert len(make_problem(PROBS, graph=kind()).edges) == 0


# ---- igraph


def test_igraph() -> None:
    assert_is_triangle(igraph_graph())


def test_igraph_without_weights() -> None:
    igraph = pytest.importorskip("igraph")
    assert_is_triangle(igraph.Graph.Full(3), [1, 1, 1])


def test_igraph_parallel_edges_add_up() -> None:
    assert_is_triangle(igraph_graph([*EDGES, (1, 0)]), [1.0, 0.25, 2.0])


def test_igraph_directed_both_ways() -> None:
    assert_is_triangle(igraph_graph(both_ways(), directed=True))


# ---- both are the same problem


@pytest.mark.parametrize("seed", range(20))
def test_same_cut_whatever_the_library(seed: int) -> None:
    inst = random_instance(seed)
    networkx, igraph = pytest.importorskip("networkx"), pytest.importorskip("igraph")
    expected = inst.solve()
    n = len(inst.probs)
    pairs = [(int(u), int(v)) for u, v in inst.edges]
    graphs = [networkx.Graph(), igraph.Graph(n, pairs)]
    graphs[0].add_weighted_edges_from((*e, w) for e, w in zip(pairs, inst.weights, strict=True))
    graphs[1].es["weight"] = inst.weights.tolist()
    for graph in graphs:
        result = multiway_cut(inst.probs, graph=graph, allowed=inst.allowed)
        np.testing.assert_array_equal(result.labels, expected.labels)
        assert result.cost == expected.cost
        assert verify(result, inst.probs, graph, allowed=inst.allowed)


# ---- faults


def with_attribute(value: Any) -> Any:
    graph = networkx_graph()
    graph.edges[0, 2]["weight"] = value
    return graph


def without_weight(graph: Any) -> Any:
    del graph.edges[0, 2]["weight"]
    return graph


def partly_weighted_igraph() -> Any:
    graph = igraph_graph()
    graph.es["weight"] = [0.5, None, 2.0]
    return graph


FAULTS: dict[str, tuple[Any, str]] = {
    "nx node 3": (
        lambda: networkx_graph(edges=[(1, 2), (1, 3)]),
        "graph has the node 3; nodes that are integers are rows of probs, 0 to 2",
    ),
    "nx node -1": (lambda: networkx_graph(nodes=[-1]), "graph has the node -1; nodes that"),
    "nx names": (lambda: networkx_graph(nodes="abcd", edges=[]), "graph has 4 nodes but probs has"),
    "nx mixed names": (lambda: networkx_graph(nodes=["a"]), "graph has 4 nodes but probs has 3"),
    "nx part": (
        lambda: without_weight(networkx_graph()),
        "edge (0, 2) of graph has no attribute 'weight' but others have",
    ),
    "nx text": (lambda: with_attribute("2"), "graph weights has dtype <U32; it must be numeric"),
    "nx negative": (lambda: with_attribute(-1), "weight of edge 1 (0, 2) is -1; every weight must"),
    "nx nan": (lambda: with_attribute(float("nan")), "weight of edge 1 (0, 2) is nan"),
    "nx loop": (lambda: networkx_graph(edges=[(0, 1), (2, 2)]), "(2, 2); self-loops are not"),
    "nx directed loop": (
        lambda: networkx_graph("DiGraph", edges=[(0, 0)]),
        "edge 0 of graph is (0, 0); self-loops are not allowed",
    ),
    "nx one direction": (
        lambda: networkx_graph("DiGraph"),
        "graph is not symmetric: graph[0, 1] is 0.5 but graph[1, 0] is 0",
    ),
    "igraph size": (lambda: igraph_graph(n_nodes=4), "graph has 4 nodes but probs has 3 rows"),
    "igraph part": (partly_weighted_igraph, "edge (0, 2) of graph has no attribute 'weight'"),
    "igraph loop": (lambda: igraph_graph([(0, 1), (2, 2)]), "(2, 2); self-loops are not allowed"),
    "igraph one direction": (
        lambda: igraph_graph(directed=True),
        "graph is not symmetric: graph[0, 1] is 0.5 but graph[1, 0] is 0",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    make, message = FAULTS[fault]
    graph = make()
    with pytest.raises(ValueError, match=re.escape(message)):
        multiway_cut(PROBS, graph=graph)
