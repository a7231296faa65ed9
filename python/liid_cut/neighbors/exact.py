"""``neighbors="exact"``: all pairs in single precision, certified by cosines in double.

Input: unit rows. Output: the k nearest of each, exactly. Steps: matrix products of all pairs, each
pair once (the similarity matrix is symmetric), keep a few more than k candidates a row; rank those
by their cosines in double; a row whose k-th neighbour could, within the rounding error of the
products, still be beaten by a row that was left out, is compared with all again.

Products are NumPy's. Measured on AVX512 and AVX2 machines (``benchmarks.neighbors``), its OpenBLAS
is as fast as or faster than torch's and FAISS's, and it recognises new CPUs, which FAISS's does
not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest, search_rows
from liid_cut.neighbors.rows import Floats, Singles, UnitRows
from liid_cut.neighbors.tiles import Tile, all_pairs, panel_rows

EXTRA_CANDIDATES = 6


def exact(
    rows: UnitRows, k: int, groups: Groups, max_bytes: int, checkpoint: Checkpoint
) -> Nearest:
    """The k nearest rows of every row."""
    lists = _core.CandidateLists(rows.n, k + EXTRA_CANDIDATES, groups.core)

    def visit(tile: Tile) -> None:
        lists.add_tile(tile.similarities, tile.a, tile.b)

    with checkpoint.stage(f"exact, panels of {panel_rows(rows, max_bytes)}", lists) as stage:
        all_pairs(rows, visit, rows.workers, max_bytes, stage.done, stage.save)
    return certify(rows, k, groups, *lists.arrays(), checkpoint)


def certify(
    rows: UnitRows,
    k: int,
    groups: Groups,
    ids: npt.NDArray[np.int32],
    similarities: Singles,
    checkpoint: Checkpoint,
) -> Nearest:
    """Rank candidates in double and search again where they leave room for others.

    Parameters
    ----------
    ids, similarities : (n, c) the c rows of largest inner product, up to ``rows.rounding``;
        id -1 where there are no more. In order.
    """
    nearest = Nearest(rows, k, groups)
    nearest.offer_candidates(hopeful(ids, similarities, k, rows.rounding))
    kth = nearest.last(np.arange(rows.n))
    uncertain = np.flatnonzero(is_uncertain(kth, ids, similarities, rows.rounding))
    # Only now: which rows are uncertain must not depend on how far an earlier call came.
    with checkpoint.stage(f"exact, {len(uncertain)} uncertain rows", nearest.lists) as stage:
        search_rows(uncertain, nearest, stage.done, stage.save)
    return nearest


def hopeful(
    ids: npt.NDArray[np.int32], similarities: Singles, k: int, rounding: float
) -> npt.NDArray[np.int32]:
    """``ids``, -1 for those too far below the k-th candidate to be among the k nearest."""
    return np.where(similarities < similarities[:, k - 1 : k] - 2 * rounding, -1, ids)


def is_uncertain(
    kth: Floats, ids: npt.NDArray[np.int32], similarities: Singles, rounding: float
) -> npt.NDArray[np.bool_]:
    """Whether a row that is no candidate may beat a row's k-th neighbour, of cosine ``kth``."""
    return ~((kth > similarities[:, -1] + rounding) | (ids[:, -1] < 0))
