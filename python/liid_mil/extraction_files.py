"""The files of an extraction: written image by image, whole or known to be unfinished.

``probs.npy`` (n, K+1) and ``feats.npy`` (n, d) hold the rows of all proposals in the order of the
images, to be mapped. ``progress.json`` says which images are in them, and is written after they
are on disk; of several processes each has its own, ``progress-1.json`` and so on. ``index.npz``
comes last: where it is, all is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import tags_to_allowed
from liid_cut.npz import read_arrays, replacing, require, write_arrays
from liid_mil.data.types import Bools, Floats, ImageDataset, Ints

FORMAT = "liid_mil extraction 1"
_PROGRESS = "progress.json"
DTYPES = ("float16", "float32")
_INDEX = ("format", "rows", "image_index", "boxes", "tags", "image_ids", "class_names")


class ExtractionError(ValueError):
    """Files of an extraction are damaged, unfinished or of another run; the message names one."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """n proposals of N images in the form that :func:`liid_cut.multiway_cut` takes.

    Attributes
    ----------
    probs : (n, K+1) float16 or float32 memory map, column 0 the background.
    feats : (n, d), likewise.
    rows : int64 (n,), each proposal's place among all proposals of the dataset, image by image;
        without gaps, unless damaged images were left out.
    image_index : int64 (n,), its image in the dataset.
    boxes : float32 (n, 4), xyxy in pixels of the original image.
    tags : bool (N, K) of all images of the dataset.
    image_ids, class_names : N and K names.
    """

    probs: npt.NDArray[Any]
    feats: npt.NDArray[Any]
    rows: Ints
    image_index: Ints
    boxes: Floats
    tags: Bools
    image_ids: tuple[str, ...]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.probs)

    @property
    def allowed(self) -> Bools:
        """Labels that each proposal may take, bool (n, K+1): its image's tags and background."""
        return tags_to_allowed(self.image_index, self.tags)


def open_extraction(folder: str | Path) -> Extraction:
    """Open a finished extraction; the arrays stay on disk.

    Raises
    ------
    ExtractionError : it is unfinished, or its files are damaged or do not fit together.
    OSError : a file is missing.
    """
    folder = Path(folder)
    path = folder / "index.npz"
    if not path.exists() and (folder / "progress.json").exists():
        raise ExtractionError(f"{folder}: this extraction is not finished; run it again to go on")
    try:
        index = read_arrays(path)
        require(path, index, _INDEX, "an extraction of liid_mil has them all")
    except ValueError as error:
        raise ExtractionError(str(error)) from None
    if str(index["format"]) != FORMAT:
        raise ExtractionError(f"{path}: its format is {index['format']}, not {FORMAT}")
    n_rows, n_labels = len(index["rows"]), len(index["class_names"]) + 1
    probs = _open(folder / "probs.npy", (n_rows, n_labels))
    return Extraction(
        probs,
        _open(folder / "feats.npy", (n_rows, None), probs.dtype),
        index["rows"],
        index["image_index"],
        index["boxes"],
        index["tags"],
        tuple(map(str, index["image_ids"])),
        tuple(map(str, index["class_names"])),
    )


class ExtractionWriter:
    """The files of an extraction that is under way, by one process or several.

    Parameters
    ----------
    process : which of them this is. Process 0 makes the files and unites what all have noted; the
        others are made after that.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        boxes: Sequence[Floats],
        n_labels: int,
        n_features: int,
        process: int = 0,
    ) -> None:
        self.folder, self.settings, self.boxes = folder, settings, boxes
        self.offsets: Ints = np.cumsum([0, *map(len, boxes)])
        self.progress = folder / (_PROGRESS if process == 0 else f"progress-{process}.json")
        self.finished = (folder / "index.npz").exists()
        self.left_out: list[int] = []
        self.is_done = np.zeros(len(boxes), dtype=bool)
        if self.finished:
            self._check(folder / "index.npz", _settings_of_index(folder / "index.npz"))
            return
        dtype = np.dtype(settings["dtype"])
        self.shapes = {
            name: (int(self.offsets[-1]), width, dtype)
            for name, width in (("probs", n_labels), ("feats", n_features))
        }
        self._begins: dict[str, int] = {}  # of the data in the file
        exists = (folder / _PROGRESS).exists()
        self.unite()
        for name, (n_rows, width, _) in self.shapes.items():
            path = folder / f"{name}.npy"
            if not exists:
                np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(n_rows, width))
            array = _open(path, (None, width), dtype)
            # A finish that was killed may have shortened it already.
            is_shortened = self.is_done.all() and len(array) == len(self._kept())
            if len(array) != n_rows and not is_shortened:
                raise _unfit(path, array)
            self._begins[name] = array.offset
        if process == 0:
            self.save()
            for path in folder.glob("progress-*.json"):
                path.unlink()
        else:
            self.left_out = []  # process 0 has noted these

    def unite(self) -> None:
        """Take over what all processes have noted."""
        for path in sorted(self.folder.glob("progress*.json")):
            state = _read_progress(path)
            self._check(path, state["settings"])
            for begin, end in state["done"]:
                self.is_done[begin:end] = True
            self.left_out = sorted({*self.left_out, *state["left_out"]})

    def write(self, index: Ints, probs: npt.NDArray[Any], feats: npt.NDArray[Any]) -> None:
        """Store the rows of some images, of which ``index`` could be read.

        By writing into the files, not through a map: processes on other machines write their rows
        of the same pages.
        """
        begin = 0
        for i in index:
            end = begin + int(self.offsets[i + 1] - self.offsets[i])
            for name, values in (("probs", probs), ("feats", feats)):
                _, width, dtype = self.shapes[name]
                with np.errstate(over="ignore"):  # the check below tells
                    rows = np.ascontiguousarray(values[begin:end], dtype=dtype)
                if not np.isfinite(rows).all():
                    raise ValueError(
                        f"image {i}: a value is not finite as {dtype}; "
                        "use dtype='float32', or check the network's weights"
                    )
                with (self.folder / f"{name}.npy").open("r+b") as file:
                    file.seek(self._begins[name] + int(self.offsets[i]) * width * dtype.itemsize)
                    file.write(rows.tobytes())
            begin = end

    def save(self) -> None:
        """Have the rows on disk, then note which images are done."""
        for name in self.shapes:
            with (self.folder / f"{name}.npy").open("r+b") as file:
                os.fsync(file.fileno())
        edges = np.flatnonzero(np.diff(self.is_done.astype(np.int8), prepend=0, append=0))
        state = {
            "settings": self.settings,
            "done": edges.reshape(-1, 2).tolist(),
            "left_out": self.left_out,
        }
        with replacing(self.progress) as file:
            file.write(json.dumps(state).encode())

    def finish(self, dataset: ImageDataset) -> None:
        """Write the index, which makes the extraction a finished one; process 0, at the end."""
        self.unite()
        self.save()
        if not self.is_done.all():
            raise ExtractionError(
                f"{self.folder}: {int((~self.is_done).sum())} images are not done, the first "
                f"{dataset.image_ids[int(np.argmin(self.is_done))]!r}; run it again"
            )
        rows, image_index = self._kept(), self._image_index()
        for name, (_, width, dtype) in self.shapes.items():
            path = self.folder / f"{name}.npy"
            array = _open(path, (None, width), dtype)
            if len(rows) < len(array):
                _keep_rows(path, array, rows)
        arrays = {
            "format": np.array(FORMAT),
            "settings": np.array(json.dumps(self.settings)),
            "rows": rows,
            "image_index": image_index[rows],
            "boxes": np.concatenate([np.zeros((0, 4), np.float32), *self.boxes])[rows],
            "tags": np.asarray(dataset.tags),
            "image_ids": np.array(dataset.image_ids, dtype=str),
            "class_names": np.array(dataset.class_names, dtype=str),
        }
        write_arrays(self.folder / "index.npz", arrays)
        for path in self.folder.glob("progress*.json"):
            path.unlink()

    def _image_index(self) -> Ints:
        """The image of each row."""
        sizes = np.diff(self.offsets)
        return np.repeat(np.arange(len(sizes)), sizes)

    def _kept(self) -> Ints:
        """The rows of images that are not left out."""
        return np.flatnonzero(~np.isin(self._image_index(), self.left_out))

    def _check(self, path: Path, saved: dict[str, Any]) -> None:
        for name, value in self.settings.items():
            if saved.get(name) != value:
                raise ExtractionError(
                    f"{path}: belongs to an extraction with another {name} "
                    f"({saved.get(name)!r}, now {value!r}); use another folder"
                )


def _open(path: Path, shape: tuple[int, int | None], dtype: Any = None) -> npt.NDArray[Any]:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        raise ExtractionError(f"{path}: damaged: {error}") from None
    fits = array.ndim == 2 and all(
        wanted is None or wanted == found for wanted, found in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.name not in DTYPES or (dtype is not None and array.dtype != dtype):
        raise _unfit(path, array)
    return array


def _unfit(path: Path, array: npt.NDArray[Any]) -> ExtractionError:
    return ExtractionError(
        f"{path}: has shape {array.shape}, dtype {array.dtype}, which does not fit the index"
    )


def _keep_rows(path: Path, array: npt.NDArray[Any], rows: Ints) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shape = (len(rows), array.shape[1])
    kept = np.lib.format.open_memmap(temporary, mode="w+", dtype=array.dtype, shape=shape)
    for begin in range(0, len(rows), 4096):
        kept[begin : begin + 4096] = array[rows[begin : begin + 4096]]
    kept.flush()
    os.replace(temporary, path)


def _settings_of_index(path: Path) -> dict[str, Any]:
    try:
        arrays = read_arrays(path)
        require(path, arrays, ("settings",), "an extraction of liid_mil has it")
        settings: dict[str, Any] = json.loads(str(arrays["settings"]))
    except ValueError as error:
        raise ExtractionError(str(error)) from None
    return settings


def _read_progress(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        if not all(key in state for key in ("settings", "done", "left_out")):
            raise ValueError("entries are missing")
    except ValueError as error:
        raise ExtractionError(f"{path}: damaged: {error}") from None
    return state
