"""What the readers of image files share: reading on demand, and skipping what is damaged.

Input: one entry for each image, or the :class:`~liid_mil.data.types.DatasetError` that it raised.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from liid_mil.data.images import read_image
from liid_mil.data.types import Bools, DatasetError, Image

logger = logging.getLogger(__name__)

ON_ERROR = ("raise", "skip")
Entry = TypeVar("Entry")


class ImageFiles:
    """Images that lie in files. ``skipped`` maps the ids of images left out to the reason."""

    def __init__(
        self,
        class_names: Sequence[str],
        image_ids: Sequence[str],
        tags: Bools,
        paths: Sequence[Path],
        skipped: dict[str, str],
    ) -> None:
        self.class_names = tuple(class_names)
        self.image_ids = tuple(image_ids)
        self.tags = tags
        self.paths = tuple(paths)
        self.skipped = skipped

    def __len__(self) -> int:
        return len(self.image_ids)

    def image(self, i: int) -> Image:
        """Image i, uint8 (H, W, 3), RGB. Raises :class:`DatasetError` for a damaged file."""
        if not 0 <= i < len(self):
            raise IndexError(f"image {i} of {len(self)}")
        return read_image(self.paths[i])


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises :class:`DatasetError` where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(path, "no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(path, f"damaged JSON ({error})") from error


def read_entries(
    image_ids: Iterable[str], read: Callable[[str], Entry], on_error: str
) -> tuple[dict[str, Entry], dict[str, str]]:
    """``read(id)`` for each image, and the reasons of those that were skipped.

    ``on_error``: ``"raise"``, or ``"skip"``: leave out and log images whose entry is damaged.
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r}; it must be one of {ON_ERROR}")
    entries: dict[str, Entry] = {}
    skipped: dict[str, str] = {}
    for name in image_ids:
        try:
            entries[name] = read(name)
        except DatasetError as error:
            if on_error == "raise":
                raise
            logger.warning("skipped image %s: %s", name, error)
            skipped[name] = str(error)
    return entries, skipped


def image_path(folder: Path, name: str) -> Path:
    """The file of an image: ``name`` itself, or with one of the usual endings."""
    if "\0" in name:
        raise DatasetError(folder, f"{name!r} cannot be the name of an image")
    for ending in ("", ".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"):
        path = folder / f"{name}{ending}"
        if path.is_file():
            return path
    why = "no such image (.jpg and .png are tried, too)"
    if Path(name).is_absolute():
        raise DatasetError(folder, f"{name}: {why}")
    raise DatasetError(folder / name, why)


def distinct(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """``names``, after a check that none comes twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DatasetError(path, f"names image {name!r} twice")
        seen.add(name)
    return tuple(names)
