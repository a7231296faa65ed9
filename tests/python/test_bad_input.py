"""Faults in probs, feats, allowed and settings, one per test; those of graphs: test_graph.py."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from instances import triangle

from liid_cut import build_graph, make_problem, multiway_cut

NAN, INF = float("nan"), float("inf")
GOOD: dict[str, Any] = {
    "probs": np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]]),
    "feats": np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]]),
}
# Zero strides: 2^31 rows that take no memory.
HUGE = 2**31


def with_entry(name: str, row: int, column: int, value: float) -> Any:
    array = GOOD[name].copy()
    array[row, column] = value
    return array


# Name: arguments that replace good ones, message.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    # probs
    "nan": ({"probs": with_entry("probs", 1, 0, NAN)}, "probs[1, 0] is nan; every entry must be"),
    "inf": ({"probs": with_entry("probs", 2, 1, INF)}, "probs[2, 1] is inf; every entry must be"),
    "negative": ({"probs": with_entry("probs", 0, 1, -0.1)}, "probs[0, 1] is -0.1; every entry"),
    "all zero": ({"probs": [[1, 0], [0, 0], [0, 0]]}, "probs[1] is all zero; every row needs"),
    "a row too large": ({"probs": [[1e308] * 2] * 3}, "probs[0] brings the sum of probs beyond"),
    "path": ({"probs": "probs.npy"}, "probs is the path probs.npy; pass the array: numpy.load("),
    "1-d": ({"probs": np.ones(3)}, "probs has shape (3,); it must be 2-dimensional"),
    "3-d": ({"probs": np.ones((3, 2, 1))}, "probs has shape (3, 2, 1); it must be 2-dimens"),
    "scalar": ({"probs": 1.0}, "probs has shape (); it must be 2-dimensional"),
    "ragged": ({"probs": [[1, 0], [1]]}, "probs is not an array"),
    "no label": ({"probs": np.ones((3, 0))}, "probs has shape (3, 0); it needs at least one col"),
    "complex": ({"probs": np.ones((3, 2), complex)}, "probs has dtype complex128; it must be fl"),
    "str": ({"probs": np.full((3, 2), "1")}, "probs has dtype <U1; it must be float16"),
    "object": ({"probs": np.ones((3, 2), object)}, "probs has dtype object; it must be float16"),
    "dates": ({"probs": np.ones((3, 2), "m8[s]")}, "probs has dtype timedelta64[s]; it must be"),
    "long double": ({"probs": np.ones((3, 2), np.longdouble)}, "it must be float16, float32 or"),
    "too many rows": (
        {"probs": np.broadcast_to(np.float32(1), (HUGE, 2))},
        "probs has shape (2147483648, 2); at most 2147483647 rows",
    ),
    "too many integer rows": (
        {"probs": np.broadcast_to(np.int8(1), (HUGE, 2))},
        "probs has shape (2147483648, 2); at most 2147483647 rows",
    ),
    "too many labels": (
        {"probs": np.broadcast_to(np.float32(1), (3, HUGE))},
        "probs has shape (3, 2147483648); at most 2147483647 rows and columns",
    ),
    # feats
    "nan in feats": ({"feats": with_entry("feats", 2, 0, NAN)}, "feats[2, 0] is nan; every entry"),
    "inf in feats": ({"feats": with_entry("feats", 1, 1, -INF)}, "feats[1, 1] is -inf; every ent"),
    "zero in feats": ({"feats": [[1, 0], [0, 0], [0, 1]]}, "feats[1] is all zero; a zero vector"),
    "1-d feats": ({"feats": np.ones(3)}, "feats has shape (3,); it must be 2-dimensional"),
    "no column": ({"feats": np.ones((3, 0))}, "feats has shape (3, 0); it needs at least one c"),
    "fewer rows": ({"feats": np.ones((2, 2))}, "feats has 2 rows but probs has 3; both must"),
    "more rows": ({"feats": np.ones((4, 2))}, "feats has 4 rows but probs has 3; both must"),
    "complex feats": ({"feats": np.ones((3, 2), complex)}, "feats has dtype complex128; it must"),
    "str feats": ({"feats": np.full((3, 2), "a")}, "feats has dtype <U1; it must be float16"),
    "object feats": ({"feats": np.ones((3, 2), object)}, "feats has dtype object; it must be fl"),
    "huge feats": (
        {"feats": np.broadcast_to(np.float32(1), (HUGE, 2))},
        "feats has shape (2147483648, 2); at most 2147483647 rows",
    ),
    "neither": ({"feats": None}, "feats and graph: neither given; exactly one of them is needed"),
    "both": ({"graph": triangle().graph}, "feats and graph: both given; exactly one of them is"),
    # allowed
    "allowed nothing": (
        {"allowed": np.array([[True, True], [True, True], [False, False]])},
        "allowed[2] allows no label; every row needs at least one True",
    ),
    "allowed int": ({"allowed": np.ones((3, 2), int)}, "allowed has dtype int64; it must be bool"),
    "allowed shape": ({"allowed": np.ones((3, 3), bool)}, "allowed has shape (3, 3); probs has"),
    "allowed 1-d": ({"allowed": np.ones(3, bool)}, "allowed has shape (3,); probs has (3, 2)"),
    # settings
    "method": ({"method": "simplex"}, "method is 'simplex'; it must be one of 'auto', 'ckr', 'b"),
    "method type": (
        {"method": 3},
        "method is 3; it must be one of 'auto', 'ckr', ",
    ),
    "preset": (
        {"preset": "author"},
        "preset is 'author'; it must be one of 'default', 'pap",
    ),
    "symmetrize": ({"symmetrize": "both"}, "symmetrize is 'both'; it must be one of 'mutual', '"),
    "neighbors": ({"neighbors": "faiss"}, "neighbors is 'faiss'; it must be one of 'auto', 'ex"),
    "n_jobs 0": ({"n_jobs": 0}, "n_jobs is 0; it must be an integer from 1 to 32768"),
    "n_jobs -2": ({"n_jobs": -2}, "n_jobs is -2; it must be an integer from 1 to 32768"),
    "n_jobs float": ({"n_jobs": 2.0}, "n_jobs is 2.0; it must be an integer from 1 to"),
    "n_jobs bool": ({"n_jobs": True}, "n_jobs is True; it must be an integer from 1 to"),
    "n_jobs too many": (
        {"n_jobs": 32769},
        "n_jobs is 32769; it must be an integer from 1 to 32768",
    ),
    "n_jobs beyond int": ({"n_jobs": 2**40}, "n_jobs is 1099511627776; it must be an integer from"),
    "n_jobs array": ({"n_jobs": np.ones((2, 2))}, "it must be an integer from 1 to 32768"),
    "n_jobs empty": ({"n_jobs": np.zeros(0)}, "n_jobs is array([], dtype=float64); it must be"),
    "no time": ({"time_limit": 0}, "time_limit is 0; it must be finite and > 0"),
    "negative time": ({"time_limit": -1.5}, "time_limit is -1.5; it must be finite and > 0"),
    "nan time": ({"time_limit": NAN}, "time_limit is nan; it must be finite and > 0"),
    "time type": ({"time_limit": "soon"}, "time_limit is 'soon'; it must be a number"),
    "progress": ({"progress": "yes"}, "progress is 'yes'; it must be None, True or a function"),
    "negative delta": ({"delta": -1}, "delta is -1; it must be finite and >= 0"),
    "nan delta": ({"delta": NAN}, "delta is nan; it must be finite and >= 0"),
    "inf delta": ({"delta": INF}, "delta is inf; it must be finite and >= 0"),
    "delta type": ({"delta": "five"}, "delta is 'five'; it must be 'auto' or a number >= 0"),
    "delta array": ({"delta": [1.0, 2.0]}, "delta is [1.0, 2.0]; it must be a number"),
    "delta NumPy array": ({"delta": np.ones((2, 2))}, "it must be a number"),
    "delta empty": ({"delta": np.zeros(0)}, "delta is array([], dtype=float64); it must be a"),
    "delta sparse": ({"delta": scipy.sparse.csr_array(np.eye(3))}, "it must be a number"),
    "n_neighbors 0": ({"n_neighbors": 0}, "n_neighbors is 0; it must be an integer >= 1"),
    "n_neighbors float": ({"n_neighbors": 2.5}, "n_neighbors is 2.5; it must be an integer >= 1"),
    "n_neighbors bool": ({"n_neighbors": True}, "n_neighbors is True; it must be an integer"),
    "n_neighbors None": ({"n_neighbors": None}, "n_neighbors is None; it must be an integer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    arguments, message = FAULTS[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        multiway_cut(**GOOD | arguments)


def test_no_fault() -> None:
    assert multiway_cut(**GOOD).status == "optimal"


@pytest.mark.parametrize("fault", ["nan", "nan in feats", "neither", "symmetrize", "allowed int"])
def test_make_problem_finds_the_same_faults(fault: str) -> None:
    arguments, message = FAULTS[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        make_problem(**GOOD | arguments)


@pytest.mark.parametrize(
    "fault", ["nan in feats", "zero in feats", "1-d feats", "no column", "huge feats", "n_jobs 0"]
)
def test_build_graph_finds_the_same_faults(fault: str) -> None:
    arguments, message = FAULTS[fault]
    arguments = {"feats": GOOD["feats"]} | arguments
    with pytest.raises(ValueError, match=re.escape(message)):
        build_graph(**arguments)


def test_first_of_many_bad_rows_is_named() -> None:
    probs = np.ones((200_000, 2))
    probs[[150_000, 190_000]] = -1
    with pytest.raises(ValueError, match=r"probs\[150000, 0\] is -1"):
        multiway_cut(probs, graph=triangle().graph)


def test_total_beyond_the_largest_double() -> None:
    # Every row has a finite sum, but no cut of all six has a finite cost.
    with pytest.raises(
        ValueError, match=r"probs\[1\] brings the sum of probs beyond what a double"
    ):
        multiway_cut(np.full((6, 2), 8e307), graph=(np.array([[0, 1]]), np.ones(1)))


def test_too_large_for_brute_force() -> None:
    chain = np.stack([np.arange(29), np.arange(1, 30)], axis=1)
    with pytest.raises(ValueError, match="method brute_force: a component of 30 nodes has more"):
        multiway_cut(np.ones((30, 3)), graph=(chain, np.ones(29)), method="brute_force")


def test_scipy_sparse_probs() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(ValueError, match="probs"):
        multiway_cut(csr_array(GOOD["probs"]), GOOD["feats"])


def test_masked_entries_are_not_used_silently() -> None:
    probs = np.ma.masked_less(GOOD["probs"], 0.2)
    with pytest.raises(ValueError, match="probs"):
        multiway_cut(probs, GOOD["feats"])
