"""The files of an extraction: written image by image, whole or known to be unfinished.

``probs.npy`` (n, K+1) and ``feats.npy`` (n, d) are memory maps that are filled in the order of the
images. ``progress.json`` says up to which image they are valid, and is written after they were
flushed. ``index.npz`` comes last: where it is, all is done.
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
    """The files of an extraction that is under way."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        boxes: Sequence[Floats],
        n_labels: int,
        n_features: int,
    ) -> None:
        self.folder, self.settings, self.boxes = folder, settings, boxes
        self.offsets: Ints = np.cumsum([0, *map(len, boxes)])
        self.progress = folder / "progress.json"
        self.finished = (folder / "index.npz").exists()
        self.left_out: list[int] = []
        self.n_done = 0
        if self.finished:
            self._check(folder / "index.npz", _settings_of_index(folder / "index.npz"))
            return
        mode = "w+"
        if self.progress.exists():
            state = _read_progress(self.progress)
            self._check(self.progress, state["settings"])
            self.n_done, self.left_out, mode = state["n_done"], state["left_out"], "r+"
        n_rows, dtype = int(self.offsets[-1]), np.dtype(settings["dtype"])
        self.probs = _memmap(folder / "probs.npy", mode, (n_rows, n_labels), dtype)
        self.feats = _memmap(folder / "feats.npy", mode, (n_rows, n_features), dtype)
        self.save()

    def write(self, index: Ints, probs: npt.NDArray[Any], feats: npt.NDArray[Any]) -> None:
        """Store the rows of the next images, of which ``index`` could be read."""
        begin = 0
        for i in index:
            rows = slice(self.offsets[i], self.offsets[i + 1])
            end = begin + rows.stop - rows.start
            for array, values in ((self.probs, probs), (self.feats, feats)):
                with np.errstate(over="ignore"):  # the check below tells
                    array[rows] = values[begin:end]
                if not np.isfinite(array[rows]).all():
                    raise ValueError(
                        f"image {i}: a value is not finite as {array.dtype}; "
                        "use dtype='float32', or check the network's weights"
                    )
            begin = end

    def save(self) -> None:
        """Flush the arrays, then the position up to which they are valid."""
        self.probs.flush()
        self.feats.flush()
        state = {"settings": self.settings, "n_done": self.n_done, "left_out": self.left_out}
        with replacing(self.progress) as file:
            file.write(json.dumps(state).encode())

    def finish(self, dataset: ImageDataset) -> None:
        """Write the index, which makes the extraction a finished one."""
        self.save()
        sizes = np.diff(self.offsets)
        image_index = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.flatnonzero(~np.isin(image_index, self.left_out))
        for name in ("probs", "feats"):
            array = getattr(self, name)
            delattr(self, name)
            if len(rows) < len(array):
                _keep_rows(self.folder / f"{name}.npy", array, rows)
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
        self.progress.unlink()

    def _check(self, path: Path, saved: dict[str, Any]) -> None:
        for name, value in self.settings.items():
            if saved.get(name) != value:
                raise ExtractionError(
                    f"{path}: belongs to an extraction with another {name} "
                    f"({saved.get(name)!r}, now {value!r}); use another folder"
                )


def _memmap(
    path: Path, mode: Any, shape: tuple[int, int], dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    if mode == "r+":
        array = _open(path, shape, dtype, mode)
        if not isinstance(array, np.memmap) and array.size:
            raise ExtractionError(f"{path}: damaged")
        return array
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _open(
    path: Path, shape: tuple[int, int | None], dtype: Any = None, mode: Any = "r"
) -> npt.NDArray[Any]:
    try:
        array = np.lib.format.open_memmap(path, mode=mode)
    except ValueError as error:
        raise ExtractionError(f"{path}: damaged: {error}") from None
    fits = array.ndim == 2 and all(
        wanted is None or wanted == found for wanted, found in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.name not in DTYPES or (dtype is not None and array.dtype != dtype):
        raise ExtractionError(
            f"{path}: has shape {array.shape}, dtype {array.dtype}, which does not fit the index"
        )
    return array


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
        if not all(key in state for key in ("settings", "n_done", "left_out")):
            raise ValueError("entries are missing")
    except ValueError as error:
        raise ExtractionError(f"{path}: damaged: {error}") from None
    return state
