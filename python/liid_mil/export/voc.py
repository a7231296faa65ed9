"""PASCAL VOC's segmentations: palette PNGs of classes and of objects, and a list of the images.

Input: labelled objects with masks. Output: ``SegmentationClass/ID.png`` (pixel k: class k),
``SegmentationObject/ID.png`` (pixel g: object g of the image, surest first), both 0 for the
background and 255 for void, ``ImageSets/Segmentation/SPLIT.txt`` and ``class_names.txt``.
A pixel of several objects belongs to the surest, in both; masks of one class are merged by that.
Source: LIID, section 6.5; the development kit of VOC 2012 (layout, palette, void).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from liid_mil.data.types import ImageLabels
from liid_mil.export.files import file_stem, new_folder
from liid_mil.export.tally import Tally
from liid_mil.semantic import VOID, SemanticMap, object_map

_COMPRESSION = 3  # of zlib: a third of the default's time for files a third larger


def write_voc(
    folder: str | Path,
    images: Iterable[ImageLabels],
    class_names: Sequence[str],
    *,
    split: str = "train",
    void_width: int = 0,
) -> Tally:
    """Write a new folder in VOC's layout.

    Parameters
    ----------
    images : pseudo ground truth with masks; images without an object get PNGs of background.
    class_names : K names of the labels 1..K, at most 254.
    split : name of the list in ``ImageSets/Segmentation``.
    void_width : pixels on each side of the borders of objects that become void, as VOC's
        annotators left some 5 in all; 0: none. Narrow objects may become void as a whole.

    Raises
    ------
    FileExistsError : the folder exists.
    ValueError : an image comes twice or cannot name a file, has only boxes or more than 254
        objects, or a label has no name.
    OSError : a file cannot be written.
    """
    with new_folder(folder) as staging:
        return fill_voc(staging, images, class_names, split=split, void_width=void_width)


def fill_voc(
    folder: Path,
    images: Iterable[ImageLabels],
    class_names: Sequence[str],
    *,
    split: str = "train",
    void_width: int = 0,
) -> Tally:
    """Write into a folder that exists, as :func:`write_voc` does into a new one."""
    if void_width < 0:
        raise ValueError(f"void_width is {void_width}; it must be at least 0")
    if len(class_names) >= VOID:
        raise ValueError(f"class_names has {len(class_names)} names; PNGs have room for {VOID - 1}")
    classes, objects, lists = (
        folder / name
        for name in ("SegmentationClass", "SegmentationObject", "ImageSets/Segmentation")
    )
    for each in (classes, objects, lists):
        each.mkdir(parents=True)
    palette = voc_palette().tobytes()
    tally = Tally(class_names)
    with (lists / f"{file_stem(split)}.txt").open("x", encoding="utf-8") as listed:
        for image in tally.of(images):
            name = file_stem(image.image_id)
            owners = object_map(image)
            tally.n_hidden += len(image) - int(np.count_nonzero(np.bincount(owners.ravel())[1:]))
            of_class = np.append(0, image.labels).astype(np.uint8)[owners]
            if void_width > 0:
                border = _border(owners, void_width)
                owners[border] = of_class[border] = VOID
            _save(classes / f"{name}.png", of_class, palette, image.image_id)
            _save(objects / f"{name}.png", owners, palette, image.image_id)
            listed.write(f"{name}\n")
    names = "".join(f"{name}\n" for name in class_names)
    (folder / "class_names.txt").write_text(names, encoding="utf-8")
    return tally


def voc_palette() -> npt.NDArray[np.uint8]:
    """VOC's 256 colours, uint8 (256, 3): the bits of the index dealt to red, green and blue."""
    index = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= ((index >> (3 * bit + channel) & 1) << (7 - bit)).astype(
                np.uint8
            )
    return palette


def _border(owners: SemanticMap, width: int) -> npt.NDArray[np.bool_]:
    """Pixels with one of another object at most ``width`` columns and rows away."""
    window = 2 * width + 1
    found: npt.NDArray[np.bool_] = maximum_filter(owners, window) != minimum_filter(owners, window)
    return found


def _save(path: Path, pixels: SemanticMap, palette: bytes, image_id: str) -> None:
    picture = Image.fromarray(pixels)
    picture.putpalette(palette)
    try:
        with path.open("xb") as file:
            picture.save(file, "png", compress_level=_COMPRESSION)
    except FileExistsError:
        raise ValueError(f"image {image_id!r} comes twice") from None
