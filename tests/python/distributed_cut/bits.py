"""A call in one process and on units, and whether both gave the same bits."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.bits import digest
from liid_cut import multiway_cut
from liid_cut.distributed.messages import Messages
from liid_cut.distributed.multiway import _check, solve_on
from liid_cut.distributed.run import LocalExecutor, Run

# Of this engine alone.
_OWN = ("distributed", "checkpoint")


def solve_in_units(folder: Path, keeps: bool = False, **arguments: Any) -> Any:
    """``multiway_cut(**arguments)`` as units, one after another in this process."""
    known = inspect.signature(multiway_cut).parameters
    settings = {name: parameter.default for name, parameter in known.items()} | arguments
    checked = SimpleNamespace(**settings)
    _check(checked)
    return solve_on(Run(folder, LocalExecutor(), keeps=keeps), checked)


def differences(expected: Any, result: Any) -> list[str]:
    """Fields of two results whose bits differ."""
    found = []
    for name, value in expected.items():
        other = result[name]
        if name in ("timings", "graph"):
            continue
        if name == "diagnostics":
            found += [
                f"diagnostics[{of!r}]"
                for of, fact in value.items()
                if of not in _OWN and fact != other[of]
            ]
        elif isinstance(value, np.ndarray | Messages):
            value = np.asarray(value)
            array = np.asarray(other)
            if (value.dtype, value.shape) != (
                array.dtype,
                array.shape,
            ) or value.tobytes() != array.tobytes():
                found.append(name)
        elif name == "proofs":
            if digest(value) != digest(other):
                found.append(name)
        elif value != other:
            found.append(name)
    return found
