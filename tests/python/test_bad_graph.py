"""Faults in a user's graph, one per test."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from instances import triangle

from liid_cut import multiway_cut

EDGES = np.array([[0, 1], [0, 2], [1, 2]])
WEIGHTS = np.array([0.5, 0.25, 2.0])
MATRIX = np.array([[0, 0.5, 0.25], [0.5, 0, 2.0], [0.25, 2.0, 0]])
HUGE = 2**31  # in arrays of zero stride, which take no memory


def with_entry(u: int, v: int, value: float, both: bool = True) -> sp.csr_array:
    matrix = MATRIX.copy()
    matrix[u, v] = value
    if both:
        matrix[v, u] = value
    return sp.csr_array(matrix)


def weights(*values: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return EDGES, np.array(values)


FAULTS: dict[str, tuple[Any, str]] = {
    "end too large": (([[0, 1], [1, 3]], [1, 1]), "graph edges[1, 1] is 3; nodes are 0 to 2"),
    "end negative": (([[0, 1], [-1, 2]], [1, 1]), "graph edges[1, 0] is -1; nodes are 0 to 2"),
    "end huge": ((np.array([[0, 2**63]], "u8"), [1]), "graph edges[0, 1] is 9223372036854775808"),
    "end wraps to int32": (([[0, 2**32 + 1]], [1]), "graph edges[0, 1] is 4294967297; nodes are"),
    "self-loop": (([[0, 1], [2, 2]], [1, 1]), "edge 1 is (2, 2); self-loops are not allowed"),
    "negative weight": (weights(1, -2, 1), "weight of edge 1 (0, 2) is -2; every weight must be"),
    "nan weight": (weights(1, 1, np.nan), "weight of edge 2 (1, 2) is nan; every weight must be"),
    "inf weight": (weights(np.inf, 1, 1), "weight of edge 0 (0, 1) is inf; every weight must be"),
    "sum too large": (([[0, 1], [1, 0]], [1e308, 1e308]), "parallel edges weigh more than"),
    "edges 1-d": ((np.array([0, 1]), [1]), "graph edges has shape (2,); it must be (m, 2)"),
    "edges (2, m)": ((EDGES.T, [1] * 3), "graph edges has shape (2, 3); it must be (m, 2)"),
    "edges float": ((EDGES.astype(float), WEIGHTS), "graph edges has dtype float64; it must be an"),
    "edges bool": ((EDGES > 0, WEIGHTS), "graph edges has dtype bool; it must be an integer type"),
    "too few weights": ((EDGES, WEIGHTS[:2]), "graph weights has shape (2,); edges needs (3,)"),
    "weights 2-d": ((EDGES, WEIGHTS[:, None]), "graph weights has shape (3, 1); edges needs (3,)"),
    "weights complex": ((EDGES, WEIGHTS + 0j), "graph weights has dtype complex128; it must be nu"),
    "weights str": ((EDGES, ["a"] * 3), "graph weights has dtype <U1; it must be numeric"),
    "too many edges": (
        (np.broadcast_to(np.int8(0), (HUGE, 2)), np.broadcast_to(np.float16(1), HUGE)),
        "graph has 2147483648 edges; at most 2147483647 are allowed",
    ),
    "triple": (
        (EDGES, WEIGHTS, 3),
        "graph is a tuple; it must be a symmetric matrix (n, n), SciPy",
    ),
    "text": ("knn", "graph is a str; it must be a symmetric matrix (n, n), SciPy sparse or dense"),
    "dense not square": (
        np.ones((3, 2)),
        "graph has shape (3, 2); probs needs a matrix (3, 3), or a pair (edges (m, 2)",
    ),
    "dense complex": (MATRIX + 0j, "graph is a ndarray of complex128; it must be numeric"),
    "dense asymmetric": (np.triu(MATRIX), "graph[0, 1] is 0.5 but graph[1, 0] is 0"),
    "dense nan": (MATRIX * np.nan, "graph[0, 0] is nan; every weight must be a finite number"),
    "not square": (sp.csr_array((3, 4)), "graph has shape (3, 4); probs needs (3, 3)"),
    "too small": (sp.csr_array((2, 2)), "graph has shape (2, 2); probs needs (3, 3)"),
    "1-d sparse": (sp.coo_array(np.ones(3)), "graph has shape (3,); probs needs (3, 3)"),
    "sparse complex": (sp.csr_array(MATRIX + 0j), "graph has dtype complex128; it must be numeric"),
    "asymmetric": (with_entry(1, 2, 3, both=False), "graph is not symmetric: graph[1, 2] is 3.0"),
    "one direction": (sp.triu(MATRIX), "graph[0, 1] is 0.5 but graph[1, 0] is 0"),
    "sparse self-loop": (with_entry(1, 1, 1), "graph[1, 1] is 1.0; self-loops are not allowed"),
    "sparse negative": (with_entry(0, 2, -1), "graph[0, 2] is -1.0; every weight must be a finite"),
    "sparse nan": (with_entry(0, 1, np.nan), "graph[0, 1] is nan; every weight must be a finite"),
    "sparse inf": (with_entry(1, 2, np.inf), "graph[1, 2] is inf; every weight must be a finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    graph, message = FAULTS[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        multiway_cut(triangle().probs, graph=graph)


def test_edges_where_there_is_no_node() -> None:
    with pytest.raises(ValueError, match=r"graph edges\[0, 0\] is 0; there are no nodes"):
        multiway_cut(np.empty((0, 2)), graph=([[0, 1]], [1.0]))


def test_undetermined_node() -> None:
    probs = np.array([[1, 0], [0, 0], [0, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"probs\[2\] is all zero and its node has no edge"):
        multiway_cut(probs, graph=([[0, 1]], [1.0]))
