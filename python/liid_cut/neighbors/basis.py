"""Principal directions of unit rows, and rows in their coordinates.

The second-moment matrix is not centred: what counts is how much of x.y the coordinates keep, not
variance. It comes from a seeded sample of rows, its leading directions by subspace iteration
(Halko, Martinsson, Tropp 2011, algorithm 4.4). Any orthonormal basis is valid for the bound that
`certified` draws from it; a better one is only cheaper.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from liid_cut.neighbors.rows import Floats, Ints, Rows, Singles, UnitRows

_SAMPLE = 4096
ROWS_PER_JOB = 1024
_ITERATIONS = 2
_SEED = 20201
_OVERSAMPLING = 16


def sample_of(n: int, size: int, seed: int) -> Ints:
    """Seeded sample of row ids without replacement, ascending."""
    chosen = np.random.default_rng(seed).choice(n, min(n, size), replace=False)
    return np.sort(chosen).astype(np.int64)


def principal_directions(rows: Rows, m: int) -> Floats:
    """Orthonormal (d, m) float64: about the m leading directions of the rows' second moments."""
    m = min(m, rows.d)
    sample = sample_of(rows.n, _SAMPLE, _SEED)
    moments = np.zeros((rows.d, rows.d))
    for start in range(0, len(sample), ROWS_PER_JOB):
        x = rows.unit(sample[start : start + ROWS_PER_JOB], np.float32)
        moments += x.T @ x
    width = min(rows.d, m + _OVERSAMPLING)
    q = np.random.default_rng(_SEED).standard_normal((rows.d, width))
    for _ in range(_ITERATIONS):
        q, _ = np.linalg.qr(moments @ q)
    _, turn = np.linalg.eigh(q.T @ moments @ q)
    q, _ = np.linalg.qr(q @ turn[:, ::-1][:, :m])
    return np.ascontiguousarray(q)


def project(rows: UnitRows, directions: Floats, store: Callable[[slice, Floats], None]) -> None:
    """Call ``store(block, coordinates)`` for blocks of all rows, from several threads.

    In double, so that coordinates err by no more than rounding them to single.
    """

    def job(begin: int) -> None:
        block = slice(begin, min(begin + ROWS_PER_JOB, rows.n))
        store(block, block_coordinates(rows, directions, block))

    rows.workers.run(job, range(0, rows.n, ROWS_PER_JOB))


def block_coordinates(rows: Rows, directions: Floats, block: slice) -> Floats:
    """Coordinates of a block of ``ROWS_PER_JOB`` rows; last bits depend on that number."""
    x = rows.unit(np.arange(block.start, block.stop), np.float64)
    coordinates: Floats = x @ directions
    return coordinates


def coordinates_of(rows: UnitRows, directions: Floats) -> Singles:
    """Coordinates (n, m) of all rows, float32."""
    values = np.empty((rows.n, directions.shape[1]), dtype=np.float32)
    project(rows, directions, values.__setitem__)
    return values


def lengths_outside(coordinates: Floats, levels: tuple[int, ...]) -> Singles:
    """Upper bounds (n, n_levels) on the length of a unit row outside its first ``level`` ones."""
    squares = np.cumsum(coordinates * coordinates, axis=1)[:, np.array(levels) - 1]
    # 1e-12: rows have length 1, and directions are orthonormal, up to rounding in double.
    left = np.sqrt(np.maximum(1 - squares, 0) + 1e-12).astype(np.float32)
    return np.nextafter(left, np.float32(2))


def orthonormality_error(directions: Floats) -> float:
    """Frobenius norm of Q'Q - I."""
    error: npt.NDArray[np.float64] = directions.T @ directions - np.eye(directions.shape[1])
    return float(np.linalg.norm(error))
