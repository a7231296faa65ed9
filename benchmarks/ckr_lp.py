"""The CKR relaxation of an instance as a linear program for highspy, and what its solution says.

    minimise  sum_u,k c[u, k] x[u, k] + sum_e,k w_e d[e, k]
    s. t.     sum_k x[u, k] = 1,  d[e, k] >= x[u, k] - x[v, k] for e = (u, v),  x in 0..1,  d >= 0

One inequality an edge and label is enough, because both ends sum to 1 (half of the L1 distance is
the positive part). Columns: ``x`` by nodes, then ``d`` by edges; rows: sums by nodes, then
inequalities by edges. With ``x`` integer it is the multi-way cut problem. highspy is imported by
the functions, so that the module loads without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.instances import FloatArray, Instance, dual_bound, unary_costs

if TYPE_CHECKING:
    import highspy


def ckr_lp(instance: Instance) -> highspy.HighsLp:
    """Return the linear program of ``instance``."""
    import highspy

    n, labels = instance.probs.shape
    m = len(instance.edges)
    n_x, n_d = n * labels, m * labels
    lp = highspy.HighsLp()
    lp.num_col_ = n_x + n_d
    lp.num_row_ = n + n_d
    lp.col_cost_ = np.concatenate(
        [unary_costs(instance).ravel(), np.repeat(instance.weights, labels)]
    )
    lp.col_lower_ = np.zeros(n_x + n_d)
    lp.col_upper_ = np.concatenate([np.ones(n_x), np.full(n_d, highspy.kHighsInf)])
    lp.row_lower_ = np.concatenate([np.ones(n), np.zeros(n_d)])
    lp.row_upper_ = np.concatenate([np.ones(n), np.full(n_d, highspy.kHighsInf)])
    label = np.arange(labels)
    x_u = instance.edges[:, :1] * labels + label
    x_v = instance.edges[:, 1:] * labels + label
    rows = np.stack([n_x + np.arange(n_d).reshape(m, labels), x_u, x_v], axis=-1)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate(
        [np.arange(n + 1) * labels, n_x + 3 * np.arange(1, n_d + 1)]
    )
    lp.a_matrix_.index_ = np.concatenate([np.arange(n_x), rows.ravel()])
    lp.a_matrix_.value_ = np.concatenate([np.ones(n_x), np.tile([1.0, -1.0, 1.0], n_d)])
    return lp


def make_integer(lp: highspy.HighsLp, instance: Instance) -> highspy.HighsLp:
    """Change ``lp`` to whole ``x``, which makes it the multi-way cut problem, and return it."""
    import highspy

    kinds = [highspy.HighsVarType.kInteger] * instance.probs.size
    lp.integrality_ = kinds + [highspy.HighsVarType.kContinuous] * (lp.num_col_ - len(kinds))
    return lp


def new_highs(time_limit: float, **options: str | float | int) -> highspy.Highs:
    """A quiet, single-threaded HiGHS with a wall-clock limit in seconds."""
    import highspy

    highs = highspy.Highs()
    settings: dict[str, str | float | int] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "time_limit": float(time_limit),
    }
    for key, value in (settings | options).items():
        highs.setOptionValue(key, value)
    return highs


def node_positions(highs: highspy.Highs, instance: Instance) -> FloatArray:
    """``x`` of the current solution, float64 (n, K + 1); each node's cheapest label without one."""
    columns = np.asarray(highs.getSolution().col_value, dtype=np.float64)
    if len(columns) < instance.probs.size:
        columns = np.eye(instance.probs.shape[1])[instance.probs.argmax(axis=1)].ravel()
    positions: FloatArray = columns[: instance.probs.size].reshape(instance.probs.shape)
    return positions


def rounded(positions: FloatArray) -> NDArray[np.int32]:
    """The label with the largest coordinate at each node, int32 (n,); the lower label on a tie."""
    labels: NDArray[np.int32] = positions.argmax(axis=1).astype(np.int32)
    return labels


def is_integral(positions: FloatArray, tolerance: float = 1e-6) -> bool:
    """Whether every node sits at a corner of the simplex."""
    return bool(np.all(positions.max(axis=1, initial=0.0) >= 1.0 - tolerance))


def proven_bound(highs: highspy.Highs, instance: Instance) -> float | None:
    """Bound that the current row duals prove by weak duality (`dual_bound`), None without duals."""
    duals = np.asarray(highs.getSolution().row_dual, dtype=np.float64)
    n, labels = instance.probs.shape
    if len(duals) != n + len(instance.edges) * labels:
        return None
    return dual_bound(instance, duals[n:].reshape(-1, labels))
