"""Edges from new rows to the rows of a solved problem.

Input: the features that a graph was built from, its neighbour table, and new features. Output: for
every new row the weights of its edges, by the rule of the graph: to its k nearest rows by cosine,
and with ``symmetrize="mutual"`` to those alone that would have it among their k nearest too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.neighbors import NeighborTable

Floats = npt.NDArray[np.float64]

# Entries of one block of similarities: 64 MB.
_ENTRIES_PER_BLOCK = 1 << 23


def unit_rows(feats: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows of length 1, float32 or float64 as given; all-zero rows stay so."""
    rows = np.array(feats)
    rows /= np.maximum(
        np.abs(rows).max(axis=1, initial=0.0, keepdims=True), np.finfo(rows.dtype).tiny
    )
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    np.divide(rows, length, out=rows, where=length > 0)
    return rows


@dataclass(frozen=True)
class KnownRows:
    """Rows that new rows are joined to.

    Attributes
    ----------
    units : (n, d) rows of length 1, or 0; float32 or float64.
    least : (n,) the similarity that a new row needs to be among the nearest of each.
    n_neighbors : k.
    """

    units: npt.NDArray[Any]
    least: Floats
    n_neighbors: int

    @classmethod
    def of(cls, feats: Any, table: NeighborTable, n_neighbors: int, symmetrize: str) -> KnownRows:
        """The rows of ``feats``, floats, whose nearest are in ``table``."""
        least = np.full(len(table), -np.inf)
        if symmetrize == "mutual" and table.similarities.shape[1] >= n_neighbors:
            # A row that ties with the last neighbour is not to fall to rounding.
            least = table.similarities[:, n_neighbors - 1] - 8 * np.finfo(feats.dtype).eps
        return cls(unit_rows(feats), least, n_neighbors)

    def similarities(self, feats: Any) -> scipy.sparse.csr_array:
        """Cosines (r, n) of new rows with the rows they are joined to.

        Of equally similar rows the lower ones count. Zero rows are joined to none.
        """
        new = unit_rows(feats).astype(self.units.dtype, copy=False)
        n = len(self.units)
        k = min(self.n_neighbors, n)
        is_zero = ~self.units.any(axis=1)
        block = max(1, _ENTRIES_PER_BLOCK // max(n, 1))
        parts = [scipy.sparse.csr_array((0, n))]
        for begin in range(0, len(new), block):
            chunk = new[begin : begin + block]
            cosines = chunk @ self.units.T
            cosines[:, is_zero] = -np.inf
            cosines[~chunk.any(axis=1)] = -np.inf
            # The kth largest; what ties with it competes by row.
            kth = np.partition(cosines, n - k, axis=1)[:, n - k]
            rows, columns = np.nonzero((cosines >= kth[:, None]) & (cosines > -np.inf))
            values = cosines[rows, columns].astype(np.float64)
            order = np.lexsort((columns, -values, rows))
            rows, columns, values = rows[order], columns[order], values[order]
            rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
            kept = (rank < k) & (values >= self.least[columns])
            joined = (values[kept], (rows[kept], columns[kept]))
            parts.append(scipy.sparse.csr_array(joined, shape=(len(chunk), n)))
        return scipy.sparse.csr_array(scipy.sparse.vstack(parts, format="csr"))
