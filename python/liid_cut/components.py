"""Statuses in words, and the table of components of a result.

Input: the core's columns, one a field. Output: one structured array, a row a component.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core

COMPONENT_DTYPE = np.dtype(
    [
        ("size", np.int64),
        ("edges", np.int64),
        ("cost", np.float64),
        ("lower_bound", np.float64),
        ("status", "U16"),
        ("stage", "U20"),
        ("search_nodes", np.int64),
    ]
)

MESSAGES = {
    "optimal": "The labelling is provably cheapest.",
    "time_limit": "Time limit reached: best labelling so far, with its lower bound.",
    "interrupted": "Interrupted: best labelling so far, with its lower bound.",
    "size_limit": "A component is too large for the LP solver's indices: best labelling found.",
    "unproven": "The bound ended below the cost: the weights differ by too many powers of ten.",
    "memory_limit": "A component needs more memory than there is: best labelling found.",
}


def component_table(columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The core's columns as one structured array, enumerations by name."""
    table = np.empty(len(columns["size"]), dtype=COMPONENT_DTYPE)
    stages = np.array([*_core.STAGES, "constraints"])
    names = {"status": np.array(_core.STATUSES), "stage": stages}
    for column, values in columns.items():
        table[column] = names[column][values] if column in names else values
    return table
