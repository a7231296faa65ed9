"""On a cluster of two processes: every kind of input, any chunks, killed workers, refusals."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features

from benchmarks.generators import random_regular
from distributed_cut.bits import differences
from liid_cut import MultiwayCutWarning, multiway_cut, verify
from liid_cut.distributed import executors, from_parquet
from liid_cut.distributed.units import Unit

pytest.importorskip("distributed", reason="needs the extra [dask]")

N, K, D = 1200, 4, 12
FEATS = features(N, D, seed=1).astype(np.float32)
PROBS = np.random.default_rng(0).dirichlet(np.full(K, 0.5), size=N).astype(np.float32)


@pytest.fixture(scope="module")
def expected() -> Any:
    return multiway_cut(PROBS, FEATS, delta=0.4)


def as_npy(folder: Path) -> tuple[Any, Any]:
    np.save(folder / "probs.npy", PROBS)
    np.save(folder / "feats.npy", FEATS)
    return folder / "probs.npy", str(folder / "feats.npy")


def as_memmaps(folder: Path) -> tuple[Any, Any]:
    return tuple(np.load(path, mmap_mode="r") for path in as_npy(folder))  # type: ignore[return-value]


def as_zarr(folder: Path) -> tuple[Any, Any]:
    zarr = pytest.importorskip("zarr")
    zarr.save(str(folder / "probs.zarr"), PROBS)
    array = zarr.create_array(str(folder / "feats"), shape=FEATS.shape, dtype="f4", chunks=(100, 5))
    array[:] = FEATS
    return folder / "probs.zarr", array


def as_parquet(folder: Path) -> tuple[Any, Any]:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {f"p{k}": PROBS[:, k] for k in range(K)}
    rows = pa.FixedSizeListArray.from_arrays(pa.array(FEATS.ravel()), D)
    (folder / "parts").mkdir()
    whole = pa.table({**columns, "feats": rows})
    for i, (begin, end) in enumerate(((0, 700), (700, N))):
        path = folder / "parts" / f"{i}.parquet"
        pq.write_table(whole.slice(begin, end - begin), path, row_group_size=90)
    parts = folder / "parts"
    return from_parquet(parts, list(columns)), from_parquet(parts, ["feats"])


def as_dask(folder: Path) -> tuple[Any, Any]:
    da = pytest.importorskip("dask.array")
    return da.from_array(PROBS, chunks=(77, 3)), da.from_array(FEATS, chunks=(500, 5)) * 1


def as_arrays(folder: Path) -> tuple[Any, Any]:
    return PROBS, FEATS


@pytest.mark.parametrize(
    "form", [as_arrays, as_npy, as_memmaps, as_zarr, as_parquet, as_dask], ids=lambda f: f.__name__
)
def test_same_bits_from_any_input(form: Any, client: Any, expected: Any, tmp_path: Path) -> None:
    probs, feats = form(tmp_path)
    result = multiway_cut(probs, feats, delta=0.4, client=client)
    assert differences(expected, result) == []
    assert verify(result, PROBS, result.graph)


def test_the_temporary_folder_goes_with_the_result(client: Any) -> None:
    result = multiway_cut(PROBS, FEATS, delta=0.4, client=client)
    folder = Path(result.diagnostics["distributed"]["folder"])
    assert folder.is_dir()
    del result
    assert not folder.exists()


def test_a_run_goes_on(client: Any, expected: Any, tmp_path: Path) -> None:
    settings = {"delta": 0.4, "client": client, "checkpoint": tmp_path / "run"}
    multiway_cut(PROBS, FEATS, **settings)
    again = multiway_cut(PROBS, FEATS, **settings)
    assert differences(expected, again) == []
    assert again.diagnostics["distributed"]["blocks_written"] == 0


@pytest.mark.parametrize("stage", ["exact-pair", "edges", "forest", "batch"])
def test_a_killed_worker_changes_nothing(
    stage: str,
    client: Any,
    expected: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = executors.DaskExecutor.run
    killed = []

    def run(self: Any, units: Any) -> Any:
        if units and units[0].name.startswith(stage):
            pid = next(iter(client.run(os.getpid).values()))
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        yield from original(self, units)

    monkeypatch.setattr(executors.DaskExecutor, "run", run)
    result = multiway_cut(PROBS, FEATS, delta=0.4, client=client)
    client.wait_for_workers(2, timeout=180)  # the nanny starts another, for the next test
    assert killed
    assert differences(expected, result) == []


def test_a_unit_that_ends_workers_is_named(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(RuntimeError, match=r"unit batch-7 ended 1 workers, at last tcp://127.0"):
        list(executors.DaskExecutor(client).run([Unit("batch-7", _end_worker, ())]))
    client.wait_for_workers(2, timeout=180)


def _end_worker() -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_error_of_the_disk_names_unit_and_file(client: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No such file .*unit read-1;") as caught:
        list(executors.DaskExecutor(client).run([Unit("read-1", _read, (tmp_path / "no",))]))
    assert caught.value.filename == str(tmp_path / "no")


def _read(path: Path) -> Any:
    return {"text": np.array(path.read_text())}


def test_a_folder_that_workers_do_not_see(client: Any, tmp_path: Path) -> None:
    class Apart:
        def run(self, function: Any, path: Path, token: str) -> Any:
            return client.run(function, path.with_name("elsewhere"), token)

    with pytest.raises(ValueError, match=r"checkpoint: worker tcp://.* does not see the folder"):
        executors.check_folder(Apart(), tmp_path)


def test_ctrl_c_reaches_a_batch_that_runs(client: Any) -> None:
    hard = random_regular(300, 4, 6, seed=6, weight=0.28)  # open after minutes
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    timer = threading.Timer(3.0, signal.pthread_kill, (main_thread, signal.SIGINT))
    timer.start()
    try:
        start = time.monotonic()
        with pytest.warns(MultiwayCutWarning):
            result = multiway_cut(hard.probs, graph=(hard.edges, hard.weights), client=client)
        seconds = time.monotonic() - start
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert result.status == "interrupted"
    assert 3 < seconds < 30
    deadline = time.monotonic() + 30
    while any(client.processing().values()):  # the batch that was interrupted
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert verify(result, hard.probs, result.graph)


def test_what_happens_is_logged(
    client: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, logger="liid_cut.distributed")
    multiway_cut(PROBS, FEATS, delta=0.4, client=client)
    assert "edges: 1 units, 0 were there" in caplog.text
    assert ", 0 were there" in caplog.text.partition("batches: ")[2]
