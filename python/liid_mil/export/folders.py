"""One folder with the labels in one format and their data card, whole or absent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from liid_mil.data.types import ImageLabels
from liid_mil.export.coco import write_coco
from liid_mil.export.data_card import DataCard
from liid_mil.export.files import new_folder
from liid_mil.export.tally import Tally
from liid_mil.export.voc import fill_voc
from liid_mil.export.yolo import fill_yolo

FORMATS = ("coco", "voc", "yolo")
COCO_FILE = "annotations.json"


def export(
    folder: str | Path,
    images: Iterable[ImageLabels],
    class_names: Sequence[str],
    *,
    format: str,
    card: DataCard,
    **options: Any,
) -> Tally:
    """Write a new folder with labels in ``format`` and their data card.

    Parameters
    ----------
    images, class_names : as of the writers.
    format : ``"coco"`` (``annotations.json``), ``"voc"`` or ``"yolo"``.
    card : what is known of the labels; what is written is counted.
    options : of :func:`write_coco`, :func:`write_voc` or :func:`write_yolo`.

    Raises
    ------
    FileExistsError : the folder exists.
    ValueError, OSError : as the writers.
    """
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}; it must be one of {FORMATS}")
    with new_folder(folder) as staging:
        if format == "coco":
            tally = write_coco(staging / COCO_FILE, images, class_names, **options)
        else:
            fill = fill_voc if format == "voc" else fill_yolo
            tally = fill(staging, images, class_names, **options)
        card.write(staging, tally)
    return tally
