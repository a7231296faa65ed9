"""MATLAB files whose sizes are lies: refused before SciPy believes them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from scipy.io import savemat

from benchmarks import proposal_files as files
from liid_mil.readers import Limits
from mil.readers.checks import example, read_one, refused

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind: int, shape: tuple[int, ...], name: bytes, content: bytes, flags: int = 0) -> bytes:
    head = element(6, struct.pack("<II", kind | flags, 0))
    head += element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name)
    return element(14, head + content)


def doubles(shape: tuple[int, ...], name: bytes = b"", data: bytes = bytes(8)) -> bytes:
    return matrix(6, shape, name, element(9, data))


def check(tmp_path: Path, content: bytes, reason: str, **limits: int) -> None:
    (tmp_path / "a.mat").write_bytes(HEADER + content)
    refused("mcg", tmp_path / "a.mat", reason, limits=Limits(**limits))
    packed = zlib.compress(content)
    (tmp_path / "a.mat").write_bytes(HEADER + struct.pack("<II", 15, len(packed)) + packed)
    refused("mcg", tmp_path / "a.mat", reason, limits=Limits(**limits))


def test_this_writer_writes_what_is_read(tmp_path: Path) -> None:
    box = struct.pack("<4d", 1, 1, 2, 3)
    (tmp_path / "a.mat").write_bytes(HEADER + doubles((1, 4), b"bboxes", box))
    assert read_one("mcg", tmp_path / "a.mat").proposals.boxes.tolist() == [[0, 0, 3, 2]]


BIG = 2**31 - 1
DEEP = doubles((1, 1))
for _ in range(50):
    DEEP = matrix(1, (1, 1), b"", DEEP)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (doubles((BIG, BIG), b"scores"), "an array of 4611686014132420609 items in 8 bytes"),
        (doubles((-1, -1), b"scores"), r"an array of shape \(-1, -1\)"),
        (doubles((1,), b"scores"), r"an array of shape \(1,\)"),
        (doubles((1,) * 40, b"scores"), r"an array of shape \(1, 1, 1, 1\)"),
        (matrix(1, (BIG, 1), b"labels", DEEP), f"{BIG} cells in 2"),
        (matrix(1, (BIG, BIG), b"labels", b""), "4611686014132420609 cells in 0 bytes"),
        (matrix(1, (2, 1), b"labels", doubles((1, 1))), r"damaged MATLAB file"),
        (matrix(1, (1, 1), b"labels", DEEP), "arrays in arrays too deep"),
        (matrix(1, (1, 1), b"labels", element(9, bytes(8))), "a cell of type 9"),
        (matrix(3, (1, 1), b"labels", b""), "an array of class 3, which is not read"),
        (matrix(5, (BIG, 1), b"labels", b""), "an array of class 5, which is not read"),
        (matrix(17, (1, 1), b"labels", b""), "an array of class 17, which is not read"),
        (matrix(6, (1, 1), b"scores", element(99, bytes(8))), "an array of 1 items in 8 bytes"),
        (doubles((1, 2), b"scores"), "an array of 2 items in 8 bytes"),
        (doubles((1, 1), b"scores")[:-4], "damaged MATLAB file"),
        (struct.pack("<II", 14, 4) + bytes(4), "damaged MATLAB file"),
        (b"\x01", "damaged MATLAB file"),
    ],
)
def test_sizes_that_are_lies(tmp_path: Path, content: bytes, reason: str) -> None:
    check(tmp_path, content, reason)


def test_packed_bytes_are_counted_before_they_are_unpacked(tmp_path: Path) -> None:
    zeros = bytes(10_000_000)
    content = doubles((10_000_000 // 8, 1), b"scores", zeros)
    packed = zlib.compress(content, 9)
    assert len(packed) < 20_000
    (tmp_path / "a.mat").write_bytes(HEADER + struct.pack("<II", 15, len(packed)) + packed)
    reason = "needs 10000048 bytes or more for one image; at most 1000000 are read"
    reason = reason.replace("10000048", r"100000\d\d")
    refused("mcg", tmp_path / "a.mat", reason, limits=Limits(max_bytes=1_000_000))


def test_other_variables_are_not_unpacked(tmp_path: Path) -> None:
    image = example()
    savemat(
        tmp_path / "a.mat",
        {"bboxes": np.ones((1, 4)), "features": np.zeros(10_000_000)},
        do_compression=True,
    )
    assert len(read_one("mcg", tmp_path / "a.mat", limits=Limits(max_bytes=10**6)).proposals) == 1
    files.write_mcg(tmp_path / "a.mat", image, other=np.array([1 + 2j]))
    assert len(read_one("mcg", tmp_path / "a.mat").proposals) == len(image.sets)


def test_a_wrong_checksum(tmp_path: Path) -> None:
    files.write_mcg(tmp_path / "a.mat", example())
    data = bytearray((tmp_path / "a.mat").read_bytes())
    _, size = struct.unpack_from("<II", data, 128)
    data[128 + 8 + size - 1] ^= 1  # the last byte of the first variable's checksum
    (tmp_path / "a.mat").write_bytes(data)
    refused("mcg", tmp_path / "a.mat", "damaged MATLAB file .*check")


def test_big_endian(tmp_path: Path) -> None:
    content = struct.pack(">II2I", 6, 8, 6, 0) + struct.pack(">II2i", 5, 8, 1, 4)
    content += struct.pack(">II", 1, 6) + b"bboxes\0\0" + struct.pack(">II4d", 9, 32, 1, 1, 2, 3)
    body = struct.pack(">II", 14, len(content)) + content
    (tmp_path / "a.mat").write_bytes(HEADER[:124] + b"\x01\x00MI" + body)
    assert read_one("mcg", tmp_path / "a.mat").proposals.boxes.tolist() == [[0, 0, 3, 2]]
