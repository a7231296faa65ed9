"""Lists of nearest rows from several units, merged by (similarity, lower id)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.sources import Ints


def nearest_of(
    rows: Ints,
    ids: npt.NDArray[Any],
    similarities: npt.NDArray[Any],
    n_rows: int,
    k: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any]]:
    """The k best of what each row was offered, each id once: ids and similarities (n_rows, k).

    Parameters
    ----------
    rows, ids, similarities : (m,) offers: row, the other row, their similarity. A negative id is
        none. Equal offers of a row have equal similarities.
    """
    present = ids >= 0
    rows, ids, similarities = rows[present], ids[present], similarities[present]
    order = np.lexsort((ids, -similarities, rows))
    rows, ids, similarities = rows[order], ids[order], similarities[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]) | (ids[1:] != ids[:-1])
    rows, ids, similarities = rows[new], ids[new], similarities[new]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    best = rank < k
    out_ids = np.full((n_rows, k), -1, dtype=np.int32)
    out = np.full((n_rows, k), -np.inf, dtype=similarities.dtype)
    out_ids[rows[best], rank[best]] = ids[best]
    out[rows[best], rank[best]] = similarities[best]
    return out_ids, out


def merged(
    ids: list[npt.NDArray[Any]],
    similarities: list[npt.NDArray[Any]],
    k: int,
    *,
    distinct: bool,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Any]]:
    """Lists (n, c) of the same rows from several units as one (n, k).

    ``distinct``: no row lists an id twice, so that most entries can be dropped before they are
    sorted.
    """
    all_ids, values = (np.concatenate(parts, axis=1) for parts in (ids, similarities))
    n, width = all_ids.shape
    if distinct and width > k:
        kth = np.partition(values, width - k, axis=1)[:, width - k]
        rows, columns = np.nonzero(values >= kth[:, None])
        return nearest_of(rows, all_ids[rows, columns], values[rows, columns], n, k)
    return nearest_of(np.repeat(np.arange(n), width), all_ids.ravel(), values.ravel(), n, k)
