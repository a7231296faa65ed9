"""From labels of the cut to pseudo ground truth: which proposals become objects, image by image.

Input: the proposals of a dataset, and a label and a score for each, concatenated image by image, as
:class:`liid_mil.labelling.Labelling` has them. Output: the labelled objects of each image.
Steps: the background is dropped, then what is below a score; greedy non-maximum suppression within
image and class; the surest that are left. One image at a time is in memory.
Source: LIID, Eq. 1 and section 5.3 (suppression at an IoU of .4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import batched_mask_nms, batched_nms
from liid_mil.data.types import Floats, ImageLabels, ImageProposals, Ints
from liid_mil.proposals.store import ProposalStore

NMS_IOU = 0.4
SUPPRESS = ("box", "mask", "none")


@dataclass(frozen=True)
class Selection:
    """Which labelled proposals of an image become its objects.

    Attributes
    ----------
    suppress : ``"box"``: non-maximum suppression within each class by overlap of boxes, as in the
        paper; ``"mask"``: by overlap of masks; ``"none"``: no suppression.
    iou : a proposal is dropped where its IoU with a surer one that is kept is above this.
    min_score : the least score of an object; None: any.
    max_per_image : the surest so many of an image; None: all.

    Raises
    ------
    ValueError : a value that is not allowed.
    """

    suppress: str = "box"
    iou: float = NMS_IOU
    min_score: float | None = None
    max_per_image: int | None = None

    def __post_init__(self) -> None:
        if self.suppress not in SUPPRESS:
            raise ValueError(f"suppress is {self.suppress!r}; it must be one of {SUPPRESS}")
        if not 0 <= self.iou <= 1:
            raise ValueError(f"iou is {self.iou}; it must be a number from 0 to 1")
        if self.min_score is not None and not np.isfinite(self.min_score):
            raise ValueError(f"min_score is {self.min_score}; it must be finite, or None")
        if self.max_per_image is not None and self.max_per_image < 1:
            raise ValueError(
                f"max_per_image is {self.max_per_image}; it must be at least 1, or None"
            )

    def objects(self, image: ImageProposals, labels: Ints, scores: Floats) -> ImageLabels:
        """The objects of one image, surest first; labels (P,) and scores (P,) of its proposals.

        Raises
        ------
        ValueError : the image's size is not known, masks are needed and missing, or one of
            :class:`ImageLabels`.
        """
        rows = np.flatnonzero(labels)
        if self.min_score is not None:
            rows = rows[scores[rows] >= self.min_score]
        rows = rows[self._kept(image, rows, labels[rows], scores[rows])][: self.max_per_image]
        found = image.proposals[rows]
        size = _size(image)
        return ImageLabels(
            image.image_id, size, found.boxes, labels[rows], scores[rows], found.masks
        )

    def _kept(self, image: ImageProposals, rows: Ints, labels: Ints, scores: Floats) -> Ints:
        """Places in ``rows`` of what suppression keeps, best score first."""
        if self.suppress == "none" or len(rows) == 0:
            return np.argsort(-scores, kind="stable")
        if self.suppress == "mask":
            masks = image.proposals.masks
            if masks is None:
                raise ValueError(
                    f"image {image.image_id!r}: suppress is 'mask', but its proposals have no masks"
                )
            return batched_mask_nms([masks[i] for i in rows], scores, labels, self.iou, n_jobs=1)
        return batched_nms(image.proposals.boxes[rows], scores, labels, self.iou, n_jobs=1)


def assign(
    proposals: Iterable[ImageProposals],
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    **settings: Any,
) -> Iterator[ImageLabels]:
    """Yield the pseudo ground truth of each image, in the order of ``proposals``.

    Parameters
    ----------
    proposals : images with their proposals, as :func:`images_of_store` and the readers yield them.
    labels : (P,) integers 0..K of all proposals, image by image; 0 is the background.
    scores : (P,) finite numbers, how sure each label is; higher is surer.
    settings : fields of :class:`Selection`: ``suppress``, ``iou``, ``min_score``,
        ``max_per_image``.

    Raises
    ------
    ValueError : a shape, dtype or value that is not allowed, or, once the images have been read,
        a number of proposals that is not that of the labels.
    """
    given, confidence = _checked(labels, scores)
    return _assigned(proposals, given, confidence, Selection(**settings))


def images_of_store(store: ProposalStore) -> Iterator[ImageProposals]:
    """Yield the images of a store with their proposals; those that it skipped have none."""
    for i, image_id in enumerate(store.image_ids):
        if image_id not in store.skipped:
            yield ImageProposals(image_id, store.image_size(i), store[i])


def _assigned(
    proposals: Iterable[ImageProposals], labels: Ints, scores: Floats, selection: Selection
) -> Iterator[ImageLabels]:
    begin = 0
    for image in proposals:
        end = begin + len(image.proposals)
        if end > len(labels):
            raise ValueError(
                f"labels has {len(labels)} entries; the proposals up to image "
                f"{image.image_id!r} are {end}"
            )
        yield selection.objects(image, labels[begin:end], scores[begin:end])
        begin = end
    if begin < len(labels):
        raise ValueError(f"labels has {len(labels)} entries; the proposals are {begin}")


def _checked(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Ints, Floats]:
    given, confidence = np.asarray(labels), np.asarray(scores)
    if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size > 0):
        raise ValueError(
            f"labels is {given.dtype} {given.shape}; it must be integers of shape (P,)"
        )
    if confidence.shape != given.shape:
        raise ValueError(f"scores has shape {confidence.shape}; labels needs {given.shape}")
    bad = given < 0
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"labels[{row}] is {given[row]}; allowed: 0 (background) to K")
    confidence = confidence.astype(np.float32)
    if not np.isfinite(confidence).all():
        row = int(np.argmin(np.isfinite(confidence)))
        raise ValueError(f"scores[{row}] is {confidence[row]}; every score must be finite")
    return given.astype(np.int64), confidence


def _size(image: ImageProposals) -> tuple[int, int]:
    if image.size is not None:
        return image.size
    if image.proposals.masks:
        height, width = image.proposals.masks[0]["size"]
        return height, width
    raise ValueError(f"image {image.image_id!r}: its height and width are not known")
