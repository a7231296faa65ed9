"""Union-find over blocks of edges, against the core's on the whole graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from liid_cut import _core
from liid_cut.distributed import components
from liid_cut.distributed.run import LocalExecutor, Run


@pytest.mark.parametrize("n_edges", [0, 1, 40, 400])
def test_same_ids_as_the_core(
    n_edges: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "_EDGES_PER_BLOCK", 7)
    monkeypatch.setattr(components, "_FORESTS_PER_UNIT", 3)
    rng = np.random.default_rng(n_edges)
    pairs = rng.integers(0, 300, (n_edges, 2)).astype(np.int32)
    pairs = np.ascontiguousarray(pairs[pairs[:, 0] != pairs[:, 1]])
    edges, weights = _core.canonical_edges(300, pairs, np.ones(len(pairs)))
    run = Run(tmp_path, LocalExecutor(), keeps=False)
    ids = components.component_ids(run, run.store("cut", {}), edges, 300)
    np.testing.assert_array_equal(ids, _core.component_ids(300, edges, weights))
    assert ids.dtype == np.int32


def test_a_long_chain_in_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_EDGES_PER_BLOCK", 5)
    order = np.random.default_rng(0).permutation(200)
    chain = np.sort(np.stack([order[:-1], order[1:]], axis=1), axis=1).astype(np.int32)
    run = Run(tmp_path, LocalExecutor(), keeps=False)
    ids = components.component_ids(run, run.store("cut", {}), chain, 201)
    assert ids.tolist() == [0] * 200 + [1]
