"""Extraction by several processes under ``torchrun``: the bits of one, through a kill as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.extraction import ExtractionError, open_extraction, shares  # noqa: E402
from mil import run_until_extraction, tiny_extraction  # noqa: E402
from mil.launched import torchrun  # noqa: E402


@pytest.fixture
def one_thread() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def images_read(folder: Path) -> list[int]:
    files = sorted(folder.glob("read-*.txt"))
    return sorted(int(line) for file in files for line in file.read_text().split())


def assert_equal_files(one: Path, other: Path) -> None:
    assert sorted(path.name for path in one.iterdir()) == ["feats.npy", "index.npz", "probs.npy"]
    for name in ("feats.npy", "probs.npy"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    found, expected = open_extraction(one), open_extraction(other)
    for name in ("rows", "image_index", "boxes", "tags"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_shares_are_the_batches_of_one_process() -> None:
    is_done = np.zeros(11, dtype=bool)
    alone = [step.index.tolist() for step in shares(is_done, 2, 0, 1)]
    assert alone == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]
    of_three = [[step.index.tolist() for step in shares(is_done, 2, rank, 3)] for rank in range(3)]
    assert of_three == [alone[0::3], alone[1::3], alone[2::3]]
    is_done[[0, 1, 4, 10]] = True
    assert [step.index.tolist() for step in shares(is_done, 2, 0, 1)] == [
        [2, 3],
        [5],
        [6, 7],
        [8, 9],
    ]


@pytest.mark.slow
def test_two_nodes_go_on_from_one_process(
    tmp_path: Path, one_thread: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "shared"
    whole.mkdir()
    folder.mkdir()
    tiny_extraction.main(str(whole))
    assert images_read(whole) == list(range(9))

    class Stopped(tiny_extraction.Noted):
        def image(self, i: int) -> np.ndarray:
            if i == 3:
                raise KeyboardInterrupt
            return super().image(i)

    monkeypatch.setattr(tiny_extraction, "Noted", Stopped)
    with pytest.raises(KeyboardInterrupt):
        tiny_extraction.main(str(folder))
    assert images_read(folder) == [0, 1, 2]
    (folder / "read-0.txt").unlink()

    ended = torchrun("mil.tiny_extraction", str(folder))
    assert [code for code, _ in ended] == [0, 0], ended
    # Batches are dealt out in turn: 2 and 3 to one, 4 and 5 to the other.
    shares_read = [(folder / f"read-{rank}.txt").read_text().split() for rank in range(2)]
    assert shares_read == [["2", "3", "6", "7"], ["4", "5", "8"]]
    assert_equal_files(folder / "run", whole / "run")


@pytest.mark.slow
def test_a_killed_rank_is_noticed_and_one_process_goes_on(
    tmp_path: Path, one_thread: object
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "shared"
    whole.mkdir()
    folder.mkdir()
    tiny_extraction.main(str(whole))

    # Rank 1 dies at its second batch; its launcher, and by it the other one, end with an error.
    ended = torchrun("mil.tiny_extraction", str(folder), "1")
    assert all(code != 0 for code, _ in ended), ended
    assert any("SIGKILL" in output for _, output in ended), ended
    with pytest.raises(ExtractionError, match="this extraction is not finished; run it again"):
        open_extraction(folder / "run")
    before = images_read(folder)
    assert {0, 1, 2, 3} <= set(before) < set(range(9))

    for path in folder.glob("read-*.txt"):
        path.unlink()
    tiny_extraction.main(str(folder))
    again = images_read(folder)
    assert not {2, 3} & set(again)  # what was noted is not read again
    assert set(before) | set(again) == set(range(9))
    assert_equal_files(folder / "run", whole / "run")


@pytest.mark.slow
def test_a_run_under_torchrun_extracts_by_all_processes(tmp_path: Path, one_thread: object) -> None:
    folder = tmp_path / "run"
    ended = torchrun("mil.run_until_extraction", str(folder))
    assert [code for code, _ in ended] == [0, 0], ended
    read = [int((tmp_path / f"extracted-{rank}.txt").read_text()) for rank in range(2)]
    assert read == [4, 2]  # of six images in batches of two
    (by_two,) = (folder / "extraction").iterdir()
    kept = tmp_path / "kept"
    by_two.rename(kept)

    run_until_extraction.main(str(folder))  # the same network, in one process
    (by_one,) = (folder / "extraction").iterdir()
    assert by_one.name == by_two.name
    for name in ("probs.npy", "feats.npy"):
        assert (by_one / name).read_bytes() == (kept / name).read_bytes()
