"""Runs with a checkpoint: the bits of one without, whatever happens between."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities
from reference import assert_same_bits

from liid_cut import MultiwayCutResult, multiway_cut, solve, verify
from liid_cut.cli import main
from liid_cut.runs import batches
from liid_cut.runs.store import Store

from .test_batches import mixture


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_LEAST_WORK", 500)


def blocks(folder: Path) -> list[Path]:
    return sorted((folder / "cut").glob("batch-*.ckpt"))


@pytest.mark.parametrize("method", ["auto", "ckr"])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_the_bits_of_a_run_without(method: str, n_jobs: int, tmp_path: Path) -> None:
    inst = mixture()
    plain = inst.solve(method=method)
    for times in range(2):
        kept = inst.solve(method=method, n_jobs=n_jobs, checkpoint=tmp_path)
        assert_same_bits(kept, plain)
        assert kept.proofs_complete == plain.proofs_complete
        n = len(blocks(tmp_path))
        assert n > 10
        report = {"blocks_read": times * n, "blocks_written": (1 - times) * n}
        assert kept.diagnostics["checkpoint"] == {"folder": str(tmp_path), **report}
        assert kept.diagnostics["warnings"] == plain.diagnostics["warnings"]
    assert verify(kept, inst.probs, inst.graph, allowed=inst.allowed)


PROBS, FEATS = probabilities(400, 5, 0), features(400, 16, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"preset": "authors"},
        {"terminal_weights": "log", "temperature": 2.0, "symmetrize": "union"},
        {"must_link": [[0, 1]], "cannot_link": [[2, 3]]},
    ],
)
def test_the_bits_of_a_run_from_features(settings: dict[str, Any], tmp_path: Path) -> None:
    plain = multiway_cut(PROBS, FEATS, **settings)
    first = multiway_cut(PROBS, FEATS, **settings, checkpoint=tmp_path)
    again = multiway_cut(PROBS, FEATS, **settings, checkpoint=tmp_path)
    for kept in (first, again):
        assert_same_bits(kept, plain)
        assert kept.diagnostics["delta"] == plain.diagnostics["delta"]
        assert kept.diagnostics["neighbors"] == plain.diagnostics["neighbors"]
    assert again.diagnostics["checkpoint"]["blocks_written"] == 0


def test_a_problem_is_kept_too(tmp_path: Path) -> None:
    problem = mixture().problem()
    assert_same_bits(solve(problem, checkpoint=tmp_path), solve(problem))
    assert len(blocks(tmp_path)) > 10


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"delta": 0.4}, "delta is 0.3 there and 0.4 here; edges is|delta is 0.3 there and 0.4"),
        ({"symmetrize": "union"}, 'symmetrize is "mutual" there and "union" here'),
        ({"method": "ckr"}, 'method is "auto" there and "ckr" here'),
        ({"node_weights": np.full(400, 2.0)}, 'probs is "float'),
    ],
)
def test_another_cut_is_refused(change: dict[str, Any], differs: str, tmp_path: Path) -> None:
    settings = {"delta": 0.3, "checkpoint": tmp_path}
    multiway_cut(PROBS, FEATS, **settings)
    with pytest.raises(ValueError, match=rf"cut belongs to another run: ({differs})"):
        multiway_cut(PROBS, FEATS, **(settings | change))


def test_another_delta_keeps_the_neighbours(tmp_path: Path) -> None:
    multiway_cut(PROBS, FEATS, delta=0.3, checkpoint=tmp_path)
    for path in (tmp_path / "cut").iterdir():
        path.unlink()
    kept = multiway_cut(PROBS, FEATS, delta=0.4, checkpoint=tmp_path)
    assert_same_bits(kept, multiway_cut(PROBS, FEATS, delta=0.4))
    assert kept.diagnostics["checkpoint"]["blocks_read"] == 1


def test_no_path_is_an_error() -> None:
    with pytest.raises(ValueError, match="checkpoint is 7; it must be the path of a folder"):
        multiway_cut(PROBS, FEATS, checkpoint=7)  # type: ignore[arg-type]


def test_damaged_and_missing_batches_are_repaired(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inst = mixture()
    plain = inst.solve(checkpoint=tmp_path)
    files = blocks(tmp_path)
    content = bytearray(files[0].read_bytes())
    content[-100] ^= 4
    files[0].write_bytes(content)
    files[1].write_bytes(files[1].read_bytes()[:1000])
    files[2].unlink()
    with caplog.at_level(logging.INFO, "liid_cut"):
        kept = inst.solve(checkpoint=tmp_path)
    assert_same_bits(kept, plain)
    assert kept.diagnostics["checkpoint"]["blocks_written"] == 3
    notes = [w for w in kept.diagnostics["warnings"] if "is damaged" in w]
    assert len(notes) == 2
    assert str(files[0]) in notes[0] + notes[1]
    assert f"cut in {len(files)} batches, {len(files) - 3} of which were there" in caplog.text
    assert inst.solve(checkpoint=tmp_path).diagnostics["checkpoint"]["blocks_written"] == 0


def test_a_full_disk_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inst = mixture()
    write = Store.write

    def full(self: Store, name: str, *rest: Any, **facts: Any) -> None:
        if name.endswith("2"):
            raise OSError(28, os.strerror(28))
        write(self, name, *rest, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", full)
        kept = inst.solve(checkpoint=tmp_path)
    assert_same_bits(kept, inst.solve())
    notes = [w for w in kept.diagnostics["warnings"] if "No space left on device" in w]
    assert len(notes) == sum(1 for i in range(len(blocks(tmp_path)) + len(notes)) if i % 10 == 2)
    assert_same_bits(inst.solve(checkpoint=tmp_path), kept)


def interrupted(inst: Any, after: int, **settings: Any) -> MultiwayCutResult:
    calls = []

    def progress(state: Any) -> None:
        calls.append(state)
        if len(calls) == after:
            raise KeyboardInterrupt

    return inst.solve(progress=progress, **settings)


@pytest.mark.parametrize("after", [1, 2, 5])
def test_ctrl_c_is_a_limit_and_the_next_call_goes_on(after: int, tmp_path: Path) -> None:
    inst = mixture()
    first = interrupted(inst, after, checkpoint=tmp_path, n_jobs=1, method="ckr")
    assert verify(first, inst.probs, inst.graph, allowed=inst.allowed)
    open_ones = first.components["status"] != "optimal"
    if open_ones.any():
        assert first.status == "interrupted"
        assert set(first.components["status"][open_ones]) == {"interrupted"}
    assert_same_bits(inst.solve(checkpoint=tmp_path, method="ckr"), inst.solve(method="ckr"))


def test_errors_of_a_progress_function_come_through(tmp_path: Path) -> None:
    def progress(state: Any) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        mixture().solve(progress=progress, checkpoint=tmp_path)


def test_progress_adds_up(tmp_path: Path) -> None:
    states: list[Any] = []
    result = mixture().solve(progress=states.append, checkpoint=tmp_path)
    assert states[-1] == (result.n_components, result.n_components, result.cost, result.lower_bound)
    assert {state.n_components for state in states} == {result.n_components}


def test_a_time_limit_is_not_kept(tmp_path: Path) -> None:
    inst = mixture()
    limited = inst.solve(checkpoint=tmp_path, time_limit=1e-9)
    plain = inst.solve(time_limit=1e-9)
    assert_same_bits(limited, plain)
    assert limited.status == "time_limit"
    assert_same_bits(inst.solve(checkpoint=tmp_path), inst.solve())


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_memory_limit_strikes_the_same_components(n_jobs: int, tmp_path: Path) -> None:
    inst = mixture()
    enough_for_most = len(inst.probs) * 80 + len(inst.edges) * 80
    settings: dict[str, Any] = {"max_memory": enough_for_most, "n_jobs": n_jobs}
    plain = inst.solve(**settings)
    assert plain.status == "memory_limit"
    assert_same_bits(inst.solve(checkpoint=tmp_path, **settings), plain)
    with pytest.raises(MemoryError, match="the result alone needs about"):
        inst.solve(checkpoint=tmp_path, max_memory=1000)
    assert_same_bits(inst.solve(checkpoint=tmp_path), inst.solve())


def test_a_run_that_is_killed_at_every_write_ends_with_the_same_bits(tmp_path: Path) -> None:
    """Children kill themselves before or after their fourth write, until one comes to the end."""
    code = f"""
        import os, signal, sys
        import numpy as np
        from liid_cut import multiway_cut
        from liid_cut.files import write_result
        from liid_cut.neighbors import tiles
        from liid_cut.runs import batches, checkpoint, store

        batches._LEAST_WORK = 2000
        checkpoint.SECONDS_BETWEEN = checkpoint.TIMES_TO_WRITE = 0.0
        tiles._MOST_TILES_PER_PANEL = 1
        rng = np.random.default_rng(0)
        probs, feats = rng.dirichlet(np.ones(5), 2500), rng.normal(size=(2500, 12))

        def child(before):
            seen = []
            replacing = store.replacing
            def deadly(path):
                seen.append(path)
                if before and len(seen) == 4:
                    os.kill(os.getpid(), signal.SIGKILL)
                return replacing(path)
            def write(self, *rest, **facts):
                original(self, *rest, **facts)
                if len(seen) >= 4:
                    os.kill(os.getpid(), signal.SIGKILL)
            original, store.replacing, store.Store.write = store.Store.write, deadly, write
            result = multiway_cut(probs, feats, neighbors="exact", n_jobs=1,
                                  checkpoint={str(tmp_path / "run")!r})
            write_result({str(tmp_path / "killed.npz")!r}, result)
            os._exit(0)

        kills = 0
        while True:
            pid = os.fork()
            if pid == 0:
                child(before=kills % 2 == 0)
            status = os.waitpid(pid, 0)[1]
            if status == 0:
                break
            assert status == signal.SIGKILL, status
            kills += 1
        print(kills)
        write_result({str(tmp_path / "plain.npz")!r}, multiway_cut(probs, feats, neighbors="exact"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    from liid_cut.files import read_result

    assert_same_bits(*(read_result(tmp_path / f"{name}.npz") for name in ("killed", "plain")))


def test_the_command_keeps_a_graph_too(tmp_path: Path) -> None:
    inst = mixture()
    problem, folder = tmp_path / "in.npz", tmp_path / "run"
    np.savez(problem, probs=inst.probs, edges=inst.edges, weights=inst.weights)
    command = ["solve", str(problem), "-o", str(tmp_path / "out.npz"), "--quiet"]
    assert main([*command, "--checkpoint", str(folder)]) == 0
    assert len(blocks(folder)) > 10
    assert json.loads((folder / "cut" / "settings.json").read_text())["method"] == "auto"
