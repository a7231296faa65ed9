"""The same numbers in any container, dtype and memory order give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from instances import grid
from reference import assert_same_bits

from liid_cut import build_graph, multiway_cut

RNG = np.random.default_rng(0)
# Sixteenths and small integers: exact in every format below, bfloat16 too.
PROBS = RNG.integers(1, 17, (60, 4)) / 16
FEATS = RNG.integers(0, 9, (60, 6)) + np.eye(6)[RNG.integers(0, 6, 60)]

Array = npt.NDArray[Any]
FORMATS: dict[str, Callable[[Array], Any]] = {
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "float64": lambda a: a.astype(np.float64),
    "big-endian float16": lambda a: a.astype(">f2"),
    "big-endian float32": lambda a: a.astype(">f4"),
    "big-endian float64": lambda a: a.astype(">f8"),
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "Fortran float16": lambda a: np.asfortranarray(a, dtype=np.float16),
    "negative row stride": lambda a: a[::-1].copy()[::-1],
    "negative strides": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "part of a wider array": lambda a: np.pad(a, 3, constant_values=np.nan)[3:-3, 3:-3],
    "unaligned": lambda a: unaligned(a),
    "read-only": lambda a: read_only(a),
    "list of lists": lambda a: a.tolist(),
    "tuple of arrays": lambda a: tuple(a),
    "matrix": lambda a: np.asmatrix(a),
}


def unaligned(array: Array) -> Array:
    record = np.zeros(len(array), np.dtype([("pad", "i1"), ("row", "f8", array.shape[1:])]))
    record["row"] = array
    return record["row"]


def read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


# np.asmatrix itself warns.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_probs_and_feats(name: str) -> None:
    convert = FORMATS[name]
    settings: dict[str, Any] = {"delta": 0.25, "symmetrize": "union"}
    expected = multiway_cut(PROBS, FEATS, **settings)
    assert expected.components["edges"].sum() > 0
    assert_same_bits(multiway_cut(convert(PROBS), convert(FEATS), **settings), expected)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_probs_with_a_graph(name: str) -> None:
    inst = grid(6, 4, seed=1)
    probs = np.round(16 * inst.probs + 1) / 16
    expected = multiway_cut(probs, graph=inst.graph)
    assert_same_bits(multiway_cut(FORMATS[name](probs), graph=inst.graph), expected)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_feats_in_build_graph(name: str) -> None:
    expected = build_graph(FEATS).toarray()
    assert expected.any()
    np.testing.assert_array_equal(build_graph(FORMATS[name](FEATS)).toarray(), expected)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u4", "i8", "u8", ">i4", "?"])
def test_integer_probs_and_feats(dtype: str) -> None:
    top = 1 if dtype == "?" else 9
    probs = np.random.default_rng(1).integers(0, top, (40, 3), endpoint=True) | np.eye(
        40, 3, dtype=int
    )
    probs[~probs.any(axis=1), 0] = 1
    feats = np.random.default_rng(2).integers(0, top, (40, 7), endpoint=True)
    feats[~feats.any(axis=1), 0] = 1
    expected = multiway_cut(probs.astype(float), feats.astype(float))
    assert_same_bits(multiway_cut(probs.astype(dtype), feats.astype(dtype)), expected)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_maps(dtype: str, order: Any, tmp_path: Path) -> None:
    maps = []
    for name, array in {"probs": PROBS, "feats": FEATS}.items():
        file = np.memmap(tmp_path / name, dtype, "w+", shape=array.shape, order=order)
        file[:] = array
        file.flush()
        maps.append(np.memmap(tmp_path / name, dtype, "r", shape=array.shape, order=order))
    assert_same_bits(multiway_cut(*maps), multiway_cut(PROBS, FEATS))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_torch_tensors(dtype: str, requires_grad: bool) -> None:
    torch = pytest.importorskip("torch")
    probs, feats = (
        torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=requires_grad)
        for a in (PROBS, FEATS)
    )
    assert_same_bits(multiway_cut(probs, feats), multiway_cut(PROBS, FEATS))


@pytest.mark.parametrize("view", ["transposed", "lazily negated", "integer"])
def test_views_of_torch_tensors(view: str) -> None:
    torch = pytest.importorskip("torch")
    probs = np.ceil(PROBS * 4)
    tensor = {
        "transposed": lambda: torch.tensor(probs.T.copy()).T,
        "lazily negated": lambda: torch.tensor(-1j * probs).conj().imag,
        "integer": lambda: torch.tensor(probs.astype(int)),
    }[view]()
    assert_same_bits(multiway_cut(tensor, FEATS), multiway_cut(probs, FEATS))


def test_torch_graph_and_allowed() -> None:
    torch = pytest.importorskip("torch")
    inst = grid(5, 3, seed=2)
    allowed = np.ones(inst.probs.shape, bool)
    expected = multiway_cut(inst.probs, graph=inst.graph, allowed=allowed)
    graph = torch.tensor(inst.edges), torch.tensor(inst.weights)
    result = multiway_cut(inst.probs, graph=graph, allowed=torch.tensor(allowed))
    assert_same_bits(result, expected)


def test_input_is_left_alone() -> None:
    probs, feats = PROBS.copy(), FEATS.copy()
    multiway_cut(probs, feats)
    np.testing.assert_array_equal(probs, PROBS)
    np.testing.assert_array_equal(feats, FEATS)


def test_precision_is_that_of_the_input() -> None:
    # A float32 probability is not the decimal number that it was rounded from.
    probs = np.array([[0.1, 0.2], [0.7, 0.3]], dtype=np.float32)
    result = multiway_cut(probs, graph=(np.empty((0, 2), int), np.empty(0)))
    assert result.cost == float(np.float64(probs[0, 0]) + np.float64(probs[1, 1]))
