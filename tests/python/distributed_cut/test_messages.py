"""Messages in files: an array that is read when it is asked for."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut.distributed.messages import Messages
from liid_cut.runs.store import Store

DENSE = np.random.default_rng(0).random((20, 3))


@pytest.fixture
def messages(tmp_path: Path) -> Messages:
    store = Store(tmp_path, {})
    edges = [np.array([0, 3, 19]), np.array([], dtype=int), np.setdiff1d(np.arange(20), [0, 3, 19])]
    for i, ids in enumerate(edges):
        store.write(f"batch-{i}", {"messages": DENSE[ids]})
    return Messages(store, [f"batch-{i}" for i in range(3)], edges, 20, 3)


@pytest.mark.parametrize(
    "key", [3, -1, slice(2, 9), [5, 0, 5], np.arange(20) % 2 == 0, (slice(None), 1), (4, 2)]
)
def test_rows_are_those_of_the_array(key: Any, messages: Messages) -> None:
    np.testing.assert_array_equal(messages[key], DENSE[key])


def test_the_whole_is_an_array(messages: Messages) -> None:
    np.testing.assert_array_equal(np.asarray(messages), DENSE)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(messages)), DENSE)
    assert (messages.shape, messages.ndim, len(messages)) == ((20, 3), 2, 20)
    assert np.asarray(messages, dtype=np.float32).dtype == np.float32
