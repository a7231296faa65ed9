"""What the methods of the neighbour search count and hold, by n, d and k.

Each function follows one method of `liid_cut.neighbors` step by step, with that module's constants,
and gives its steps as `Part`. What depends on the data comes from `assumptions`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from liid_cut.neighbors import certified, clusters, exact, nearest, projected, recall
from liid_cut.neighbors.tiles import TILE
from liid_cut.planning.assumptions import Assumptions, cluster_count
from liid_cut.planning.parts import Part

_FLOAT, _INT, _DOUBLE = 4, 4, 8
_LIST_ENTRY = _FLOAT + _INT
# Lengths, fingerprints, and what sorting them to find copies takes.
_BYTES_PER_ROW = 56
_PANEL_ROWS = 16 * TILE
_DIRECTION_SAMPLE = 4096


@dataclass(frozen=True)
class SearchSize:
    """A search: n rows of d columns, k neighbours, memory for it, threads."""

    n: int
    d: int
    k: int
    max_bytes: float
    threads: int

    @property
    def pairs(self) -> float:
        """Pairs of rows."""
        return self.n * self.n / 2

    @property
    def held(self) -> float:
        """Bytes that every method holds from its beginning to its end: rows, lists, tiles."""
        lists = self.n * self.k * (_INT + _DOUBLE)
        tiles = self.threads * TILE * TILE * _FLOAT
        return self.n * _BYTES_PER_ROW + lists + tiles

    def check(self) -> Part:
        """Every entry read once: lengths and fingerprints."""
        return Part("rows read and checked", {"feature": self.n * self.d}, self.held)

    def inserted(self, c: int, seen: float) -> dict[str, float]:
        """Into lists of c, where each row sees so many similarities in no particular order."""
        entered = self.n * c * (1 + math.log(max(1.0, seen / c)))
        return {"insert": entered, "shift": entered * c}

    def loads(self) -> float:
        """How often every row is scaled for products of all pairs."""
        if self.n * self.d * _FLOAT <= self.max_bytes / 2:
            return 1.0
        return max(1.0, self.n / _PANEL_ROWS / 2)

    def vectors(self, width: int) -> float:
        """Bytes of the vectors that products of all pairs are made of."""
        whole = self.n * width * _FLOAT
        return min(whole, 2 * _PANEL_ROWS * width * _FLOAT) if whole > self.max_bytes / 2 else whole

    def offers(self, c: int) -> Part:
        """Cosines of c candidates a row in double."""
        block = min(self.n, nearest._ROWS_PER_OFFER)
        return Part(
            f"{c} candidates a row ranked in double",
            {"cosine": self.n * c, "cosine_column": self.n * c * self.d},
            self.held + self.n * c * _INT + block * (5 * c * c + 40 * c),
        )

    def sampled(self, queries: int, what: str) -> Part:
        """A sample of rows compared with all, on one thread."""
        return Part(
            what,
            {
                "feature": self.n * self.d,
                "product": queries * self.n * self.d,
                "sample_pair": queries * self.n,
            },
            self.held,
            parallel=False,
        )


def search_parts(method: str, size: SearchSize, assumed: Assumptions) -> list[Part]:
    """The steps of ``"exact"``, ``"certified"`` or ``"pca"``."""
    steps = {"exact": _exact, "certified": _certified, "pca": _pca}[method]
    return [size.check(), *steps(size, assumed)]


def candidates_of(method: str, k: int, assumed: Assumptions) -> int:
    """Candidates of each row that the method holds."""
    extra = {"exact": exact.EXTRA_CANDIDATES, "certified": certified._EXTRA_CANDIDATES}
    return k + extra[method] if method in extra else assumed.candidates


def directions_that_fit(size: SearchSize) -> int:
    """Principal coordinates that the memory of the search has room for."""
    return int(max(projected._WIDTHS[0], size.max_bytes / 3 / (_FLOAT * size.n)))


def _exact(size: SearchSize, assumed: Assumptions) -> list[Part]:
    c = candidates_of("exact", size.k, assumed)
    pairs = Part(
        "all pairs multiplied",
        {
            "feature": size.loads() * size.n * size.d,
            "product": size.pairs * size.d,
            "pair": size.pairs,
            **size.inserted(c, size.n),
        },
        size.held + size.vectors(size.d) + size.n * c * _LIST_ENTRY,
    )
    return [pairs, size.offers(c)]


def _certified(size: SearchSize, assumed: Assumptions) -> list[Part]:
    widths = [w for w in certified._WIDTHS if w <= size.d // 2] or [size.d]
    total = widths[-1]
    head = next((w for w in widths if w >= min(total, math.sqrt(size.d) * 4)), total)
    blocks = (total - head) // certified._BLOCK + 1
    bounds = size.n * (head + 1 + total - head + certified._PADDING + blocks) * _FLOAT
    first = min(head, certified._FIRST_WIDTH)
    count = cluster_count(size.n)
    c = candidates_of("certified", size.k, assumed)
    probes = max(min(8, count), count // 16)
    left = max(0.0, assumed.bound_work * size.d - head - 1)
    return [
        _directions(size, total),
        _projection(size, total, bounds),
        *clustered(size, first, probes, c, bounds),
        size.offers(c),
        Part(
            "bounds of all pairs, and the pairs that they leave",
            {"product": size.pairs * (head + 1 + left), "pair": size.pairs},
            size.held + bounds,
        ),
    ]


def _pca(size: SearchSize, assumed: Assumptions) -> list[Part]:
    most = min(size.d, directions_that_fit(size))
    widths = [w for w in projected._WIDTHS if w <= most] or [size.d]
    width = min(assumed.directions, widths[-1])
    sample = projected._SAMPLE
    plan = Part(
        "sample ranked by coordinates",
        {
            "feature": size.n * size.d,
            "product": size.n * (size.d * widths[-1] + sample * sum(widths)),
            "sample_pair": sample * size.n * len(widths) * (1 + size.k),
        },
        size.held,
    )
    coordinates = size.n * width * _FLOAT
    c = candidates_of("pca", size.k, assumed)
    first = [
        _directions(size, widths[-1]),
        size.sampled(sample, "sample searched exactly"),
        plan,
        _projection(size, width, coordinates),
    ]
    if size.n < projected.CLUSTERS_FROM:
        middle = [
            Part(
                f"all pairs multiplied in {width} coordinates",
                {
                    "product": size.pairs * width,
                    "pair": size.pairs,
                    **size.inserted(c, size.n),
                },
                size.held + coordinates + size.n * c * _LIST_ENTRY,
            )
        ]
    else:
        probes = max(1, round(assumed.probe_share * cluster_count(size.n)))
        middle = clustered(size, width, probes, c, coordinates)
    return [*first, *middle, size.offers(c), size.sampled(2 * recall._SAMPLE, "recall measured")]


def _directions(size: SearchSize, width: int) -> Part:
    sample = min(size.n, _DIRECTION_SAMPLE)
    d = size.d
    work = sample * d * d / 2 + 6 * d * d * width + 12 * d * width * width
    return Part(f"{width} principal directions", {"double_product": work}, size.held)


def _projection(size: SearchSize, width: int, kept: float) -> Part:
    counts = {"feature": 2 * size.n * size.d, "double_product": size.n * size.d * width}
    return Part(f"coordinates in {width} directions", counts, size.held + kept)


def clustered(size: SearchSize, width: int, probes: int, c: int, kept: float) -> list[Part]:
    """k-means, the clusters of each row, and what it finds in the nearest of them."""
    n, count = size.n, cluster_count(size.n)
    trained = min(n, count * clusters._TRAINING_ROWS_PER_CLUSTER)
    met = n * probes * (n / count)
    return [
        Part(
            f"{count:,} clusters by k-means",
            {"cluster_product": clusters._ITERATIONS * trained * count * width},
            size.held + kept + 2 * trained * width * _FLOAT,
            parallel=False,
        ),
        Part(
            f"rows compared with {count:,} centres, twice",
            {"product": 2 * n * count * width, "query": 2 * n * count},
            size.held + kept + size.threads * centres_bytes(count, probes),
        ),
        Part(
            f"rows compared with {probes:,} clusters",
            {"product": met * width, "query": met, **size.inserted(c, met / n)},
            size.held
            + kept
            + n * width * _FLOAT
            + n * c * (2 * _LIST_ENTRY + _INT)
            + meetings_bytes(probes),
        ),
    ]


def centres_bytes(count: int, probes: int) -> float:
    """Bytes of finding the nearest centres of the rows of one job."""
    rows = clusters.ROWS_PER_JOB
    return rows * count * _FLOAT + (count + rows) * probes * (2 * _LIST_ENTRY)


def meetings_bytes(probes: int) -> float:
    """Bytes of sorting the rows of a block by the clusters that they meet."""
    return clusters.ROWS_PER_BLOCK * probes * (_INT + 4 * _DOUBLE)
