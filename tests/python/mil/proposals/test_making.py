"""Proposals of a dataset: the same bytes however they were made, and nothing lost on the way."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skimage")
pytest.importorskip("sklearn")
pytest.importorskip("pycocotools")

from liid_mil.data.scenes import SceneDataset
from liid_mil.data.types import DatasetError
from liid_mil.proposals import making
from liid_mil.proposals.making import make_proposals
from liid_mil.proposals.segmentation import segment_proposals
from liid_mil.proposals.selection import select_proposals
from liid_mil.proposals.store import ProposalStore


def scenes(n_images: int = 6) -> SceneDataset:
    return SceneDataset(n_images, size=48, n_objects=(1, 1), n_clutter=(0, 0))


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_IMAGES_PER_CHUNK", 2)


class Damaged:
    """Scenes whose image 3 cannot be read."""

    def __init__(self) -> None:
        scenes_ = scenes()
        self._scenes = scenes_
        self.class_names, self.image_ids = scenes_.class_names, scenes_.image_ids
        self.tags = scenes_.tags

    def __len__(self) -> int:
        return len(self._scenes)

    def image(self, i: int) -> np.ndarray:
        if i == 3:
            raise DatasetError("three.jpg", "damaged image")
        return self._scenes.image(i)

    def truth(self, i: int) -> None:
        return None


def test_each_image_is_segmented_and_selected(tmp_path: Path) -> None:
    dataset = scenes(3)
    store = make_proposals(dataset, tmp_path / "store", n=5, max_proposals=50)
    for i in range(3):
        image = dataset.image(i)
        expected = select_proposals(segment_proposals(image, 50), 5, image.shape[:2])
        np.testing.assert_array_equal(store[i].boxes, expected.boxes)
        assert store[i].masks == expected.masks
        assert store.image_size(i) == (48, 48)
    assert [file.name for file in tmp_path.iterdir()] == ["store"]


def test_same_bytes_for_any_number_of_processes(tmp_path: Path) -> None:
    dataset = scenes(making._IMAGES_PER_CHUNK + 2)
    make_proposals(dataset, tmp_path / "one", n=3, max_proposals=20)
    make_proposals(dataset, tmp_path / "two", n=3, max_proposals=20, n_jobs=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


@pytest.mark.usefixtures("small_chunks")
def test_a_run_that_failed_goes_on(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"three\.jpg: damaged image"):
        make_proposals(Damaged(), tmp_path / "resumed", n=3)
    assert [file.name for file in (tmp_path / "resumed.partial").iterdir()] == ["000000"]
    chunks_made: list[int] = []
    make = making._Job.make
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            making._Job, "make", lambda job, chunk: chunks_made.append(chunk) or make(job, chunk)
        )
        make_proposals(scenes(), tmp_path / "resumed", n=3)
    assert chunks_made == [1, 2]
    make_proposals(scenes(), tmp_path / "fresh", n=3)
    assert content(tmp_path / "resumed") == content(tmp_path / "fresh")


@pytest.mark.usefixtures("small_chunks")
def test_chunks_of_other_settings_or_damaged_ones_are_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for n in (4, 3):
        with pytest.raises(DatasetError, match="three"):
            make_proposals(Damaged(), tmp_path / "store", n=n)
    assert "made with other settings" in caplog.text
    (tmp_path / "store.partial" / "000000" / "boxes.npy").write_bytes(b"")
    make_proposals(scenes(), tmp_path / "store", n=3)
    assert "boxes.npy: damaged file" in caplog.text
    make_proposals(scenes(), tmp_path / "fresh", n=3)
    assert content(tmp_path / "store") == content(tmp_path / "fresh")


SCRIPT = """
import sys
from liid_mil.data.scenes import SceneDataset
from liid_mil.proposals import making
making._IMAGES_PER_CHUNK = 2
dataset = SceneDataset(40, size=48, n_objects=(1, 1), n_clutter=(0, 0))
making.make_proposals(dataset, sys.argv[1], n=3)
"""


def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "killed")])
    partial = tmp_path / "killed.partial"
    deadline = time.monotonic() + 60
    while not list(partial.glob("0*/header.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_chunks = len(list(partial.glob("0*")))
    assert 1 <= n_chunks < 20
    assert not (tmp_path / "killed").exists()
    monkeypatch.setattr(making, "_IMAGES_PER_CHUNK", 2)
    make_proposals(scenes(40), tmp_path / "killed", n=3)
    make_proposals(scenes(40), tmp_path / "fresh", n=3)
    assert content(tmp_path / "killed") == content(tmp_path / "fresh")


def test_damaged_images_are_skipped_where_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        store = make_proposals(Damaged(), tmp_path / "store", n=3, on_error="skip")
    assert store.skipped == {Damaged().image_ids[3]: "three.jpg: damaged image"}
    assert "skipped: three.jpg: damaged image" in caplog.text
    assert len(store[3]) == 0
    assert len(store[2]) == 3
    assert len(make_proposals(Damaged(), tmp_path / "store", n=3, on_error="skip")) == 6
    with pytest.raises(ValueError, match=r"store lacks the proposals of 1 images, .*three\.jpg"):
        make_proposals(Damaged(), tmp_path / "store", n=3)


@pytest.mark.usefixtures("small_chunks")
def test_chunks_that_skipped_images_are_made_again_where_none_may_be_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = making.write_store

    def disk_is_full_at_the_end(path: Path, *given: Any, **more: Any) -> ProposalStore:
        if path.name == "store":
            raise OSError("disk full")
        return write(path, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(making, "write_store", disk_is_full_at_the_end)
        with pytest.raises(OSError, match="disk full"):
            make_proposals(Damaged(), tmp_path / "store", n=3, on_error="skip")
    with pytest.raises(DatasetError, match=r"three\.jpg: damaged image"):
        make_proposals(Damaged(), tmp_path / "store", n=3)
    assert "made without some images" in caplog.text


def test_a_finished_store_is_returned(tmp_path: Path) -> None:
    make_proposals(scenes(), tmp_path / "store", n=3)
    before = (tmp_path / "store" / "header.json").stat().st_mtime_ns
    assert isinstance(make_proposals(scenes(), tmp_path / "store", n=3), ProposalStore)
    assert (tmp_path / "store" / "header.json").stat().st_mtime_ns == before


def test_a_store_made_otherwise_is_not_taken(tmp_path: Path) -> None:
    make_proposals(scenes(), tmp_path / "store", n=3)
    with pytest.raises(ValueError, match=r"store holds proposals made with .*'n': 3"):
        make_proposals(scenes(), tmp_path / "store", n=4)
    with pytest.raises(ValueError, match="proposals of other images"):
        make_proposals(SceneDataset(6, size=48, seed=1), tmp_path / "store", n=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n is 0; it must be at least 1"),
        ({"max_proposals": 0}, "max_proposals is 0; it must be at least 1"),
        ({"n_jobs": 0}, "n_jobs is 0; it must be at least 1, or -1"),
        ({"on_error": "ignore"}, "on_error is 'ignore'; it must be one of"),
    ],
)
def test_bad_settings(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_proposals(scenes(), tmp_path / "store", **settings)
