"""Small results and passes inside a stage: found again, saved now and then, cleared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut.runs import checkpoint as module
from liid_cut.runs.checkpoint import Checkpoint
from liid_cut.runs.store import Store


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.ckpt"))


def test_results_are_computed_once(tmp_path: Path) -> None:
    calls: list[str] = []

    def array() -> dict[str, Any]:
        calls.append("array")
        return {"x": np.arange(3)}

    def value() -> Any:
        calls.append("value")
        return {"share": 0.1, "curve": [1e-300, float("inf"), None]}

    for _ in range(2):
        steps = Checkpoint(Store(tmp_path, {}))
        assert steps.keep("an array, of 3", array)["x"].tolist() == [0, 1, 2]
        assert steps.value("a value", value) == {"share": 0.1, "curve": [1e-300, np.inf, None]}
    assert calls == ["array", "value"]
    assert names(tmp_path) == ["a-value", "an-array-of-3"]
    steps.clear()
    assert names(tmp_path) == []


def test_without_a_store_nothing_is_kept() -> None:
    steps = Checkpoint()
    assert [steps.value("v", lambda i=i: i) for i in range(2)] == [0, 1]
    a_pass = steps.passed("p")
    a_pass.save(3, lambda: {"x": np.zeros(1)}, now=True)
    assert (a_pass.done, a_pass.found) == (3, None)
    steps.clear()


def test_a_pass_goes_on(tmp_path: Path) -> None:
    first = Checkpoint(Store(tmp_path, {})).passed("sweeps")
    assert first.found is None
    first.save(5, lambda: {"q": np.full(3, 0.5)}, now=True)
    first.save(6, lambda: {"q": np.full(3, 0.6)})  # too soon
    second = Checkpoint(Store(tmp_path, {})).passed("sweeps")
    assert second.done == 5
    assert second.found is not None
    assert second.found["q"].tolist() == [0.5] * 3


def test_writing_takes_a_tenth_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    a_pass = Checkpoint(Store(tmp_path, {})).passed("slow to write")
    written = []

    def arrays() -> dict[str, Any]:
        now[0] += 1.5
        written.append(now[0])
        return {}

    for step in range(1000):
        now[0] += 0.1
        a_pass.save(step, arrays)
    assert 1.5 * len(written) <= 0.11 * now[0]
    assert len(written) >= 0.05 * now[0]


def test_a_damaged_result_is_computed_again(tmp_path: Path) -> None:
    Checkpoint(Store(tmp_path, {})).value("v", lambda: 1)
    (tmp_path / "v.ckpt").write_bytes(b"?")
    store = Store(tmp_path, {})
    assert Checkpoint(store).value("v", lambda: 2) == 2
    assert "v.ckpt is damaged" in store.journal.notes[0]
