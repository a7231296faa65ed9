"""Features in files, as the neighbour search of one unit reads them: only the rows that it needs.

Input: a source (n, d), the rows that are searched, and their groups. Output: the same unit vectors
and cosines, bit for bit, as `liid_cut.neighbors.rows.UnitRows` gives of the whole matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.distributed.sources import Ints, Source
from liid_cut.neighbors.groups import Groups

# Rows of so many bytes are in memory for the cosines of their pairs.
MOST_BYTES = 96 << 20


@dataclass(frozen=True)
class Features:
    """The rows of a search.

    Attributes
    ----------
    feats : source (n_all, d).
    kept : source of the ids of the rows that are searched, ascending; None: all. Below, row i is
        ``feats[kept[i]]``.
    tags : source (n_all, K+1) bool; only rows that share a column but the first become neighbours.
        None: any.
    n, d : rows that are searched, and columns.
    """

    feats: Source
    n: int
    kept: Source | None = None
    tags: Source | None = None

    @property
    def d(self) -> int:
        """Columns."""
        return int(self.feats.shape[1])

    @property
    def rounding(self) -> float:
        """As of `UnitRows`."""
        return (self.d + 4) * 2.0**-24

    def take(self, ids: Ints) -> npt.NDArray[Any]:
        """Some rows as they stand in the source."""
        return self.feats.take(self._originals(ids))

    def groups(self, ids: Ints) -> Groups:
        """Groups of some rows, in this order."""
        if self.tags is None:
            return Groups()
        return Groups.of(self.tags.take(self._originals(ids))[:, 1:])

    def allowed(self, u: Ints, v: Ints) -> npt.NDArray[np.bool_]:
        """Whether u[i] and v[j] may be neighbours, (len(u), len(v))."""
        if self.tags is None:
            return np.ones((len(u), len(v)), dtype=bool)
        groups = self.groups(np.concatenate([u, v]))
        return groups.table(np.arange(len(u)), np.arange(len(u), len(u) + len(v)))

    def unit(self, ids: Ints, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Some rows as unit vectors (len(ids), d) of float32 or float64."""
        out = np.empty((len(ids), self.d), dtype=dtype)
        _measured(self.take(ids)).unit_rows(np.arange(len(ids)), out)
        return out

    def cosines(self, rows: Ints, others: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """cos(rows[i], others[i, j]) in double, (n, c); -inf where others[i, j] is negative.

        Each row is read once, for all of its pairs.
        """
        n, c = others.shape
        if others.size == 0:
            return np.empty((n, c))
        ids, at = np.unique(np.concatenate([rows, others.ravel()]), return_inverse=True)
        if len(ids) * self.d * self.feats.dtype.itemsize > MOST_BYTES and n > 1:
            halves = (slice(n // 2), slice(n // 2, None))
            return np.concatenate([self.cosines(rows[half], others[half]) for half in halves])
        n_none = int(ids[0] < 0)
        at = at.astype(np.int64) - n_none  # which leaves -1 to what is none
        pairs = np.repeat(at[:n], c), at[n:]
        found: npt.NDArray[np.float64] = _measured(self.take(ids[n_none:])).cosines(*pairs)
        return found.reshape(n, c)

    def _originals(self, ids: Ints) -> Ints:
        return ids if self.kept is None else self.kept.take(ids)


def _measured(matrix: npt.NDArray[Any]) -> Any:
    rows = _core.CosineRows(matrix)
    rows.measure(0, len(matrix), with_fingerprints=False)
    return rows
