"""A folder of images and a file with their tags: the least that LIID needs to start.

Input: a folder, a CSV or NPZ file (:mod:`liid_mil.data.tag_files`). Output: a dataset without
truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from liid_mil.data.files import ImageFiles, image_path, read_entries
from liid_mil.data.tag_files import read_tags


class TagFolderDataset(ImageFiles):
    """Images of a folder with tags. An :class:`~liid_mil.data.types.ImageDataset`.

    Parameters
    ----------
    folder : where the images lie; an image id is its path in there, with or without the ending.
    tag_file : ``.csv`` or ``.npz``; only the images that it names are used.
    class_names : names of the classes 1..K; None: those that the CSV has.
    on_error : ``"raise"``, or ``"skip"``: leave out, log and list in ``skipped`` the images that
        are not there.

    Raises
    ------
    DatasetError : the tag file is missing or damaged, or an image is missing; names the file.
    """

    def __init__(
        self,
        folder: str | Path,
        tag_file: str | Path,
        *,
        class_names: Sequence[str] | None = None,
        on_error: str = "raise",
    ) -> None:
        names, image_ids, tags = read_tags(tag_file, class_names)
        paths, skipped = read_entries(
            image_ids, lambda name: image_path(Path(folder), name), on_error
        )
        kept = np.array([name in paths for name in image_ids], dtype=np.bool_)
        super().__init__(names, tuple(paths), tags[kept], tuple(paths.values()), skipped)

    def truth(self, i: int) -> None:
        """None: tags are all that is known."""
