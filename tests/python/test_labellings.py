"""Every labelling of a few nodes, once; also where many nodes have no choice."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from instances import instance
from reference import cut_cost

from liid_cut import labellings as module
from liid_cut import verify
from liid_cut.labellings import all_labellings, count_labellings


@pytest.mark.parametrize("choices", [[[0, 2], [1], [0, 1, 2]], [[3], [1]], [[0, 1], []], []])
def test_each_comes_once_and_in_order(
    choices: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_A_TIME", 4)
    arrays = [np.array(labels, dtype=np.int64) for labels in choices]
    blocks = list(all_labellings(arrays))
    assert all(block.shape[1] <= 4 for block in blocks)
    found = [tuple(column) for block in blocks for column in block.T]
    assert found == list(product(*choices))
    assert count_labellings(arrays) == len(found)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("cannot_link", [None, [[0, 1]]])
def test_more_nodes_than_numpy_has_dimensions(
    cannot_link: list[list[int]] | None, exact: bool
) -> None:
    n = 70
    probs = np.random.default_rng(0).random((n, 2))
    labels = np.where(np.arange(n) < 60, np.arange(n) % 2, -1)
    inst = instance(probs, [[u, u + 1] for u in range(n - 1)], np.full(n - 1, 0.3))
    given = {"labels": labels, "cannot_link": cannot_link}
    result = inst.solve(method="brute_force", **given)
    assert result.status == "optimal"
    assert result.cost == pytest.approx(cut_cost(inst, result.labels))
    checked = verify(result, inst.probs, inst.graph, exact=exact, **given)
    assert checked.optimal, checked.problems
    assert result.cost == pytest.approx(inst.solve(**given).cost)
