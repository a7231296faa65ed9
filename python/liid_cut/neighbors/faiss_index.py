"""``neighbors="faiss:<factory string>"``: candidates from any FAISS index, exact cosines.

The string is that of ``faiss.index_factory``, for inner products; after a semicolon follow the
index's parameters: ``"faiss:IVF256,Flat;nprobe=16"``, ``"faiss:PCA256,HNSW32;efSearch=64"``.

Training and adding run on one thread, because a graph index depends on the number of threads that
build it; searching runs on all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from liid_cut.neighbors.basis import sample_of
from liid_cut.neighbors.faiss_runtime import faiss_threads, warn_once_of_slow_blas
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest
from liid_cut.neighbors.rows import UnitRows

PREFIX = "faiss:"
_EXTRA_CANDIDATES = 13
_TRAINING_ROWS = 1 << 16
_ROWS_PER_BLOCK = 4096
_ROWS_PER_JOB = 512
_SEED = 20206


def check_factory(neighbors: str) -> tuple[str, str]:
    """Factory string and parameters of a setting ``"faiss:..."``.

    Raises
    ------
    ValueError : FAISS does not understand them.
    """
    factory, _, parameters = neighbors.removeprefix(PREFIX).partition(";")
    _make_index(64, factory, parameters, neighbors)
    return factory, parameters


def faiss_search(rows: UnitRows, k: int, groups: Groups, neighbors: str) -> tuple[Nearest, str]:
    """Probable k nearest rows of every row, and a sentence on how.

    Raises
    ------
    ValueError : FAISS does not understand the string, or the index does not fit the features.
    """
    if groups.bits is not None:
        raise ValueError(
            f"neighbors is {neighbors!r}, which cannot leave out pairs inside the search; with "
            "shared_tags use 'auto', 'exact', 'certified' or 'pca'"
        )
    factory, parameters = check_factory(neighbors)
    slow = warn_once_of_slow_blas()
    nearest = Nearest(rows, k, groups)
    try:
        with faiss_threads(1):
            index = _make_index(rows.d, factory, parameters, neighbors)
            index.train(rows.unit(sample_of(rows.n, _TRAINING_ROWS, _SEED), np.float32))
            for start in range(0, rows.n, _ROWS_PER_BLOCK):
                index.add(rows.load(start, min(start + _ROWS_PER_BLOCK, rows.n)))
    except RuntimeError as error:
        raise ValueError(f"neighbors is {neighbors!r}: {_first_line(error)}") from None
    candidates = np.full((rows.n, min(k + 1 + _EXTRA_CANDIDATES, rows.n)), -1, dtype=np.int32)

    def job(start: int) -> None:
        part = np.arange(start, min(start + _ROWS_PER_JOB, rows.n))
        with faiss_threads(1):
            _, ids = index.search(rows.unit(part, np.float32), candidates.shape[1])
        candidates[part] = ids

    rows.workers.run(job, range(0, rows.n, _ROWS_PER_JOB))
    nearest.offer_candidates(candidates)
    return nearest, f"FAISS index {factory!r}" + (f"; {slow}" if slow else "")


def _make_index(d: int, factory: str, parameters: str, neighbors: str) -> Any:
    import faiss

    try:
        index = faiss.index_factory(d, factory, faiss.METRIC_INNER_PRODUCT)
        if parameters:
            space: Any = faiss.ParameterSpace()
            space.set_index_parameters(index, parameters)
    except RuntimeError as error:
        raise ValueError(
            f"neighbors is {neighbors!r}; FAISS makes no index of it: {_first_line(error)}"
        ) from None
    return index


def _first_line(error: RuntimeError) -> str:
    """FAISS's own words, without the place in its source."""
    return str(error).splitlines()[-1].rpartition("Error: ")[2] or str(error)
