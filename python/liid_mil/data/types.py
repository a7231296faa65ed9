"""What the stages hand to each other: images with tags, proposals, and the truth for evaluation.

Boxes are float32 xyxy in absolute pixels, right and bottom exclusive. Masks are COCO run-length
encodings. Label 0 is the background, 1..K are the classes; column k-1 of ``tags`` is class k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class RLE(TypedDict):
    """A binary mask as :mod:`pycocotools.mask` reads and writes it."""

    size: list[int]  # height, width
    counts: bytes


class DatasetError(ValueError):
    """A file of a dataset cannot be used; ``path`` is that file, and the message names it."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from their message by default, which is not what __init__ takes;
        # without this an error in a worker process would never reach its parent.
        return type(self), (str(self.path), self.reason)


@dataclass(frozen=True, eq=False)
class Proposals:
    """Category-agnostic proposals of one image, best first.

    boxes : float32 (P, 4), xyxy, right and bottom exclusive, at least one pixel inside.
    masks : P run-length encodings, each within its box, or None where only boxes are known.
    scores : float32 (P,), higher is better; comparable within one image only.

    Raises ``ValueError`` where shapes disagree, a box is empty or a number is not finite.
    """

    boxes: Boxes
    masks: list[RLE] | None
    scores: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", as_boxes("boxes", self.boxes))
        scores = np.asarray(self.scores, dtype=np.float32)
        object.__setattr__(self, "scores", scores)
        if scores.shape != (len(self),):
            raise ValueError(f"scores has shape {scores.shape}; boxes needs ({len(self)},)")
        if not np.isfinite(scores).all():
            row = int(np.argmin(np.isfinite(scores)))
            raise ValueError(f"scores[{row}] is {scores[row]}; every score must be finite")
        if self.masks is not None and len(self.masks) != len(self):
            raise ValueError(f"there are {len(self.masks)} masks for {len(self)} boxes")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Sequence[int] | npt.NDArray[Any]) -> Proposals:
        """The proposals at ``index`` (integers or a bool mask), in that order."""
        rows = np.arange(len(self))[np.asarray(index, dtype=None if len(index) else np.int64)]
        masks = None if self.masks is None else [self.masks[i] for i in rows]
        return Proposals(self.boxes[rows], masks, self.scores[rows])


@dataclass(frozen=True, eq=False)
class ImageProposals:
    """What a reader yields: the proposals of one image, and which image that is.

    image_id : distinct within a dataset. size : height and width in pixels, or None where the file
    does not say and no mask tells.
    """

    image_id: str
    size: tuple[int, int] | None
    proposals: Proposals


@dataclass(frozen=True, eq=False)
class ImageLabels:
    """Pseudo ground truth of one image: its labelled objects, surest first.

    image_id, size : as of :class:`ImageProposals`; the size is always known.
    boxes : float32 (P, 4), xyxy, right and bottom exclusive.
    labels : int64 (P,), 1..K; the background has no objects.
    scores : float32 (P,), higher is surer; comparable over the dataset.
    masks : P run-length encodings of the image's size, or None where only boxes are known.

    Raises ``ValueError`` where shapes disagree, a box is empty, a label is below 1 or a score is
    not finite.
    """

    image_id: str
    size: tuple[int, int]
    boxes: Boxes
    labels: Ints
    scores: Floats
    masks: list[RLE] | None

    def __post_init__(self) -> None:
        proposals = Proposals(self.boxes, self.masks, self.scores)
        object.__setattr__(self, "boxes", proposals.boxes)
        object.__setattr__(self, "scores", proposals.scores)
        object.__setattr__(self, "labels", _as_classes(self.labels, len(proposals)))
        for i, mask in enumerate(self.masks or []):
            if tuple(mask["size"]) != tuple(self.size):
                raise ValueError(
                    f"masks[{i}] has size {list(mask['size'])}; image {self.image_id!r} has "
                    f"{list(self.size)}"
                )

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, eq=False)
class Truth:
    """Annotated objects of one image. For evaluation only: training never reads it.

    boxes : float32 (G, 4), xyxy, right and bottom exclusive.
    labels : int64 (G,), 1..K.
    masks : G run-length encodings of the visible parts, or None where only boxes are known.
    difficult : bool (G,); such objects count neither as found nor as missed.

    Raises ``ValueError`` where shapes disagree, a box is empty or a label is below 1.
    """

    boxes: Boxes
    labels: Ints
    masks: list[RLE] | None
    difficult: Bools

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", as_boxes("boxes", self.boxes))
        object.__setattr__(self, "labels", _as_classes(self.labels, len(self)))
        object.__setattr__(self, "difficult", np.asarray(self.difficult, dtype=np.bool_))
        if self.difficult.shape != (len(self),):
            shape = self.difficult.shape
            raise ValueError(f"difficult has shape {shape}; boxes needs ({len(self)},)")
        if self.masks is not None and len(self.masks) != len(self):
            raise ValueError(f"there are {len(self.masks)} masks for {len(self)} boxes")

    def __len__(self) -> int:
        return len(self.boxes)


class ImageDataset(Protocol):
    """Images with image-level tags. N images, K classes.

    Two reads of the same index give the same arrays, in any order and in any process.
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes 1..K."""
        ...

    @property
    def image_ids(self) -> tuple[str, ...]:
        """A distinct name for each of the N images."""
        ...

    @property
    def tags(self) -> Bools:
        """Whether image i shows class k+1, bool (N, K)."""
        ...

    def __len__(self) -> int:
        """N."""
        ...

    def image(self, i: int) -> Image:
        """Image i, uint8 (H, W, 3), RGB. Raises :class:`DatasetError` for a damaged file."""
        ...

    def truth(self, i: int) -> Truth | None:
        """Annotated objects of image i, or None where nobody annotated any."""
        ...


def _as_classes(value: Any, n_boxes: int) -> Ints:
    """``value`` as int64 (n_boxes,) of classes 1..K; raises ``ValueError``."""
    labels = np.asarray(value, dtype=np.int64)
    if labels.shape != (n_boxes,):
        raise ValueError(f"labels has shape {labels.shape}; boxes needs ({n_boxes},)")
    if (labels < 1).any():
        row = int(np.argmax(labels < 1))
        raise ValueError(f"labels[{row}] is {labels[row]}; classes are 1 to K")
    return labels


def as_boxes(name: str, value: Any) -> Boxes:
    """``value`` as float32 (P, 4); raises ``ValueError`` for a wrong shape or an empty box."""
    boxes = np.asarray(value, dtype=np.float32)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} has shape {boxes.shape}; it must be (P, 4)")
    good = np.isfinite(boxes).all(axis=1)
    good &= (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"{name}[{row}] is {boxes[row].tolist()}; a box is finite x0 < x1 and y0 < y1"
        )
    return boxes
