"""What every reader does with what it found in a file: check it, order it, keep the best.

Input: codes or boxes of one image, and scores where the file has any. Output:
:class:`~liid_mil.data.types.ImageProposals`, best first. Proposals without a pixel are left out
and counted; everything else that is wrong raises :class:`~liid_mil.data.types.DatasetError`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.images import MAX_PIXELS
from liid_mil.data.types import RLE, Boxes, DatasetError, Floats, ImageProposals, Ints, Proposals
from liid_mil.proposals.runs import encode_runs, read_runs

logger = logging.getLogger(__name__)

Size = tuple[int, int]
ON_ERROR = ("raise", "skip")
MISSING_SCORES = ("one", "area")
_MOST_PIXELS = 2**31 - 1  # of a run-length code's numbers
_CODES_AT_ONCE = 1 << 20  # bytes: NumPy takes about 60 for each


@dataclass(frozen=True)
class Limits:
    """What one image may take; a file beyond it is refused before it fills the memory.

    max_pixels : of an image. max_proposals : of an image. max_bytes : of what belongs to an image,
    unpacked: the arrays of a .mat file, the text of its JSON records, the codes of its masks.
    """

    max_pixels: int = MAX_PIXELS
    max_proposals: int = 50_000
    max_bytes: int = 1 << 28

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_proposals", "max_bytes"):
            value = getattr(self, name)
            if value < 1 or (name == "max_pixels" and value > _MOST_PIXELS):
                above = f" and at most {_MOST_PIXELS}" if name == "max_pixels" else ""
                raise ValueError(f"{name} is {value}; it must be at least 1{above}")


@dataclass(eq=False)
class Reading:
    """The settings of one pass over proposal files, and what it left out.

    limits : of an image. missing_scores : where a file has no scores, ``"one"``: 1 for each, which
    keeps the order of the file, or ``"area"``: the share of the image (of the largest proposal
    where the size is unknown), so larger ones first. top : how many to keep of an image, the best
    ones; None: all. on_error : ``"raise"``, or ``"skip"``: leave out images whose part of the files
    is damaged. size_of : height and width of an image by its id, None where unknown; sizes in the
    files must agree, and boxes are cut at it.

    skipped : image id or file -> why it was left out. n_empty : proposals without a pixel.
    """

    limits: Limits = field(default_factory=Limits)
    missing_scores: str = "one"
    top: int | None = None
    on_error: str = "raise"
    size_of: Callable[[str], Size | None] | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    n_empty: int = 0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("missing_scores", self.missing_scores, MISSING_SCORES),
            ("on_error", self.on_error, ON_ERROR),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; it must be one of {allowed}")
        if self.top is not None and self.top < 1:
            raise ValueError(f"top is {self.top}; it must be at least 1, or None")

    def check_size(self, path: Path, size: Sequence[Any]) -> Size:
        """``size`` of a file as height and width; raises :class:`DatasetError`."""
        if len(size) != 2 or not all(type(n) is int and n > 0 for n in size):
            raise DatasetError(path, f"has the size {list(size)!r:.60}; it must be height, width")
        height, width = size
        if height * width > self.limits.max_pixels:
            raise DatasetError(
                path,
                f"has {width} x {height} pixels; at most {self.limits.max_pixels} are read",
            )
        return height, width

    def known_size(self, path: Path, image_id: str, size: Size | None) -> Size | None:
        """The size of an image from its file or else from ``size_of``; both must agree."""
        known = None if self.size_of is None else self.size_of(image_id)
        if size is None or known is None or size == known:
            return size if known is None else self.check_size(path, known)
        raise DatasetError(
            path,
            f"has proposals of {size[1]} x {size[0]} pixels for image {image_id!r}, which has "
            f"{known[1]} x {known[0]}",
        )

    def check_number(self, path: Path, image_id: str, n: int) -> None:
        """Raise :class:`DatasetError` where ``n`` proposals are too many."""
        if n > self.limits.max_proposals:
            raise DatasetError(
                path,
                f"has {n} proposals of image {image_id!r}; at most {self.limits.max_proposals} "
                "are read",
            )

    def check_bytes(self, path: Path, n: int) -> None:
        """Raise :class:`DatasetError` where the ``n`` bytes of an image are too many."""
        if n > self.limits.max_bytes:
            raise DatasetError(
                path,
                f"needs {n} bytes or more for one image; at most {self.limits.max_bytes} are read",
            )

    def attempt(
        self, image_id: str, read: Callable[..., ImageProposals], *arguments: Any
    ) -> Iterator[ImageProposals]:
        """``read(*arguments)``; nothing where it is damaged and damage is to be skipped."""
        try:
            found = read(*arguments)
        except DatasetError as error:
            if self.on_error == "raise":
                raise
            logger.warning("skipped image %s: %s", image_id, error)
            self.skipped[image_id] = str(error)
            return
        yield found

    def best(self, path: Path, image_id: str, scores: Any) -> Ints:
        """Rows of the ``top`` highest scores, best first; equal ones in the order of the file."""
        values = np.asarray(scores, dtype=np.float64).ravel()
        with np.errstate(over="ignore"):
            finite = np.isfinite(values.astype(np.float32))
        if not finite.all():
            i = int(np.argmin(finite))
            raise DatasetError(
                path,
                f"proposal {i} of image {image_id!r} has the score {values[i]}; "
                "it must be a finite number",
            )
        return np.argsort(-values, kind="stable")[: self.top]

    def from_codes(
        self, path: Path, image_id: str, size: Size, codes: list[bytes], scores: Any
    ) -> ImageProposals:
        """Proposals of run-length codes that nobody has checked yet.

        scores : numbers (P,), or None where the file has none.
        """
        self.check_number(path, image_id, len(codes))
        sizes = np.cumsum([0, *map(len, codes)])
        self.check_bytes(path, int(sizes[-1]))
        areas = np.zeros(len(codes), dtype=np.int64)
        boxes = np.zeros((len(codes), 4), dtype=np.float32)
        start = 0
        while start < len(codes):
            end = int(np.searchsorted(sizes, sizes[start] + _CODES_AT_ONCE, side="right")) - 1
            span = slice(start, max(end, start + 1))
            runs = read_runs(codes[span])
            whole = ~runs.damaged & (runs.n_pixels == size[0] * size[1])
            if not whole.all():
                raise DatasetError(
                    path,
                    f"proposal {start + int(np.argmin(whole))} of image {image_id!r} has no "
                    f"run-length code of {size[1]} x {size[0]} pixels",
                )
            areas[span], boxes[span] = runs.areas, runs.boxes(size[0])
            for i in np.flatnonzero(runs.has_gaps):
                own = runs.lengths[runs.offsets[i] : runs.offsets[i + 1]]
                codes[start + i] = encode_runs([_without_gaps(own)], size)[0]
            start = span.stop
        return self.from_masks(path, image_id, size, codes, areas, boxes, scores)

    def from_masks(
        self,
        path: Path,
        image_id: str,
        size: Size,
        codes: Sequence[bytes],
        areas: npt.NDArray[Any],
        boxes: npt.NDArray[Any],
        scores: Any,
    ) -> ImageProposals:
        """Proposals of codes (P,) that are right, with their areas (P,) and tight boxes (P, 4)."""
        known = self.known_size(path, image_id, size)
        rows, values = self._choose(path, image_id, areas, scores, known)
        masks: list[RLE] = [{"size": list(size), "counts": codes[i]} for i in rows]
        return ImageProposals(image_id, known, Proposals(boxes[rows], masks, values))

    def from_boxes(
        self, path: Path, image_id: str, size: Size | None, boxes: Any, scores: Any
    ) -> ImageProposals:
        """Proposals of boxes (P, 4), xyxy; they are cut at the image, whose size may be unknown."""
        corners = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        self.check_number(path, image_id, len(corners))
        finite = np.isfinite(corners).all(axis=1)
        if not finite.all():
            i = int(np.argmin(finite))
            raise DatasetError(
                path,
                f"proposal {i} of image {image_id!r} has the box {corners[i].tolist()}; "
                "it must be finite numbers",
            )
        known = self.known_size(path, image_id, size)
        limits = (np.inf,) * 4 if known is None else (known[1], known[0]) * 2
        cut = _cut_boxes(corners, limits)
        sides = cut[:, 2:].astype(np.float64) - cut[:, :2]
        widths, heights = np.maximum(sides, 0).T
        rows, values = self._choose(path, image_id, widths * heights, scores, known)
        return ImageProposals(image_id, known, Proposals(cut[rows], None, values))

    def _choose(
        self, path: Path, image_id: str, areas: npt.NDArray[Any], scores: Any, size: Size | None
    ) -> tuple[Ints, Floats]:
        """Rows that have a pixel, best first, at most ``top``, and their scores."""
        if scores is None:
            if self.missing_scores == "one":
                scores = np.ones(len(areas))
            else:
                whole = max(areas.max(initial=0), 1) if size is None else size[0] * size[1]
                scores = areas / whole
        values = np.asarray(scores, dtype=np.float64).ravel()
        if len(values) != len(areas):
            raise DatasetError(
                path,
                f"has {len(values)} scores for {len(areas)} proposals of image {image_id!r}",
            )
        filled = np.flatnonzero(areas > 0)
        self.n_empty += len(areas) - len(filled)
        rows = filled[self.best(path, image_id, values[filled])]
        return rows, values[rows].astype(np.float32)


def _cut_boxes(corners: npt.NDArray[np.float64], limits: tuple[float, ...]) -> Boxes:
    farthest = float(np.finfo(np.float32).max)
    return np.clip(corners, 0, np.minimum(limits, farthest)).astype(np.float32)


def _without_gaps(runs: Ints) -> Ints:
    """The same mask without runs of no pixel: two changes at one place are none."""
    changes, times = np.unique(np.cumsum(runs)[:-1], return_counts=True)
    changes = changes[times % 2 == 1]
    changes = changes[changes < runs.sum()]
    return np.diff(changes, prepend=0, append=runs.sum())
