"""Nearest neighbours by cosine: exact when asked, measured recall otherwise.

Input: features (n, d), in memory or in a file. Output: a `NeighborTable`. ``neighbors=`` says how:

==========================  =======================================================================
``"auto"``                  by n and d: ``"exact"``, then ``"certified"``, then ``"pca"`` until the
                            measured recall reaches ``target_recall``; the report says what and why
``"exact"``                 all pairs, each once; exact in double
``"certified"``             exact too, from smaller products and a bound (`certified`)
``"pca"``                   candidates by principal coordinates, and clusters for very many rows
``"faiss:<factory>"``       candidates by any FAISS index, ``"faiss:IVF256,Flat;nprobe=16"``
``"torch:<device>"``        exact, products on a torch device, ``"torch:cuda"``
a function                  candidates: ``function(feats, n_neighbors)`` gives ids (n, c)
``(ids, similarities)``     neighbours as they are; also a `NeighborTable`
==========================  =======================================================================

Whatever finds the candidates, cosines are computed in double by the core, always in the same order
of additions, and ranked by (cosine, lower row); a row is never its own neighbour.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from liid_cut.inputs import (
    as_array,
    as_bool_matrix,
    as_bytes,
    as_choice,
    as_feats,
    as_n_threads,
    as_number,
    as_positive_int,
)
from liid_cut.neighbors.faiss_index import PREFIX as FAISS
from liid_cut.neighbors.faiss_index import check_factory
from liid_cut.neighbors.given import as_pair
from liid_cut.neighbors.methods import METHODS, SearchSettings, search
from liid_cut.neighbors.rows import ZERO_ROWS
from liid_cut.neighbors.table import NeighborTable, RecallWarning
from liid_cut.neighbors.torch_device import PREFIX as TORCH
from liid_cut.neighbors.torch_device import check_device
from liid_cut.runs.run import Run, as_run

__all__ = [
    "NeighborTable",
    "RecallWarning",
    "as_table",
    "find_neighbors",
    "is_table",
    "n_rows",
    "search",
    "search_settings",
]


def find_neighbors(
    feats: Any,
    n_neighbors: int = 3,
    *,
    neighbors: Any = "auto",
    target_recall: float = 0.999,
    max_memory: int | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    zero_rows: str = "error",
    groups: Any = None,
    n_jobs: int | None = None,
) -> NeighborTable:
    """Find the nearest other rows of every row by cosine.

    Parameters
    ----------
    feats : (n, d) floats, no row all zero: an array, ``np.memmap``, torch tensor, or the path of an
        ``.npy`` file, which is read block by block.
    n_neighbors : k; where there are fewer other rows, all.
    neighbors : how; see :mod:`liid_cut.neighbors`.
    target_recall : share of the true neighbours that a method without proof has to find, in (0, 1].
        ``"auto"`` tries harder, and at last searches exactly, until a sample of rows says so;
        others warn.
    max_memory : bytes, or for example ``"2 GiB"``, that the search may use beside ``feats`` and
        the process itself; None: half of the machine's. Less memory costs time, and the
        number of directions that ``"pca"`` may use.
    checkpoint : folder for the state of the search; a search that was killed goes on from there
        (``"auto"``, ``"exact"``, ``"certified"`` and ``"pca"``), and one that ended is not repeated
        (but for a function).
    zero_rows : ``"error"``, or ``"isolate"``: a zero row has no neighbours.
    groups : (n, n_groups) bool; only rows that share a group become neighbours. Applied inside the
        search: every row gets k neighbours that pass, where there are so many.
    n_jobs : threads; None or -1: all cores. The table does not depend on it.

    Returns
    -------
    NeighborTable : ids and similarities (n, min(k, n - 1)), and a report.

    Raises
    ------
    ValueError : bad input; the message names the argument, the first offending row and what is
        allowed. Also a checkpoint that belongs to another search: what differs.
    OSError : ``feats`` or ``checkpoint`` cannot be read or written.
    """
    matrix = as_feats(feats)
    members = None if groups is None else as_bool_matrix("groups", groups, len(matrix))
    settings = search_settings(
        neighbors=neighbors,
        target_recall=target_recall,
        max_memory=max_memory,
        checkpoint=checkpoint,
        zero_rows=zero_rows,
        n_jobs=n_jobs,
    )
    return search(matrix, as_positive_int("n_neighbors", n_neighbors), settings, members)


def search_settings(
    *,
    neighbors: Any,
    target_recall: float,
    max_memory: int | str | None,
    checkpoint: str | os.PathLike[str] | Run | None,
    zero_rows: str,
    n_jobs: int | None,
) -> SearchSettings:
    """Check settings; parameters and errors as in :func:`find_neighbors`."""
    if isinstance(neighbors, str) and neighbors.startswith(FAISS):
        check_factory(neighbors)
    elif isinstance(neighbors, str) and neighbors.startswith(TORCH):
        check_device(neighbors)
    elif not callable(neighbors) and (not isinstance(neighbors, str) or neighbors not in METHODS):
        raise ValueError(
            f"neighbors is {neighbors!r}; it must be one of {', '.join(map(repr, METHODS))}, "
            "'faiss:<factory string>', 'torch:<device>', a function, or (ids, similarities)"
        )
    recall = as_number("target_recall", target_recall, positive=True)
    if recall > 1:
        raise ValueError(f"target_recall is {target_recall}; it must be at most 1")
    return SearchSettings(
        neighbors=neighbors,
        target_recall=recall,
        max_bytes=None if max_memory is None else as_bytes("max_memory", max_memory),
        run=as_run(checkpoint),
        zero_rows=as_choice("zero_rows", zero_rows, ZERO_ROWS),
        n_threads=as_n_threads(n_jobs),
    )


def is_table(neighbors: Any) -> bool:
    """Whether ``neighbors`` are neighbours, not a way to find them."""
    return isinstance(neighbors, NeighborTable | tuple)


def n_rows(neighbors: Any) -> int:
    """Number of rows of a table that a user brought."""
    ids = neighbors.ids if isinstance(neighbors, NeighborTable) else neighbors[0]
    return len(as_array("neighbors ids", ids))


def as_table(neighbors: Any, n_nodes: int, n_neighbors: int) -> NeighborTable:
    """The table that a user brought, at most ``n_neighbors`` wide.

    Raises
    ------
    ValueError : wrong shape or type, id out of range, similarity not finite.
    """
    if isinstance(neighbors, NeighborTable):
        pair, report = (neighbors.ids, neighbors.similarities), neighbors.report
    elif len(neighbors) == 2:
        pair, report = neighbors, _report_of_pair()
    else:
        raise ValueError(
            f"neighbors is a tuple of {len(neighbors)}; it must be (ids, similarities)"
        )
    ids, similarities = as_pair(pair, n_nodes, n_neighbors)
    return NeighborTable(np.ascontiguousarray(ids), np.ascontiguousarray(similarities), report)


def _report_of_pair() -> dict[str, Any]:
    return {
        "requested": "given",
        "method": "given",
        "reason": "neighbours that were given, taken as they are",
        "proven": False,
        "recall": None,
        "recall_interval": None,
        "recall_queries": 0,
        "target_recall": None,
        "warnings": [],
    }
