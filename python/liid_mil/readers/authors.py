"""Proposals of a whole dataset in one plain file: what pickles are to be converted to.

The files that go with the paper's code, and with many like it, are pickles: reading one runs
whatever program it holds, so that none is read here. Who trusts a pickle converts it, with Python
where it came from, to either of two layouts.

npz: arrays of N images with T proposals in all. ``image_ids`` (N) text; ``offsets`` (N+1) whole
numbers, image i has the proposals offsets[i] to offsets[i+1]; ``boxes`` (T, 4), xyxy in pixels from
0, right and bottom exclusive; and as far as known ``scores`` (T), ``sizes`` (N, 2) height, width,
``masks`` uint8, COCO run-length codes one after another, with ``mask_offsets`` (T+1). Where there
are masks, ``sizes`` are needed and boxes are those of the masks. The recipe, for a pickle with a
dictionary of image ids -> boxes::

    import pickle, numpy as np
    with open("proposals.pkl", "rb") as file:
        found = pickle.load(file)  # runs what is in the file
    boxes = [np.asarray(b, np.float32).reshape(-1, 4) for b in found.values()]
    np.savez("proposals.npz", image_ids=np.array([str(name) for name in found]),
             offsets=np.cumsum([0, *map(len, boxes)]), boxes=np.concatenate(boxes))

json: a list with an object an image: ``image_id``, ``boxes`` [[x0, y0, x1, y1], ...] or ``masks``
[{"size": [height, width], "counts": code}, ...], and as far as known ``scores`` and ``size``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from liid_cut.npz import DAMAGE
from liid_mil.data.segmentations import segmentation_code
from liid_mil.data.types import DatasetError, ImageProposals, Ints
from liid_mil.readers.detection import refuse_pickle
from liid_mil.readers.files import check_file, image_id_of
from liid_mil.readers.json_records import json_records
from liid_mil.readers.reading import Reading, Size


def read_authors(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of a converted file, npz or json; see the file's head.

    Raises :class:`DatasetError`, naming the file; of a pickle, with the recipe.
    """
    if path.is_dir():
        raise DatasetError(path, "is a folder; name the npz or json file in it")
    check_file(path)
    refuse_pickle(path)
    if zipfile.is_zipfile(path):
        return _read_npz(path, reading)
    return _read_json(path, reading)


def _read_json(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    for row, record in enumerate(json_records(path, "")):
        value = record.value
        if record.key is not None or not isinstance(value, dict) or "image_id" not in value:
            raise DatasetError(path, f"record {row} is no object with an image_id")
        image_id = image_id_of(path, value["image_id"])
        yield from reading.attempt(image_id, _image_of_record, path, image_id, value, reading)


def _image_of_record(
    path: Path, image_id: str, record: dict[str, Any], reading: Reading
) -> ImageProposals:
    size: Size | None = None
    if record.get("size") is not None:
        size = reading.check_size(path, _list(path, image_id, record, "size"))
    scores = None
    if record.get("scores") is not None:
        scores = _array(path, image_id, record, "scores")
    if record.get("masks") is None:
        boxes = _array(path, image_id, record, "boxes")
        if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4):
            raise DatasetError(path, f"boxes of image {image_id!r} are {boxes.shape}, not (P, 4)")
        return reading.from_boxes(path, image_id, size, boxes, scores)
    masks = _list(path, image_id, record, "masks")
    if size is None and len(masks) > 0:
        first = masks[0].get("size") if isinstance(masks[0], dict) else None
        size = reading.check_size(path, first if isinstance(first, list) else [])
    if size is None:
        return reading.from_boxes(path, image_id, None, [], scores)
    codes = []
    for i, mask in enumerate(masks):
        try:
            codes.append(segmentation_code(mask, *size))
        except ValueError as error:
            raise DatasetError(path, f"mask {i} of image {image_id!r} {error}") from None
    return reading.from_codes(path, image_id, size, codes, scores)


def _list(path: Path, image_id: str, record: dict[str, Any], key: str) -> list[Any]:
    value = record.get(key)
    if not isinstance(value, list):
        raise DatasetError(path, f"{key} of image {image_id!r} is {value!r:.40}, no list")
    return value


def _array(path: Path, image_id: str, record: dict[str, Any], key: str) -> npt.NDArray[Any]:
    values = _list(path, image_id, record, key)
    try:
        array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(path, f"{key} of image {image_id!r} are not numbers ({error})") from None
    return array


_DTYPES = {"image_ids": "U", "offsets": "iu", "sizes": "iu", "boxes": "f", "scores": "f"}
_DTYPES |= {"masks": "u", "mask_offsets": "iu"}
_MOST_BYTES = 4096  # of a name, in NumPy's four bytes a letter


def _read_npz(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Each array is read along with the others, a part an image: none is held whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name[:-4] for name in archive.namelist() if name.endswith(".npy")}
            missing = {"image_ids", "offsets", "boxes"} - names
            if missing or ("masks" in names) != ("mask_offsets" in names):
                raise DatasetError(path, f"lacks arrays; it has {', '.join(sorted(names))}")
            streams = {
                name: _ArrayStream(path, archive, name, kinds, reading)
                for name, kinds in _DTYPES.items()
                if name in names
            }
            yield from _images_of_arrays(path, streams, reading)
    except DatasetError:
        raise
    except DAMAGE as error:
        raise DatasetError(path, f"damaged npz file ({error})") from error


def _images_of_arrays(
    path: Path, streams: dict[str, _ArrayStream], reading: Reading
) -> Iterator[ImageProposals]:
    ids, sizes = streams["image_ids"], streams.get("sizes")
    scores, masks = streams.get("scores"), streams.get("masks")
    n, total = ids.n_rows, streams["boxes"].n_rows
    expected = {"offsets": n + 1, "sizes": n, "scores": total, "mask_offsets": total + 1}
    for name, n_rows in expected.items():
        if name in streams and streams[name].n_rows != n_rows:
            raise DatasetError(path, f"{name} has {streams[name].n_rows} rows, not {n_rows}")
    if masks is not None and sizes is None:
        raise DatasetError(path, "has masks, but no sizes")
    bounds = _Bounds(path, "offsets", streams["offsets"], total)
    code_bounds = None
    if masks is not None:
        code_bounds = _Bounds(path, "mask_offsets", streams["mask_offsets"], masks.n_rows)
    for _ in range(n):
        image_id = image_id_of(path, str(ids.read(1)[0]))
        (number,) = bounds.read(1)
        reading.check_number(path, image_id, int(number))
        own = int(number)
        boxes = streams["boxes"].read(own)
        values = None if scores is None else scores.read(own)
        size = None if sizes is None else sizes.read(1)[0].tolist()
        if code_bounds is None or masks is None:
            size = None if size is None else reading.check_size(path, size)
            yield from reading.attempt(
                image_id, reading.from_boxes, path, image_id, size, boxes, values
            )
            continue
        lengths = code_bounds.read(own)
        reading.check_bytes(path, int(lengths.sum()))
        text = masks.read(int(lengths.sum())).tobytes()
        ends = np.cumsum([0, *lengths.tolist()]).tolist()
        codes = [text[ends[i] : ends[i + 1]] for i in range(own)]
        whole = reading.check_size(path, size or [])
        yield from reading.attempt(
            image_id, reading.from_codes, path, image_id, whole, codes, values
        )
    for each in (bounds, code_bounds):
        if each is not None:
            each.check_end()


class _ArrayStream:
    """An array of an npz file, read from its first row on."""

    def __init__(
        self, path: Path, archive: zipfile.ZipFile, name: str, kinds: str, reading: Reading
    ) -> None:
        self._path, self._name = path, name
        self._file: Any = archive.open(f"{name}.npy")
        self._reading = reading
        self.dtype, self._row, self.n_rows = _npy_header(path, name, self._file)
        wide = self.dtype.itemsize > (1 if name == "masks" else _MOST_BYTES)
        if self.dtype.kind not in kinds or wide:
            raise DatasetError(path, f"{name} is of type {self.dtype}, which is not read there")
        rows = {"boxes": (4,), "sizes": (2,)}
        if self._row != rows.get(name, ()):
            raise DatasetError(path, f"rows of {name} are {self._row}, not {rows.get(name, ())}")

    def read(self, n_rows: int) -> npt.NDArray[Any]:
        """The next rows."""
        n_bytes = n_rows * self.dtype.itemsize * int(np.prod(self._row, dtype=np.int64))
        self._reading.check_bytes(self._path, n_bytes)
        data = self._file.read(n_bytes)
        if len(data) != n_bytes:
            raise DatasetError(self._path, f"{self._name} is cut short")
        return np.frombuffer(data, self.dtype).reshape(n_rows, *self._row)


class _Bounds:
    """Rising bounds from 0 to a total, read as the differences of neighbours."""

    def __init__(self, path: Path, name: str, stream: _ArrayStream, total: int) -> None:
        self._path, self._name, self._stream, self._total = path, name, stream, total
        self._last = 0
        first = stream.read(1).tolist()
        if first != [0]:
            raise DatasetError(path, f"{name} starts with {first[0]}, not 0")

    def read(self, n: int) -> Ints:
        ends = self._stream.read(n)
        if ((ends < 0) | (ends > self._total)).any():
            raise DatasetError(self._path, f"{self._name} holds numbers beyond {self._total}")
        lengths: Ints = np.diff(ends.astype(np.int64), prepend=np.int64(self._last))
        if (lengths < 0).any():
            raise DatasetError(self._path, f"{self._name} falls after {self._last}")
        self._last += int(lengths.sum())
        return lengths

    def check_end(self) -> None:
        if self._last != self._total:
            raise DatasetError(self._path, f"{self._name} ends at {self._last}, not {self._total}")


def _npy_header(
    path: Path, name: str, file: IO[bytes]
) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type of the items, shape of a row, number of rows."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise DatasetError(path, f"{name} is of npy version {version}")
    read = np.lib.format
    header = read.read_array_header_1_0 if version == (1, 0) else read.read_array_header_2_0
    shape, columns_first, dtype = header(file)
    if dtype.hasobject:
        raise DatasetError(path, f"{name} holds pickled objects, which are not read")
    if len(shape) == 0 or (columns_first and len(shape) > 1):
        raise DatasetError(path, f"{name} is no array of rows, one after another")
    return dtype, shape[1:], shape[0]
