"""``neighbors="certified"``: the exact neighbours from smaller matrix products.

For unit rows x, y and an orthonormal basis P of some directions, with R the rest,

    x.y = x_P.y_P + x_R.y_R <= x_P.y_P + |x_R| |y_R|          (Cauchy-Schwarz)

The right side is one inner product of the vectors (x_P, |x_R|). Steps: coordinates in the leading
principal directions; candidates from near clusters, ranked in double, give every row a threshold
that its true k-th neighbour reaches; then one pass over all pairs with the bound. The pairs that
reach a threshold are bounded again with further directions, and what is left is compared in double.
A tile in which too much is left is multiplied in full. So nobody is left out, whatever the data;
the number of directions is chosen by the work that a sample of rows predicts, and where no number
would save anything, it says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liid_cut import _core
from liid_cut.neighbors.basis import (
    lengths_outside,
    orthonormality_error,
    principal_directions,
    project,
    sample_of,
)
from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.clusters import cluster_candidates, find_clusters
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest
from liid_cut.neighbors.rows import (
    ArrayVectors,
    Floats,
    Ints,
    Rows,
    Singles,
    UnitRows,
    release,
)
from liid_cut.neighbors.tiles import Tile, all_pairs, panel_rows

_EXTRA_CANDIDATES = 8
_FIRST_WIDTH = 128
# Further directions come in blocks of the core's `tail_block`, 64.
_BLOCK = 64
_PADDING = 16
_WIDTHS = (64, 128, 192, 256, 384, 512, 768)
_SAMPLE = 64
_OTHERS = 1 << 13
_REFERENCE = 1 << 15
_SEED = 20202
# What one coordinate of a pair that stands alone, and one column of a pair of feature rows in
# double, cost in multiply-adds of a large matrix product: measured once, and on the high side.
_TAIL_COST = 30.0
_PAIR_COST = 60.0
_MOST_WORK = 0.8  # of that of an exact search, or the bound is not worth its overhead


@dataclass(frozen=True)
class Plan:
    """Numbers of directions of the first bound and of both, the work expected relative to `exact`.

    ``directions``: orthonormal (d, at least ``total``) float64.
    """

    head: int
    total: int
    relative_work: float
    directions: Floats


def certified(
    rows: UnitRows,
    k: int,
    groups: Groups,
    max_bytes: int,
    checkpoint: Checkpoint,
    most_work: float = _MOST_WORK,
) -> tuple[Nearest | None, str]:
    """The k nearest rows of every row, and a sentence on how.

    None, and why, where more than ``most_work`` of the work of an exact search is expected.
    """
    plan = plan_bounds(rows, k, max_bytes, most_work, checkpoint)
    if isinstance(plan, str):
        return None, plan
    directions = plan.directions

    # What the basis is short of orthonormal, and single precision's share of the bounds.
    slack = 4 * orthonormality_error(directions) + 4 * (plan.total + 8) * 2.0**-24
    bounds = _Bounds(rows, directions[:, : plan.total], plan.head)
    max_bytes -= bounds.heads.nbytes + bounds.tails.nbytes
    nearest = Nearest(rows, k, groups)
    _compare_bounded(nearest, bounds, slack, max_bytes, checkpoint)
    return nearest, how_certified(plan.head, plan.total)


def plan_bounds(
    rows: Rows,
    k: int,
    max_bytes: int,
    most_work: float = _MOST_WORK,
    checkpoint: Checkpoint | None = None,
) -> Plan | str:
    """The cheapest bounds, or why there are none that are worth it."""
    limit = _most_directions(rows, max_bytes)
    if limit < _WIDTHS[0]:
        return f"{rows.d} columns, or max_memory, leave no room for a projection"
    directions = (checkpoint or Checkpoint()).keep(
        f"certified, {limit} directions", lambda: {"q": principal_directions(rows, limit)}
    )["q"]
    plan = _plan(rows, directions, k, limit)
    if plan.relative_work > most_work:
        return f"bounds would leave {plan.relative_work:.0%} of the work of an exact search"
    return plan


def how_certified(head: int, total: int) -> str:
    """What the report says."""
    return f"certified by {head} to {total} directions"


class _Bounds:
    """Coordinates, cut where the first bound ends.

    Attributes
    ----------
    heads : (n, head + 1) float32; the inner product of two is the first bound.
    tails, rests : (n, total - head + padding) and (n, blocks + 1) float32, as the core's `TailRows`
        has them.
    """

    def __init__(self, rows: UnitRows, directions: Floats, head: int) -> None:
        total = directions.shape[1]
        levels = tuple(range(head, total + 1, _BLOCK))
        self.head = head
        self.heads = np.empty((rows.n, head + 1), dtype=np.float32)
        self.tails = np.empty((rows.n, total - head + _PADDING), dtype=np.float32)
        self.rests = np.empty((rows.n, len(levels)), dtype=np.float32)

        def store(block: slice, coordinates: Floats) -> None:
            self.heads[block, :head] = coordinates[:, :head]
            self.tails[block, : total - head] = coordinates[:, head:]
            self.rests[block] = lengths_outside(coordinates, levels)
            self.heads[block, head] = self.rests[block, 0]

        project(rows, directions, store)


def _most_directions(rows: Rows, max_bytes: int) -> int:
    """Coordinates that fit half of the memory, and are fewer than the columns."""
    fitting = max_bytes // 2 // (4 * max(rows.n, 1))
    return max((m for m in _WIDTHS if m <= min(fitting, rows.d // 2)), default=0)


def _plan(rows: Rows, directions: Floats, k: int, limit: int) -> Plan:
    """The cheapest numbers of directions for a sample of rows."""
    sample = sample_of(rows.n, _SAMPLE, _SEED)
    others = sample_of(rows.n, _OTHERS, _SEED + 1)
    kth = _kth_similarities(rows, sample, k)
    c = rows.unit(sample, np.float32) @ directions.astype(np.float32)
    e = rows.unit(others, np.float32) @ directions.astype(np.float32)

    def share_left(m: int) -> float:
        """Share of all pairs that the bound by m directions leaves to one of their rows."""
        rest_c, rest_e = (np.sqrt(np.maximum(1 - (z[:, :m] ** 2).sum(1), 0)) for z in (c, e))
        bound = c[:, :m] @ e[:, :m].T + rest_c[:, None] * rest_e
        return 2 * float((bound >= kth[:, None]).mean())

    widths = [m for m in _WIDTHS if m <= limit]
    left = [share_left(m) for m in widths]
    plans = []
    for i, head in enumerate(widths):
        tail_work = 0.0
        for j in range(i, len(widths)):
            if j > i:
                tail_work += left[j - 1] * _TAIL_COST * (widths[j] - widths[j - 1])
            # Per pair; projecting a row costs as much as 4 * columns / n for each of its pairs.
            work = head + min(tail_work, rows.d)
            work += min(left[j] * _PAIR_COST, 1) * rows.d + 4 * widths[j] * rows.d / rows.n
            plans.append((work / rows.d, head, widths[j]))
    work, head, total = min(plans)
    return Plan(head, total, work, directions)


def _kth_similarities(rows: Rows, sample: Ints, k: int) -> Singles:
    """Similarity of about the k-th neighbour of some rows (exact up to `_REFERENCE` rows)."""
    x = rows.unit(sample, np.float32)
    reference = sample_of(rows.n, _REFERENCE, _SEED + 2)
    best = np.full((len(sample), k), -1, dtype=np.float32)
    for start in range(0, len(reference), _OTHERS):
        block = reference[start : start + _OTHERS]
        similarities = x @ rows.unit(block, np.float32).T
        similarities[sample[:, None] == block] = -1
        best = np.partition(np.hstack([best, similarities]), -k, axis=1)[:, -k:]
    worst: Singles = best.min(axis=1)
    return worst


def _offer_first_candidates(nearest: Nearest, bounds: _Bounds, checkpoint: Checkpoint) -> None:
    """Rows that are near by a few coordinates and in near clusters, ranked in double."""
    rows = nearest.rows
    coordinates = bounds.heads[:, : min(bounds.head, _FIRST_WIDTH)]
    clusters = find_clusters(coordinates, rows.workers, checkpoint)
    ids = cluster_candidates(
        coordinates,
        clusters,
        max(min(8, clusters.count), clusters.count // 16),
        nearest.k + _EXTRA_CANDIDATES,
        nearest.groups,
        rows.workers,
        checkpoint,
    )
    nearest.offer_candidates(ids)


def _compare_bounded(
    nearest: Nearest, bounds: _Bounds, slack: float, max_bytes: int, checkpoint: Checkpoint
) -> None:
    """Compare every pair whose bound reaches the k-th cosine of one of its rows."""
    rows = nearest.rows

    def visit(tile: Tile) -> None:
        n_a, n_b = tile.similarities.shape
        a, b = slice(tile.a, tile.a + n_a), slice(tile.b, tile.b + n_b)
        u, v = _core.pairs_above(
            tile.similarities,
            tile.a,
            tile.b,
            nearest.thresholds(a.start, a.stop, slack),
            nearest.thresholds(b.start, b.stop, slack),
            nearest.groups.core,
            (bounds.rests[a], bounds.tails[a], bounds.rests[b], bounds.tails[b]),
        )
        if len(u) * _PAIR_COST > tile.similarities.size:
            u, v = _pairs_of_full_product(nearest, a, b)
        nearest.offer(u, v)

    heads = ArrayVectors(bounds.heads)
    name = f"certified, bounds of {bounds.head}, panels of {panel_rows(heads, max_bytes)}"
    with checkpoint.stage(name, nearest.lists) as stage:
        if stage.is_new:
            _offer_first_candidates(nearest, bounds, checkpoint)
            stage.save(0, now=True)

        def after_step(done: int) -> None:
            release(rows.feats)  # the rows of single pairs were read wherever they are
            stage.save(done)

        all_pairs(heads, visit, rows.workers, max_bytes, stage.done, after_step)


def _pairs_of_full_product(nearest: Nearest, a: slice, b: slice) -> tuple[Ints, Ints]:
    """As by the bounds, from all columns of the features."""
    rows = nearest.rows
    x, y = (rows.unit(np.arange(part.start, part.stop), np.float32) for part in (a, b))
    u, v = _core.pairs_above(
        x @ y.T,
        a.start,
        b.start,
        nearest.thresholds(a.start, a.stop, rows.rounding),
        nearest.thresholds(b.start, b.stop, rows.rounding),
        nearest.groups.core,
    )
    return u, v
