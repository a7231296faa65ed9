"""Proposals of a whole dataset in a folder: NumPy arrays and a JSON header, never pickles.

A store holds ``header.json`` (format, settings, image ids, checksums of the other files),
``offsets.npy`` (N+1: image i has the proposals offsets[i] to offsets[i+1]), ``sizes.npy`` (N, 2:
height, width), ``boxes.npy``, ``scores.npy``, and where there are masks ``masks.npy`` (their COCO
run-length codes, one after another) with ``mask_offsets.npy``. It is written beside its place and
renamed: a store is whole or absent. The same proposals give the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import mask_areas
from liid_cut.npz import read_array
from liid_mil.data.types import RLE, Boxes, DatasetError, Floats, ImageDataset, Proposals

FORMAT = "liid-mil proposals"
VERSION = 1
_HEADER = "header.json"
_Kind = tuple[type, tuple[int, ...]]  # type, and shape of a row
_ARRAYS: dict[str, _Kind] = {
    "offsets": (np.int64, ()),
    "sizes": (np.int64, (2,)),
    "boxes": (np.float32, (4,)),
    "scores": (np.float32, ()),
}
_MASK_ARRAYS: dict[str, _Kind] = {"mask_offsets": (np.int64, ()), "masks": (np.uint8, ())}


class ProposalStore:
    """The proposals of N images, read from a folder on demand.

    ``store[i]`` is the :class:`~liid_mil.data.types.Proposals` of image i. ``image_ids``,
    ``settings`` (what they were made with) and ``skipped`` (image id -> reason; such images have
    no proposals) come from the header.

    Raises :class:`DatasetError`, naming the file, where one is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        header = _read_header(self.path / _HEADER)
        self.image_ids: tuple[str, ...] = tuple(header["image_ids"])
        self.settings: dict[str, Any] = header["settings"]
        self.skipped: dict[str, str] = header["skipped"]
        self.has_masks: bool = header["has_masks"]
        kinds = _ARRAYS | (_MASK_ARRAYS if self.has_masks else {})
        arrays = {
            name: _read_array(self.path / f"{name}.npy", header["checksums"].get(name), *kind)
            for name, kind in kinds.items()
        }
        self._offsets, self._sizes = arrays["offsets"], arrays["sizes"]
        self._boxes, self._scores = arrays["boxes"], arrays["scores"]
        self._mask_offsets, self._masks = arrays.get("mask_offsets"), arrays.get("masks")
        self._check_lengths()

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def n_proposals(self) -> int:
        """Of all images."""
        return len(self._boxes)

    def __getitem__(self, i: int) -> Proposals:
        """Proposals of image i. Raises ``IndexError`` beyond N, ``DatasetError`` as above."""
        if not 0 <= i < len(self):
            raise IndexError(f"image {i} of {len(self)}")
        rows = range(int(self._offsets[i]), int(self._offsets[i + 1]))
        masks: list[RLE] | None = None
        if self._masks is not None and self._mask_offsets is not None:
            size = [int(n) for n in self._sizes[i]]
            ends = self._mask_offsets
            masks = [
                {"size": size, "counts": self._masks[ends[row] : ends[row + 1]].tobytes()}
                for row in rows
            ]
            try:
                mask_areas(masks)
            except ValueError as error:
                raise DatasetError(self.path / "masks.npy", f"image {i}: {error}") from None
        span = slice(rows.start, rows.stop)
        return Proposals(np.array(self._boxes[span]), masks, np.array(self._scores[span]))

    @property
    def boxes(self) -> Boxes:
        """Boxes of all proposals, image by image: a memory map, float32 (P, 4)."""
        return self._boxes

    @property
    def scores(self) -> Floats:
        """Scores of all proposals, image by image: a memory map, float32 (P,)."""
        return self._scores

    def image_size(self, i: int) -> tuple[int, int]:
        """Height and width of image i; (0, 0) for a skipped one."""
        return int(self._sizes[i, 0]), int(self._sizes[i, 1])

    def check(self, dataset: ImageDataset) -> None:
        """Raise ``ValueError`` unless the store was made for just these images, in this order."""
        if self.image_ids != tuple(dataset.image_ids):
            pairs = zip(self.image_ids, dataset.image_ids, strict=False)
            row = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
            what = (
                f"{len(self)} images and the dataset {len(dataset.image_ids)}"
                if row is None
                else f"image_ids[{row}] = {self.image_ids[row]!r} and the dataset "
                f"{dataset.image_ids[row]!r}"
            )
            raise ValueError(f"{self.path}: proposals of other images; the store has {what}")

    def _check_lengths(self) -> None:
        n, total = len(self), len(self._boxes)
        rules = [
            ("offsets", _is_partition(self._offsets, n, total)),
            ("sizes", self._sizes.shape == (n, 2)),
            ("boxes", self._boxes.shape == (total, 4)),
            ("scores", len(self._scores) == total),
        ]
        if self._masks is not None and self._mask_offsets is not None:
            whole = _is_partition(self._mask_offsets, total, len(self._masks))
            rules.append(("mask_offsets", whole))
        for name, holds in rules:
            if not holds:
                raise DatasetError(
                    self.path / f"{name}.npy", "does not fit the other files of the store"
                )


def write_store(
    path: str | Path,
    image_ids: Sequence[str],
    proposals: Iterable[tuple[Proposals, tuple[int, int]]],
    *,
    settings: dict[str, Any] | None = None,
    skipped: dict[str, str] | None = None,
) -> ProposalStore:
    """Write a store: for each image its proposals and its (height, width), in order.

    ``proposals`` are written as they come: memory does not grow with their number. ``image_ids``
    and ``skipped`` are looked at after the last of them, so that they may be filled on the way.

    ``settings`` must be what JSON holds. Raises ``FileExistsError`` where ``path`` exists, and
    ``ValueError`` where only some images have masks or the numbers of images differ.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists; remove it or choose another path")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        n_images, has_masks = _write_arrays(temporary, proposals)
        if n_images != len(image_ids):
            raise ValueError(f"proposals of {n_images} images for {len(image_ids)} image_ids")
        names = _ARRAYS | (_MASK_ARRAYS if has_masks else {})
        header = {
            "format": FORMAT,
            "version": VERSION,
            "settings": settings or {},
            "skipped": skipped or {},
            "has_masks": has_masks,
            "image_ids": list(image_ids),
            "checksums": {name: _checksum(temporary / f"{name}.npy") for name in names},
        }
        text = json.dumps(header, indent=1, sort_keys=True) + "\n"
        (temporary / _HEADER).write_text(text, encoding="utf-8")
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return ProposalStore(path)


def _write_arrays(
    folder: Path, proposals: Iterable[tuple[Proposals, tuple[int, int]]]
) -> tuple[int, bool]:
    """Write the arrays image by image; returns the number of images and whether there are masks."""
    with ExitStack() as files:
        arrays = {
            name: files.enter_context(_GrowingArray(folder / f"{name}.npy", *kind))
            for name, kind in (_ARRAYS | _MASK_ARRAYS).items()
        }
        has_masks: bool | None = None
        n_read, end, end_of_masks = 0, 0, 0
        arrays["offsets"].append([0])
        arrays["mask_offsets"].append([0])
        for each, size in proposals:
            n_read, end = n_read + 1, end + len(each)
            arrays["offsets"].append([end])
            arrays["sizes"].append([size])
            if len(each) == 0:
                continue
            if has_masks is None:
                has_masks = each.masks is not None
            if (each.masks is not None) != has_masks:
                raise ValueError("some images have masks and others have not")
            arrays["boxes"].append(each.boxes)
            arrays["scores"].append(each.scores)
            codes = [mask["counts"] for mask in each.masks or []]
            ends = end_of_masks + np.cumsum(list(map(len, codes)), dtype=np.int64)
            end_of_masks = int(ends[-1]) if len(ends) > 0 else end_of_masks
            arrays["mask_offsets"].append(ends)
            arrays["masks"].append(np.frombuffer(b"".join(codes), dtype=np.uint8))
    if not has_masks:
        for name in _MASK_ARRAYS:
            (folder / f"{name}.npy").unlink()
    return n_read, bool(has_masks)


class _GrowingArray:
    """An npy file that is written row by row; its header gets the number of rows at the end."""

    def __init__(self, path: Path, dtype: type, row: tuple[int, ...]) -> None:
        self._file = path.open("wb")
        self._dtype = np.dtype(dtype)
        self._row = row
        self._n_rows = 0
        self._write_header()

    def __enter__(self) -> _GrowingArray:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file as file:
            file.seek(0)
            self._write_header()  # as long as the first one: NumPy leaves room for any number

    def append(self, rows: npt.ArrayLike) -> None:
        values = np.ascontiguousarray(rows, dtype=self._dtype).reshape(-1, *self._row)
        self._n_rows += len(values)
        self._file.write(values.data)

    def _write_header(self) -> None:
        descr = np.lib.format.dtype_to_descr(self._dtype)
        shape = (self._n_rows, *self._row)
        np.lib.format.write_array_header_1_0(
            self._file, {"descr": descr, "fortran_order": False, "shape": shape}
        )


def _read_header(path: Path) -> dict[str, Any]:
    kinds = {"settings": dict, "skipped": dict, "has_masks": bool, "image_ids": list}
    kinds["checksums"] = dict
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(path, "no such file; not a proposal store") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(path, f"damaged header ({error})") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DatasetError(path, "is not the header of a proposal store")
    if header.get("version") != VERSION:
        raise DatasetError(path, f"has version {header.get('version')}; version {VERSION} is read")
    for key, kind in kinds.items():
        if not isinstance(header.get(key), kind):
            raise DatasetError(path, f"damaged header ({key} is missing or of a wrong type)")
    return header


def _read_array(path: Path, checksum: Any, dtype: type, row: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        if _checksum(path) != checksum:
            raise DatasetError(path, "damaged file (its checksum is not the header's)")
        array: npt.NDArray[Any] = read_array(path, "r")
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(path, "no such file, but the store's header needs it") from None
    except (OSError, ValueError) as error:
        raise DatasetError(path, f"damaged file ({error})") from error
    if array.dtype != dtype or array.ndim != 1 + len(row):
        raise DatasetError(path, f"is {array.dtype} {array.shape}, which no store holds there")
    return array


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


def _is_partition(offsets: npt.NDArray[np.int64], n: int, total: int) -> bool:
    return (
        offsets.shape == (n + 1,)
        and offsets[0] == 0
        and offsets[-1] == total
        and bool((np.diff(offsets) >= 0).all())
    )
