"""Features on disk, little memory, and searches that are killed and go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import Floats, features

from liid_cut import RecallWarning, find_neighbors, multiway_cut
from liid_cut.neighbors import exact as exact_module
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.rows import ArrayVectors
from liid_cut.neighbors.tiles import Tile, all_pairs, panel_rows
from liid_cut.neighbors.workers import workers
from liid_cut.runs import checkpoint as checkpoint_module
from liid_cut.runs.store import Store

FEATS = features(2500, 40, seed=1).astype(np.float16)
EXPECTED = find_neighbors(FEATS, 3, neighbors="exact")


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    path = tmp_path / "feats.npy"
    np.save(path, FEATS)
    return path


def assert_expected(table: Any) -> None:
    assert table.ids.tobytes() == EXPECTED.ids.tobytes()
    assert table.similarities.tobytes() == EXPECTED.similarities.tobytes()


@pytest.mark.parametrize("form", ["path", "text", "memmap", "writable memmap", "columns"])
def test_features_may_stay_on_disk(form: str, on_disk: Path) -> None:
    feats: Any = {
        "path": lambda: on_disk,
        "text": lambda: str(on_disk),
        "memmap": lambda: np.load(on_disk, mmap_mode="r"),
        "writable memmap": lambda: np.load(on_disk, mmap_mode="r+"),
        "columns": lambda: np.asfortranarray(FEATS),
    }[form]()
    assert_expected(find_neighbors(feats, 3))


def test_changes_of_a_private_map_are_kept(on_disk: Path) -> None:
    feats = np.load(on_disk, mmap_mode="c")
    feats[0] = 1
    table = find_neighbors(feats, 3)
    assert (feats[0] == 1).all()
    assert table.ids[0].tolist() != EXPECTED.ids[0].tolist()


def test_cut_of_a_file(on_disk: Path) -> None:
    probs = np.random.default_rng(2).dirichlet(np.ones(3), size=2500)
    expected = multiway_cut(probs, FEATS, delta=0.3)
    result = multiway_cut(probs, on_disk, delta=0.3)
    np.testing.assert_array_equal(result.labels, expected.labels)


def test_files_that_are_no_features(tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("feats")
    with pytest.raises(ValueError, match=r"feats: .*text.npy is no .npy file of numbers"):
        find_neighbors(tmp_path / "text.npy")
    with pytest.raises(FileNotFoundError):
        find_neighbors(tmp_path / "missing.npy")


@pytest.mark.parametrize("method", ["exact", "certified", "pca"])
def test_little_memory_gives_the_same_neighbours(method: str, on_disk: Path) -> None:
    table = find_neighbors(on_disk, 3, neighbors=method, max_memory="60 MB", n_jobs=2)
    assert_expected(table)


@pytest.mark.parametrize("n", [1, 1024, 1025, 5000])
@pytest.mark.parametrize("megabytes", [1, 4, 64])
def test_tiles_cover_every_pair_once(n: int, megabytes: int) -> None:
    vectors = ArrayVectors(np.zeros((n, 100), dtype=np.float32))
    covered = np.zeros((n, n), dtype=np.int8)
    steps: list[int] = []

    def visit(tile: Tile) -> None:
        rows, columns = tile.similarities.shape
        covered[tile.a : tile.a + rows, tile.b : tile.b + columns] += 1

    with workers(2) as pool:
        all_pairs(vectors, visit, pool, megabytes << 20, after_step=steps.append)
    upper = np.triu(np.ones((n, n), dtype=bool))
    assert (covered[upper] == 1).all()
    n_panels = -(-n // panel_rows(vectors, megabytes << 20))
    assert steps == list(range(1, n_panels * (n_panels + 1) // 2 + 1))


def test_memory_is_bounded(tmp_path: Path) -> None:
    # 24,000 x 512: 48 MB as float32, which 40 MB of memory do not hold.
    path = tmp_path / "feats.npy"
    rng = np.random.default_rng(3)
    np.save(path, rng.random((24_000, 512), dtype=np.float32).astype(np.float16))
    code = f"""
        import liid_cut, threadpoolctl
        def memory(field):
            with open("/proc/self/status") as status:
                return next(int(line.split()[1]) for line in status if line.startswith(field))
        liid_cut.find_neighbors([[1.0, 2.0], [2.0, 1.0]])
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
        before = memory("VmRSS")
        liid_cut.find_neighbors({str(path)!r}, neighbors="exact", max_memory="100 MB", n_jobs=1)
        print(memory("VmHWM") - before)
    """
    peak_kib = int(run(code).stdout)
    assert peak_kib < 100_000


# ---- checkpoints


def run(code: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        **settings,
    )


@pytest.mark.parametrize("method", ["exact", "certified", "pca"])
def test_a_killed_search_goes_on(method: str, tmp_path: Path) -> None:
    """Killed for real, in the middle; what was done is not done again."""
    rng = np.random.default_rng(4)
    feats = rng.normal(size=(6000, 160)) * np.arange(1, 161) ** -0.7
    np.save(tmp_path / "feats.npy", feats)
    folder = tmp_path / "state"
    code = f"""
        import time
        import liid_cut
        from liid_cut.neighbors import checkpoint, methods, tiles
        from liid_cut.runs import checkpoint as passes
        tiles._MOST_TILES_PER_PANEL = 1
        passes.SECONDS_BETWEEN = passes.TIMES_TO_WRITE = 0.0
        original = checkpoint.Stage.save
        def slow(self, done, **rest):
            original(self, done, **rest)
            print(done, flush=True)
            time.sleep(0.03)
        checkpoint.Stage.save = slow
        certified = methods.certified
        methods.certified = lambda *arguments: certified(*arguments, most_work=9e9)
        liid_cut.find_neighbors({str(tmp_path / "feats.npy")!r}, 3, neighbors={method!r},
                                checkpoint={str(folder)!r})
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    while int(child.stdout.readline()) < 4:
        pass
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert not (folder / "neighbors" / "table.ckpt").exists()
    # 6 panels of 1,024 rows are 21 steps; the killed search had done at least 4 of them.
    steps = [int(step) for step in run(code).stdout.split()]
    assert 1 not in steps[: steps.index(21)]
    assert steps[0] >= 5
    table = find_neighbors(tmp_path / "feats.npy", 3, neighbors=method)
    resumed = find_neighbors(tmp_path / "feats.npy", 3, neighbors=method, checkpoint=folder)
    assert resumed.ids.tobytes() == table.ids.tobytes()
    assert resumed.similarities.tobytes() == table.similarities.tobytes()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that an exact search begins with."""
    begun: list[int] = []
    original = exact_module.all_pairs

    def counting(vectors: Any, visit: Any, pool: Any, size: int, first: int, after: Any) -> None:
        begun.append(first)
        original(vectors, visit, pool, size, first, after)

    monkeypatch.setattr(exact_module, "all_pairs", counting)
    return begun


def test_a_finished_search_is_not_repeated(tmp_path: Path, counted: list[int]) -> None:
    for _ in range(2):
        assert_expected(find_neighbors(FEATS, 3, neighbors="exact", checkpoint=tmp_path))
    assert counted == [0]  # the table is there


def other_features() -> Floats:
    feats = FEATS.copy()
    feats[2000, 3] += 1
    return feats


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"feats": other_features()}, "feats is"),
        ({"feats": FEATS.astype(np.float32)}, r'feats is "float16 .* there and "float32'),
        ({"n_neighbors": 4}, "n_neighbors is 3 there and 4 here"),
        ({"neighbors": "auto"}, 'neighbors is "exact" there and "auto" here'),
        ({"groups": np.ones((2500, 1), dtype=bool)}, r'groups is null there and "bool \[2500, 1\]'),
    ],
)
def test_state_of_another_search_is_refused(
    change: dict[str, Any], differs: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"feats": FEATS, "n_neighbors": 3, "neighbors": "exact"}
    find_neighbors(**settings, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=f"neighbors belongs to another run: {differs}"):
        find_neighbors(**(settings | change), checkpoint=tmp_path)


@pytest.mark.parametrize("damage", ["cut short", "one bit", "empty"])
def test_damaged_state_is_found_again(
    damage: str, tmp_path: Path, counted: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    find_neighbors(FEATS, 3, neighbors="exact", checkpoint=tmp_path)
    path = tmp_path / "neighbors" / "table.ckpt"
    content = bytearray(path.read_bytes())
    if damage == "one bit":
        content[len(content) // 2] ^= 1
    path.write_bytes({"empty": b"", "cut short": content[:-100]}.get(damage, content))
    assert_expected(find_neighbors(FEATS, 3, neighbors="exact", checkpoint=tmp_path))
    assert counted == [0, 0]
    assert "table.ckpt is damaged" in caplog.text
    assert_expected(find_neighbors(FEATS, 3, neighbors="exact", checkpoint=tmp_path))
    assert counted == [0, 0]


def test_state_is_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: now[0])

    class Lists:
        def arrays(self) -> tuple[Any, Any]:
            now[0] += 0.5  # what writing takes
            return np.zeros(1), np.zeros(1)

    store = Store(tmp_path, {})
    written = []
    with Checkpoint(store).stage("a pass", Lists()) as stage:
        for step in range(1, 100):
            now[0] = max(now[0], step / 10)
            stage.save(step)
            block = store.read("a-pass")
            if block is not None and block.facts["done"] == step:
                written.append(step)
    # First after 1 s, then ten times as long as writing takes.
    assert written == [11, 67]


def test_a_search_that_found_too_little_warns_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"neighbors": "faiss:IVF64,Flat;nprobe=1", "checkpoint": tmp_path}
    tables = []
    for _ in range(2):
        with pytest.warns(RecallWarning, match="below target_recall"):
            tables.append(find_neighbors(FEATS, 3, **settings))
    assert tables[0].report == tables[1].report
    assert tables[0].ids.tobytes() == tables[1].ids.tobytes()


def test_folder_is_made_and_used_by_the_cut(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    probs = np.random.default_rng(5).dirichlet(np.ones(3), size=2500)
    multiway_cut(probs, FEATS, delta=0.3, checkpoint=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["cut", "neighbors"]
    # The search leaves its table alone.
    files = sorted(path.name for path in (folder / "neighbors").iterdir())
    assert files == ["settings.json", "table.ckpt"]


def test_ctrl_c_stops_all_threads() -> None:
    code = """
        import os, signal, threading, time
        import numpy as np, liid_cut
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        feats = np.random.default_rng(0).random((30000, 1024), dtype=np.float32)
        threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            liid_cut.find_neighbors(feats, neighbors="exact")
        except KeyboardInterrupt:
            print("stopped", threading.active_count())
    """
    start = time.monotonic()
    words = run(code, env=os.environ | {"PYTHONUNBUFFERED": "1"}).stdout.split()
    assert words == ["stopped", "1"]
    assert time.monotonic() - start < 60
