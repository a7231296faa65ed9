"""COCO's instance annotations with masks as run-length encodings, written image by image.

Input: labelled objects. Output: one JSON file that pycocotools, detectron2 and mmdetection read.
Steps: annotations go to the file as they come, the list of images to a nameless file beside it that
is appended at the end. Memory holds one image, and the ids of all.

In detectron2 (masks are encodings, not polygons)::

    from detectron2.data.datasets import register_coco_instances
    register_coco_instances("pseudo", {}, "annotations.json", "images")
    cfg.DATASETS.TRAIN, cfg.INPUT.MASK_FORMAT = ("pseudo",), "bitmask"

In a configuration of mmdetection::

    train_dataloader = dict(dataset=dict(
        type="CocoDataset", metainfo=dict(classes=("cat", "dog")),   # the names in the file
        ann_file="annotations.json", data_prefix=dict(img="images/")))
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from liid_cut.npz import replacing
from liid_mil.data.types import RLE, ImageLabels
from liid_mil.export.files import file_stem
from liid_mil.export.tally import Tally
from liid_mil.proposals.boxes import box_areas
from liid_mil.proposals.masks import areas_of_masks


def write_coco(
    path: str | Path,
    images: Iterable[ImageLabels],
    class_names: Sequence[str],
    *,
    category_ids: Sequence[int] | None = None,
    file_name: Callable[[str], str] | None = None,
    numeric_ids: bool = False,
    description: str = "pseudo ground truth",
) -> Tally:
    """Write one JSON file; an older one is replaced when all has been written.

    An annotation has ``segmentation`` (compressed RLE; empty where only the box is known),
    ``area`` in pixels, ``bbox`` (x, y, width, height), ``iscrowd`` 0, and ``score``. An image has
    ``id``, ``file_name``, ``width``, ``height``, and its name in the data set as ``image_id``.

    Parameters
    ----------
    images : pseudo ground truth of each image; images without an object are listed, too.
    class_names : K names of the labels 1..K.
    category_ids : K numbers for ``category_id``, such as COCO's own; None: 1..K.
    file_name : gives the ``file_name`` of an image id; None: the id with ``.jpg``.
    numeric_ids : use image ids as numbers, as :class:`liid_mil.CocoDataset` has them; otherwise
        images count from 1.
    description : of the ``info`` record.

    Raises
    ------
    ValueError : an image comes twice, an id is no number or cannot name a file, a label has no
        name, or ``category_ids`` does not fit the classes.
    OSError : the file cannot be written.
    """
    ids = list(range(1, len(class_names) + 1) if category_ids is None else map(int, category_ids))
    if len(ids) != len(class_names) or len(set(ids)) != len(ids):
        raise ValueError(f"category_ids is {ids}; it must be {len(class_names)} distinct numbers")
    categories = [{"id": k, "name": name} for k, name in zip(ids, class_names, strict=True)]
    tally = Tally(class_names)
    with replacing(path) as file, TemporaryFile(dir=Path(path).resolve().parent) as listed:
        _write(file, '{"info": ', {"description": description})
        _write(file, ',\n"licenses": [],\n"categories": ', categories)
        file.write(b',\n"annotations": [')
        seen: set[int | str] = set()
        for image in tally.of(images):
            key = _number(image.image_id) if numeric_ids else image.image_id
            if key in seen:
                raise ValueError(f"image {image.image_id!r} comes twice")
            seen.add(key)
            number = key if isinstance(key, int) else len(seen)
            record = _image_record(image, number, file_name or _jpg)
            _write(listed, "\n" if len(seen) == 1 else ",\n", record)
            first = tally.n_objects - len(image) + 1
            for k, annotation in enumerate(_annotations(image, number, first, ids)):
                _write(file, "\n" if first + k == 1 else ",\n", annotation)
        file.write(b'\n],\n"images": [')
        listed.seek(0)
        shutil.copyfileobj(listed, file)
        file.write(b"\n]}\n")
    return tally


def _image_record(
    image: ImageLabels, number: int, file_name: Callable[[str], str]
) -> dict[str, Any]:
    height, width = image.size
    return {
        "id": number,
        "file_name": file_name(image.image_id),
        "width": int(width),
        "height": int(height),
        "image_id": image.image_id,
    }


def _annotations(
    image: ImageLabels, image_number: int, first: int, category_ids: Sequence[int]
) -> Iterable[dict[str, Any]]:
    """Records of an image's objects, numbered from ``first`` on."""
    boxes = image.boxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    areas = box_areas(image.boxes) if image.masks is None else areas_of_masks(image.masks)
    for k, label in enumerate(image.labels.tolist()):
        yield {
            "id": first + k,
            "image_id": image_number,
            "category_id": category_ids[label - 1],
            "segmentation": [] if image.masks is None else _rle(image.masks[k]),
            "area": _short(areas[k]),
            "bbox": [_short(value) for value in boxes[k]],
            "iscrowd": 0,
            "score": float(str(image.scores[k])),  # the shortest that float32 reads back
        }


def _rle(mask: RLE) -> dict[str, Any]:
    return {"size": [int(side) for side in mask["size"]], "counts": mask["counts"].decode("ascii")}


def _short(value: Any) -> int | float:
    """The number, without a fraction where it has none."""
    return int(value) if value == int(value) else float(value)


def _number(image_id: str) -> int:
    if not (image_id.isascii() and image_id.isdecimal()):
        raise ValueError(f"image id {image_id!r} is no number; leave numeric_ids False")
    return int(image_id)


def _jpg(image_id: str) -> str:
    return f"{file_stem(image_id)}.jpg"


def _write(file: IO[bytes], separator: str, record: Any) -> None:
    file.write(f"{separator}{json.dumps(record)}".encode())
