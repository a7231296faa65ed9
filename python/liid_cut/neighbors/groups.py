"""Which pairs of rows may be neighbours: those that share a group, such as a foreground tag.

Groups are bits: 64-bit words a row, tested by the core inside the search.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.rows import Ints


class Groups:
    """Group membership of rows.

    Attributes
    ----------
    bits : (n, n_words) uint64, or None where all rows may be neighbours.
    core : the same for the core.
    """

    def __init__(self, bits: npt.NDArray[np.uint64] | None = None) -> None:
        self.bits = bits
        self.core = _core.RowGroups(bits)

    @classmethod
    def of(cls, members: npt.NDArray[np.bool_] | None) -> Groups:
        """From a table (n, n_groups) of bool; None: no restriction."""
        if members is None:
            return cls()
        n, n_groups = members.shape
        n_words = max(1, -(-n_groups // 64))
        padded = np.zeros((n, 64 * n_words), dtype=bool)
        padded[:, :n_groups] = members
        packed = np.packbits(padded, axis=1, bitorder="little")
        return cls(np.ascontiguousarray(packed).view(np.uint64))

    def take(self, index: Ints) -> Groups:
        """Groups of some rows, in this order."""
        return self if self.bits is None else Groups(np.ascontiguousarray(self.bits[index]))

    def share(self, u: Ints, v: Ints) -> npt.NDArray[np.bool_]:
        """Whether u[i] and v[i] share a group."""
        if self.bits is None:
            return np.ones(len(u), dtype=bool)
        shared: npt.NDArray[np.bool_] = np.any(self.bits[u] & self.bits[v], axis=1)
        return shared

    def table(self, u: Ints, v: Ints) -> npt.NDArray[np.bool_]:
        """Whether u[i] and v[j] share a group, (len(u), len(v))."""
        return self.share(np.repeat(u, len(v)), np.tile(v, len(u))).reshape(len(u), len(v))
