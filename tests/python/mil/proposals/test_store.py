"""Stored proposals: there and back, atomic, and every kind of damage named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.data.types import DatasetError, Proposals
from liid_mil.proposals.masks import boxes_of_masks, encode_masks
from liid_mil.proposals.store import ProposalStore, write_store

IDS = ["a", "b", "c"]
SIZES = [(9, 7), (4, 6), (5, 5)]


def with_masks(n: int, size: tuple[int, int], seed: int) -> Proposals:
    rng = np.random.default_rng(seed)
    masks = encode_masks(rng.random((n, *size)) < 0.5)
    return Proposals(boxes_of_masks(masks), masks, rng.random(n).astype(np.float32))


def example(masks: bool = True) -> list[Proposals]:
    made = [with_masks(n, size, n) for n, size in zip([4, 0, 2], SIZES, strict=True)]
    return made if masks else [Proposals(each.boxes, None, each.scores) for each in made]


def write(path: Path, masks: bool = True, **more: Any) -> ProposalStore:
    return write_store(path, IDS, zip(example(masks), SIZES, strict=True), **more)


@pytest.mark.parametrize("masks", [True, False])
def test_reading_gives_what_was_written(tmp_path: Path, masks: bool) -> None:
    write(tmp_path / "store", masks, settings={"n": 3}, skipped={"b": "damaged"})
    store = ProposalStore(tmp_path / "store")
    assert store.image_ids == tuple(IDS)
    assert store.settings == {"n": 3}
    assert store.skipped == {"b": "damaged"}
    assert [store.image_size(i) for i in range(3)] == SIZES
    for i, expected in enumerate(example(masks)):
        found = store[i]
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)
        if len(expected) > 0:
            assert found.masks == expected.masks


def test_no_images(tmp_path: Path) -> None:
    assert len(write_store(tmp_path / "store", [], [])) == 0


def test_an_index_beyond_the_end(tmp_path: Path) -> None:
    with pytest.raises(IndexError, match="image 3 of 3"):
        write(tmp_path / "store")[3]


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write(tmp_path / "store", settings={"n": {1, 2}})  # JSON has no sets
    assert list(tmp_path.iterdir()) == []


def test_an_existing_path_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "store")
    with pytest.raises(FileExistsError, match="store exists; remove it or choose another path"):
        write(tmp_path / "store")


def test_masks_for_some_images_only(tmp_path: Path) -> None:
    mixed = [*example()[:2], example(masks=False)[2]]
    with pytest.raises(ValueError, match="some images have masks and others have not"):
        write_store(tmp_path / "store", IDS, zip(mixed, SIZES, strict=True))


def test_numbers_of_images_differ(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="proposals of 3 images for 2 image_ids"):
        write_store(tmp_path / "store", IDS[:2], zip(example(), SIZES, strict=True))


class Images:
    """As much of a dataset as the check of ids looks at."""

    def __init__(self, ids: list[str]) -> None:
        self.image_ids = tuple(ids)


def test_other_images(tmp_path: Path) -> None:
    store = write(tmp_path / "store")
    store.check(Images(IDS))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"image_ids\[1\] = 'b' and the dataset 'x'"):
        store.check(Images(["a", "x", "c"]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the store has 3 images and the dataset 2"):
        store.check(Images(["a", "b"]))  # type: ignore[arg-type]


FILES = ["offsets", "sizes", "boxes", "scores", "masks", "mask_offsets"]


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    write(tmp_path / "store")
    file = tmp_path / "store" / f"{name}.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"{name}\.npy: damaged file \(its checksum"):
        ProposalStore(tmp_path / "store")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / "store")
    (tmp_path / "store" / f"{name}.npy").unlink()
    with pytest.raises(DatasetError, match=rf"{name}\.npy: no such file"):
        ProposalStore(tmp_path / "store")


def forge(folder: Path, name: str, array: np.ndarray) -> None:
    """Replace an array, and its checksum in the header."""
    import zlib

    np.save(folder / f"{name}.npy", array)
    header = json.loads((folder / "header.json").read_text())
    header["checksums"][name] = zlib.crc32((folder / f"{name}.npy").read_bytes())
    (folder / "header.json").write_text(json.dumps(header))


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("offsets", np.array([0, 5, 4, 6]), "does not fit"),
        ("offsets", np.array([0, 4, 4, 7]), "does not fit"),
        ("offsets", np.array([0, 6]), "does not fit"),
        ("sizes", np.ones((2, 2), np.int64), "does not fit"),
        ("boxes", np.ones((6, 3), np.float32), "does not fit"),
        ("boxes", np.ones((6, 4)), r"is float64 \(6, 4\), which no store holds"),
        ("scores", np.ones(5, np.float32), "does not fit"),
        ("mask_offsets", np.zeros(7, np.int64), "does not fit"),
        ("boxes", np.array([[None] * 4]), "damaged file .*Python objects"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, name: str, array: np.ndarray, reason: str) -> None:
    write(tmp_path / "store")
    forge(tmp_path / "store", name, array)
    with pytest.raises(DatasetError, match=rf"{name}\.npy: {reason}"):
        ProposalStore(tmp_path / "store")


def test_a_forged_mask_is_not_decoded(tmp_path: Path) -> None:
    write(tmp_path / "store")
    masks = np.load(tmp_path / "store" / "masks.npy")
    forge(tmp_path / "store", "masks", np.full_like(masks, ord("o")))
    store = ProposalStore(tmp_path / "store")
    with pytest.raises(DatasetError, match=r"masks\.npy: image 0: masks\[0\] is no run-length"):
        store[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", r"damaged header \("),
        ("[]", "is not the header of a proposal store"),
        ('{"format": "other"}', "is not the header of a proposal store"),
        ('{"format": "liid-mil proposals", "version": 9}', "has version 9; version 1 is read"),
        ('{"format": "liid-mil proposals", "version": 1}', r"damaged header \(settings is missing"),
    ],
)
def test_bad_header(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "header.json").write_text(text)
    with pytest.raises(DatasetError, match=rf"header\.json: {reason}"):
        ProposalStore(tmp_path)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"header\.json: no such file; not a proposal store"):
        ProposalStore(tmp_path)
