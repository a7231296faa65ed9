"""Plans of runs: what they say of sizes, methods, memory and limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import features

from liid_cut import find_neighbors, plan_run
from liid_cut.neighbors import choice
from liid_cut.neighbors.rows import ArrayVectors
from liid_cut.neighbors.tiles import Tile, all_pairs
from liid_cut.neighbors.workers import workers
from liid_cut.planning import RunPlan
from liid_cut.planning.assumptions import assumed
from liid_cut.planning.costs import PACKAGED
from liid_cut.planning.parts import total_counts
from liid_cut.planning.searches import SearchSize, search_parts

STAGES = ["read", "neighbors", "graph", "delta", "components", "solve", "write"]


def plan(n: int = 100_000, d: int = 256, labels: int = 21, **settings: Any) -> RunPlan:
    defaults: dict[str, Any] = {"memory": "64 GiB", "cores_per_worker": 4, "costs": PACKAGED}
    return plan_run(n, d, labels, **(defaults | settings))


def test_every_stage_is_forecast() -> None:
    found = plan(checkpoint=True)
    assert [stage.stage for stage in found.stages] == STAGES
    assert all(stage.cpu_s > 0 and stage.memory > 0 for stage in found.stages)
    assert found.cpu_s == pytest.approx(sum(stage.cpu_s for stage in found.stages))
    assert found.memory == max(stage.memory for stage in found.stages)
    assert found.disk > found.stage("neighbors").disk > 0
    assert found.fits
    assert found.bottleneck == "neighbors: all pairs multiplied"
    assert found.stage("read").read == 100_000 * (256 + 21) * 4
    assert found.as_dict()["stages"][1]["stage"] == "neighbors"


def test_an_exact_search_counts_what_it_multiplies() -> None:
    """The pairs of the forecast are the entries of the tiles that are visited."""
    vectors = ArrayVectors(np.ones((5000, 3), dtype=np.float32))
    seen = []

    def visit(tile: Tile) -> None:
        n_a, n_b = tile.similarities.shape
        seen.append(n_a * n_b if tile.a != tile.b else n_a * (n_a - 1) // 2)

    with workers(2) as pool:
        all_pairs(vectors, visit, pool, 1 << 30)
    size = SearchSize(5000, 3, 3, 1 << 30, 2)
    counts = total_counts(search_parts("exact", size, assumed(5000, 3, 1.0)))
    assert sum(seen) == 5000 * 4999 // 2 == pytest.approx(counts["pair"], rel=1e-3)
    assert counts["product"] == 3 * counts["pair"]


@pytest.mark.parametrize(
    ("n", "d", "method"),
    [
        (20_000, 256, "exact"),
        (200_000, 256, "exact"),  # bounds do not pay
        (100_000, 2048, "certified"),
        (1_000_000, 256, "pca"),
        (4_900_000, 2048, "pca"),
    ],
)
def test_the_method_that_auto_takes(n: int, d: int, method: str) -> None:
    found = plan(n, d)
    assert found.method == method
    assert method == found.settings.neighbors or found.reason.startswith("auto: ")
    assert method in choice.automatic_methods(n, d)
    assert plan(n, d, neighbors="exact").method == "exact"


def test_the_plan_follows_the_rule_of_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    feats = features(600, 8, 1)
    assert find_neighbors(feats).report["method"] == plan(600, 8).method == "exact"
    monkeypatch.setattr(choice, "_EXACT_UP_TO", 1.0)
    monkeypatch.setattr(choice, "_CERTIFIED_UP_TO", 2.0)
    assert find_neighbors(feats, target_recall=0.5).report["method"] == "pca"
    assert plan(600, 8).method == "pca"


def test_more_of_anything_costs_more() -> None:
    base = plan()
    assert plan(n=200_000).stage("neighbors").memory > base.stage("neighbors").memory
    assert plan(labels=81).stage("delta").cpu_s > 3 * base.stage("delta").cpu_s
    union = plan(symmetrize="union").stage("solve").memory
    assert union > plan(symmetrize="mutual").stage("solve").memory
    assert base.stage("solve").memory == union  # as the cut's default, where delta is estimated
    assert plan(n_neighbors=10).disk > base.disk
    assert plan(cores_per_worker=8).wall_s < base.wall_s
    given = plan(delta=0.5, symmetrize="union")
    assert given.cpu_s == pytest.approx(base.cpu_s - base.stage("delta").cpu_s)


def test_what_does_not_fit_is_said_with_what_would_change_it() -> None:
    found = plan(4_900_000, 2048, 81, memory="8 GiB", symmetrize="union")
    assert not found.fits
    assert any("and a worker has 8 GiB" in sentence for sentence in found.advice)
    (directions,) = [sentence for sentence in found.advice if "directions" in sentence]
    assert "raise max_memory or memory, or lower target_recall" in directions
    large = plan(4_900_000, 2048, 81, memory="256 GiB")
    assert large.fits
    assert not any("directions" in sentence for sentence in large.advice)

    nothing = plan(4_900_000, 2048, 81, max_memory="1 GiB")
    assert nothing.problem.startswith("max_memory is 1073741824 bytes; lists of 4900000 rows")
    assert nothing.advice[0] == f"the run will not start: {nothing.problem}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n is 0; it must be an integer >= 1"),
        ({"n": 1 << 31}, "n is 2147483648; a run has at most 2147483647 rows"),
        ({"labels": 2.5}, "labels is 2.5; it must be an integer >= 1"),
        ({"memory": "much"}, "memory is 'much'; write it as"),
        ({"workers": 0}, "workers is 0; it must be an integer >= 1"),
        ({"neighbors": "best"}, "neighbors is 'best'; it must be one of 'auto', 'exact'"),
        ({"dtype": "int8"}, "dtype is 'int8'; it must be one of 'float16', 'float32'"),
        ({"target_recall": 2}, "target_recall is 2; it must be at most 1"),
        ({"delta": -1}, "delta is -1; it must be finite and >= 0"),
        ({"network_bandwidth": "fast"}, "network_bandwidth is 'fast'; write it as '500 MB/s' or"),
        ({"disk_bandwidth": 0}, "disk_bandwidth is 0; it must be finite and > 0"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        plan(**settings)


def test_bandwidths(tmp_path: Path) -> None:
    assert plan(network_bandwidth="10 Gbit/s").settings.network_bandwidth == 1.25e9
    assert plan(disk_bandwidth="1 MiB/s").settings.disk_bandwidth == 2**20
    slow = plan(disk_bandwidth="1 MB/s")
    assert slow.stage("read").wall_s == pytest.approx(100_000 * 277 * 4 / 1e6)
    costs = replace(slow.costs, machine="another")
    assert plan(costs=costs).costs.machine == "another"
