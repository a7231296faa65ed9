"""Exact nearest neighbours by cosine similarity.

FAISS finds candidates in single precision; their cosines are then recomputed in double by the C++
core, always in the same order of additions, and ranked by (cosine, lower index). A row whose k-th
neighbour could, within the rounding error of the first pass, still be beaten by a row that FAISS
left out, is searched again with more candidates. So the answer is exact, the same for any number
of threads and any BLAS, and ties go to the lower index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.inputs import Matrix

_ROWS_PER_BLOCK = 4096
_EXTRA_CANDIDATES = 4
_MAX_CANDIDATES_PER_BLOCK = 1 << 22


def nearest_neighbors(
    feats: Matrix, n_neighbors: int, n_threads: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Find the nearest other rows of every row.

    Parameters
    ----------
    feats : (n, d) float16, float32 or float64; finite, no zero row.
    n_neighbors : number k of neighbours; where fewer rows exist, all others.
    n_threads : threads of FAISS; 0: all cores.

    Returns
    -------
    ids : (n, min(k, n-1)) int64, nearest first, the lower index first at equal cosine.
    cosines : the same shape, float64 in [-1, 1].
    """
    n = len(feats)
    k = min(n_neighbors, max(n - 1, 0))
    ids = np.empty((n, k), dtype=np.int64)
    cosines = np.empty((n, k), dtype=np.float64)
    if k == 0:
        return ids, cosines

    search = _Search(feats, n_candidates=min(n, k + 1 + _EXTRA_CANDIDATES))
    open_rows = np.arange(n)
    with _faiss_threads(n_threads):
        while len(open_rows) > 0:
            certain = np.empty(len(open_rows), dtype=bool)
            for block in search.blocks(len(open_rows)):
                rows = open_rows[block]
                ids[rows], cosines[rows], certain[block] = search.nearest(rows, k)
            open_rows = open_rows[~certain]
            search.n_candidates = min(n, 4 * search.n_candidates)
    return ids, cosines


class _Search:
    """FAISS candidates, ranked by their cosines in double."""

    def __init__(self, feats: Matrix, n_candidates: int) -> None:
        import faiss

        self.feats = feats
        self.n_candidates = n_candidates
        self.unit = _unit_rows_float32(feats)
        self.index = faiss.IndexFlatIP(feats.shape[1])
        self.index.add(self.unit)
        # Two unit vectors rounded to single precision and a sum of d products, in any order.
        self.rounding = (feats.shape[1] + 4) * 2.0**-24

    def blocks(self, n_rows: int) -> Iterator[slice]:
        """Slices of rows whose candidates fit into memory together."""
        size = max(1, min(_ROWS_PER_BLOCK, _MAX_CANDIDATES_PER_BLOCK // self.n_candidates))
        for start in range(0, n_rows, size):
            yield slice(start, min(start + size, n_rows))

    def nearest(
        self, rows: npt.NDArray[np.int64], k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """The k nearest of each row, their cosines, and whether they are certain."""
        similarities, candidates = self.index.search(self.unit[rows], self.n_candidates)
        candidates = np.where(
            candidates == rows[:, None], -1, candidates
        )  # never its own neighbour
        cosines = _core.pair_cosines(self.feats, rows, candidates)
        order = np.lexsort((candidates, -cosines), axis=1)[:, :k]
        ids = np.take_along_axis(candidates, order, axis=1)
        cosines = np.take_along_axis(cosines, order, axis=1)
        certain = cosines[:, -1] > similarities[:, -1] + self.rounding
        if self.n_candidates == len(self.feats):
            certain[:] = True
        return ids, cosines, certain


def _unit_rows_float32(feats: Matrix) -> npt.NDArray[np.float32]:
    """Rows scaled to length 1; dividing by the largest entry first keeps squares in range."""
    unit = np.empty(feats.shape, dtype=np.float32)
    for start in range(0, len(feats), _ROWS_PER_BLOCK):
        block = np.asarray(feats[start : start + _ROWS_PER_BLOCK], dtype=np.float64)
        block = block / np.abs(block).max(axis=1, keepdims=True)
        unit[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return unit


@contextmanager
def _faiss_threads(n_threads: int) -> Iterator[None]:
    import faiss

    before = faiss.omp_get_max_threads()
    if n_threads > 0:
        faiss.omp_set_num_threads(n_threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
