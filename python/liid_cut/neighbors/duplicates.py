"""Rows that need no search of their own: copies of others, and zero rows.

Of rows that are equal entry by entry (and allowed the same neighbours) only the first k + 1 can be
among anybody's k nearest: all have the same cosine, and ties go to the lower row. The copies behind
them take their neighbours from the first. Without this, thousands of copies would all be candidates
of each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liid_cut.inputs import Matrix
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest
from liid_cut.neighbors.rows import Floats, Ints, UnitRows


@dataclass(frozen=True)
class Kept:
    """Rows to search.

    Attributes
    ----------
    rows : (m,) ids of the rows that are searched, ascending.
    copies : (c,) ids of the others, but for zero rows; ``firsts`` (c,) position in ``rows`` of the
        row that each is a copy of.
    """

    rows: Ints
    copies: Ints
    firsts: Ints

    def positions(self, ids: Ints, n: int) -> npt.NDArray[np.int32]:
        """A table of ids (n, c) as positions in ``rows`` (m, c); -1 for what is not there."""
        position = np.full(n + 1, -1, dtype=np.int32)
        position[self.rows] = np.arange(len(self.rows))
        return position[np.maximum(ids[self.rows], -1)]


def kept_rows(
    feats: Matrix, rows: UnitRows, k: int, groups: Groups, *, with_copies: bool = False
) -> Kept:
    """All rows but zero rows and, unless ``with_copies``, late copies."""
    nonzero = np.flatnonzero(rows.lengths > 0)
    prints = rows.fingerprints[nonzero]
    order = np.argsort(prints, kind="stable")
    same = prints[order][1:] == prints[order][:-1]
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    sizes = np.diff(np.append(starts, len(order)))
    is_copy = np.zeros(rows.n, dtype=bool)
    first_of = np.arange(rows.n)
    large = np.flatnonzero(sizes > k + 1)[: 0 if with_copies else None]
    for start, size in zip(starts[large], sizes[large], strict=True):
        members = nonzero[order[start : start + size]]
        # Equal fingerprints are no proof, and copies may belong to other groups.
        equal = np.array([np.array_equal(feats[u], feats[members[0]]) for u in members])
        if groups.bits is not None:
            equal &= (groups.bits[members] == groups.bits[members[0]]).all(axis=1)
        late = members[equal][k + 1 :]
        is_copy[late] = True
        first_of[late] = members[0]
    kept = nonzero[~is_copy[nonzero]]
    copies = np.flatnonzero(is_copy)
    return Kept(kept, copies, np.searchsorted(kept, first_of[copies]))


def all_rows(kept: Kept, nearest: Nearest, n: int) -> tuple[Ints, Floats]:
    """Ids and cosines (n, k) of all rows from those of the rows that were searched."""
    k = nearest.k
    found, values = nearest.arrays()
    ids = np.full((n, k), -1, dtype=np.int64)
    cosines = np.full((n, k), -np.inf)
    ids[kept.rows] = np.where(found >= 0, np.append(kept.rows, -1)[found], -1)
    cosines[kept.rows] = values
    if len(kept.copies) == 0:
        return ids, cosines

    # A copy's neighbours are those of its first, and the first itself.
    firsts = kept.rows[kept.firsts]
    own = nearest.rows.many_cosines(kept.firsts, kept.firsts)
    own[~nearest.groups.share(kept.firsts, kept.firsts)] = -np.inf
    ids[kept.copies], cosines[kept.copies] = with_first(ids[firsts], cosines[firsts], firsts, own)
    return ids, cosines


def with_first(ids: Ints, cosines: Floats, firsts: Ints, own: Floats) -> tuple[Ints, Floats]:
    """Neighbours of copies: those of the row that each is a copy of, and that row itself.

    Parameters
    ----------
    ids, cosines : (c, k) neighbours of the ``firsts`` (c,).
    own : (c,) cosines of the firsts with themselves; -inf where they may not be neighbours.
    """
    candidates = np.hstack([ids, firsts[:, None]])
    similarities = np.hstack([cosines, own[:, None]])
    candidates[np.isneginf(similarities)] = -1
    order = np.lexsort((candidates, -similarities), axis=1)[:, : ids.shape[1]]
    return (
        np.take_along_axis(candidates, order, axis=1),
        np.take_along_axis(similarities, order, axis=1),
    )
