"""Images of the report: what a caller hands in, and which of them the page shows.

Input: images with the nodes that lie in them. Output: pictures as data URIs of bounded total size,
outlines of masks as SVG paths, and crops of single nodes. Each image is loaded at most once, and
only if something of it is shown. Needs Pillow; masks need pycocotools and contourpy too.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.boxes import mask_areas
from liid_cut.inputs import as_array

Picture = npt.NDArray[np.uint8]

_CROP_SIDE = 72
_LOSSLESS_SIDE = 40  # small pictures: PNG is exact, and hardly larger
_QUALITY = 80
_OUTLINE_SIDE = 160  # masks are traced on a grid of at most this many cells a side


@dataclass(frozen=True, eq=False)
class ReportImage:
    """One image, and the nodes (proposals) that lie in it.

    Attributes
    ----------
    image_id : name shown on the page.
    nodes : (p,) integers, rows of ``probs`` and ``labels``.
    boxes : (p, 4) xyxy in pixels of the loaded image, right and bottom exclusive.
    load : returns the image as uint8 (H, W, 3) RGB or (H, W); called only for images of which the
        page shows something. None: boxes are drawn on an empty canvas.
    masks : p run-length encodings as pycocotools has them, of the image's size; None: boxes only.
    truth_boxes, truth_labels : (g, 4) and (g,), annotated objects; shown on demand.

    Raises
    ------
    ValueError : shapes disagree, or a box is empty or not finite.
    """

    image_id: str
    nodes: npt.NDArray[Any]
    boxes: npt.NDArray[Any]
    load: Callable[[], npt.NDArray[Any]] | None = None
    masks: Sequence[Any] | None = None
    truth_boxes: npt.NDArray[Any] | None = None
    truth_labels: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        name = f"image {self.image_id!r}"
        nodes = as_array("nodes", self.nodes)
        if nodes.ndim != 1 or (nodes.size and nodes.dtype.kind not in "iu"):
            raise ValueError(
                f"{name}: nodes has shape {nodes.shape}, dtype {nodes.dtype}; "
                "integers (p,) are needed"
            )
        object.__setattr__(self, "nodes", nodes.astype(np.int64))
        object.__setattr__(self, "boxes", _as_boxes(f"{name}: boxes", self.boxes, len(nodes)))
        if self.masks is not None and len(self.masks) != len(nodes):
            raise ValueError(f"{name}: there are {len(self.masks)} masks for {len(nodes)} nodes")
        if (self.truth_boxes is None) != (self.truth_labels is None):
            raise ValueError(f"{name}: truth_boxes and truth_labels: one given, both are needed")
        if self.truth_boxes is not None:
            labels = as_array("truth_labels", self.truth_labels).astype(np.int64)
            object.__setattr__(self, "truth_labels", labels)
            boxes = _as_boxes(f"{name}: truth_boxes", self.truth_boxes, len(labels))
            object.__setattr__(self, "truth_boxes", boxes)


def _as_boxes(name: str, value: Any, n_boxes: int) -> npt.NDArray[np.float64]:
    boxes = as_array(name, value).astype(np.float64)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.shape != (n_boxes, 4):
        raise ValueError(f"{name} has shape {boxes.shape}; it must be ({n_boxes}, 4)")
    good = np.isfinite(boxes).all(axis=1)
    good &= (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(f"{name}[{row}] is {boxes[row].tolist()}; a box is x0 < x1 and y0 < y1")
    return boxes


def as_picture(name: str, value: Any) -> Picture:
    """``value`` as uint8 (H, W, 3) or (H, W); raises ``ValueError``."""
    picture = as_array(name, value)
    shaped = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)
    if not shaped or picture.dtype != np.uint8 or picture.size == 0:
        raise ValueError(
            f"{name} has shape {picture.shape}, dtype {picture.dtype}; "
            "it must be uint8 (H, W, 3) or (H, W), not empty"
        )
    return picture


class Encoder:
    """Pictures as data URIs, until ``max_bytes`` of them are used up."""

    def __init__(self, max_bytes: int) -> None:
        self.left = max_bytes

    def encode(self, picture: Picture, side: int) -> str | None:
        """``picture`` scaled down to at most ``side`` pixels a side; None: no bytes are left."""
        image = _pillow().fromarray(np.ascontiguousarray(picture))
        image.thumbnail((side, side))
        lossless = max(image.size) <= _LOSSLESS_SIDE
        buffer = io.BytesIO()
        if lossless:
            image.save(buffer, format="PNG", optimize=True)
        else:
            image.save(buffer, format="WEBP", quality=_QUALITY, method=4)
        text = base64.b64encode(buffer.getvalue()).decode("ascii")
        uri = f"data:image/{'png' if lossless else 'webp'};base64,{text}"
        if len(uri) > self.left:
            return None
        self.left -= len(uri)
        return uri

    def crop(self, picture: Picture, box: npt.NDArray[Any] | None = None) -> str | None:
        """A small picture of one node: the box with a margin, or the whole picture."""
        if box is not None:
            height, width = picture.shape[:2]
            margin = 0.08 * max(box[2] - box[0], box[3] - box[1])
            x0, y0 = (max(0, int(np.floor(low - margin))) for low in box[:2])
            x1, y1 = (int(np.ceil(high + margin)) for high in box[2:])
            x0, y0 = min(x0, width - 1), min(y0, height - 1)
            picture = picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        return self.encode(picture, _CROP_SIDE)


def can_trace() -> bool:
    """Whether masks can be drawn: pycocotools and contourpy are installed."""
    try:
        import contourpy  # noqa: F401
        import pycocotools.mask  # noqa: F401
    except ImportError:
        return False
    return True


def outline(mask: Any) -> str:
    """Outline of a run-length encoded mask as the ``d`` of an SVG path, in pixels of its image.

    The mask is averaged on a grid of at most 160 cells a side and traced where half a cell is
    covered, so that an outline takes some hundred bytes; an empty or vanishing one is ``""``.

    Raises
    ------
    ValueError : it is no run-length encoding.
    """
    from contourpy import contour_generator
    from pycocotools import mask as coco

    try:
        mask_areas([mask])  # pycocotools would decode a code that is too short to random pixels
        bits = coco.decode({"size": list(mask["size"]), "counts": mask["counts"]})
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"a mask is no run-length encoding: {error}") from None
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    if rows.size == 0:
        return ""
    top, left = int(rows[0]), int(columns[0])
    part = bits[top : rows[-1] + 1, left : columns[-1] + 1]
    step = -(-max(part.shape) // _OUTLINE_SIDE)
    height, width = (-(-side // step) for side in part.shape)
    cells = np.zeros((height * step, width * step))
    cells[: part.shape[0], : part.shape[1]] = part
    cells = cells.reshape(height, step, width, step).mean(axis=(1, 3))
    grid = np.pad(cells, 1)
    x = left + (np.arange(width + 2) - 0.5) * step
    y = top + (np.arange(height + 2) - 0.5) * step
    lines: Any = contour_generator(x, y, grid).lines(0.5)
    return "".join(_path(_simplified(line, 0.4 * step)) for line in lines)


def _path(line: npt.NDArray[np.float64]) -> str:
    if len(line) < 4:
        return ""
    points = np.round(line[:-1], 1)
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points.tolist()) + "Z"


def _simplified(line: npt.NDArray[np.float64], tolerance: float) -> npt.NDArray[np.float64]:
    """Fewer points of a closed line, none dropped farther than ``tolerance`` from what is left.

    Ramer (1972), Douglas and Peucker (1973), without recursion.
    """
    keep = np.zeros(len(line), dtype=bool)
    middle = int(np.argmax(((line - line[0]) ** 2).sum(axis=1)))
    keep[[0, middle, -1]] = True
    waiting = [(0, middle), (middle, len(line) - 1)]
    while waiting:
        a, b = waiting.pop()
        if b - a < 2:
            continue
        inner, along = line[a + 1 : b] - line[a], line[b] - line[a]
        length = float(np.hypot(*along))
        cross = np.abs(inner[:, 0] * along[1] - inner[:, 1] * along[0])
        distance = cross / length if length else np.hypot(*inner.T)
        i = int(np.argmax(distance))
        if distance[i] > tolerance:
            keep[a + 1 + i] = True
            waiting += [(a, a + 1 + i), (a + 1 + i, b)]
    return line[keep]


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            'pictures in a report need Pillow: pip install "liid-cut[report]"'
        ) from None
    return Image
