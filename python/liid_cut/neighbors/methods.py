"""One search: settings, the rows that need it, the method, its recall, the table.

A method is a function of the rows, k, the groups, a memory budget and a checkpoint; it returns the
nearest rows and a sentence on how it found them. This is the one place that knows all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import Matrix
from liid_cut.memory import machine_bytes
from liid_cut.neighbors import faiss_index, given, torch_device
from liid_cut.neighbors.certified import certified
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.choice import automatic_methods
from liid_cut.neighbors.duplicates import all_rows, kept_rows
from liid_cut.neighbors.exact import exact
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest
from liid_cut.neighbors.projected import projected
from liid_cut.neighbors.recall import Recall, measure_recall
from liid_cut.neighbors.rows import UnitRows, check_rows, release
from liid_cut.neighbors.table import NeighborTable, RecallWarning
from liid_cut.neighbors.tiles import TILE
from liid_cut.neighbors.workers import workers
from liid_cut.runs.run import Run
from liid_cut.runs.store import Store, fingerprints

METHODS = ("auto", "exact", "certified", "pca")
PREFIXES = (faiss_index.PREFIX, torch_device.PREFIX)

_FEW_ROWS = 512
_EFFORTS = (1, 2, 4)
_TABLE = "table"
_LISTS_PER_NEIGHBOR = 96  # bytes a row, of candidates and results
_BYTES_PER_THREAD = 24 << 20


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search, checked by `liid_cut.neighbors.settings`."""

    neighbors: str | Callable[..., Any] = "auto"
    target_recall: float = 0.999
    max_bytes: int | None = None
    run: Run | None = None
    zero_rows: str = "error"
    n_threads: int = 0


T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """What a method returns: nearest rows, its name, whether they are proven, and how it went."""

    nearest: T
    method: str
    proven: bool
    reason: str


class Methods(Protocol[T]):
    """Our own methods on the ``n`` rows of one search, ``d`` columns; each says how it went."""

    n: int
    d: int

    def exact(self) -> T:
        """The nearest rows."""

    def certified(self) -> tuple[T | None, str]:
        """The nearest rows, or None where that method is not worth it."""

    def projected(self, effort: int = 1) -> tuple[T, str]:
        """Probable nearest rows."""

    def recall(self, nearest: T) -> Recall:
        """Measured on a sample of rows."""


class _InMemory:
    """`Methods` of this process."""

    def __init__(
        self,
        settings: SearchSettings,
        rows: UnitRows,
        k: int,
        groups: Groups,
        max_bytes: int,
        checkpoint: Checkpoint,
    ) -> None:
        self.n, self.d = rows.n, rows.d
        self._target_recall = settings.target_recall
        self._arguments = (rows, k, groups, max_bytes, checkpoint)
        self._checkpoint = checkpoint

    def exact(self) -> Nearest:
        return exact(*self._arguments)

    def certified(self) -> tuple[Nearest | None, str]:
        return certified(*self._arguments)

    def projected(self, effort: int = 1) -> tuple[Nearest, str]:
        return projected(*self._arguments, self._target_recall, effort)

    def recall(self, nearest: Nearest) -> Recall:
        return measure_recall(nearest, self._checkpoint)


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
    store = _store(feats, n_neighbors, settings, members)
    table = None if store is None else _kept_table(store)
    if table is None:
        checkpoint = Checkpoint(store)
        table = _search(feats, n_neighbors, settings, members, checkpoint)
        if store is not None and store.try_write(
            _TABLE, {"ids": table.ids, "similarities": table.similarities}, report=table.report
        ):
            checkpoint.clear()
    warn_of(table)
    return table


def warn_of(table: NeighborTable) -> None:
    """Say what the report warns of: also where an earlier call found the table."""
    for sentence in table.report["warnings"]:
        warnings.warn(sentence, RecallWarning, stacklevel=4)


def _search(
    feats: Matrix,
    n_neighbors: int,
    settings: SearchSettings,
    members: npt.NDArray[np.bool_] | None,
    checkpoint: Checkpoint,
) -> NeighborTable:
    n = len(feats)
    k = min(n_neighbors, max(n - 1, 0))
    with workers(settings.n_threads) as pool:
        rows = UnitRows(feats, pool)
        check_rows(feats, rows, settings.zero_rows)
        if k == 0:
            return NeighborTable(
                np.empty((n, 0), dtype=np.int64),
                np.empty((n, 0)),
                report_of(settings, "none", True, "there are no neighbours to find"),
            )
        groups = Groups.of(members)
        max_bytes = budget(settings.max_bytes, n, feats.shape[1], k, pool.n_threads)
        kept = kept_rows(feats, rows, k, groups, with_copies=callable(settings.neighbors))
        if len(kept.rows) < n:
            rows = UnitRows(feats, pool, kept.rows)
            groups = groups.take(kept.rows)
        if callable(settings.neighbors):
            nearest = Nearest(rows, k, groups)
            nearest.offer_candidates(kept.positions(given.call(settings.neighbors, feats, k), n))
            found = Found(nearest, "callable", False, "candidates of the function that was given")
        else:
            found = _find(settings, rows, k, groups, max_bytes, checkpoint)
        ids, cosines = all_rows(kept, found.nearest, n)
        report = checked_report(settings, found, lambda x: measure_recall(x, checkpoint))
        return NeighborTable(ids, cosines, report)


def _find(
    settings: SearchSettings,
    rows: UnitRows,
    k: int,
    groups: Groups,
    max_bytes: int,
    checkpoint: Checkpoint,
) -> Found[Nearest]:
    neighbors = settings.neighbors
    assert isinstance(neighbors, str)
    if neighbors in METHODS:
        return choose(settings, _InMemory(settings, rows, k, groups, max_bytes, checkpoint))
    if neighbors.startswith(torch_device.PREFIX):
        nearest, how = torch_device.torch_search(rows, k, groups, neighbors, max_bytes)
        return Found(nearest, neighbors, True, how)
    nearest, how = faiss_index.faiss_search(rows, k, groups, neighbors)
    return Found(nearest, neighbors, False, how)


def choose(settings: SearchSettings, methods: Methods[T]) -> Found[T]:
    """Search by the method that the settings name."""
    if settings.neighbors == "auto":
        return _automatic(settings.target_recall, methods)
    if settings.neighbors == "certified":
        return _certified(methods)
    if settings.neighbors == "exact":
        return Found(methods.exact(), "exact", True, "all pairs compared")
    if methods.n <= _FEW_ROWS:
        return Found(methods.exact(), "exact", True, "all pairs are few")
    nearest, how = methods.projected()
    return Found(nearest, "pca", False, how)


def _certified(methods: Methods[T]) -> Found[T]:
    nearest, how = methods.certified()
    if nearest is not None:
        return Found(nearest, "certified", True, how)
    return Found(methods.exact(), "exact", True, how)


def _automatic(target_recall: float, methods: Methods[T]) -> Found[T]:
    """Exact while all pairs are cheap, then certified, then measured recall; exact at the end."""
    order = automatic_methods(methods.n, methods.d)
    if order[0] == "exact":
        return Found(methods.exact(), "exact", True, "all pairs are few enough to compare")
    why = f"{methods.n} x {methods.d} is much for all pairs"
    if order[0] == "certified":
        proven, how = methods.certified()
        if proven is not None:
            return Found(proven, "certified", True, f"{why}: {how}")
        if order[1] == "exact":
            return Found(methods.exact(), "exact", True, how)
        why = f"{why}; {how}"
    for effort in _EFFORTS:
        nearest, how = methods.projected(effort)
        recall = methods.recall(nearest)
        why = f"{why}: {how}, recall {recall.value:.5f}"
        if recall.value >= target_recall:
            return Found(nearest, "pca", False, why)
        why += " is below target"
    found = _certified(methods)
    return Found(found.nearest, found.method, True, f"{why}: fell back to {found.reason}")


def checked_report(
    settings: SearchSettings, found: Found[T], measure: Callable[[T], Recall]
) -> dict[str, Any]:
    """The report, with the recall measured, and a sentence where it is below target."""
    report = report_of(settings, found.method, found.proven, found.reason)
    if found.proven:
        return report
    recall = measure(found.nearest)
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
    return report


def report_of(settings: SearchSettings, method: str, proven: bool, reason: str) -> dict[str, Any]:
    """The report of a search without its recall."""
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


def _store(feats: Matrix, n_neighbors: int, settings: SearchSettings, members: Any) -> Store | None:
    """Where the search is kept; None also for a function, which has no fingerprint."""
    if settings.run is None or callable(settings.neighbors):
        return None
    marks = fingerprints(feats=feats, groups=members)
    release(feats)
    return settings.run.stage(
        "neighbors",
        neighbors=settings.neighbors,
        n_neighbors=n_neighbors,
        target_recall=settings.target_recall,
        max_memory=settings.max_bytes,
        zero_rows=settings.zero_rows,
        **marks,
    )


def _kept_table(store: Store) -> NeighborTable | None:
    """The table that an earlier call finished."""
    block = store.read(_TABLE)
    if block is None:
        return None
    report = block.facts["report"]
    if report["recall_interval"] is not None:
        report["recall_interval"] = tuple(report["recall_interval"])
    return NeighborTable(block.arrays["ids"], block.arrays["similarities"], report)


def budget(max_bytes: int | None, n: int, d: int, k: int, n_threads: int) -> int:
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
