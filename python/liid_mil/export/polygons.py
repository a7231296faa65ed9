"""A mask as one closed polygon, holes and separate parts included.

Steps: contours halfway between pixels inside and outside (marching squares by scikit-image); all
contours of a mask joined to one ring by bridges of no width, there and back, between nearest
points. Filled by the even-odd rule, as OpenCV and COCO's tools fill, the ring gives back the mask
at the centres of pixels, to the pixel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from skimage.measure import approximate_polygon, find_contours

from liid_mil.data.types import Bools

Points = npt.NDArray[np.float64]


def polygon_of_mask(mask: Bools, tolerance: float = 0.0) -> Points:
    """The ring of a mask (H, W): float64 (V, 2), x and y in pixels, the first point not repeated.

    ``tolerance``: pixels that the ring may leave the contours by, for fewer points; 0: exact.
    Raises ``ValueError`` for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        raise ValueError("the mask is empty; an empty mask has no polygon")
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # A frame of background closes all contours; pixel (0, 0) has its centre at (0.5, 0.5).
    origin = np.array([columns[0], rows[0]]) - 0.5
    contours = [
        _without_straight_points(contour[:, ::-1])
        for contour in find_contours(np.pad(part, 1), 0.5)
    ]
    if tolerance > 0:
        contours = [_simplified(contour, tolerance) for contour in contours]
    contours.sort(key=len, reverse=True)
    ring = contours[0]
    for contour in contours[1:]:
        ring = _bridged(ring, contour)
    return ring + origin


def _without_straight_points(closed: Points) -> Points:
    """Corners of a closed contour; its last point is its first."""
    points = closed[:-1]
    steps = np.diff(closed, axis=0)
    turns = (
        steps[:, 0] * np.roll(steps, 1, axis=0)[:, 1]
        != steps[:, 1] * np.roll(steps, 1, axis=0)[:, 0]
    )
    return points[turns]


def _simplified(points: Points, tolerance: float) -> Points:
    """Douglas and Peucker's polygon, unless too little is left of it."""
    fewer = approximate_polygon(np.append(points, points[:1], axis=0), tolerance)[:-1]
    return fewer if len(fewer) >= 3 else points


def _bridged(ring: Points, contour: Points) -> Points:
    """The ring with a way to ``contour``, around it and back, where they are nearest."""
    distances, nearest = cKDTree(ring).query(contour)
    start = int(np.argmin(distances))
    leave = int(nearest[start])
    around = np.append(np.roll(contour, -start, axis=0), contour[start : start + 1], axis=0)
    return np.concatenate([ring[: leave + 1], around, ring[leave:]])
