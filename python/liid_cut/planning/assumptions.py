"""What the cost of a search depends on beside n, d and k: the spread of the features.

Input: n, d, the recall asked for. Output: how many directions, candidates and clusters the search
is expected to take, and how much of the work bounds leave. The numbers are what features with the
spectrum of a deep network's took (``benchmarks/deep_features.py``: 40,000 to 1,000,000 rows of 256
to 2048 columns; ``benchmarks/PLAN.md``); beyond a million rows they are extrapolated. Features of
another kind differ: random ones need far more, those of few tight clusters less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from liid_cut.neighbors import clusters, projected

# Share of an exact search's multiply-adds that bounds leave, by the number of columns; below the
# first number bounds give up.
_BOUNDS_FROM = 300
_BOUND_WORK = ((512, 0.6), (1024, 0.5), (math.inf, 0.45))
# Directions: this times sqrt(d); more rows crowd together, which takes more of them.
_DIRECTIONS = 8.0
_DIRECTIONS_OF_MANY = 11.0
_CANDIDATES = 40
# Share of the clusters that a row meets: a * count ** -b, where one neighbour in a hundred may be
# missed; a grows as fewer may.
_PROBES_A, _PROBES_B, _PROBES_GROWTH = 2.07, 0.384, 0.19


@dataclass(frozen=True)
class Assumptions:
    """How a search of n rows is expected to go.

    Attributes
    ----------
    bound_work : of the certified search relative to the exact one; 1: its bounds save nothing.
    directions : principal coordinates of ``"pca"``, as many as are wanted, whatever fits.
    candidates : of each row.
    probe_share : share of the clusters that a row meets.
    """

    bound_work: float
    directions: int
    candidates: int
    probe_share: float


def assumed(n: int, d: int, target_recall: float) -> Assumptions:
    """For features like those of deep networks."""
    bound = 1.0
    if d >= _BOUNDS_FROM:
        bound = next(work for most, work in _BOUND_WORK if d <= most)
    factor = _DIRECTIONS if n < projected.CLUSTERS_FROM else _DIRECTIONS_OF_MANY
    wanted = factor * math.sqrt(d)
    widths = [width for width in projected._WIDTHS if width <= d] or [d]
    directions = min([width for width in widths if width >= wanted], default=widths[-1])
    miss = max((1 - target_recall), 1e-5)
    a = _PROBES_A * (0.01 / miss) ** _PROBES_GROWTH
    share = min(1.0, a * cluster_count(n) ** -_PROBES_B)
    return Assumptions(bound, directions, _CANDIDATES, share)


def cluster_count(n: int) -> int:
    """Clusters that the search of n rows makes."""
    return max(1, n // clusters._ROWS_PER_CLUSTER)
