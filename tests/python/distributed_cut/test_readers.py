"""Readers of zarr, parquet and dask arrays: ranges of rows, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut.distributed.readers import as_reader, from_parquet

ROWS = np.random.default_rng(0).random((25, 4)).astype(np.float32)


@pytest.fixture
def pq() -> Any:
    return pytest.importorskip("pyarrow.parquet", reason="needs the extra [dask]")


def table(**columns: Any) -> Any:
    return pytest.importorskip("pyarrow").table(columns)


@pytest.mark.parametrize("group", [1, 7, 100])
def test_ranges_cross_row_groups(group: int, pq: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(table(**{f"c{i}": ROWS[:, i] for i in range(4)}), path, row_group_size=group)
    reader = from_parquet(path)
    assert (reader.shape, reader.dtype) == ((25, 4), np.float32)
    for begin, end in ((0, 25), (6, 8), (24, 25), (5, 5)):
        np.testing.assert_array_equal(reader.read(begin, end), ROWS[begin:end])
    np.testing.assert_array_equal(from_parquet(path, ["c2", "c0"]).read(3, 9), ROWS[3:9, [2, 0]])


def test_workers_may_stand_elsewhere(
    pq: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr = pytest.importorskip("zarr")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    pq.write_table(table(**{f"c{i}": ROWS[:, i] for i in range(4)}), "rows.parquet")
    zarr.save("rows.zarr", ROWS)
    readers: list[Any] = [as_reader("feats", f"rows.{kind}") for kind in ("parquet", "zarr")]
    monkeypatch.chdir(tmp_path)
    for reader in readers:
        np.testing.assert_array_equal(reader.read(3, 9), ROWS[3:9])


def test_lists_that_differ_in_length(pq: Any, tmp_path: Path) -> None:
    pq.write_table(table(f=[[1.0, 2.0], [3.0, 4.0, 5.0]]), tmp_path / "f.parquet", row_group_size=1)
    with pytest.raises(ValueError, match=r"rows from 1 on have 3 values; the first row has 2"):
        from_parquet(tmp_path / "f.parquet").read(0, 2)


def test_empty_entries(pq: Any, tmp_path: Path) -> None:
    pq.write_table(table(a=[1.0, None]), tmp_path / "a.parquet", row_group_size=1)
    with pytest.raises(ValueError, match=r"column 'a' has an empty entry after row 1"):
        from_parquet(tmp_path / "a.parquet").read(0, 2)


def test_columns_and_rows_that_are_not_there(pq: Any, tmp_path: Path) -> None:
    pq.write_table(table(a=[1.0]), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"parquet: .* has no column 'b'"):
        from_parquet(tmp_path / "a.parquet", ["b"])
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"none holds no rows of parquet"):
        from_parquet(tmp_path / "none")


def test_zarr_groups_and_remote_arrays(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", reason="needs the extra [dask]")
    zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
    with pytest.raises(ValueError, match=r"feats: .*group.zarr is a zarr group; it must be an ar"):
        as_reader("feats", tmp_path / "group.zarr")
    with pytest.raises(ValueError, match=r"feats is a zarr array that is not in a local folder"):
        as_reader("feats", zarr.array(ROWS))


def test_dask_collections_that_are_no_arrays() -> None:
    da = pytest.importorskip("dask.array", reason="needs the extra [dask]")
    dask = pytest.importorskip("dask")
    with pytest.raises(ValueError, match=r"probs is a Delayed\w* of dask; it must be an array"):
        as_reader("probs", dask.delayed(1))
    array = da.from_array(ROWS, chunks=(5, 4))
    with pytest.raises(ValueError, match=r"probs has unknown chunk sizes; call compute_chunk_siz"):
        as_reader("probs", array[array[:, 0] > 0.5])


def test_other_values_have_no_reader() -> None:
    for value in (ROWS, [[1.0]], "feats.npy", None):
        assert as_reader("feats", value) is None
