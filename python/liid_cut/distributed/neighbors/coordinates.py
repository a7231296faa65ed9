"""Principal directions, what they cost, and the rows' coordinates, as units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.features import Features
from liid_cut.distributed.ranges import ranges, row_starts
from liid_cut.distributed.run import Run
from liid_cut.distributed.sources import BlocksSource, FileSource, Ints, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.neighbors.basis import ROWS_PER_JOB, block_coordinates, principal_directions
from liid_cut.neighbors.certified import Plan, plan_bounds
from liid_cut.neighbors.projected import RANKED_ROWS, RowsBefore
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store


def directions_of(run: Run, store: Store, features: Features, m: int) -> FileSource:
    """About the m leading directions, orthonormal: source (d, m) of float64."""
    run.one(Unit("directions", _directions, (features, m), store))
    return file_source(store, "directions", "directions")


def _directions(features: Features, m: int) -> Arrays:
    return {"directions": principal_directions(features, m)}


def bounds_of(run: Run, store: Store, features: Features, k: int, max_bytes: int) -> Plan | str:
    """What `liid_cut.neighbors.certified.plan_bounds` says."""
    names = ("head", "total", "work", "refusal")
    found = run.one(Unit(f"bounds-{max_bytes}", _bounds, (features, k, max_bytes), store, names))
    if str(found["refusal"]):
        return str(found["refusal"])
    return Plan(int(found["head"]), int(found["total"]), float(found["work"]), np.empty((0, 0)))


def _bounds(features: Features, k: int, max_bytes: int) -> Arrays:
    plan = plan_bounds(features, k, max_bytes)
    refused = isinstance(plan, str)
    head, total, work = (
        (0, 0, 0.0) if isinstance(plan, str) else (plan.head, plan.total, plan.relative_work)
    )
    return {
        "head": np.array(head),
        "total": np.array(total),
        "work": np.array(work),
        "refusal": np.array(plan if refused else ""),
    }


def ranks_of(
    run: Run,
    store: Store,
    features: Features,
    directions: FileSource,
    widths: list[int],
    sample: Ints,
    neighbors: Ints,
) -> npt.NDArray[np.int64]:
    """Rows before each exact neighbour of the sample, for each width: (n_widths, S, k)."""
    arguments = features, directions, widths, sample, neighbors
    starts = row_starts(features.n, features.d * 8)
    parts = run.do(
        Unit(block_name("ranks", i), _ranks, (*arguments, begin, end), store, ("ranks",))
        for i, (begin, end) in enumerate(ranges(starts))
    )
    total: npt.NDArray[np.int64] = np.sum([part["ranks"] for part in parts], axis=0)
    return total


def _ranks(
    features: Features,
    directions: FileSource,
    widths: list[int],
    sample: Ints,
    neighbors: Ints,
    begin: int,
    end: int,
) -> Arrays:
    q = directions.read(0, features.d).astype(np.float32)
    count = RowsBefore(features, q, widths, sample, neighbors, features.allowed)
    blocks = [count.in_block(features, start) for start in range(begin, end, RANKED_ROWS)]
    return {"ranks": np.sum(blocks, axis=0)}


def coordinates_of(
    run: Run, store: Store, features: Features, directions: FileSource, width: int
) -> BlocksSource:
    """Coordinates (n, width) of all rows in the first ``width`` directions, float32."""
    starts = row_starts(features.n, features.d * 8)
    prefix = f"coordinates-{width}"
    run.do(
        Unit(block_name(prefix, i), _coordinates, (features, directions, width, *rows), store)
        for i, rows in enumerate(ranges(starts))
    )
    return BlocksSource(store, prefix, "coordinates", starts, np.dtype(np.float32), (width,))


def _coordinates(
    features: Features, directions: FileSource, width: int, begin: int, end: int
) -> Arrays:
    q = directions.read(0, features.d)[:, :width]
    out = np.empty((end - begin, width), dtype=np.float32)
    for start in range(begin, end, ROWS_PER_JOB):
        block = slice(start, min(start + ROWS_PER_JOB, end))
        out[start - begin : block.stop - begin] = block_coordinates(features, q, block)
    return {"coordinates": out}
