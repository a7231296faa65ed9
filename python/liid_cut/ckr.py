"""The CKR relaxation in the hands of another LP solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liid_cut import _core
from liid_cut.problem import MultiwayCutProblem

if TYPE_CHECKING:
    import highspy

    from liid_cut.constraints.reduced import Reduced


def ckr_model(problem: MultiwayCutProblem | Reduced, *, integer: bool = False) -> highspy.Highs:
    """Load the Calinescu-Karloff-Rabani relaxation of a whole problem into ``highspy``.

    It is the LP that the C++ core sets up for each component, here for all at once: a second
    opinion on its value, and by ``model.writeModel("cut.mps")`` an input for any other solver.

    Parameters
    ----------
    problem : from :func:`liid_cut.make_problem`.
    integer : make the label variables binary: the multi-way cut itself as a MIP.

    Returns
    -------
    highspy.Highs, silent, not yet run; its objective is the cost of the cut.

    Raises
    ------
    ValueError : the LP would have more than 2^31 - 1 entries.
    """
    import highspy

    lp = _core.ckr_relaxation(problem.probs, problem.edges, problem.weights, problem.allowed)
    model = highspy.HighsLp()
    model.num_col_ = len(lp["column_cost"])
    model.num_row_ = len(lp["row_lower"])
    model.col_cost_ = lp["column_cost"]
    model.col_lower_ = lp["column_lower"]
    model.col_upper_ = lp["column_upper"]
    model.row_lower_ = lp["row_lower"]
    model.row_upper_ = lp["row_upper"]
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.num_col_ = model.num_col_
    model.a_matrix_.num_row_ = model.num_row_
    model.a_matrix_.start_ = lp["row_start"]
    model.a_matrix_.index_ = lp["column_index"]
    model.a_matrix_.value_ = lp["value"]
    if integer:
        kinds = np.full(model.num_col_, highspy.HighsVarType.kContinuous)
        kinds[lp["label_column"][lp["label_column"] >= 0]] = highspy.HighsVarType.kInteger
        model.integrality_ = kinds.tolist()

    highs = _silent()
    highs.passModel(model)
    return highs


def _silent() -> highspy.Highs:
    """HiGHS that prints nothing, not even its version when it is made."""
    import highspy

    class Silent(highspy.Highs):  # type: ignore[misc]
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)
            super().enableCallbacks()

    highs = Silent()
    highs.setOptionValue("output_flag", False)
    return highs
