"""A cut in batches: the plan, and the same bits as in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hard_instances import NESTED, NESTED_WITH_CUTS, SMALL, THREE_LABELS
from instances import Instance, grid, instance, necklace, simplex_grid, star, triangle, union
from reference import assert_same_tree

from liid_cut import _core
from liid_cut.runs import batches
from liid_cut.runs.batches import arrays_of, divide, pack
from liid_cut.runs.merging import compensated_sum, from_block, is_repeatable, merge, to_block
from liid_cut.runs.store import Store


def mixture() -> Instance:
    """Components of all sizes in a random order, with every kind of proof."""
    rng = np.random.default_rng(8)
    small = [triangle(), simplex_grid(3), necklace(2), necklace(3, 1), star(), THREE_LABELS]
    alone = instance(rng.random((50, 3)), [], [])
    grids = [grid(side, 3, seed=side, weight=0.8) for side in range(2, 13)]
    inst = union(*[small[i] for i in rng.integers(0, len(small), 30)], *grids, alone)
    order = rng.permutation(len(inst.probs))
    probs = np.empty_like(inst.probs)
    probs[order] = inst.probs
    return Instance(probs, order[inst.edges], inst.weights, inst.allowed)


def core(inst: Instance) -> tuple[Any, ...]:
    problem = inst.problem()
    return problem.probs, problem.edges, problem.weights, problem.allowed


SETTINGS: dict[str, Any] = {
    "method": "auto",
    "time_limit_s": np.inf,
    "n_threads": 1,
    "progress": None,
}


def in_batches(arrays: tuple[Any, ...], store: Store, **settings: Any) -> dict[str, Any]:
    probs, edges, weights, _ = arrays
    ids = _core.component_ids(len(probs), edges, weights)
    n_nodes = np.bincount(ids)
    n_edges = np.bincount(ids[edges[:, 0]], minlength=len(n_nodes))
    parts = divide(ids, edges, pack(n_nodes, n_edges, probs.shape[1]))

    def results() -> Any:
        for i, part in enumerate(reversed(parts)):
            raw = _core.solve(*arrays_of(part, *arrays), **(SETTINGS | settings))
            assert is_repeatable(raw)
            store.write(str(i), *to_block(raw)[:1], **to_block(raw)[1])
            block = store.read(str(i))
            assert block is not None
            yield part, from_block(block.arrays, block.facts)

    return merge(ids, len(edges), probs.shape[1], results())


@pytest.mark.parametrize("method", ["auto", "ckr", "quick"])
@pytest.mark.parametrize(
    ("inst", "work"), [(mixture(), 1), (mixture(), 300), (union(NESTED), 1), (union(SMALL), 1)]
)
def test_batches_have_the_bits_of_one_call(
    inst: Instance, work: int, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_LEAST_WORK", work)
    arrays = core(inst)
    whole = _core.solve(*arrays, **(SETTINGS | {"method": method}))
    united = in_batches(arrays, Store(tmp_path, {}), method=method)
    del whole["timings"]
    assert_same_tree(united, whole)


def test_proofs_with_cuts_and_nested_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_LEAST_WORK", 1)
    arrays = core(union(NESTED_WITH_CUTS, NESTED_WITH_CUTS))
    whole = _core.solve(*arrays, **SETTINGS)
    assert len(whole["proofs"]) >= 2
    del whole["timings"]
    assert_same_tree(in_batches(arrays, Store(tmp_path, {})), whole)


def test_no_node_at_all(tmp_path: Path) -> None:
    arrays = np.empty((0, 3)), np.empty((0, 2), np.int32), np.empty(0), None
    whole = _core.solve(*arrays, **SETTINGS)
    del whole["timings"]
    assert_same_tree(in_batches(arrays, Store(tmp_path, {})), whole)


def test_a_batch_that_hit_a_limit_is_not_kept() -> None:
    arrays = core(mixture())
    assert not is_repeatable(_core.solve(*arrays, **(SETTINGS | {"time_limit_s": 1e-9})))
    # Enough for the result and some components.
    raw = _core.solve(*arrays, **SETTINGS, max_memory=len(arrays[0]) * 80 + len(arrays[1]) * 80)
    assert "memory_limit" in np.array(_core.STATUSES)[raw["components"]["status"]]
    assert not is_repeatable(raw)
    assert is_repeatable(_core.solve(*arrays, **SETTINGS))


def test_the_plan_takes_every_component_once() -> None:
    rng = np.random.default_rng(3)
    n_nodes = rng.zipf(1.6, 20_000).clip(max=300_000)
    batch_list = pack(n_nodes, n_nodes - 1, 21)
    assert np.array_equal(np.sort(np.concatenate(batch_list)), np.arange(20_000))
    work = np.array([(2 * n_nodes[b] - 1).sum() * 21 for b in batch_list])
    assert (np.diff(work) <= 0).all()
    most = min(batches._WORK_OF_A_SECOND, int(21 * (2 * n_nodes - 1).sum()) // 64)
    for batch, of_batch in zip(batch_list, work, strict=True):
        assert (np.diff(batch) > 0).all()
        assert of_batch <= 2 * most or len(batch) == 1


def test_a_large_component_has_a_batch_for_itself() -> None:
    plan = pack([10, 10**6, 10], [9, 10**6, 9], 3)
    assert [b.tolist() for b in plan] == [[1], [0, 2]]


def test_batches_of_little_work_are_not_many() -> None:
    assert len(pack(np.ones(1000), np.zeros(1000), 21)) == 1


def test_sums_have_the_bits_of_the_core() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        probs = rng.random((3000, 2)) * 10.0 ** rng.integers(-12, 12, (3000, 1))
        raw = _core.solve(probs, np.empty((0, 2), np.int32), np.empty(0), None, **SETTINGS)
        assert compensated_sum(raw["components"]["cost"]) == raw["cost"]
    assert compensated_sum(np.array([1.0, 1e100, 1.0, -1e100])) == 2.0
