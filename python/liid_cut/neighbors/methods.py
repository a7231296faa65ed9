"""One search: settings, the rows that need it, the method, its recall, the table.

A method is a function of the rows, k, the groups, a memory budget and a checkpoint; it returns the
nearest rows and a sentence on how it found them. This is the one place that knows all of them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import Matrix
from liid_cut.memory import machine_bytes
from liid_cut.neighbors import faiss_index, given, torch_device
from liid_cut.neighbors.certified import certified
from liid_cut.neighbors.checkpoint import Checkpoint, search_key
from liid_cut.neighbors.choice import automatic_methods
from liid_cut.neighbors.duplicates import all_rows, kept_rows
from liid_cut.neighbors.exact import exact
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest
from liid_cut.neighbors.projected import projected
from liid_cut.neighbors.recall import measure_recall
from liid_cut.neighbors.rows import UnitRows, check_rows
from liid_cut.neighbors.table import NeighborTable, RecallWarning
from liid_cut.neighbors.tiles import TILE
from liid_cut.neighbors.workers import workers

METHODS = ("auto", "exact", "certified", "pca")
PREFIXES = (faiss_index.PREFIX, torch_device.PREFIX)

_FEW_ROWS = 512
_EFFORTS = (1, 2, 4)
_LISTS_PER_NEIGHBOR = 96  # bytes a row, of candidates and results
_BYTES_PER_THREAD = 24 << 20


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search, checked by `liid_cut.neighbors.settings`."""

    neighbors: str | Callable[..., Any] = "auto"
    target_recall: float = 0.999
    max_bytes: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    zero_rows: str = "error"
    n_threads: int = 0


@dataclass(frozen=True)
class Found:
    """What a method returns: nearest rows, its name, whether they are proven, and how it went."""

    nearest: Nearest
    method: str
    proven: bool
    reason: str


def search(
    feats: Matrix,
    n_neighbors: int,
    settings: SearchSettings,
    members: npt.NDArray[np.bool_] | None = None,
) -> NeighborTable:
    """Find the nearest other rows of every row.

    Parameters
    ----------
    feats : (n, d) floats of a checked shape.
    n_neighbors : k >= 0.
    members : (n, n_groups) bool; only rows that share a group become neighbours. None: any.

    Raises
    ------
    ValueError : an entry that is not finite, a zero row, too little memory, a foreign checkpoint.
    """
    n = len(feats)
    k = min(n_neighbors, max(n - 1, 0))
    with workers(settings.n_threads) as pool:
        rows = UnitRows(feats, pool)
        check_rows(feats, rows, settings.zero_rows)
        if k == 0:
            return NeighborTable(
                np.empty((n, 0), dtype=np.int64),
                np.empty((n, 0)),
                _report(settings, "none", True, "there are no neighbours to find"),
            )
        groups = Groups.of(members)
        max_bytes = _budget(settings.max_bytes, n, feats.shape[1], k, pool.n_threads)
        kept = kept_rows(feats, rows, k, groups, with_copies=callable(settings.neighbors))
        if len(kept.rows) < n:
            rows = UnitRows(feats, pool, kept.rows)
            groups = groups.take(kept.rows)
        if callable(settings.neighbors):
            nearest = Nearest(rows, k, groups)
            nearest.offer_candidates(kept.positions(given.call(settings.neighbors, feats, k), n))
            found = Found(nearest, "callable", False, "candidates of the function that was given")
        else:
            checkpoint = _checkpoint(feats, n_neighbors, settings, members)
            found = _find(settings, rows, k, groups, max_bytes, checkpoint)
        ids, cosines = all_rows(kept, found.nearest, n)
        return NeighborTable(ids, cosines, _checked_report(settings, found))


def _find(
    settings: SearchSettings,
    rows: UnitRows,
    k: int,
    groups: Groups,
    max_bytes: int,
    checkpoint: Checkpoint,
) -> Found:
    neighbors = settings.neighbors
    arguments = (rows, k, groups, max_bytes, checkpoint)
    if neighbors == "auto":
        return _automatic(settings, *arguments)
    if neighbors == "exact":
        return Found(exact(*arguments), "exact", True, "all pairs compared")
    if neighbors == "certified":
        return _certified(*arguments)
    if neighbors == "pca" and rows.n <= _FEW_ROWS:
        return Found(exact(*arguments), "exact", True, "all pairs are few")
    if neighbors == "pca":
        nearest, how = projected(*arguments, settings.target_recall)
        return Found(nearest, "pca", False, how)
    assert isinstance(neighbors, str)
    if neighbors.startswith(torch_device.PREFIX):
        nearest, how = torch_device.torch_search(rows, k, groups, neighbors, max_bytes)
        return Found(nearest, neighbors, True, how)
    nearest, how = faiss_index.faiss_search(rows, k, groups, neighbors)
    return Found(nearest, neighbors, False, how)


def _certified(
    rows: UnitRows, k: int, groups: Groups, max_bytes: int, checkpoint: Checkpoint
) -> Found:
    nearest, how = certified(rows, k, groups, max_bytes, checkpoint)
    if nearest is not None:
        return Found(nearest, "certified", True, how)
    return Found(exact(rows, k, groups, max_bytes, checkpoint), "exact", True, how)


def _automatic(
    settings: SearchSettings,
    rows: UnitRows,
    k: int,
    groups: Groups,
    max_bytes: int,
    checkpoint: Checkpoint,
) -> Found:
    """Exact while all pairs are cheap, then certified, then measured recall; exact at the end."""
    arguments = (rows, k, groups, max_bytes, checkpoint)
    methods = automatic_methods(rows.n, rows.d)
    if methods[0] == "exact":
        return Found(exact(*arguments), "exact", True, "all pairs are few enough to compare")
    why = f"{rows.n} x {rows.d} is much for all pairs"
    if methods[0] == "certified":
        nearest, how = certified(*arguments)
        if nearest is not None:
            return Found(nearest, "certified", True, f"{why}: {how}")
        if methods[1] == "exact":
            return Found(exact(*arguments), "exact", True, how)
        why = f"{why}; {how}"
    for effort in _EFFORTS:
        nearest, how = projected(*arguments, settings.target_recall, effort)
        recall = measure_recall(nearest)
        why = f"{why}: {how}, recall {recall.value:.5f}"
        if recall.value >= settings.target_recall:
            return Found(nearest, "pca", False, why)
        why += " is below target"
    found = _certified(*arguments)
    return Found(found.nearest, found.method, True, f"{why}: fell back to {found.reason}")


def _checked_report(settings: SearchSettings, found: Found) -> dict[str, Any]:
    """The report, with the recall measured; warns where it is below target."""
    report = _report(settings, found.method, found.proven, found.reason)
    if found.proven:
        return report
    recall = measure_recall(found.nearest)
    report |= {
        "recall": recall.value,
        "recall_interval": recall.interval,
        "recall_queries": recall.n_queries,
    }
    if recall.value < settings.target_recall:
        low, high = recall.interval
        sentence = (
            f"recall of the neighbour search is {recall.value:.4f} (95 % interval {low:.4f} to "
            f"{high:.4f}, {recall.n_queries} rows searched exactly), below target_recall="
            f"{settings.target_recall:g}; neighbors='auto' or 'certified' finds more"
        )
        report["warnings"].append(sentence)
        warnings.warn(sentence, RecallWarning, stacklevel=4)
    return report


def _report(settings: SearchSettings, method: str, proven: bool, reason: str) -> dict[str, Any]:
    requested = settings.neighbors
    return {
        "requested": requested if isinstance(requested, str) else "callable",
        "method": method,
        "reason": reason,
        "proven": proven,
        "recall": 1.0 if proven else None,
        "recall_interval": (1.0, 1.0) if proven else None,
        "recall_queries": 0,
        "target_recall": settings.target_recall,
        "warnings": [],
    }


def _checkpoint(
    feats: Matrix, n_neighbors: int, settings: SearchSettings, members: Any
) -> Checkpoint:
    if settings.checkpoint is None:
        return Checkpoint(None)
    decisive = {
        "neighbors": settings.neighbors,
        "n_neighbors": n_neighbors,
        "target_recall": settings.target_recall,
        "max_bytes": settings.max_bytes,
        "zero_rows": settings.zero_rows,
    }
    return Checkpoint(settings.checkpoint, search_key(feats, decisive, members))


def _budget(max_bytes: int | None, n: int, d: int, k: int, n_threads: int) -> int:
    """Bytes that are left for vectors and tiles."""
    if max_bytes is None:
        max_bytes = machine_bytes() // 2
    fixed = n * (k + 8) * _LISTS_PER_NEIGHBOR // 4 + n_threads * _BYTES_PER_THREAD
    least = fixed + 4 * 2 * TILE * d * 4
    if max_bytes < least:
        raise ValueError(
            f"max_memory is {max_bytes} bytes; lists of {n} rows with {k} neighbours and blocks of "
            f"{d} columns need {least}"
        )
    return max_bytes - fixed
