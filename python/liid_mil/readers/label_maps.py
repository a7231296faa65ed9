"""Label maps: one image file an image, whose pixels say which proposal they belong to.

Input: a ``.png`` file, or a folder of them, with a palette or 8- or 16-bit grey: 0 is no proposal,
every other value one. So S4Net's salient instances, which the paper builds its graph on, and VOC's
``SegmentationObject``, where 255 is void: nobody's pixels. Output: proposals with masks, by rising
value; the files have no scores. Image ids: names of the files without their ending.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from liid_mil.data.images import read_label_map
from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.readers.files import check_file, read_each
from liid_mil.readers.reading import Reading
from liid_mil.readers.superpixels import masks_of_sets, superpixel_map

VOID = 255
_ENDINGS = (".png",)


def read_label_maps(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of label maps, such as S4Net's; see the file's head.

    Raises :class:`DatasetError`, naming the file.
    """
    return read_each(path, _ENDINGS, reading, lambda file, name: _read(file, name, reading, ()))


def read_voc(path: Path, reading: Reading) -> Iterator[ImageProposals]:
    """Proposals of VOC's ``SegmentationObject``; ``path`` may be the folder that holds it, too.

    Raises :class:`DatasetError`, naming the file.
    """
    objects = path / "SegmentationObject"
    return read_each(
        objects if objects.is_dir() else path,
        _ENDINGS,
        reading,
        lambda file, name: _read(file, name, reading, (VOID,)),
    )


def _read(path: Path, image_id: str, reading: Reading, void: tuple[int, ...]) -> ImageProposals:
    check_file(path)
    labels = read_label_map(path, max_pixels=reading.limits.max_pixels)
    size = reading.check_size(path, labels.shape)
    if labels.dtype.itemsize > 2:
        raise DatasetError(path, "has values of more than 16 bits; 8 or 16 bits are read")

    def check_bytes(n_bytes: int) -> None:
        reading.check_bytes(path, n_bytes)

    known = superpixel_map(labels, check_bytes)
    members = known.values[~np.isin(known.values, (0, *void))]
    reading.check_number(path, image_id, len(members))
    codes, areas, boxes = masks_of_sets(known, members, np.arange(len(members) + 1), check_bytes)
    return reading.from_masks(path, image_id, size, codes, areas, boxes, None)
