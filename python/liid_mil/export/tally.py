"""What a stream of labels holds, counted while a writer reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from liid_mil.data.types import ImageLabels


class Tally:
    """Counts of images and objects.

    Attributes
    ----------
    class_names : K names.
    n_images, n_empty : all images, and those without an object.
    n_by_class : int64 (K,), objects of each class.
    n_without_mask : objects of which only the box is known.
    score_range : least and greatest score, or None without objects.
    n_hidden : objects of which a writer could show nothing, as surer ones cover them.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = tuple(class_names)
        self.n_images = self.n_empty = self.n_without_mask = self.n_hidden = 0
        self.n_by_class = np.zeros(len(self.class_names), dtype=np.int64)
        self.score_range: tuple[float, float] | None = None

    @property
    def n_objects(self) -> int:
        """Objects of all classes."""
        return int(self.n_by_class.sum())

    def of(self, images: Iterable[ImageLabels]) -> Iterator[ImageLabels]:
        """Yield ``images`` and count them.

        Raises
        ------
        ValueError : a label has no name.
        """
        for image in images:
            self._add(image)
            yield image

    def _add(self, image: ImageLabels) -> None:
        self.n_images += 1
        if len(image) == 0:
            self.n_empty += 1
            return
        if image.labels.max() > len(self.class_names):
            row = int(image.labels.argmax())
            raise ValueError(
                f"image {image.image_id!r}: labels[{row}] is {image.labels[row]}; class_names has "
                f"{len(self.class_names)} names"
            )
        self.n_by_class += np.bincount(image.labels - 1, minlength=len(self.class_names))
        if image.masks is None:
            self.n_without_mask += len(image)
        low, high = float(image.scores.min()), float(image.scores.max())
        if self.score_range is not None:
            low, high = min(low, self.score_range[0]), max(high, self.score_range[1])
        self.score_range = low, high
