"""Image tags as constraints on the labels of an image's proposals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import as_array, as_index_array


def tags_to_allowed(image_ids: Any, image_tags: Any) -> npt.NDArray[np.bool_]:
    """Labels that each proposal may take: its image's tags, and the background.

    Parameters
    ----------
    image_ids : (n,) integers; the row of ``image_tags`` that belongs to each proposal's image.
    image_tags : (n_images, K) bool, or numbers 0 and 1; the foreground categories of each image,
        in the order of columns 1..K of ``probs``.

    Returns
    -------
    (n, K+1) bool for the ``allowed`` argument of :func:`liid_cut.multiway_cut`; column 0, the
    background, is True everywhere.

    Raises
    ------
    ValueError : wrong shape or dtype, an id without a row, a tag other than 0 and 1.
    """
    tags = as_image_tags(image_tags)
    ids = as_index_array("image_ids", image_ids, len(tags), "rows of image_tags")
    if ids.ndim != 1:
        raise ValueError(f"image_ids has shape {ids.shape}; it must be 1-dimensional")
    allowed = np.ones((len(ids), tags.shape[1] + 1), dtype=bool)
    allowed[:, 1:] = tags[ids]
    return allowed


def as_image_tags(image_tags: Any) -> npt.NDArray[np.bool_]:
    """Tags (n_images, K) as bool."""
    tags = as_array("image_tags", image_tags)
    if tags.ndim != 2:
        raise ValueError(f"image_tags has shape {tags.shape}; it must be (n_images, K)")
    if tags.dtype != np.bool_:
        if tags.dtype.kind not in "iuf":
            raise ValueError(f"image_tags has dtype {tags.dtype}; it must be bool or 0 and 1")
        other = (tags != 0) & (tags != 1)
        if other.any():
            row, column = np.argwhere(other)[0]
            raise ValueError(f"image_tags[{row}, {column}] is {tags[row, column]}; allowed: 0, 1")
        tags = tags != 0
    return tags
