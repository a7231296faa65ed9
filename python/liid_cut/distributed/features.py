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

_PAIRS_AT_ONCE = 1 << 16


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

    def cosines(self, u: Ints, v: Ints) -> npt.NDArray[np.float64]:
        """cos(u[i], v[i]) in double; -inf where v[i] is negative. Fastest where u are few."""
        out = np.empty(len(u))
        for start in range(0, len(u), _PAIRS_AT_ONCE):
            at = slice(start, start + _PAIRS_AT_ONCE)
            present = v[at] >= 0
            ids, places = np.unique(
                np.concatenate([u[at], np.where(present, v[at], u[at])]), return_inverse=True
            )
            a, b = np.split(places.astype(np.int64), 2)
            b[~present] = -1
            out[at] = _measured(self.take(ids)).cosines(a, b)
        return out

    def _originals(self, ids: Ints) -> Ints:
        return ids if self.kept is None else self.kept.take(ids)


def _measured(matrix: npt.NDArray[Any]) -> Any:
    rows = _core.CosineRows(matrix)
    rows.measure(0, len(matrix))
    return rows
