"""Recall, measured: a seeded sample of rows is searched exactly and compared with the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.neighbors.basis import sample_of
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.nearest import Nearest, search_rows
from liid_cut.neighbors.rows import Ints
from liid_cut.npz import Arrays

CONFIDENCE = 0.95
_SAMPLE = 1024
_SEED = 20205  # not that of any plan: what was tuned on a sample is not measured on it


@dataclass(frozen=True)
class Recall:
    """Share of exact neighbours that a search found.

    Attributes
    ----------
    value : float in [0, 1]; 1 where there was nothing to find.
    interval : Clopper-Pearson interval of 95 % confidence, neighbours counted as independent.
    n_queries, n_neighbors : rows of the sample, and their exact neighbours.
    """

    value: float
    interval: tuple[float, float]
    n_queries: int
    n_neighbors: int


def measure_recall(found: Nearest, checkpoint: Checkpoint) -> Recall:
    """Compare a sample of rows with an exact search, ids by ids."""
    sample = recall_sample(found.rows.n)

    def search() -> Arrays:
        truth = Nearest(found.rows, found.k, found.groups)
        search_rows(sample, truth)
        return {"ids": truth.arrays()[0][sample]}

    exact = checkpoint.keep("recall-sample", search)["ids"]
    return recall_of_lists(exact, found.arrays()[0][sample])


def recall_sample(n: int) -> Ints:
    """The rows, ascending, that recall is measured on."""
    return sample_of(n, _SAMPLE, _SEED)


def recall_of_lists(exact: npt.NDArray[np.int32], ids: npt.NDArray[np.int32]) -> Recall:
    """Recall of the lists ``ids`` (m, k) of some rows, whose exact ones are known."""
    hits = ((exact[:, :, None] == ids[:, None, :]).any(axis=2) & (exact >= 0)).sum()
    return recall_of(int(hits), int((exact >= 0).sum()), len(exact))


def recall_of(hits: int, total: int, n_queries: int) -> Recall:
    """The share ``hits / total`` and its interval."""
    if total == 0:
        return Recall(1.0, (1.0, 1.0), n_queries, 0)
    tail = (1 - CONFIDENCE) / 2
    quantile = scipy.special.betaincinv  # of the beta distribution; scipy.stats imports slowly
    low = float(quantile(hits, total - hits + 1, tail)) if hits > 0 else 0.0
    high = float(quantile(hits + 1, total - hits, 1 - tail)) if hits < total else 1.0
    return Recall(hits / total, (low, high), n_queries, total)
