"""The few proposals that stand for many: HCP's selection, 500 -> 20 or 40 an image.

Input: proposals, best first. Output: at most n of them. Steps, as in Wei et al., "HCP: a flexible
CNN framework for multi-label image classification", PAMI 2016, section 3.2: discard tiny boxes and
extreme ones; cluster the rest by a normalised cut of their overlaps (IoU); keep the best of each
cluster. HCP takes several from each of 10 clusters, for its network then pools over all of them;
here each survivor is labelled on its own, so there are n clusters with one survivor each.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from liid_mil.data.types import Proposals
from liid_mil.proposals.boxes import box_areas, box_iou

MIN_AREA_SHARE = 0.003
MAX_AREA_SHARE = 0.9
MAX_ASPECT = 4.0


def select_proposals(
    proposals: Proposals,
    n: int,
    image_size: tuple[int, int],
    *,
    min_area_share: float = MIN_AREA_SHARE,
    max_area_share: float = MAX_AREA_SHARE,
    max_aspect: float = MAX_ASPECT,
) -> Proposals:
    """Select at most ``n`` proposals, best first.

    Parameters
    ----------
    proposals : P proposals.
    n : how many to keep; all that pass the filter where there are no more. The paper: 20 on VOC,
        40 on COCO.
    image_size : height and width in pixels.
    min_area_share, max_area_share : boxes with a smaller or larger share of the image are
        discarded. HCP's least area, 900 pixels, is .005 of a VOC image.
    max_aspect : boxes that are longer than this in one direction, relative to the other, are
        discarded.

    Returns
    -------
    Proposals; the same input gives the same bits, whatever the number of threads. Where the filter
    would leave nothing, it is not applied: an image without proposals could not be learned from.

    Raises
    ------
    ValueError : ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; it must be at least 1")
    usable = _usable(proposals, image_size, (min_area_share, max_area_share), max_aspect)
    if not usable.any():
        usable[:] = True
    candidates = proposals[np.flatnonzero(usable)]
    order = np.argsort(-candidates.scores, kind="stable")
    if len(candidates) > n:
        # Threads add up in another order; one thread gives every machine load the same bits.
        with threadpool_limits(1):
            clusters = _normalised_cut(box_iou(candidates.boxes, candidates.boxes), n)
        _, first = np.unique(clusters[order], return_index=True)
        order = order[np.sort(first)]
    return candidates[order]


def _usable(
    proposals: Proposals,
    image_size: tuple[int, int],
    area_shares: tuple[float, float],
    max_aspect: float,
) -> npt.NDArray[np.bool_]:
    share = box_areas(proposals.boxes) / (image_size[0] * image_size[1])
    width, height = (proposals.boxes[:, 2:] - proposals.boxes[:, :2]).T
    longer = np.maximum(width, height) / np.minimum(width, height)
    usable: npt.NDArray[np.bool_] = (
        (share >= area_shares[0]) & (share <= area_shares[1]) & (longer <= max_aspect)
    )
    return usable


def _normalised_cut(affinity: npt.NDArray[np.float64], n_clusters: int) -> npt.NDArray[np.int32]:
    """Clusters by k-means on the rows of the normalised Laplacian's first eigenvectors.

    Shi and Malik, PAMI 2000; rows to unit length as in Ng, Jordan and Weiss, NIPS 2001. Every
    diagonal entry of ``affinity`` is 1, so no row is zero.
    """
    scale = 1 / np.sqrt(affinity.sum(axis=1))
    normalised = scale[:, None] * affinity * scale
    n = len(affinity)
    _, vectors = eigh(normalised, subset_by_index=[n - n_clusters, n - 1])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = vectors / np.maximum(lengths, np.finfo(float).tiny)
    with warnings.catch_warnings():
        # Where fewer rows differ than there are clusters, some clusters are empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(n_clusters, n_init=1, random_state=0)
        clusters: npt.NDArray[np.int32] = means.fit_predict(rows)
    return clusters
