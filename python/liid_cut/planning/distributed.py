"""A run on several workers: `liid_cut.distributed`, unit by unit.

The steps are those of a run in one process, divided: (panel x panel) units of all pairs, blocks of
rows that meet shards of clusters, edge blocks and forests, batches of components. Every unit reads
files that all workers see and writes one block. Of memory, a worker holds one unit for each of its
cores, and the client numbers of nodes and edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from liid_cut.distributed import components as forests
from liid_cut.distributed.features import MOST_BYTES
from liid_cut.distributed.neighbors import all_pairs, clusters
from liid_cut.distributed.ranges import row_starts
from liid_cut.neighbors import projected
from liid_cut.neighbors.clusters import ROWS_PER_BLOCK
from liid_cut.neighbors.tiles import TILE
from liid_cut.planning import cutting
from liid_cut.planning.assumptions import Assumptions, assumed, cluster_count
from liid_cut.planning.choosing import choose_method, sentences
from liid_cut.planning.layout import Layout
from liid_cut.planning.parts import Part, total_counts
from liid_cut.planning.searches import (
    SearchSize,
    candidates_of,
    centres_bytes,
    directions_that_fit,
    meetings_bytes,
    search_parts,
)
from liid_cut.planning.settings import DTYPES, PlanSettings
from liid_cut.planning.single import search_budget
from liid_cut.runs.store import ROWS_PER_FINGERPRINT

# A worker of Dask that has imported the package; a client; and beside them the array of each unit.
PROCESS_BYTES = 140 << 20
_FLOAT, _INT, _DOUBLE = 4, 4, 8
# Of a block's rows, which ask for near clusters, all together meet this times a row's share.
_SPREAD = 4.0
# Where a row has a candidate, the candidate may not have the row: these are handed over.
_OFFERED = 0.5
_CLIENT_BYTES_PER_ROW = 56
_CLIENT_BYTES_PER_EDGE = 64


@dataclass(frozen=True)
class _Units:
    """Sizes of a run that its units share."""

    settings: PlanSettings
    size: SearchSize
    expected: Assumptions

    @property
    def row(self) -> float:
        """Bytes of a row of features in its file."""
        return float(self.settings.d * DTYPES[self.settings.dtype])

    def of_rows(self, row_bytes: int) -> int:
        """Units of ranges of rows, of each of which so many bytes are read."""
        rows = row_starts(self.settings.n, row_bytes)[1]
        return math.ceil(self.settings.n / rows)

    def unit(
        self,
        part: Part,
        tasks: int,
        unit_bytes: float,
        *,
        largest: float = 0.0,
        disk: float = 0.0,
        read: float = 0.0,
        network: float = 0.0,
    ) -> Part:
        """A step of one process as units.

        ``unit_bytes``: memory of one of them; ``largest``: what one takes beside the others.
        """
        return replace(
            part,
            counts={**part.counts, "hash_byte": disk, "file": float(tasks), "task": float(tasks)},
            memory=min(tasks, self.settings.cores) * unit_bytes + largest,
            parallel=tasks > 1,
            tasks=tasks,
            disk=disk,
            read=read,
            network=network,
        )


def layout(settings: PlanSettings) -> Layout:
    """The steps of the run."""
    expected = assumed(settings.n, settings.d, settings.target_recall)
    method, reason = choose_method(settings, expected)
    if method == "certified":  # the same table, by the units of the other exact method
        method, reason = "exact", f"{reason}; workers compare all pairs, which gives the same"
    left, problem = search_budget(settings)
    size = SearchSize(settings.n, settings.d, settings.k, left, settings.cores)
    units = _Units(settings, size, expected)
    cut = cutting.CutSize(settings.n, settings.labels, settings.k, settings.symmetrize)
    search = _exact(units) if method == "exact" else _pca(units)
    is_pca = method == "pca"
    return Layout(
        method=method,
        reason=reason,
        stages={
            "read": [_read(units)],
            "neighbors": search,
            "graph": [_graph(units, cut)],
            "delta": [_delta(units, cut)] if settings.auto_delta else [],
            "components": [_components(units, cut)],
            "solve": [_solve(units, cut)],
            "write": [],
        },
        process=PROCESS_BYTES,
        blocks=_blocks(units, cut, method),
        assumptions=sentences(method, settings, expected),
        directions_wanted=expected.directions if is_pca else 0,
        directions=min(directions_that_fit(size), expected.directions) if is_pca else 0,
        problem=problem,
        client=PROCESS_BYTES
        + _CLIENT_BYTES_PER_ROW * float(settings.n)
        + _CLIENT_BYTES_PER_EDGE * cut.edges,
    )


def panel_rows(d: int) -> int:
    """Rows of a panel of vectors (d,)."""
    tiles = all_pairs._PANEL_BYTES // (TILE * d * _FLOAT)
    return TILE * min(max(tiles, 1), all_pairs._MOST_TILES)


def _blocks(units: _Units, cut: cutting.CutSize, method: str) -> dict[str, int]:
    settings = units.settings
    count, _ = cutting.batches_of(cut)
    found = {"rows of a range": row_starts(settings.n, settings.d * 8)[1]}
    if method == "exact":
        found["rows of a panel"] = panel_rows(settings.d)
    elif settings.n >= projected.CLUSTERS_FROM:
        width = _width(units)
        found["rows that ask"] = ROWS_PER_BLOCK
        found["rows of a shard"] = clusters._SHARD_BYTES // (width * _FLOAT)
    found["edges of a block"] = forests._EDGES_PER_BLOCK
    found["batches"] = count
    return found


def _width(units: _Units) -> int:
    most = min(units.size.d, directions_that_fit(units.size))
    widths = [w for w in projected._WIDTHS if w <= most] or [units.size.d]
    return min(units.expected.directions, widths[-1])


def _read(units: _Units) -> Part:
    settings = units.settings
    tasks = 2 * math.ceil(settings.n / ROWS_PER_FINGERPRINT)
    n_bytes = settings.feats_bytes + settings.probs_bytes
    part = units.unit(
        units.size.check(),
        tasks,
        3 * row_starts(1 << 30, settings.d * 8)[1] * units.row,
        read=float(n_bytes),
        network=16.0 * settings.n,
    )
    return replace(part, counts={**part.counts, "hash_byte": n_bytes})


def _all_pairs(units: _Units, width: int, c: int, part: Part, row: float) -> list[Part]:
    """(panel x panel) units of vectors of ``width``, ``row`` bytes each, and their merging."""
    n = units.settings.n
    rows = panel_rows(width)
    panels = math.ceil(n / rows)
    found = float(n) * panels * c
    counts = {
        **part.counts,
        "feature": 2.0 * n * width * panels,
        **{u: panels * x for u, x in units.size.inserted(c, rows).items()},
    }
    vectors = 2 * rows * (2 * row + 2 * width * _FLOAT)
    return [
        units.unit(
            replace(part, counts=counts),
            panels * (panels + 1) // 2,
            vectors + 4 * rows * c * 2 * _DOUBLE + TILE * TILE * _FLOAT,
            disk=found * (_FLOAT + _INT),
            read=n * row * panels,
        ),
        units.unit(
            Part("their candidates merged", {"merged": found}),
            panels,
            rows * panels * c * 60.0,
            disk=n * c * 8.0,
            read=found * (_FLOAT + _INT),
        ),
    ]


def _ranked(units: _Units, c: int, tasks: int) -> list[Part]:
    """Cosines of candidates in double, what is handed over, and the table."""
    n, k = units.settings.n, units.settings.k
    rows_bytes = min(MOST_BYTES, n * units.row)
    table = n * k * 12.0
    offers = n * k * _OFFERED
    return [
        units.unit(
            replace(units.size.offers(c), counts={**units.size.offers(c).counts, "merged": n * c}),
            tasks,
            2 * rows_bytes + ROWS_PER_BLOCK * c * 120.0,
            disk=n * c * 12.0 + table,
            read=n * c * units.row,
        ),
        units.unit(
            Part("table of neighbours", {"merged": n * k + offers}),
            tasks + math.ceil(n / ROWS_PER_FINGERPRINT),
            ROWS_PER_FINGERPRINT * k * 200.0,
            disk=offers * 20.0 + table,
            read=n * c * 12.0 + table,
        ),
    ]


def _exact(units: _Units) -> list[Part]:
    c = candidates_of("exact", units.size.k, units.expected)
    part = search_parts("exact", units.size, units.expected)[1]
    panels = math.ceil(units.size.n / panel_rows(units.size.d))
    pairs = _all_pairs(units, units.size.d, c, part, units.row)
    return [*pairs, *_ranked(units, c, panels)[:1]]


def _pca(units: _Units) -> list[Part]:
    size, expected = units.size, units.expected
    steps = search_parts("pca", size, expected)
    directions, sampled, plan, projection = steps[1:5]
    recall = steps[-1]
    width, c = _width(units), candidates_of("pca", size.k, expected)
    ranges = units.of_rows(size.d * 8)
    range_bytes = 4 * row_starts(size.n, size.d * 8)[1] * (units.row + 8 * size.d)
    read = size.n * units.row
    coordinates = size.n * width * float(_FLOAT)
    first = [
        units.unit(directions, 1, 3.0 * _DOUBLE * size.d * size.d),
        units.unit(sampled, ranges, range_bytes, read=read),
        units.unit(plan, ranges, range_bytes, read=read),
        units.unit(projection, ranges, range_bytes, read=read, disk=coordinates),
    ]
    last = units.unit(recall, ranges, range_bytes, read=read)
    last = replace(last, counts={u: x / 2 for u, x in last.counts.items()})  # measured once
    if size.n < projected.CLUSTERS_FROM:
        tasks = math.ceil(size.n / panel_rows(width))
        pairs = _all_pairs(units, width, c, steps[5], width * _FLOAT)
        return [*first, *pairs, *_ranked(units, c, tasks), last]

    trained, compared, met = steps[5:8]
    count = cluster_count(size.n)
    probes = max(1, round(expected.probe_share * count))
    centres = count * width * float(_FLOAT)
    shards = max(1, math.ceil(coordinates / clusters._SHARD_BYTES))
    blocks = math.ceil(size.n / ROWS_PER_BLOCK)
    once = {unit: number / 2 for unit, number in compared.counts.items()}
    assigning = units.of_rows(4 * max(width, count // 16))
    share = min(1.0, _SPREAD * expected.probe_share)
    per_shard = met.counts["query"] / size.n / shards
    asked = {
        **total_counts([replace(met, counts=once), met]),
        **{u: shards * share * x for u, x in size.inserted(c, per_shard).items()},
        "merged": size.n * shards * share * c,
    }
    block_bytes = (
        centres
        + centres_bytes(count, probes)
        + meetings_bytes(probes)
        + 2 * clusters._SHARD_BYTES
        + (ROWS_PER_BLOCK + clusters._SHARD_BYTES / (width * _FLOAT)) * c * 16
        + ROWS_PER_BLOCK * (shards * share * c * 60 + width * _FLOAT)
    )
    return [
        *first,
        units.unit(trained, 1, 2 * centres * 48 + centres, disk=centres, read=coordinates),
        units.unit(
            replace(compared, what=f"rows compared with {count:,} centres", counts=once),
            assigning,
            centres + 2 * 2048.0 * count * _FLOAT,
            disk=4.0 * size.n,
            read=coordinates + assigning * centres,
            network=4.0 * size.n,
        ),
        units.unit(
            Part("coordinates in the order of clusters"),
            shards,
            3.0 * clusters._SHARD_BYTES,
            disk=coordinates,
            read=coordinates,
        ),
        units.unit(
            replace(met, what=f"rows compared with all centres, and {probes:,} clusters",
                    counts=asked),
            blocks,
            block_bytes,
            read=blocks * (share * coordinates + centres),
        ),
        *_ranked(units, c, blocks),
        last,
    ]  # fmt: skip


def _graph(units: _Units, cut: cutting.CutSize) -> Part:
    n, k = units.settings.n, units.settings.k
    tasks = math.ceil(n / ROWS_PER_FINGERPRINT)
    slots = float(n) * k
    return units.unit(
        replace(cutting.graph(cut), counts={"slot": 3 * slots}),
        tasks,
        ROWS_PER_BLOCK * k * k * 60.0,
        disk=16 * cut.edges,
        read=slots * 12 * (1 + k),
        network=16 * cut.edges,
    )


def _delta(units: _Units, cut: cutting.CutSize) -> Part:
    part = cutting.delta(cut)
    return units.unit(part, 1, part.memory, disk=24 * cut.edges)


def _components(units: _Units, cut: cutting.CutSize) -> Part:
    blocks = math.ceil(cut.edges / forests._EDGES_PER_BLOCK)
    joined = math.ceil(blocks / (forests._FORESTS_PER_UNIT - 1))
    forest = 8.0 * min(cut.n, cut.edges)
    return units.unit(
        Part("forests of edge blocks, joined", {"cut_node": float(cut.n)}),
        blocks + joined,
        min(cut.edges, forests._EDGES_PER_BLOCK) * 100.0,
        largest=8 * forest if blocks > 1 else 0.0,  # the last one has all
        disk=8 * cut.edges + 2 * forest,
        read=8 * cut.edges + 2 * forest,
    )


def _solve(units: _Units, cut: cutting.CutSize) -> Part:
    count, most = cutting.batches_of(cut)
    part = cutting.cut(cut, kept=True)
    nodes = most / cut.labels / (1 + cut.edges / cut.n)
    table = nodes * cut.labels * (DTYPES[units.settings.dtype] + 2 * _DOUBLE)
    messages = 2 * cut.messages * min(1.0, nodes / cut.n)
    plan = 8.0 * cut.n + 24 * cut.edges
    return units.unit(
        replace(part, counts={**part.counts, "cut_node": float(cut.n)}),
        count,
        table + messages,
        largest=cut.largest,
        disk=part.disk + plan,
        read=units.settings.probs_bytes + plan,
        network=30.0 * cut.n,
    )
