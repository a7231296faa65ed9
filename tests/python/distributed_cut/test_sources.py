"""Sources: ranges and single rows of files, in any order, with nothing left in memory."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut.distributed.sources import BlocksSource, FileSource, block_name, file_source
from liid_cut.runs.store import Store

ROWS = np.arange(70, dtype=np.float32).reshape(10, 7)
IDS = np.array([9, 0, 3, 3, 7])


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_keeps_its_order(order: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(ROWS, order=order))
    source = pickle.loads(pickle.dumps(FileSource.of_npy(tmp_path / "a.npy")))
    assert source.shape == ROWS.shape
    for found, expected in (
        (source.read(2, 6), ROWS[2:6]),
        (source.take(IDS), ROWS[IDS]),
        (source.take(IDS[:0]), ROWS[:0]),
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32
        assert found.size == 0 or found.flags[f"{order}_CONTIGUOUS"]


def test_rows_are_taken_in_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liid_cut.distributed.sources._SPAN_BYTES", 3 * 28)
    np.save(tmp_path / "a.npy", ROWS)
    source = FileSource.of_npy(tmp_path / "a.npy")
    for ids in (IDS, np.arange(2, 9), np.arange(9, 2, -1), np.array([4])):
        np.testing.assert_array_equal(source.take(ids), ROWS[ids])


@pytest.mark.parametrize("starts", [(0, 10), (0, 4, 8, 10), (0, 0, 10, 10)])
def test_blocks_are_one_matrix(starts: tuple[int, ...], tmp_path: Path) -> None:
    store = Store(tmp_path, {})
    for i in range(len(starts) - 1):
        store.write(block_name("b", i), {"x": ROWS[starts[i] : starts[i + 1]]})
    source = BlocksSource(store, "b", "x", starts, ROWS.dtype, (7,))
    assert source.shape == (10, 7)
    for begin, end in ((0, 10), (3, 9), (4, 8), (5, 5)):
        np.testing.assert_array_equal(source.read(begin, end), ROWS[begin:end])
    np.testing.assert_array_equal(source.take(IDS), ROWS[IDS])


def test_a_block_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path, {})
    store.write("a", {"x": ROWS})
    np.testing.assert_array_equal(file_source(store, "a", "x").read(0, 1), ROWS[:1])
    store.write("a", {"before": np.zeros(1000), "x": ROWS + 1})
    np.testing.assert_array_equal(file_source(store, "a", "x").read(0, 1), ROWS[:1] + 1)


def test_a_block_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="block a is gone while the run needs it"):
        file_source(Store(tmp_path, {}), "a", "x")


def test_only_maps_of_whole_files_stay_where_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    whole = np.load(tmp_path / "a.npy", mmap_mode="r")
    found = FileSource.of_whole(whole)
    assert found is not None
    np.testing.assert_array_equal(found.read(0, 10), ROWS)
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    for other in (whole[2:], whole[:, ::2], whole + 1, private):
        assert FileSource.of_whole(other) is None
