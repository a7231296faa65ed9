"""The exact search with products on a torch device; tests run it on the CPU device."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from instances import features

from liid_cut import find_neighbors
from liid_cut.neighbors import torch_device

torch = pytest.importorskip("torch")
FEATS = features(900, 30, seed=1)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks of queries and of columns, of sizes that do not divide n."""
    monkeypatch.setattr(torch_device, "_QUERIES", 350)
    monkeypatch.setattr(torch_device, "_COLUMNS", 128)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_neighbours_are_those_of_the_exact_search(dtype: str) -> None:
    feats = FEATS.astype(dtype)
    table = find_neighbors(feats, 5, neighbors="torch:cpu")
    expected = find_neighbors(feats, 5, neighbors="exact")
    assert table.ids.tobytes() == expected.ids.tobytes()
    assert table.similarities.tobytes() == expected.similarities.tobytes()
    assert (table.report["method"], table.report["proven"]) == ("torch:cpu", True)


@pytest.mark.usefixtures("small_blocks")
def test_ties_and_near_copies() -> None:
    rng = np.random.default_rng(2)
    for feats in (rng.choice([-1.0, 1.0], (400, 8)), 1 + 1e-8 * rng.random((400, 6))):
        table = find_neighbors(feats, 3, neighbors="torch:cpu")
        assert table.ids.tobytes() == find_neighbors(feats, 3, neighbors="exact").ids.tobytes()


def test_precision_of_the_user_is_restored() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        find_neighbors(FEATS, 3, neighbors="torch:cpu")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", ""])
def test_devices_that_do_not_exist(device: str) -> None:
    with pytest.raises(
        ValueError, match=f"neighbors is 'torch:{device}'; torch has no such device"
    ):
        find_neighbors(FEATS, 3, neighbors=f"torch:{device}")


def test_torch_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without_torch(name: str, *arguments: Any) -> Any:
        if name == "torch":
            raise ImportError(name)
        return original(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(ValueError, match="neighbors is 'torch:cpu', but torch is not installed"):
        find_neighbors(FEATS, 3, neighbors="torch:cpu")
