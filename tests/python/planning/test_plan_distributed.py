"""Plans of runs on several workers, held against the units of runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features, probabilities

from liid_cut import plan_run
from liid_cut.distributed import multiway
from liid_cut.distributed.run import LocalExecutor
from liid_cut.distributed.units import Done, Unit
from liid_cut.neighbors import projected
from liid_cut.planning import RunPlan, assumptions
from liid_cut.planning.costs import PACKAGED

N, D, K = 20_000, 8, 4


def plan(n: int = N, d: int = D, labels: int = K, **settings: Any) -> RunPlan:
    defaults = {"memory": "8 GiB", "workers": 2, "cores_per_worker": 1, "costs": PACKAGED}
    return plan_run(n, d, labels, **(defaults | settings))


class Counting(LocalExecutor):
    """Units by the first words of their names."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Done]]:
        for unit in units:
            self.names[unit.name.rstrip("-0123456789")] += 1
        return super().run(units)


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[Counter[str], float, Any]:
    """Names of the units of a run, the bytes that it leaves on disk, its result."""
    counting = Counting()
    monkeypatch.setattr(multiway, "DaskExecutor", lambda client: counting)
    monkeypatch.setattr(multiway, "check_folder", lambda client, folder: None)
    folder.mkdir()
    np.save(folder / "feats.npy", features(N, D, 1))
    np.save(folder / "probs.npy", probabilities(N, K, 0))
    from liid_cut import multiway_cut

    result = multiway_cut(
        np.load(folder / "probs.npy", mmap_mode="r"),
        str(folder / "feats.npy"),
        client=object(),
        checkpoint=folder / "run",
        **settings,
    )
    left = sum(path.stat().st_size for path in (folder / "run").rglob("*") if path.is_file())
    return counting.names, left, result


def test_units_and_disk_are_those_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, left, result = run(tmp_path / "run", monkeypatch)
    found = plan()
    tasks = {stage.stage: stage.tasks for stage in found.stages}
    assert tasks["read"] == names["check"] + names["measure"]
    # Two panels: three pairs of panels, two of each merged and ranked.
    assert (
        tasks["neighbors"]
        == 3 + 2 + 2
        == names["exact-pair"] + names["exact"] + names["exact-ranked"]
    )
    assert names["edges"] - tasks["graph"] in (0, 1)  # by panels, whose size may differ
    assert tasks["delta"] == names["estimate"] == 1
    n_batches = names["batch"]
    assert abs(tasks["solve"] - n_batches) <= max(2, 0.3 * n_batches)
    assert found.disk == pytest.approx(left, rel=0.3)
    assert result.status == "optimal"


def test_blocks_of_the_clustered_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projected, "CLUSTERS_FROM", 1000)
    names, left, result = run(tmp_path / "run", monkeypatch, neighbors="pca", delta=0.5)
    # What is assumed of the data is another matter: take what the search found.
    reason = result.diagnostics["neighbors"]["reason"]
    n_directions, n_candidates = map(int, re.findall(r"(\d+) (?:directions|candidates)", reason))
    assert n_directions == D
    monkeypatch.setattr(assumptions, "_CANDIDATES", n_candidates)
    found = plan(neighbors="pca", delta=0.5)
    assert found.blocks["rows that ask"] == 1 << 14
    once = ("directions", "centres", "plan", "ranks", "coordinates", "clusters", "sorted", "recall")
    for name in once:
        assert sum(n for full, n in names.items() if full.startswith(name)) >= 1
    assert found.stage("neighbors").tasks == pytest.approx(
        sum(n for full, n in names.items() if full.startswith(("pca", *once))),
        abs=3,
    )
    assert found.disk == pytest.approx(left, rel=0.3)


def test_certified_is_planned_as_what_workers_do() -> None:
    found = plan(100_000, 2048)
    assert found.method == "exact"
    assert "workers compare all pairs, which gives the same" in found.reason


def test_what_does_not_go_is_said() -> None:
    billion = plan(
        10**9, 256, 81, memory="256 GiB", workers=100, cores_per_worker=64, target_recall=0.99
    )
    assert billion.problem.startswith("max_memory is 137438953472 bytes; lists of 1000000000 rows")
    assert not billion.fits
    assert any("fewer cores_per_worker" in sentence for sentence in billion.advice)
    assert "k-means, on one core" in billion.bottleneck
    exact = plan(10**8, 256, neighbors="exact", memory="1 TiB")
    assert any("more than a scheduler of Dask manages" in sentence for sentence in exact.advice)


def test_more_workers_take_less_time_and_no_more_memory() -> None:
    few, many = (plan(2_000_000, 256, 21, workers=w) for w in (2, 20))
    assert many.wall_s < few.wall_s
    assert many.cpu_s == few.cpu_s
    assert many.memory == few.memory
    assert few.client_memory > 0
