"""Object proposals without classes, by multi-scale segmentation and hierarchical grouping.

Input: an image. Output: up to ``max_proposals`` boxes with masks and scores. Steps: Felzenszwalb's
graph-based segmentation (IJCV 2004; scikit-image) at several scales; regions merge two by two under
several similarities (selective search, IJCV 2013); every group is a candidate, scored by how far it
stands out from what surrounds it; near duplicates go. The paper uses MCG, which needs MATLAB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from pycocotools import mask as coco_mask
from skimage.segmentation import felzenszwalb

from liid_mil.data.types import RLE, Image, Proposals
from liid_mil.proposals.boxes import box_areas
from liid_mil.proposals.grouping import Groups, group_regions
from liid_mil.proposals.masks import boxes_of_masks, encode_label_map
from liid_mil.proposals.regions import describe_regions, pixel_features

SCALES = (30.0, 100.0)
# Weights of the similarities by colour, texture, size and fit, one hierarchy each.
SIMILARITIES = ((1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0))
_SIGMA = 0.6
_LEAST_REGION = 20  # pixels
_DUPLICATE = 0.95  # overlap of boxes, and ratio of sizes
_LONGEST_SIDE = 320


def segment_proposals(image: Image, max_proposals: int = 500) -> Proposals:
    """Propose objects in an image.

    Parameters
    ----------
    image : uint8 (H, W, 3), RGB. Above 320 pixels a side it is segmented at that size; masks and
        boxes have the image's own resolution, in steps of the smaller one.
    max_proposals : P is at most this many; fewer where the image has fewer distinct regions.

    Returns
    -------
    Proposals, best first. The score is the CIELAB distance to the surroundings, times the fourth
    root of the mask's share of the image (specks stand out, too), times the share that the box
    leaves free (so do backgrounds). The same image gives the same bits.

    Raises
    ------
    ValueError : the image has another shape or dtype, or ``max_proposals`` is below 1.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"image is {image.dtype} {image.shape}; it must be uint8 (H, W, 3)")
    if max_proposals < 1:
        raise ValueError(f"max_proposals is {max_proposals}; it must be at least 1")
    small, rows, columns = _shrink(image)
    features = pixel_features(small)
    hierarchies: list[tuple[list[RLE], Groups]] = []
    for scale in SCALES:
        labels = felzenszwalb(small, scale=scale, sigma=_SIGMA, min_size=_LEAST_REGION)
        regions = describe_regions(labels, features)
        parts = encode_label_map(labels[np.ix_(rows, columns)])
        for weights in SIMILARITIES:
            hierarchies.append((parts, group_regions(regions, weights)))
    boxes = np.concatenate([groups.boxes for _, groups in hierarchies])
    sizes = np.concatenate([groups.sizes for _, groups in hierarchies])
    contrasts = np.concatenate([groups.contrasts for _, groups in hierarchies])
    free = 1 - box_areas(boxes) / labels.size
    scores = contrasts * (sizes / labels.size) ** 0.25 * free
    order = np.argsort(-scores, kind="stable")
    kept = order[_distinct(boxes[order], sizes[order], max_proposals)]
    masks = _masks_of(kept, hierarchies)
    return Proposals(boxes_of_masks(masks), masks, scores[kept].astype(np.float32))


def _shrink(image: Image) -> tuple[Image, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The image at most ``_LONGEST_SIDE`` long, and its row and column under each pixel."""
    height, width = image.shape[:2]
    zoom = min(1.0, _LONGEST_SIDE / max(height, width))
    rows, columns = max(1, round(zoom * height)), max(1, round(zoom * width))
    small = image
    if zoom < 1:
        resized = PillowImage.fromarray(image).resize((columns, rows), PillowImage.Resampling.BOX)
        small = np.asarray(resized)
    return small, np.arange(height) * rows // height, np.arange(width) * columns // width


def _distinct(
    boxes: npt.NDArray[np.int64], sizes: npt.NDArray[np.float64], most: int
) -> npt.NDArray[np.intp]:
    """The first ``most`` rows whose box or size differs from that of all rows kept before."""
    # Only rows of about the same size can be duplicates: in the order of sizes, neighbours.
    by_size = np.argsort(sizes, kind="stable")
    ends = np.searchsorted(sizes[by_size], sizes[by_size] / _DUPLICATE, side="left")
    counts = ends - np.arange(len(sizes)) - 1
    first = np.repeat(np.arange(len(sizes)), counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    pairs = np.sort(np.stack([by_size[first], by_size[second]], axis=1), axis=1)
    a, b = boxes[pairs[:, 0]], boxes[pairs[:, 1]]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = box_areas(boxes)
    union = areas[pairs[:, 0]] + areas[pairs[:, 1]] - shared
    pairs = pairs[shared > _DUPLICATE * union]
    dropped = np.zeros(len(boxes), dtype=np.bool_)
    for kept, later in pairs[np.argsort(pairs[:, 0], kind="stable")].tolist():
        if not dropped[kept]:
            dropped[later] = True
    return np.flatnonzero(~dropped)[:most]


def _masks_of(
    wanted: npt.NDArray[np.intp], hierarchies: list[tuple[list[RLE], Groups]]
) -> list[RLE]:
    """Masks of the wanted groups, which are numbered through all hierarchies."""
    masks: list[RLE] = []
    for parts, groups in hierarchies:
        own = list(parts)
        for u, v in groups.merges.tolist():
            own.append(coco_mask.merge([own[u], own[v]], intersect=False))
        masks.extend(own)
    return [masks[i] for i in wanted]
