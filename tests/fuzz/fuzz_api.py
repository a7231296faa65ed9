"""``multiway_cut`` with all keywords on tiny problems, against all labellings and ``verify``.

A share of the inputs has one argument that makes no sense: such a call ends in a ``ValueError``,
``TypeError`` or ``OverflowError`` that names it, or the argument turned out to be allowed.
"""

from __future__ import annotations

import functools
import itertools
import re
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from fuzzing import Bytes, fuzz, instrumented, require, tally

with instrumented("liid_cut"):
    from liid_cut import multiway_cut, verify

TOLERANCE = 1e-9
MOST_NODES, MOST_LABELS = 5, 4
NAN, INF = float("nan"), float("inf")
# Arguments that make no sense, or hardly any.
ODD: tuple[Any, ...] = (
    *(
        -1,
        0,
        1.5,
        NAN,
        INF,
        2**31,
        2**63,
        2**64,
        -(2**70),
        1e300,
        True,
        None,
        b"",
        "",
        "auto",
        "\0",
    ),
    *([], [[]], [[1, 2], [3]], {}, {1: 2}, (), ((), ()), ([], []), [None], [[None, 1]], [["a"]]),
    *(np.nan, np.float16(3), np.int8(-3), np.array(3), np.zeros(0), np.zeros((0, 2)), slice(3)),
    *(np.ones((2, 2)), -np.ones((3, 2)), np.full((3, 3), NAN), np.ones((3, 2), object), object()),
    *(np.ones((2, 2, 2)), np.ones((3, 2), complex), np.array(["a", "b"]), np.ones(4, "m8[s]")),
    *(np.ones((3, 3), bool), np.full((2, 2), 2**63, np.uint64), np.ma.masked_all((3, 3)), min),
    *(
        sp.csr_array((3, 3)),
        sp.csr_array(np.eye(3)),
        sp.csr_array(-np.eye(3)),
        ([[0, 9]], [1.0]),
        range(3),
    ),
    *(([[0, 1]], [NAN]), ([[0.5, 1]], [1.0]), ([0, 1], [1.0]), ([[0, 1]], [[1.0]]), ("a", "b"), 1j),
)
NAMES = (
    *("probs", "feats", "graph", "n_neighbors", "delta", "symmetrize", "allowed", "labels"),
    *("must_link", "cannot_link", "coverage", "node_weights", "extra_edges", "preset"),
    *("terminal_weights", "temperature", "edge_weights", "neighbors", "target_recall"),
    *("max_memory", "zero_rows", "shared_tags", "method", "time_limit", "n_jobs", "progress"),
)
# How a message may call an argument.
ALIASES = {
    "graph": "graph|edges|weights",
    "extra_edges": "extra_edges|graph|edges|weights",
    "feats": "feats|features",
    "neighbors": "neighbors|ids|similarities",
    "coverage": "coverage|image_ids|image_tags",
}


@functools.cache
def labellings(n: int, n_labels: int) -> Any:
    """All of them, (n_labels ** n, n)."""
    return np.array(list(itertools.product(range(n_labels), repeat=n)), dtype=np.int64)


def graph_of(stream: Bytes, n: int, kind: int) -> tuple[Any, Any]:
    """Edges (m, 2) between different nodes, parallel ones too, with weights."""
    m = stream.integer(0, 2 * n) if n > 1 else 0
    ends = stream.array(m)
    u = ends % n
    return np.stack([u, (u + 1 + ends // n % max(n - 1, 1)) % n], axis=1), stream.weights(kind, m)


def dense(edges: Any, weights: Any, n: int) -> Any:
    """The symmetric matrix of a graph."""
    matrix = np.zeros((n, n))
    np.add.at(matrix, (edges[:, 0], edges[:, 1]), weights)
    return matrix + matrix.T


def as_given(stream: Bytes, matrix: Any, edges: Any, weights: Any) -> Any:
    """A graph in one of the forms that are taken."""
    form = stream.integer(0, 5)
    if form == 0:
        return matrix
    if form == 1:
        return sp.csr_array(matrix)
    if form == 2:
        return sp.coo_matrix(matrix)
    return (edges, weights) if form < 5 else (edges.astype(np.int32).tolist(), weights.tolist())


def decode(stream: Bytes) -> dict[str, Any]:
    """The arguments of a call."""
    n, n_labels = stream.integer(1, MOST_NODES), stream.integer(1, MOST_LABELS)
    kind, edge_kind = stream.weight_kind(), stream.weight_kind()
    probs = stream.weights(kind, n * n_labels).reshape(n, n_labels)
    kwargs: dict[str, Any] = {"n_jobs": 1 + (stream.next() > 250)}
    if kind < 4 and stream.next() % 4 == 0:
        probs = probs.astype(stream.choice([np.float16, np.float32]))
    kwargs["probs"] = np.asfortranarray(probs) if stream.next() % 4 == 0 else probs
    if stream.next() % 16 == 1:
        kwargs["feats"] = stream.array(2 * n).reshape(n, 2) % 5 - 1.0
        kwargs["delta"] = stream.choice([0.5, 1, "auto", 5])
        kwargs["symmetrize"] = stream.choice(["mutual", "union"])
        kwargs["n_neighbors"] = stream.integer(1, 4)
        kwargs["zero_rows"] = "isolate"
        kwargs["edge_weights"] = stream.choice(["abs", "clip", "local"])
        kwargs["neighbors"] = stream.choice(["auto", "exact"])
    else:
        edges, weights = graph_of(stream, n, edge_kind)
        kwargs["graph"] = as_given(stream, dense(edges, weights, n), edges, weights)
        if stream.next() % 16 == 1:
            kwargs["delta"] = stream.choice([0, 0.5, 2, 5])
    kwargs["method"] = stream.choice(["auto"] * 6 + ["ckr", "brute_force"])
    options = stream.next()
    if options % 4 == 1:
        mask = stream.array(n)
        allowed = (mask[:, None] >> np.arange(n_labels)) % 2 == 1
        allowed[np.arange(n), np.arange(n) % n_labels] |= ~allowed.any(axis=1)
        kwargs["allowed"] = allowed
    if options % 8 == 2:
        kwargs["labels"] = stream.array(n) % (n_labels + 1) - 1
    if options % 8 == 3:
        kwargs["node_weights"] = 0.5 + stream.array(n) % 4
    if options % 16 == 4 and n > 1:
        kwargs["extra_edges"] = graph_of(stream, n, edge_kind)
    if options % 16 == 5:
        kwargs["terminal_weights"] = "log"
        kwargs["temperature"] = stream.choice([0.5, 1, 2])
    if options % 32 == 6 and n > 1:  # slow: a search in Python
        pairs = graph_of(stream, n, 0)[0]
        cut = stream.integer(0, len(pairs))
        kwargs["must_link"], kwargs["cannot_link"] = pairs[:cut], pairs[cut:]
    if options % 64 == 7:
        tags = stream.array(2 * (n_labels - 1)).reshape(2, -1) % 2
        kwargs["coverage"] = stream.array(n) % 2, tags
    if options % 64 == 8:
        kwargs["time_limit"] = stream.choice([1e-9, 1e-4, 10])
    if options % 64 == 24:
        kwargs["max_memory"] = stream.choice([1, 1000, "1 kB", "1 GiB"])
    if options % 64 == 40:
        kwargs["preset"] = stream.choice(["default", "paper", "authors"])
    return kwargs


def feasible(kwargs: dict[str, Any], table: Any) -> Any:
    """Which labellings (L, n) meet every constraint, bool (L,)."""
    good = np.ones(len(table), dtype=bool)
    columns = np.arange(table.shape[1])
    if "allowed" in kwargs:
        good &= kwargs["allowed"][columns, table].all(axis=1)
    if "labels" in kwargs:
        good &= ((kwargs["labels"] < 0) | (table == kwargs["labels"])).all(axis=1)
    for u, v in kwargs.get("must_link", ()):
        good &= table[:, u] == table[:, v]
    for u, v in kwargs.get("cannot_link", ()):
        good &= table[:, u] != table[:, v]
    if "coverage" in kwargs:
        ids, tags = kwargs["coverage"]
        for image, k in np.argwhere(tags == 1):
            if (ids == image).any():
                good &= (table[:, ids == image] == k + 1).any(axis=1)
    return good


def judge(kwargs: dict[str, Any], result: Any) -> None:
    """Hold a result of ``probs`` as they are against all labellings."""
    probs = np.asarray(kwargs["probs"], dtype=np.longdouble)
    if "node_weights" in kwargs:
        probs = probs * kwargs["node_weights"][:, None]
    n, n_labels = probs.shape
    costs = np.stack([np.delete(probs, k, axis=1).sum(axis=1) for k in range(n_labels)], axis=1)
    table = labellings(n, n_labels)
    totals = costs[np.arange(n), table].sum(axis=1)
    for (u, v), w in zip(result.edges, result.weights, strict=True):
        totals += w * (table[:, u] != table[:, v])
    good = feasible(kwargs, table)
    require(good.any(), "a contradiction was not refused")
    optimum = totals[good].min()
    own = int(np.ravel_multi_index(tuple(result.cut_labels), (n_labels,) * n))
    scale = probs.sum() + np.sum(result.weights, dtype=np.longdouble)
    slack = TOLERANCE * max(1, optimum) + 1e-14 * scale
    require(good[own], "the labels break a constraint")
    require(abs(totals[own] - result.cost) <= slack, f"cost {result.cost}, really {totals[own]}")
    require(result.lower_bound <= optimum + slack, f"bound {result.lower_bound} > {optimum}")
    if result.status == "optimal":
        require(totals[own] <= optimum + 2 * slack, f"optimal at {totals[own]}, really {optimum}")
    tally["held against all labellings"] += 1


def check_graph(kwargs: dict[str, Any], result: Any) -> None:
    """The graph of the result is the one that was given."""
    n = len(kwargs["probs"])
    given = kwargs["graph"]
    if isinstance(given, tuple):
        edges = np.asarray(given[0], dtype=np.int64).reshape(-1, 2)
        given = dense(edges, np.asarray(given[1]), n)
    matrix = np.asarray(given.todense() if sp.issparse(given) else given) * kwargs.get("delta", 1)
    if "extra_edges" in kwargs:
        matrix = matrix + dense(*kwargs["extra_edges"], n)
    own = dense(result.edges, result.weights, n)
    require(np.allclose(own, matrix, rtol=1e-12, atol=1e-320), "the result has another graph")


VERIFIED = ("allowed", "labels", "must_link", "cannot_link", "coverage", "node_weights")


def one_input(data: bytes) -> None:
    stream = Bytes(data)
    kwargs = decode(stream)
    odd = NAMES[stream.next() % len(NAMES)] if stream.next() % 8 == 7 else None
    if odd is not None:
        kwargs[odd] = stream.choice(ODD)
        tally["with an odd argument"] += 1
    try:
        with np.errstate(all="ignore"):
            result = multiway_cut(**kwargs)
    except (ValueError, TypeError, OverflowError) as error:
        tally["refused"] += 1
        if odd is None or not re.search(ALIASES.get(odd, odd), str(error)):
            check_refusal(kwargs, error, odd)
        return
    except FileNotFoundError:
        require(odd == "feats" and isinstance(kwargs["feats"], str), "no file was named")
        tally["refused"] += 1
        return
    except MemoryError:
        require(odd == "max_memory" or "max_memory" in kwargs, "out of memory")
        tally["refused"] += 1
        return
    tally["solved"] += 1
    if odd is not None or kwargs.get("preset", "default") != "default":
        return
    if "time_limit" not in kwargs and "max_memory" not in kwargs:
        left = 1e-14 * (np.sum(kwargs["probs"], dtype=np.longdouble) + result.weights.sum())
        is_rounding = result.status == "unproven" and result.gap <= left
        require(result.status == "optimal" or is_rounding, f"status {result.status}")
        tally["open by rounding"] += int(is_rounding)
    if "terminal_weights" not in kwargs:
        judge(kwargs, result)
    if "graph" in kwargs:
        check_graph(kwargs, result)
    if sum(data) % 16 == 0 or "must_link" in kwargs or "coverage" in kwargs:
        given = {name: kwargs[name] for name in VERIFIED if name in kwargs}
        report = verify(result, kwargs["probs"], **given)
        require(report, f"verify: {report.problems}")
        tally["verified"] += 1


def check_refusal(kwargs: dict[str, Any], error: Exception, odd: str | None) -> None:
    """What may be refused though each argument, but for the odd one, is of the right form."""
    usual = {name: value for name, value in kwargs.items() if name != odd}
    if odd != "probs" and not feasible(usual, labellings(*kwargs["probs"].shape)).any():
        tally["contradictions refused"] += 1
        return
    allowed = (
        "is all zero",  # a row of probs with no edge
        "beyond what a double can hold",
        "more than a double can hold",
        "beyond a double",
        "preset 'authors'",
        "must be finite",  # a dense matrix whose sums overflow
        "there are no nodes",  # where probs is the odd one
        "; nodes are 0 to ",
    )
    what = "" if odd is None else f"{odd}={kwargs[odd]!r}: "
    if "max_memory" in usual:
        allowed = (*allowed, "max_memory is ")
    named = any(text in str(error) for text in allowed)
    require(named, f"refused: {what}{type(error).__name__}: {error}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fuzz(one_input)
