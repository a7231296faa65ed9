"""Neighbours that the user brings: a pair ``(ids, similarities)``, or a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from liid_cut.inputs import as_array
from liid_cut.neighbors.rows import Floats, Ints

# Largest cosine, of float16 too.
_MOST = 1.001


def as_pair(neighbors: tuple[Any, Any], n_nodes: int, n_neighbors: int) -> tuple[Ints, Floats]:
    """Checked ids (n, k) and similarities (n, k) of a precomputed search, as they are.

    At most the first ``n_neighbors`` of each row are taken, the row itself and negative ids (none)
    left out: entries behind them move up.

    Raises
    ------
    ValueError : wrong shape or type, id out of range or twice in a row, similarity not finite or no
        cosine; the message names the first such entry.
    """
    ids, similarities = (
        as_array(f"neighbors {name}", part)
        for name, part in zip(("ids", "similarities"), neighbors, strict=True)
    )
    if ids.ndim != 2 or len(ids) != n_nodes:
        raise ValueError(f"neighbors ids has shape {ids.shape}; it must be ({n_nodes}, k)")
    if similarities.shape != ids.shape:
        raise ValueError(
            f"neighbors similarities has shape {similarities.shape}; ids needs {ids.shape}"
        )
    if ids.dtype.kind not in "iu" and ids.size > 0:
        raise ValueError(f"neighbors ids has dtype {ids.dtype}; it must be an integer type")
    if similarities.dtype.kind not in "fiu":
        raise ValueError(f"neighbors similarities has dtype {similarities.dtype}; it must be float")
    present = (ids >= 0) & (ids != np.arange(n_nodes)[:, None])
    for bad, table, allowed in (
        (ids >= n_nodes, "ids", f"rows are 0 to {n_nodes - 1}, negative: none"),
        (present & ~np.isfinite(similarities), "similarities", "it must be finite"),
        (
            present & (np.abs(similarities) > _MOST),
            "similarities",
            "cosines are in [-1, 1]; of a cosine distance d it is 1 - d",
        ),
    ):
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            value = (ids if table == "ids" else similarities)[row, column]
            raise ValueError(f"neighbors {table}[{row}, {column}] is {value}; {allowed}")
    ranked = np.sort(np.where(present, ids, -1 - np.arange(ids.shape[1])), axis=1)
    twice = (ranked[:, 1:] == ranked[:, :-1]).any(axis=1)
    if twice.any():
        row = int(np.argmax(twice))
        raise ValueError(f"neighbors ids[{row}] is {ids[row].tolist()}; a neighbor counts once")
    order = np.argsort(~present, axis=1, kind="stable")[:, :n_neighbors]
    kept = np.take_along_axis(present, order, axis=1)
    ids = np.take_along_axis(ids, order, axis=1).astype(np.int64)
    values = np.take_along_axis(similarities, order, axis=1).astype(np.float64)
    return np.where(kept, ids, -1), np.where(kept, values, -np.inf)


def call(function: Callable[..., Any], feats: Any, n_neighbors: int) -> Ints:
    """Candidates (n, c) of ``function(feats, n_neighbors)``: ids, or ids and similarities.

    Raises
    ------
    ValueError : what comes back is no table of row ids.
    """
    found = function(feats, n_neighbors)
    if isinstance(found, tuple) and len(found) == 2:
        found = found[0]
    ids = as_array("ids from neighbors()", found)
    if ids.ndim != 2 or len(ids) != len(feats) or ids.dtype.kind not in "iu":
        raise ValueError(
            f"neighbors() returned ids of shape {ids.shape} and dtype {ids.dtype}; "
            f"they must be integers ({len(feats)}, c)"
        )
    bad = ids >= len(feats)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"neighbors() returned ids[{row}, {column}] = {ids[row, column]}; rows are 0 to "
            f"{len(feats) - 1}, negative: none"
        )
    return ids.astype(np.int64)
