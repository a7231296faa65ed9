"""YOLO's segmentation format: a text file an image, a line an object.

Input: labelled objects with masks. Output: ``labels/SPLIT/ID.txt`` with lines ``class x1 y1 x2 y2
...``, classes from 0, coordinates as shares of width and height, and ``data.yaml``; the images go
to ``images/SPLIT``. The format has one polygon an object and no holes: here holes and separate
parts are joined to the polygon by bridges of no width, so that a filled polygon is the mask again
(:mod:`liid_mil.export.polygons`). Boxes alone and empty masks cannot be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from liid_mil.data.types import ImageLabels
from liid_mil.export.files import file_stem, new_folder
from liid_mil.export.polygons import polygon_of_mask
from liid_mil.export.tally import Tally
from liid_mil.proposals.masks import decode_masks


def write_yolo(
    folder: str | Path,
    images: Iterable[ImageLabels],
    class_names: Sequence[str],
    *,
    split: str = "train",
    tolerance: float = 0.0,
) -> Tally:
    """Write a new folder in the layout that Ultralytics' trainers read.

    Parameters
    ----------
    images : pseudo ground truth with masks; an image without an object gets an empty file.
    class_names : K names; label k is written as class k - 1.
    split : name of the folder within ``labels``.
    tolerance : pixels that polygons may leave the masks by, for shorter files; 0: exact.

    Raises
    ------
    FileExistsError : the folder exists.
    ValueError : an image comes twice or cannot name a file, an object has only a box or an empty
        mask, or a label has no name.
    OSError : a file cannot be written.
    """
    with new_folder(folder) as staging:
        return fill_yolo(staging, images, class_names, split=split, tolerance=tolerance)


def fill_yolo(
    folder: Path,
    images: Iterable[ImageLabels],
    class_names: Sequence[str],
    *,
    split: str = "train",
    tolerance: float = 0.0,
) -> Tally:
    """Write into a folder that exists, as :func:`write_yolo` does into a new one."""
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance is {tolerance}; it must be a number >= 0")
    labels = folder / "labels" / file_stem(split)
    labels.mkdir(parents=True)
    tally = Tally(class_names)
    for image in tally.of(images):
        path = labels / f"{file_stem(image.image_id)}.txt"
        try:
            with path.open("x", encoding="ascii") as file:
                file.writelines(_lines(image, tolerance))
        except FileExistsError:
            raise ValueError(f"image {image.image_id!r} comes twice") from None
    names = "".join(
        f"  {k}: {json.dumps(name, ensure_ascii=False)}\n" for k, name in enumerate(class_names)
    )
    (folder / "data.yaml").write_text(
        f"path: .\ntrain: images/{split}\nval: images/{split} # or a set that is held out\n"
        f"names:\n{names}",
        encoding="utf-8",
    )
    return tally


def _lines(image: ImageLabels, tolerance: float) -> Iterable[str]:
    if len(image) > 0 and image.masks is None:
        raise ValueError(
            f"the objects of image {image.image_id!r} have boxes only; masks are needed"
        )
    height, width = image.size
    for row, mask in enumerate(image.masks or []):
        pixels = decode_masks([mask])[0]
        if not pixels.any():
            raise ValueError(f"image {image.image_id!r}: masks[{row}] is empty")
        shares = polygon_of_mask(pixels, tolerance) / (width, height)
        numbers = " ".join(f"{share:.6f}".rstrip("0").rstrip(".") for share in shares.ravel())
        yield f"{image.labels[row] - 1} {numbers}\n"
