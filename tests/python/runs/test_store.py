"""Blocks on disk: what comes back, what is refused, what is repaired."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut.runs.store import SETTINGS, SUFFIX, Store, fingerprint

KEY = {"delta": 0.3, "n_neighbors": 3, "feats": "float32 [2, 2] 00ff"}
ARRAYS = {
    "ids": np.arange(12, dtype=np.int32).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.empty((0, 4)),
    "scalar": np.array(7),
    "flags": np.array([True, False]),
}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_block_comes_back_bit_for_bit(tmp_path: Path) -> None:
    Store(tmp_path / "a" / "cut", KEY).write("one", ARRAYS, stage="exact", done=3)
    store = Store(tmp_path / "a" / "cut", KEY)
    block = store.read("one")
    assert block is not None
    assert block.facts == {"stage": "exact", "done": 3}
    assert list(block.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert block.arrays[name].dtype == array.dtype
        assert block.arrays[name].shape == array.shape
        assert block.arrays[name].tobytes() == array.tobytes()
    assert store.read("two") is None
    assert store.journal.reused == ["cut/one"]
    assert store.journal.notes == []
    assert files(tmp_path / "a" / "cut") == ["one" + SUFFIX, SETTINGS]


def test_blocks_are_mapped_aligned(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    assert store.map("one") is None
    store.write("one", ARRAYS)
    arrays = store.map("one")
    assert arrays is not None
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
        if array.size:
            assert arrays[name].ctypes.data % 64 == 0
            assert not arrays[name].flags.writeable
            assert arrays[name].flags.f_contiguous == array.flags.f_contiguous


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    calls = []

    def compute() -> dict[str, Any]:
        calls.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        arrays = Store(tmp_path, KEY).get("one", compute)
        assert arrays["x"].tolist() == [0, 1, 2]
    assert calls == [1]


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"delta": 0.5}, "delta is 0.3 there and 0.5 here"),
        ({"n_neighbors": 4, "delta": 1}, "delta is 0.3 there and 1 here; n_neighbors is 3 there"),
        ({"feats": "x"}, r'feats is "float32 \[2, 2\] 00ff" there and "x" here'),
        ({"tags": True}, "tags is missing there and true here"),
    ],
)
def test_another_run_is_refused_with_what_differs(
    change: dict[str, Any], phrase: str, tmp_path: Path
) -> None:
    store = Store(tmp_path / "mine", KEY)
    store.write("one", ARRAYS)
    with pytest.raises(ValueError, match=f"mine belongs to another run: {phrase}"):
        Store(tmp_path / "mine", KEY | change)
    # A file that was brought from another folder is refused too.
    other = Store(tmp_path / "other", KEY | change)
    (tmp_path / "other" / ("one" + SUFFIX)).write_bytes(
        (tmp_path / "mine" / ("one" + SUFFIX)).read_bytes()
    )
    with pytest.raises(ValueError, match=rf"one\.ckpt belongs to another run: {phrase}"):
        other.read("one")


def test_a_setting_that_is_gone_differs(tmp_path: Path) -> None:
    Store(tmp_path, KEY | {"tags": True})
    with pytest.raises(ValueError, match="tags is true there and missing here"):
        Store(tmp_path, KEY)


def damage(content: bytes, how: str) -> bytes:
    changed = bytearray(content)
    if how.startswith("bit"):
        changed[int(float(how[4:]) * (len(content) - 1))] ^= 1
    return {"empty": b"", "cut short": content[:-1], "longer": content + b"\0"}.get(how, changed)


# Bits of the checksum, the header, the arrays and the padding.
@pytest.mark.parametrize(
    "how", ["empty", "cut short", "longer", *(f"bit {at}" for at in (0, 0.02, 0.1, 0.3, 0.6, 1))]
)
def test_a_damaged_block_is_noted_and_repaired(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Store(tmp_path, KEY).write("one", ARRAYS)
    path = tmp_path / ("one" + SUFFIX)
    content = path.read_bytes()
    path.write_bytes(damage(content, how))
    store = Store(tmp_path, KEY)
    with caplog.at_level(logging.WARNING, "liid_cut"):
        store.get("one", lambda: ARRAYS)
    assert path.read_bytes().split(b"\n", 2)[2] == content.split(b"\n", 2)[2]
    assert len(store.journal.notes) == 1
    assert "one.ckpt is damaged (wrong checksum); its part is done again" in store.journal.notes[0]
    assert store.journal.notes[0] in caplog.text
    assert Store(tmp_path, KEY).read("one") is not None


@pytest.mark.parametrize("content", ["", "{", "[]", "\udcff"])
def test_damaged_settings_are_written_again(content: str, tmp_path: Path) -> None:
    Store(tmp_path, KEY).write("one", ARRAYS)
    good = (tmp_path / SETTINGS).read_text()
    (tmp_path / SETTINGS).write_text(content, errors="surrogateescape")
    store = Store(tmp_path, KEY)
    assert "settings.json is damaged" in store.journal.notes[0]
    assert (tmp_path / SETTINGS).read_text() == good
    assert store.read("one") is not None


def test_a_flipped_bit_of_the_settings_is_no_other_run(tmp_path: Path) -> None:
    Store(tmp_path, KEY).write("one", ARRAYS)
    content = (tmp_path / SETTINGS).read_bytes()
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << (at % 8)
        (tmp_path / SETTINGS).write_bytes(changed)
        assert Store(tmp_path, KEY).read("one") is not None
    assert (tmp_path / SETTINGS).read_bytes() == content


def test_every_bit_counts(tmp_path: Path) -> None:
    """No flipped bit of a small block goes unseen."""
    Store(tmp_path, {"a": 1}).write("one", {"x": np.arange(3)})
    path = tmp_path / ("one" + SUFFIX)
    content = path.read_bytes()
    store = Store(tmp_path, {"a": 1})
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << (at % 8)
        path.write_bytes(changed)
        assert store.read("one") is None
    assert len(store.journal.notes) == len(content)


def test_objects_are_not_written(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    with pytest.raises(TypeError, match="one: x holds Python objects"):
        store.write("one", {"x": np.array([{}])})
    assert files(tmp_path) == [SETTINGS]


def write_much(folder: Path, started: Any) -> None:
    store = Store(folder, KEY)
    started.set()
    for i in range(10**6):
        store.write(f"block-{i % 4}", {"x": np.full(100_000, i)})


def test_a_kill_leaves_whole_blocks_only(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    child = context.Process(target=write_much, args=(tmp_path, started))
    child.start()
    assert started.wait(60)
    child.join(0.2)
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    store = Store(tmp_path, KEY)
    blocks = [store.read(f"block-{i}") for i in range(4)]
    assert blocks[0] is not None
    assert all(len(np.unique(block.arrays["x"])) == 1 for block in blocks if block)
    assert store.journal.notes == []


def test_what_a_kill_left_is_removed_later(tmp_path: Path) -> None:
    Store(tmp_path, KEY)
    old, new = tmp_path / ".one.ckpt.00.tmp", tmp_path / ".two.ckpt.00.tmp"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1e9, 1e9))
    Store(tmp_path, KEY)
    assert not old.exists()
    assert new.exists()


def test_a_full_disk_is_an_error_or_a_note(tmp_path: Path) -> None:
    store = Store(tmp_path, KEY)
    store.write("one", {"x": np.arange(10)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.write("one", {"x": np.arange(10**5)})
        assert not store.try_write("one", {"x": np.arange(10**5)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "one.ckpt could not be written (File too large)" in store.journal.notes[0]
    assert files(tmp_path) == ["one" + SUFFIX, SETTINGS]
    block = store.read("one")  # the older one stands
    assert block is not None
    assert len(block.arrays["x"]) == 10


def test_a_store_travels(tmp_path: Path) -> None:
    store = pickle.loads(pickle.dumps(Store(tmp_path, KEY)))
    store.write("one", ARRAYS)
    assert Store(tmp_path, KEY).read("one") is not None


def test_fingerprints_see_every_byte(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(70000, 20))
    np.save(tmp_path / "x.npy", x)
    mark = fingerprint(x)
    assert mark == fingerprint(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert mark == fingerprint(np.asfortranarray(x))
    seen = {mark, fingerprint(x.astype(np.float32)), fingerprint(x.reshape(20, 70000))}
    for row, column in ((0, 0), (1500, 7), (69999, 19)):
        y = x.copy()
        y[row, column] = np.nextafter(y[row, column], 9)
        seen.add(fingerprint(y))
    assert len(seen) == 6
    assert fingerprint(None) is None
    assert fingerprint(np.empty((0, 3))) != fingerprint(np.empty((0, 4)))
    assert fingerprint(np.array(1)) != fingerprint(np.array(2))
