"""Units on files: a run that ends early goes on; damaged blocks are repaired, foreign ones refused.

The units run one after another in this process; `test_on_dask` has workers that are killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities

from distributed_cut.bits import differences, solve_in_units
from liid_cut import multiway_cut
from liid_cut.distributed.run import LocalExecutor
from liid_cut.distributed.units import Done, Unit
from liid_cut.runs import batches

PROBS, FEATS = probabilities(700, 4, 0), features(700, 10, 1)
SETTINGS: dict[str, Any] = {"probs": PROBS, "feats": FEATS, "delta": 0.4, "keeps": True}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_LEAST_WORK", 500)


@pytest.fixture(scope="module")
def expected() -> Any:
    return multiway_cut(PROBS, FEATS, delta=0.4)


class EndedError(Exception):
    """The client is gone."""


def test_every_unit_may_be_the_last(
    expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client ends after each second unit that it had to compute, until none is left."""
    run = LocalExecutor.run

    def ends(self: LocalExecutor, units: Sequence[Unit]) -> Iterator[tuple[int, Done]]:
        for i, done in run(self, units):
            of_batch = done.arrays.get("written", np.empty(0, dtype=str))
            written.extend([*done.written, *of_batch.tolist()])
            yield i, done
            if len(written) == 2:
                raise EndedError

    monkeypatch.setattr(LocalExecutor, "run", ends)
    blocks: list[str] = []
    for _ in range(200):
        written: list[str] = []
        try:
            result = solve_in_units(tmp_path, **SETTINGS)
            break
        except EndedError:
            blocks += written
    assert differences(expected, result) == []
    assert len(blocks) >= 10
    assert len(set(blocks)) == len(blocks)  # nothing was done twice


def test_damaged_and_missing_blocks_are_done_again(expected: Any, tmp_path: Path) -> None:
    solve_in_units(tmp_path, **SETTINGS)
    files = sorted(tmp_path.rglob("*.ckpt"))
    rng = np.random.default_rng(0)
    n_damaged = 0
    for i, path in enumerate(files):
        content = bytearray(path.read_bytes())
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        if i % 3 == 0:
            path.write_bytes(content)
            n_damaged += 1
        elif i % 3 == 1:
            path.unlink()
    result = solve_in_units(tmp_path, **SETTINGS)
    assert differences(expected, result) == ["diagnostics['warnings']"]
    notes = [note for note in result.diagnostics["warnings"] if "is damaged" in note]
    assert n_damaged / 2 < len({note.split(" is ")[0] for note in notes}) <= n_damaged
    again = solve_in_units(tmp_path, **SETTINGS)
    assert again.diagnostics["distributed"]["blocks_written"] == 0


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"n_neighbors": 2}, "n_neighbors is 3 there and 2 here"),
        ({"delta": 0.5}, "delta is 0.4 there and 0.5 here"),
        ({"feats": FEATS * np.linspace(1, 2, 10)}, "feats is "),
    ],
)
def test_blocks_of_another_run_are_refused(
    change: dict[str, Any], differs: str, tmp_path: Path
) -> None:
    solve_in_units(tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match=f"belongs to another run: .*{differs}"):
        solve_in_units(tmp_path, **(SETTINGS | change))
