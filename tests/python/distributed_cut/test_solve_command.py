"""``liid-cut solve`` on a cluster: folders in, blocks of labels out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut import multiway_cut
from liid_cut.cli import main
from liid_cut.distributed import output

distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=80)
FEATS = np.random.default_rng(1).random((80, 6))


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    folder = tmp_path / "problem"
    folder.mkdir()
    np.save(folder / "probs.npy", PROBS)
    np.save(folder / "feats.npy", FEATS)
    return folder


def solve(*arguments: Any) -> int:
    return main(["solve", "--delta", "0.3", "--quiet", *map(str, arguments)])


@pytest.fixture
def refusal(
    problem: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., str]:
    """What the command says, in the folder that holds the problem, when it refuses."""
    monkeypatch.chdir(tmp_path)

    def said(*arguments: Any) -> str:
        assert solve(*arguments) == 2
        return capsys.readouterr().err

    return said


def labels() -> Any:
    return multiway_cut(PROBS, FEATS, delta=0.3).labels


def test_folder_in_and_blocks_out(
    problem: Path, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "ROWS_PER_BLOCK", 30)
    out = tmp_path / "out"
    address = client.scheduler.address
    assert solve(problem, "-o", f"{out}/", "--scheduler", address) == 0
    blocks = [np.load(path) for path in sorted(out.glob("labels-*.npy"))]
    assert [len(block) for block in blocks] == [30, 30, 20]
    np.testing.assert_array_equal(np.concatenate(blocks), labels())
    assert json.loads((out / "result.json").read_text())["status"] == "optimal"
    assert solve(problem, "-o", out, "--scheduler", address) == 0  # its own files are replaced


def test_zarr_out(problem: Path, tmp_path: Path, client: Any) -> None:
    zarr = pytest.importorskip("zarr")
    out = tmp_path / "labels.zarr"
    assert solve(problem, "-o", out, "--scheduler", client.scheduler.address) == 0
    array = zarr.open(str(out), mode="r")
    np.testing.assert_array_equal(array[:], labels())
    assert array.attrs["liid_cut"]["status"] == "optimal"


def test_a_result_file_verifies(problem: Path, tmp_path: Path, client: Any) -> None:
    np.savez(tmp_path / "in.npz", probs=PROBS, feats=FEATS)
    out = tmp_path / "out.npz"
    assert solve(tmp_path / "in.npz", "-o", out, "--scheduler", client.scheduler.address) == 0
    assert main(["verify", str(tmp_path / "in.npz"), str(out)]) == 0


def test_a_cluster_of_its_own(problem: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert solve(problem, "-o", tmp_path / "out", "--local-cluster", 1) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "labels-000000.npy"), labels())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["problem"], "a folder needs --local-cluster or --scheduler"),
        (["problem", "--local-cluster", "0"], "--local-cluster is 0; it must be at least 1"),
        (["problem", "--scheduler", "tcp://127.0.0.1:9"], "--scheduler tcp://127.0.0.1:9"),
        (["empty", "--local-cluster", "1"], "probs is missing; a folder holds probs and feats"),
        (["double", "--local-cluster", "1"], "holds probs.npy and probs.parquet; keep one"),
        (["problem", "--local-cluster", "1", "--coverage"], "--coverage has no distributed form"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    refusal: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("liid_cut.commands.cluster.CONNECT_TIMEOUT", "1s")
    for name in ("empty", "double"):
        (tmp_path / name).mkdir()
    for name in ("probs.npy", "probs.parquet"):
        (tmp_path / "double" / name).touch()
    assert message in refusal(*arguments, "-o", "out.npz")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("problem/", "is in the input; name a place of its own"),
        ("problem/probs.zarr", "is in the input; name a place of its own"),
        ("others/", "holds thesis.txt; name a folder of its own"),
        ("array.zarr", "is not an earlier result; name another"),
        ("file/out.zarr", "file"),
    ],
)
def test_bad_outputs_are_known_before_the_run(
    name: str,
    message: str,
    refusal: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zarr = pytest.importorskip("zarr")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    zarr.save(str(tmp_path / "array.zarr"), PROBS)
    monkeypatch.setattr("liid_cut.commands.solve.multiway_cut", None)
    assert message in refusal("problem", "-o", name, "--local-cluster", 1)


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    result = multiway_cut(PROBS, FEATS, delta=0.3)
    with pytest.raises(FileExistsError, match=r"holds thesis.txt; name a folder of its own"):
        output.write_labels(tmp_path, result, {})
