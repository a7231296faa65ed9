"""The multi-way cut of an instance as a mixed-integer program for SCIP.

The program is that of `benchmarks.ckr_lp` with whole ``x``: binary ``x[u, k]``, continuous
``d[e, k]``. pyscipopt is imported by the functions, so that the module loads without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.instances import Instance, unary_costs

if TYPE_CHECKING:
    import pyscipopt


def scip_model(
    instance: Instance, time_limit: float
) -> tuple[pyscipopt.Model, list[list[pyscipopt.Variable]]]:
    """The model, quiet, on one thread, to be solved to a gap of 0; and the variables ``x``."""
    import pyscipopt

    model = pyscipopt.Model()
    model.hideOutput()
    model.setParams(
        {
            "limits/time": float(time_limit),
            "limits/gap": 0.0,
            "timing/clocktype": 2,  # wall clock, as the other solvers
            "lp/threads": 1,
            "parallel/maxnthreads": 1,
        }
    )
    x = [[model.addVar(vtype="B", obj=c) for c in row] for row in unary_costs(instance).tolist()]
    for row in x:
        model.addCons(pyscipopt.quicksum(row) == 1)
    for (u, v), w in zip(instance.edges.tolist(), instance.weights.tolist(), strict=True):
        for x_u, x_v in zip(x[u], x[v], strict=True):
            d = model.addVar(vtype="C", lb=0.0, obj=w)
            model.addCons(d - x_u + x_v >= 0)
    return model, x


def scip_solver(
    instance: Instance, time_limit: float
) -> Callable[[], tuple[NDArray[np.int32] | None, float, str]]:
    """Set up the model; the function returned solves it: labels or None, bound, SCIP's status."""
    model, x = scip_model(instance, time_limit)

    def solve() -> tuple[NDArray[np.int32] | None, float, str]:
        model.optimize()
        labels = None
        if model.getNSols() > 0:
            best = model.getBestSol()
            values = np.array([[best[variable] for variable in row] for row in x])
            labels = values.argmax(axis=1).astype(np.int32)
        return labels, float(model.getDualbound()), str(model.getStatus())

    return solve
