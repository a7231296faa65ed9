"""npz files: nothing is half-written, nothing unpickled, every fault has its message."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from liid_cut.npz import check_writable, read_array, read_arrays, replacing, write_arrays

ARRAY = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize("header", ["{'descr': '<f8', 'fortran_order': False, 'shape': (9,", "\0"])
def test_a_damaged_npy_file(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, ARRAY)
    assert (read_array(path, "r") == ARRAY).all()
    data = path.read_bytes()
    path.write_bytes(data[:10] + header.encode().ljust(len(data) - 10))
    with pytest.raises(ValueError, match=r"a\.npy: damaged npy file"):
        read_array(path)
    np.savez(path.with_suffix(".npz"), a=ARRAY)
    with pytest.raises(ValueError, match=r"a\.npz: damaged npy file: it does not begin"):
        read_array(path.with_suffix(".npz"))
    np.save(path, np.array([None]))
    with pytest.raises(ValueError, match="pickled objects"):
        read_array(path)


def test_unreadable_files(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    with pytest.raises(FileNotFoundError):
        read_arrays(path)
    path.write_text("text")
    with pytest.raises(ValueError, match=r"p\.npz: not an npz file, or cut short"):
        read_arrays(path)
    np.save(tmp_path / "p.npy", ARRAY)
    with pytest.raises(ValueError, match=r"p\.npy: not an npz file"):
        read_arrays(tmp_path / "p.npy")
    np.savez(path, a=ARRAY)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not an npz file, or cut short"):
        read_arrays(path)
    at = whole.index(ARRAY.tobytes())
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(ValueError, match="damaged npz file: Bad CRC"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("mark", "at", "byte"),
    [
        (b"PK\x05\x06", 18, 1),  # the directory begins elsewhere: members before the file
        (b"PK\x01\x02", 8, 1),  # encrypted
        (b"PK\x01\x02", 10, 99),  # compressed by nobody knows what
        (b"\x93NUMPY", 10, ord("(")),  # a header that is no literal
        (b"\x93NUMPY", 6, 9),  # a version to come
    ],
)
def test_damage_that_zipfile_and_numpy_take_for_other_errors(
    mark: bytes, at: int, byte: int, tmp_path: Path
) -> None:
    """Found by fuzzing: OSError, RuntimeError, NotImplementedError, SyntaxError, ..."""
    np.savez(tmp_path / "p.npz", a=ARRAY)
    data = bytearray((tmp_path / "p.npz").read_bytes())
    data[data.index(mark) + at] = byte
    (tmp_path / "p.npz").write_bytes(data)
    with pytest.raises(ValueError, match=r"p\.npz: damaged npz file: "):
        read_arrays(tmp_path / "p.npz")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", a=np.array([[None]]))
    with pytest.raises(ValueError, match="holds pickled objects, which are not read"):
        read_arrays(tmp_path / "p.npz")
    with pytest.raises(TypeError, match="a holds Python objects"):
        write_arrays(tmp_path / "p.npz", {"a": np.array([[None]])})


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")

    def write() -> None:
        with replacing(tmp_path / "old") as file:
            file.write(b"new")
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_writing_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "target")
    write_arrays(tmp_path / "link", {"a": np.arange(3)})
    assert (tmp_path / "link").is_symlink()
    np.testing.assert_array_equal(read_arrays(tmp_path / "folder" / "target")["a"], np.arange(3))


def test_unwritable_paths(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        check_writable(tmp_path / "nowhere" / "x.npz")
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(FileExistsError, match="exists and is not a regular file"):
            check_writable(path)
    check_writable(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())
