"""Checks of what users pass in as constraints, and of what changes weights before the cut.

``labels``, ``node_weights`` and ``extra_edges`` only change the problem's arrays. ``must_link``,
``cannot_link`` and ``coverage`` become :class:`Constraints`, which the cut has to meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.graph import Edges, Weights, canonical_edges
from liid_cut.inputs import Matrix, as_allowed, as_array, as_index_array
from liid_cut.tags import as_image_tags

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_NO_PAIRS = np.empty((0, 2), dtype=np.int64)
_NO_IDS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Constraints:
    """What a labelling has to meet beyond ``allowed``.

    Attributes
    ----------
    must_link : (a, 2) int64, nodes of the same label.
    cannot_link : (b, 2) int64, nodes of different labels.
    image_ids : (n,) int64, the image of each node; empty without coverage.
    tags : (J, 2) int64, image and label, sorted: one of the image's nodes takes the label.
    warnings : sentences on input that is legal but left out.
    """

    must_link: Ints = field(default_factory=lambda: _NO_PAIRS)
    cannot_link: Ints = field(default_factory=lambda: _NO_PAIRS)
    image_ids: Ints = field(default_factory=lambda: _NO_IDS)
    tags: Ints = field(default_factory=lambda: _NO_PAIRS)
    warnings: tuple[str, ...] = ()


def as_constraints(
    must_link: Any, cannot_link: Any, coverage: Any, shape: tuple[int, int]
) -> Constraints | None:
    """The constraints of a problem of this shape (n, K+1); None where there are none."""
    n = shape[0]
    must = _NO_PAIRS if must_link is None else _as_pairs("must_link", must_link, n)
    cannot = _NO_PAIRS if cannot_link is None else _as_pairs("cannot_link", cannot_link, n)
    same = cannot[:, 0] == cannot[:, 1]
    if same.any():
        i = int(np.argmax(same))
        raise ValueError(
            f"cannot_link[{i}] is a node and itself, {cannot[i, 0]}; the two must differ"
        )
    ids, tags = _NO_IDS, _NO_PAIRS
    notes: tuple[str, ...] = ()
    if coverage is not None:
        ids, tags, notes = _as_coverage(coverage, shape)
    if not (len(must) or len(cannot) or len(tags) or notes):
        return None
    return Constraints(must, cannot, ids, tags, notes)


def restricted(allowed: Any, labels: Any, shape: tuple[int, int]) -> Bools | None:
    """``allowed`` checked, with one label left where ``labels`` gives one; None: no restriction."""
    mask = None if allowed is None else as_allowed(allowed, shape)
    if labels is None:
        return mask
    given = as_array("labels", labels)
    if given.shape != (shape[0],):
        raise ValueError(
            f"labels has shape {given.shape}; probs has {shape[0]} rows: ({shape[0]},)"
        )
    if given.dtype.kind not in "iu" and given.size:
        raise ValueError(f"labels has dtype {given.dtype}; it must be an integer type")
    bad = (given < -1) | (given >= shape[1])
    if bad.any():
        u = int(np.argmax(bad))
        raise ValueError(
            f"labels[{u}] is {given[u]}; labels are 0 to {shape[1] - 1}, or -1 for unknown"
        )
    known = np.flatnonzero(given >= 0)
    if not known.size:
        return mask
    fixed = given[known].astype(np.int64)
    result = np.ones(shape, dtype=bool) if mask is None else mask.copy()
    ruled_out = ~result[known, fixed]
    if ruled_out.any():
        u = int(known[np.argmax(ruled_out)])
        raise ValueError(f"labels[{u}] is {given[u]}, which allowed[{u}] rules out")
    result[known] = False
    result[known, fixed] = True
    return result


def weighted(probs: Matrix, node_weights: Any) -> Matrix:
    """Terminal weights of nodes that count ``node_weights`` times, float64; or ``probs`` itself."""
    if node_weights is None:
        return probs
    weights = as_array("node_weights", node_weights)
    if weights.shape != (len(probs),):
        raise ValueError(
            f"node_weights has shape {weights.shape}; probs has {len(probs)} rows: ({len(probs)},)"
        )
    if weights.dtype.kind not in "fiu" and weights.size:
        raise ValueError(f"node_weights has dtype {weights.dtype}; it must be numeric")
    bad = ~(np.isfinite(weights) & (weights > 0))
    if bad.any():
        u = int(np.argmax(bad))
        raise ValueError(f"node_weights[{u}] is {weights[u]}; every entry must be finite and > 0")
    with np.errstate(over="ignore"):
        product = np.asarray(probs, dtype=np.float64) * np.asarray(weights, np.float64)[:, None]
        overflow = ~np.isfinite(product.sum(axis=1))
    if overflow.any():
        raise ValueError(
            f"node_weights[{int(np.argmax(overflow))}] times its row of probs is beyond a double"
        )
    return product


def with_extra_edges(
    edges: Edges, weights: Weights, extra: Any, n_nodes: int
) -> tuple[Edges, Weights]:
    """The graph with a user's further edges; weights of parallel edges add up."""
    if extra is None:
        return edges, weights
    try:
        more, their_weights = canonical_edges(extra, n_nodes)
    except ValueError as error:
        raise ValueError(f"extra_edges: {error}") from None
    merged: tuple[Edges, Weights] = _core.canonical_edges(
        n_nodes, np.concatenate([edges, more]), np.concatenate([weights, their_weights])
    )
    return merged


def _as_pairs(name: str, value: Any, n: int) -> Ints:
    pairs = as_array(name, value)
    if pairs.size == 0:
        return _NO_PAIRS
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"{name} has shape {pairs.shape}; it must be (m, 2)")
    return as_index_array(name, pairs, n, "nodes")


def _as_coverage(coverage: Any, shape: tuple[int, int]) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Image of each node, (image, label) of each tag, and a warning on tags that cannot count."""
    if not isinstance(coverage, tuple | list) or len(coverage) != 2:
        raise ValueError(
            f"coverage is a {type(coverage).__name__}; it must be a pair (image_ids, image_tags)"
        )
    tags = as_image_tags(coverage[1])
    if tags.shape[1] != shape[1] - 1:
        raise ValueError(
            f"coverage: image_tags has {tags.shape[1]} columns; probs has {shape[1]}, the first of "
            f"which is the background: {shape[1] - 1} needed"
        )
    ids = as_index_array("image_ids", coverage[0], len(tags), "rows of image_tags")
    if ids.shape != (shape[0],):
        raise ValueError(f"coverage: image_ids has shape {ids.shape}; probs has {shape[0]} rows")
    occupied = np.zeros(len(tags), dtype=bool)
    occupied[ids] = True
    empty = np.flatnonzero(~occupied & tags.any(axis=1))
    notes: tuple[str, ...] = ()
    if empty.size:
        notes = (
            f"coverage: {empty.size} of {len(tags)} images have tags but no proposal, the first "
            f"is {empty[0]}; their tags are left out",
        )
    wanted = np.argwhere(tags & occupied[:, None]).astype(np.int64)
    return ids, wanted + np.array([0, 1]), notes
