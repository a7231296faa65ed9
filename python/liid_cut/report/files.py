"""Files that a report reads beside the result: probabilities, pictures, names, truth, other cuts.

Input: an npz file, mostly the problem file itself, and a folder of images. Output: arguments of
:func:`liid_cut.report.write_report`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import as_index_array
from liid_cut.npz import Arrays, FilePath, read_array, read_arrays, require
from liid_cut.report.images import ReportImage
from liid_cut.tags import tags_to_allowed

# What a report reads of an input file; features, which may be large, are not.
INPUT_ARRAYS = (
    "probs",
    "P",
    "allowed",
    "image_tags",
    "image_ids",
    "image_index",
    "image_names",
    "image_sizes",
    "boxes",
    "masks",
    "crops",
    "truth",
    "margins",
    "label_names",
    "class_names",
    "node_names",
)
_SUFFIXES = ("", ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def read_input(path: FilePath, folder: FilePath | None = None) -> dict[str, Any]:
    """Arguments of the report that an input file holds, images with pictures of ``folder``.

    Raises
    ------
    OSError : the file or the folder is missing.
    ValueError : the file is damaged, or its arrays do not fit together.
    """
    arrays = read_arrays(path, only=INPUT_ARRAYS)
    if folder is not None and not Path(folder).is_dir():
        raise NotADirectoryError(f"{folder}: no such folder of images")
    found: dict[str, Any] = {}
    if "P" in arrays and "probs" not in arrays:
        arrays["probs"] = arrays["P"]
    for name in ("probs", "allowed", "crops", "truth", "margins"):
        if name in arrays:
            found[name] = arrays[name]
    for name in ("label_names", "node_names"):
        if name in arrays:
            found[name] = [str(entry) for entry in arrays[name].ravel()]
    if "class_names" in arrays and "label_names" not in found:
        found["label_names"] = ["background", *map(str, arrays["class_names"].ravel())]
    if "image_tags" in arrays and "allowed" not in found:
        require(path, arrays, ("image_ids",), "tags need both")
        found["allowed"] = tags_to_allowed(arrays["image_ids"], arrays["image_tags"])
    if "boxes" in arrays:
        found["images"] = _images(path, arrays, folder)
    elif folder is not None:
        require(path, arrays, ("boxes",), "a node is shown in its image by its box")
    return found


def read_truth(path: FilePath) -> npt.NDArray[Any]:
    """True labels: an ``.npy`` file, or the array ``truth`` of an npz file.

    Raises
    ------
    OSError : the file is missing.
    ValueError : it is damaged, or has no such array.
    """
    if Path(path).suffix == ".npy":
        return read_array(path)
    arrays = read_arrays(path, only=("truth",))
    require(path, arrays, ("truth",), "the true label of each node")
    return arrays["truth"]


def read_names(path: FilePath) -> list[str]:
    """Names of the labels, one a line, label 0 first.

    Raises
    ------
    OSError : the file is missing.
    ValueError : it is not UTF-8 text.
    """
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None


def read_delta_path(path: FilePath) -> list[Any]:
    """Cuts by growing delta.

    The file holds ``deltas``, ``labels`` (d, n), ``costs``, ``lower_bounds`` and ``statuses``.

    Raises
    ------
    OSError : the file is missing.
    ValueError : it is damaged, lacks arrays, or they differ in length.
    """
    names = ("deltas", "labels", "costs", "lower_bounds", "statuses")
    arrays = read_arrays(path, only=names)
    require(path, arrays, names, "a file of cuts by delta has them all")
    lengths = {name: len(arrays[name]) if arrays[name].ndim else 0 for name in names}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{path}: lengths differ: {lengths}")
    return [
        SimpleNamespace(
            delta=delta, labels=labels, cost=cost, lower_bound=bound, status=str(status)
        )
        for delta, labels, cost, bound, status in zip(*(arrays[n] for n in names), strict=True)
    ]


def _images(path: FilePath, arrays: Arrays, folder: FilePath | None) -> list[ReportImage]:
    """The images that the nodes lie in.

    Either ``image_index`` with names in ``image_ids``, as liid_mil writes it, or numbers in
    ``image_ids`` with names in ``image_names``.
    """
    if "image_index" in arrays:
        require(path, arrays, ("image_ids",), "image_index needs the names of the images")
        index, names = arrays["image_index"], arrays["image_ids"]
    else:
        needs = "boxes need the image of each node and the images' names"
        require(path, arrays, ("image_ids", "image_names"), needs)
        index, names = arrays["image_ids"], arrays["image_names"]
    index = as_index_array("the image of each node", index, len(names), "images")
    boxes = arrays["boxes"]
    if len(boxes) != len(index):
        raise ValueError(
            f"{path}: boxes has {len(boxes)} rows for {len(index)} nodes with an image"
        )
    if "masks" in arrays:
        require(path, arrays, ("image_sizes",), "masks need height and width of each image")

    order = np.argsort(index, kind="stable")
    ends = np.searchsorted(index[order], np.arange(len(names) + 1))
    images = []
    for i, name in enumerate(map(str, names)):
        nodes = order[ends[i] : ends[i + 1]]
        if not len(nodes):
            continue
        masks = None
        if "masks" in arrays:
            size = [int(side) for side in arrays["image_sizes"][i]]
            masks = [{"size": size, "counts": _as_bytes(arrays["masks"][u])} for u in nodes]
        load = None if folder is None else _loader(Path(folder), name)
        images.append(ReportImage(name, nodes, boxes[nodes], load, masks))
    return images


def _as_bytes(counts: Any) -> bytes:
    return bytes(counts) if isinstance(counts, bytes) else str(counts).encode()


def _loader(folder: Path, name: str) -> Callable[[], npt.NDArray[Any]]:
    def load() -> npt.NDArray[Any]:
        for suffix in _SUFFIXES:
            path = folder / (name + suffix)
            if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
                return load_picture(path)
        raise FileNotFoundError("the folder of images has no file of that name")

    return load


def load_picture(path: FilePath) -> npt.NDArray[Any]:
    """An image file as uint8 (H, W, 3), RGB.

    Raises
    ------
    OSError : it is missing, or no image.
    ValueError : it is damaged, or suspiciously large.
    ImportError : Pillow is missing.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"damaged or too large: {error}") from None
