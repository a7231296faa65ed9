"""Presets: what ``delta`` and the weights are where the user does not say.

``"default"``: delta is estimated (:mod:`liid_cut.coupling`), and the graph is the union.
``"paper"``: delta 5 (section 6.2), mutual.
Both: linear terminal weights, edge weights ``|cos|``.

``"authors"``: the problem that the authors' published script builds.

It differs from the paper in these points: the three neighbours count the node itself; an edge is
taken only from the lower to the higher index; its weight is the cosine plus 1, shifted by the
smallest value of the whole neighbour table, without delta; only proposals of images that share a
foreground tag are connected; probabilities are multiplied by the image tags; a node is connected to
its likeliest terminal alone if that has p >= 0.9, else to its four likeliest above 1e-4; labels
outside the image's tags become background after the cut. There is no test that neighbours are
mutual.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.graph import Edges, Weights
from liid_cut.inputs import Matrix
from liid_cut.neighbors import NeighborTable

PRESETS = ("default", "paper", "authors")
PAPER_DELTA = 5.0

_CONFIDENT = 0.9
_MOST_TERMINALS = 4
_LEAST_PROBABILITY = 1e-4

Allowed = npt.NDArray[np.bool_]


def authors_edges(table: NeighborTable, allowed: Allowed | None) -> tuple[Edges, Weights]:
    """Canonical edges and weights as the script builds them.

    ``table`` has one neighbour less than the script's k, which counts the node itself. ``allowed``
    (n, K+1) carries the image tags in columns 1..K; None: no tag filter.
    """
    n = len(table)
    lower = np.repeat(np.arange(n), table.ids.shape[1])
    higher = table.ids.ravel()
    present = higher >= 0
    lower, higher, cosines = lower[present], higher[present], table.similarities.ravel()[present]
    weights = cosines - cosines.min(initial=np.inf)

    keep = lower < higher
    if allowed is not None:
        keep &= (allowed[lower, 1:] & allowed[higher, 1:]).any(axis=1)
    pairs = np.stack([lower[keep], higher[keep]], axis=1).astype(np.int32)
    edges, merged = _core.canonical_edges(n, pairs, weights[keep])
    return edges, merged


def authors_terminal_weights(probs: Matrix, allowed: Allowed | None) -> npt.NDArray[np.float64]:
    """Weights of the edges to terminals, (n, K+1); 0 where there is no edge."""
    weights = np.asarray(probs, dtype=np.float64)
    if allowed is not None:
        weights = weights * allowed
    # Stable: among equal probabilities the lower label is likelier.
    order = np.argsort(-weights, axis=1, kind="stable")[:, :_MOST_TERMINALS]
    top = np.take_along_axis(weights, order, axis=1)
    keep = top > _LEAST_PROBABILITY
    keep[:, 1:] &= top[:, :1] < _CONFIDENT
    result = np.zeros_like(weights)
    np.put_along_axis(result, order, np.where(keep, top, 0.0), axis=1)
    return result


def authors_labels(
    cut_labels: npt.NDArray[np.int32], allowed: Allowed | None
) -> npt.NDArray[np.int32]:
    """Labels after the cut, (n,); those outside the image's tags are background."""
    if allowed is None:
        return cut_labels
    inside = allowed[np.arange(len(cut_labels)), cut_labels]
    return np.where(inside, cut_labels, 0).astype(np.int32)
