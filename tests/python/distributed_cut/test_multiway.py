"""The whole call as units, without an engine: the bits of one process, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hard_instances import NESTED_WITH_CUTS
from instances import features

from distributed_cut.bits import differences, solve_in_units
from liid_cut import MultiwayCutWarning, find_neighbors, multiway_cut, verify
from liid_cut.coupling import sample
from liid_cut.distributed import ranges
from liid_cut.distributed.neighbors import search
from liid_cut.distributed.run import LocalExecutor

N, K = 1500, 4
RNG = np.random.default_rng(0)
FEATS = features(N, 24, seed=1).astype(np.float32)
FEATS[17] = FEATS[5]
FEATS[100:110] = FEATS[3]  # more copies than there are neighbours
ZERO = FEATS.copy()
ZERO[40] = 0
PROBS = RNG.dirichlet(np.full(K, 0.5), size=N).astype(np.float32)
ALLOWED = (RNG.random((N, K)) < 0.5) | (np.arange(K) == 0)
LABELS = np.where(RNG.random(N) < 0.1, RNG.integers(0, K, N), -1)
CASES: dict[str, dict[str, Any]] = {
    "a delta": {"delta": 0.5},
    "union, local": {"delta": 0.2, "symmetrize": "union", "edge_weights": "local"},
    "clip, five neighbours": {"delta": 0.5, "edge_weights": "clip", "n_neighbors": 5},
    "estimated": {},
    "log": {"terminal_weights": "log", "temperature": 2.0},
    "labels": {"labels": LABELS, "node_weights": RNG.random(N) + 0.5},
    "tags": {"allowed": ALLOWED, "shared_tags": True, "terminal_weights": "log"},
    "paper": {"preset": "paper"},
    "pca": {"delta": 0.5, "neighbors": "pca", "target_recall": 0.9},
    "ckr": {"delta": 0.05, "method": "ckr"},
    "no edges": {"delta": 0.0},
    "extra edges": {"delta": 0.5, "extra_edges": (np.array([[0, 50], [3, 7]]), np.ones(2))},
    "a table": {"feats": None, "neighbors": find_neighbors(FEATS, 3), "delta": 0.3},
    "zero rows": {"feats": ZERO, "zero_rows": "isolate", "delta": 0.5},
    "Fortran order": {"probs": np.asfortranarray(PROBS), "feats": np.asfortranarray(FEATS)},
    "integers": {"probs": (PROBS * 100 + 1).astype(int), "delta": 20.0},
}


@pytest.mark.parametrize("case", CASES)
def test_same_bits_as_one_process(case: str, tmp_path: Path) -> None:
    arguments = {"probs": PROBS, "feats": FEATS, **CASES[case]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultiwayCutWarning)
        expected = multiway_cut(**arguments)
        result = solve_in_units(tmp_path, **arguments)
    assert differences(expected, result) == []


def test_the_certificate_holds(tmp_path: Path) -> None:
    result = solve_in_units(tmp_path, probs=PROBS, feats=FEATS, delta=0.5)
    assert verify(result, PROBS, result.graph)


def test_proofs_come_along(tmp_path: Path) -> None:
    made = NESTED_WITH_CUTS
    expected = multiway_cut(made.probs, graph=made.graph)
    assert expected.proofs, "an instance that needs none shows nothing"
    result = solve_in_units(tmp_path, probs=made.probs, graph=made.graph)
    assert differences(expected, result) == []
    assert verify(result, made.probs, made.graph)


def test_many_small_ranges_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = multiway_cut(PROBS, FEATS, allowed=ALLOWED)
    monkeypatch.setattr(ranges, "_UNIT_BYTES", 1)
    monkeypatch.setattr(ranges, "_MULTIPLE", 128)
    monkeypatch.setattr("liid_cut.distributed.features.MOST_BYTES", 5000)
    for module in ("edges", "inputs", "neighbors.ranking", "neighbors.copies", "components"):
        for name in ("_ROWS_AT_ONCE", "_ROWS_OF_TABLE", "_ROWS_PER_BLOCK", "_EDGES_PER_BLOCK"):
            target = f"liid_cut.distributed.{module}.{name}"
            monkeypatch.setattr(target, 200, raising=False)
    result = solve_in_units(tmp_path, probs=PROBS, feats=FEATS, allowed=ALLOWED)
    assert differences(expected, result) == []


@pytest.mark.parametrize("symmetrize", ["mutual", "union"])
def test_delta_of_a_part_of_a_large_graph(
    symmetrize: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = multiway_cut(PROBS, FEATS, symmetrize=symmetrize)
    for module in ("coupling.sample", "problem"):
        monkeypatch.setattr(f"liid_cut.{module}.MOST_NODES", 300)
    monkeypatch.setattr(sample.sampled_nodes, "__defaults__", (300,))
    expected = multiway_cut(PROBS, FEATS, symmetrize=symmetrize)
    result = solve_in_units(tmp_path, probs=PROBS, feats=FEATS, symmetrize=symmetrize)
    assert differences(expected, result) == []
    of_part = expected.diagnostics["delta"] != whole.diagnostics["delta"]
    # One larger component, and all of the graph is looked at.
    assert of_part == (whole.components["size"].max() <= 300)


def test_a_run_goes_on_from_its_folder(tmp_path: Path) -> None:
    first = solve_in_units(tmp_path, keeps=True, probs=PROBS, feats=FEATS)
    again = solve_in_units(tmp_path, keeps=True, probs=PROBS, feats=FEATS)
    assert differences(first, again) == []
    assert again.diagnostics["distributed"]["blocks_written"] == 0
    blocks = sorted((tmp_path / "distributed").rglob("*.ckpt"))
    assert len(blocks) > 5
    damaged = blocks[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    repaired = solve_in_units(tmp_path, keeps=True, probs=PROBS, feats=FEATS)
    assert "is damaged" in repaired.diagnostics["warnings"][0]
    assert first.labels.tobytes() == repaired.labels.tobytes()


def test_a_folder_of_other_input_is_refused(tmp_path: Path) -> None:
    solve_in_units(tmp_path, keeps=True, probs=PROBS, feats=FEATS, delta=0.5)
    changed = FEATS.copy()
    changed[700, 3] += 1
    with pytest.raises(ValueError, match=r"belongs to another run: feats is .* there and .* here"):
        solve_in_units(tmp_path, keeps=True, probs=PROBS, feats=changed, delta=0.5)


def test_a_time_limit_returns_what_there_is(tmp_path: Path) -> None:
    result = solve_in_units(tmp_path, probs=PROBS, feats=FEATS, delta=0.3, time_limit=1e-6)
    assert result.status == "time_limit"
    assert result.lower_bound < result.cost
    assert verify(result, PROBS, result.graph)


def test_ctrl_c_during_the_cut_returns_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LocalExecutor.run
    interrupted: list[bool] = []

    def run(self: LocalExecutor, units: Any) -> Any:
        if units and units[0].name.startswith("batch") and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        yield from original(self, units)

    monkeypatch.setattr(LocalExecutor, "run", run)
    result = solve_in_units(tmp_path, probs=PROBS, feats=FEATS, delta=0.3)
    assert result.status == "interrupted"
    assert verify(result, PROBS, result.graph)


def test_a_second_ctrl_c_ends_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = LocalExecutor.run

    def run(self: LocalExecutor, units: Any) -> Any:
        if units and units[0].name.startswith("batch"):
            raise KeyboardInterrupt
        yield from original(self, units)

    monkeypatch.setattr(LocalExecutor, "run", run)
    with pytest.raises(KeyboardInterrupt):
        solve_in_units(tmp_path, probs=PROBS, feats=FEATS, delta=0.3)


def test_files_of_the_user_in_the_folder_stay(tmp_path: Path) -> None:
    arrays = {"probs": PROBS, "feats": FEATS, "allowed": ALLOWED}
    for name in arrays:
        np.save(tmp_path / f"{name}.npy", np.arange(3))
    solve_in_units(tmp_path, keeps=True, delta=0.5, **arrays)
    for name in arrays:
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), np.arange(3))


def test_a_run_goes_on_with_other_memory_as_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feats = features(N, 128, seed=2).astype(np.float32)

    def solve(width: int) -> Any:
        monkeypatch.setattr(search, "budget", lambda *_: 3 * 4 * N * width)
        settings = {"neighbors": "pca", "target_recall": 0.9, "delta": 0.4}
        return solve_in_units(tmp_path, keeps=True, probs=PROBS, feats=feats, **settings)

    begun = solve(64)
    (tmp_path / "distributed" / "neighbors" / "pca-1-ranked-000000.ckpt").unlink()
    assert differences(begun, solve(128)) == []
    with pytest.raises(ValueError, match="was begun with memory for 64 directions, and here are 3"):
        solve(32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"must_link": [[0, 1]]}, r"must_link has no distributed form"),
        ({"cannot_link": [[0, 1]]}, r"cannot_link has no distributed form"),
        ({"coverage": ([0], [[1]])}, r"coverage has no distributed form"),
        ({"preset": "authors"}, r"preset 'authors' has no distributed form"),
        ({"neighbors": "faiss:Flat"}, r"neighbors is 'faiss:Flat'; with a client it must be one"),
        ({"neighbors": lambda x, k: x}, r"neighbors is a function; with a client"),
        ({"graph": (np.zeros((0, 2), int), [])}, r"feats, graph and a table .*: 2 given"),
        ({"feats": None}, r"feats, graph and a table of neighbors: 0 given"),
        ({"feats": FEATS[:-1]}, r"feats has 1499 rows but probs has 1500"),
        ({"labels": LABELS[1:]}, r"labels has shape \(1499,\)"),
        ({"node_weights": np.ones(3)}, r"node_weights has shape \(3,\)"),
        ({"allowed": ALLOWED[:, 1:]}, r"allowed has shape \(1500, 3\)"),
        ({"allowed": ALLOWED.astype(int)}, r"allowed has dtype int64; it must be bool"),
        ({"delta": "best"}, r"delta is 'best'"),
        ({"shared_tags": True}, r"shared_tags needs allowed"),
        ({"probs": "missing.npy"}, r"missing.npy"),
        ({"labels": np.where(LABELS < 0, LABELS, -5)}, r"labels\[\d+\] is -5; labels are 0 to 3"),
        (
            {"probs": np.eye(3)[[0, 1, 1]] * [1, 0, 1], "feats": None, "graph": ([[0, 1]], [1.0])},
            r"probs\[2\] is all zero and its node has no edge in graph",
        ),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        solve_in_units(tmp_path, **{"probs": PROBS, "feats": FEATS, **arguments})


def changed(array: Any, at: Any, value: Any) -> Any:
    copy = np.array(array)
    copy[at] = value
    return copy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probs": changed(PROBS, (1234, 2), np.nan)}, r"probs\[1234, 2\] is nan"),
        ({"probs": changed(PROBS, (1234, 2), -1)}, r"probs\[1234, 2\] is -1"),
        ({"probs": changed(PROBS, 1300, 0)}, r"probs\[1300\] is all zero"),
        ({"feats": changed(FEATS, (1299, 3), np.inf)}, r"feats\[1299, 3\] is inf"),
        ({"feats": ZERO}, r"feats\[40\] is all zero"),
        ({"allowed": changed(ALLOWED, 1111, False)}, r"allowed\[1111\] allows no label"),
        ({"labels": changed(LABELS, 1212, K)}, r"labels\[1212\] is 4; labels are 0 to 3"),
        ({"node_weights": changed(np.ones(N), 1313, 0)}, r"node_weights\[1313\] is 0.0"),
    ],
)
def test_the_first_bad_row_is_named(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liid_cut.distributed.inputs._ROWS_AT_ONCE", 250)
    monkeypatch.setattr("liid_cut.distributed.inputs.ROWS_PER_FINGERPRINT", 500)
    with pytest.raises(ValueError, match=message):
        solve_in_units(tmp_path, **{"probs": PROBS, "feats": FEATS, **arguments})
