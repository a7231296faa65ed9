"""Labelled objects from COCO's JSON: a file of :func:`liid_mil.export.write_coco`, or results.

Input: an object with ``images``, ``annotations`` and ``categories``, or a list of detections; and
the dataset that they are of. Output: labelled objects of every image of the dataset, in its order.
Images go by ``image_id`` of their record, which the writer gives, by their file's name with or
without folders and ending, or by their ``id``; classes by their names, in a list by
``category_id``: the dataset's own where it has such, else 1 to K. Objects without ``score`` are
equally sure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from liid_mil.data.files import read_json
from liid_mil.data.segmentations import segmentation_code
from liid_mil.data.types import RLE, DatasetError, ImageDataset, ImageLabels, Truth
from liid_mil.proposals.masks import boxes_of_masks


def read_coco_labels(
    path: str | Path, dataset: ImageDataset
) -> Iterator[tuple[ImageLabels, Truth | None]]:
    """Yield the labelled objects and the truth of each image; the file is read at once.

    Images that the file does not name have no objects.

    Raises
    ------
    DatasetError : the file is missing or damaged, or has an image or a class that the dataset has
        not; names the file and the record.
    """
    path = Path(path)
    content = _read(path)
    if isinstance(content, list):
        numbers = getattr(dataset, "category_ids", range(1, len(dataset.class_names) + 1))
        labels = {int(number): k for k, number in enumerate(numbers, start=1)}
        found = _by_image(path, content, None, labels)
        sizes: dict[str, tuple[int, int]] = {}
    else:
        names, sizes = _images(path, content, _names_of(dataset))
        labels = _classes(path, content, dataset.class_names)
        found = _by_image(path, _list(path, content, "annotations"), names, labels)
    unknown = sorted(set(found) - set(dataset.image_ids))
    if unknown:
        raise DatasetError(path, f"has objects of image {unknown[0]!r}, which is not in the data")
    for i, name in enumerate(dataset.image_ids):
        truth = dataset.truth(i)
        records = found.get(name, [])
        size = sizes.get(name) or _size_of(records, truth) or dataset.image(i).shape[:2]
        yield _labels(path, name, size, records), truth


def _read(path: Path) -> Any:
    content = read_json(path)
    if not isinstance(content, dict | list):
        raise DatasetError(path, "holds neither annotations nor a list of results")
    return content


def _list(path: Path, content: dict[str, Any], key: str) -> list[Any]:
    records = content.get(key)
    if not isinstance(records, list):
        raise DatasetError(path, f"has no list {key!r}")
    return records


def _names_of(dataset: ImageDataset) -> dict[str, str]:
    """Ids of the dataset's images by all that a file may call them; no two by one name."""
    found: dict[str, str | None] = {}
    for image_id, file in zip(dataset.image_ids, getattr(dataset, "paths", ()), strict=False):
        for name in _names_of_file(file):
            found[name] = None if name in found else image_id
    ids = {image_id: image_id for image_id in dataset.image_ids}
    return {name: image_id for name, image_id in found.items() if image_id is not None} | ids


def _names_of_file(file: str | Path) -> list[str]:
    """The path as it is, the file's name, and that without its ending; each but once."""
    return list(dict.fromkeys([str(file), Path(file).name, Path(file).stem]))


def _images(
    path: Path, content: dict[str, Any], known: dict[str, str]
) -> tuple[dict[int, str], dict[str, tuple[int, int]]]:
    """Names of images in the dataset by their ids, and sizes by their names."""
    names, sizes = {}, {}
    for row, record in enumerate(_list(path, content, "images")):
        try:
            called = [str(record["image_id"])] if "image_id" in record else []
            called += _names_of_file(record["file_name"]) if "file_name" in record else []
            called += [] if "image_id" in record else [str(record["id"])]
            name = next((known[one] for one in called if one in known), called[0])
            names[int(record["id"])] = name
            sizes[name] = int(record["height"]), int(record["width"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DatasetError(path, f"images[{row}] needs id, height and width") from None
    return names, sizes


def _classes(path: Path, content: dict[str, Any], class_names: tuple[str, ...]) -> dict[int, int]:
    """Classes 1..K by category ids."""
    places = {name: k for k, name in enumerate(class_names, start=1)}
    classes = {}
    for row, record in enumerate(_list(path, content, "categories")):
        try:
            number, name = int(record["id"]), record["name"]
        except (KeyError, TypeError, ValueError):
            raise DatasetError(path, f"categories[{row}] needs id and name") from None
        if name not in places:
            raise DatasetError(path, f"has the class {name!r}; the data has {tuple(class_names)}")
        classes[number] = places[name]
    return classes


def _by_image(
    path: Path, records: list[Any], names: dict[int, str] | None, classes: dict[int, int]
) -> dict[str, list[dict[str, Any]]]:
    """Records of each image by its name, with their ``row`` and their ``label``."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row, record in enumerate(records):
        try:
            image, category = record["image_id"], record["category_id"]
        except (KeyError, TypeError):
            raise DatasetError(path, f"object {row} needs image_id and category_id") from None
        if names is not None and image not in names:
            raise DatasetError(path, f"object {row} is of image {image!r}, which is not listed")
        if category not in classes:
            raise DatasetError(
                path, f"object {row} has category_id {category!r}; known: {sorted(classes)}"
            )
        name = str(image) if names is None else names[image]
        found.setdefault(name, []).append(record | {"row": row, "label": classes[category]})
    return found


def _size_of(records: list[dict[str, Any]], truth: Truth | None) -> tuple[int, int] | None:
    """Height and width where a mask says."""
    masks: list[Any] = [record.get("segmentation") for record in records]
    masks += list(truth.masks or []) if truth is not None else []
    for mask in masks:
        if isinstance(mask, dict) and isinstance(mask.get("size"), list):
            height, width = mask["size"]
            return height, width
    return None


def _labels(
    path: Path, name: str, size: tuple[int, ...], records: list[dict[str, Any]]
) -> ImageLabels:
    height, width = size
    masks: list[RLE] = []
    for record in records:
        if record.get("segmentation"):
            try:
                code = segmentation_code(record["segmentation"], height, width)
            except ValueError as error:
                raise DatasetError(
                    path, f"the segmentation of object {record['row']} {error}"
                ) from None
            masks.append({"size": [height, width], "counts": code})
    if 0 < len(masks) < len(records):
        row = next(record["row"] for record in records if not record.get("segmentation"))
        raise DatasetError(path, f"object {row} has no segmentation; others of {name!r} have")
    try:
        if all("bbox" in record for record in records):
            boxes = np.array([record["bbox"] for record in records], np.float64).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
        else:
            boxes = boxes_of_masks(masks)
        return ImageLabels(
            name,
            (height, width),
            boxes,
            np.array([record["label"] for record in records], dtype=np.int64),
            np.array([record.get("score", 1.0) for record in records], dtype=np.float64),
            masks if masks or not records else None,
        )
    except (TypeError, ValueError) as error:
        rows = [record["row"] for record in records]
        raise DatasetError(
            path, f"objects {rows[0]} to {rows[-1]}, of image {name!r}: {error}"
        ) from None
