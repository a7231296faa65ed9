"""Hostile files end in an error, in a process that may take little memory."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

pytest.importorskip("pycocotools")
h5py = pytest.importorskip("h5py")
resource = pytest.importorskip("resource")

MIB = 1 << 20
ROOM = 700 * MIB  # beside what the process has before it reads
CHILD = f"""
import resource, sys
import h5py, scipy.io
from liid_mil.data.types import DatasetError
from liid_mil.readers import read_proposals
from liid_mil.readers import authors, coco_results, label_maps, mcg, prm, sam
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + {ROOM},) * 2)
try:
    print(sum(len(image.proposals) for image in read_proposals(sys.argv[1], sys.argv[2])))
except DatasetError as error:
    print("refused", error)
"""
HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def variable(name: bytes, shape: tuple[int, int], n_bytes: int) -> bytes:
    head = struct.pack("<4I", 6, 8, 6, 0) + struct.pack("<2I2i", 5, 8, *shape)
    head += struct.pack("<2I", 1, len(name)) + name + bytes(-len(name) % 8)
    head += struct.pack("<2I", 9, n_bytes)
    return struct.pack("<2I", 14, len(head) + n_bytes) + head


def mat_bomb(path: Path) -> None:
    """4 GB, it says; half a GB of zeros in half a MB."""
    n = 2**32 - 1000
    pack = zlib.compressobj(1)
    data = pack.compress(variable(b"scores", (n // 8, 1), n // 8 * 8))
    zeros = bytes(16 * MIB)
    data += b"".join(pack.compress(zeros) for _ in range(32)) + pack.flush()
    path.write_bytes(HEADER + struct.pack("<2I", 15, len(data)) + data)


def hdf5_bomb(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("superpixels", (10**5, 10**5), "f8", chunks=(100, 100))
        file.create_dataset("labels", (1, 10**9), h5py.ref_dtype, chunks=(1, 1000))


def png_bomb(path: Path) -> None:
    """12000 x 12000 pixels in 2 MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">2I5B", 12000, 12000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(12001 * 1000), 1) * 3
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def striped_map(path: Path) -> None:
    """Every pixel of a column is a run of its own."""
    rows = np.arange(9_000, dtype=np.uint8) % 2
    PillowImage.fromarray(np.broadcast_to(rows[:, None], (9_000, 9_000))).save(path, format="PNG")


def endless_record(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'[{"image_id": 1, "bbox": [')
        for _ in range(40):
            file.write(b"[]," * (MIB // 3))


def deep_json(path: Path) -> None:
    path.write_bytes(b'[{"image_id": 1, "bbox": ' + b"[" * (3 * MIB))


def wide_masks(path: Path) -> None:
    """Each mask is a chessboard: large codes of few bytes of input."""
    runs = np.arange(1, 9_000 * 9_000, 9_000 * 2, dtype="<i4")
    data = base64.b64encode(np.stack([runs, np.full_like(runs, 9_000)], axis=1).tobytes()).decode()
    path.write_text(json.dumps([{"data": data, "shape": [9_000, 9_000]}] * 50))


@pytest.mark.parametrize(
    ("format", "write", "reason"),
    [
        ("mcg", mat_bomb, "bytes or more for one image; at most 268435456"),
        ("mcg", hdf5_bomb, "needs 80000000000 bytes or more"),
        ("label-maps", png_bomb, "has 12000 x 12000 pixels; at most"),
        ("label-maps", striped_map, "bytes or more for one image; at most 268435456"),
        ("coco", endless_record, "has a value of more than 4194304 letters"),
        ("coco", deep_json, "lists in lists too deep"),
        ("prm", wide_masks, "bytes or more for one image; at most 268435456"),
    ],
)
def test_little_memory(
    tmp_path: Path, format: str, write: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "a"
    write(path)
    result = subprocess.run(
        [sys.executable, "-c", CHILD, format, str(path)], capture_output=True, text=True
    )
    assert result.stderr == ""
    assert result.stdout.startswith(f"refused {path}: ")
    assert reason in result.stdout
