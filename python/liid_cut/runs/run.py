"""A run and its folder: one store a stage, and what happened to them.

    FOLDER/neighbors/   the state of the search, then the table of neighbours
    FOLDER/delta/       cuts that the estimate of delta has tried
    FOLDER/cut/         batches of components

Each stage has a key of its own: neighbours do not depend on delta.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liid_cut import _core
from liid_cut.npz import FilePath
from liid_cut.runs.cuts import solve_in_batches
from liid_cut.runs.store import Journal, Store, fingerprints


class Run:
    """The folder of a run."""

    def __init__(self, folder: FilePath) -> None:
        self.folder = Path(folder)
        self.journal = Journal()

    def stage(self, name: str, **key: Any) -> Store:
        """The store of a stage; its key is this one and the version of the package.

        Raises
        ------
        ValueError : it holds blocks of another key.
        OSError : the folder cannot be read or written.
        """
        key = {"version": _core.__version__, **key}
        return Store(self.folder / name, key, self.journal)

    def report(self) -> dict[str, Any]:
        """What was read and written, as it stands in ``diagnostics["checkpoint"]``."""
        return {
            "folder": str(self.folder),
            "blocks_read": len(self.journal.reused),
            "blocks_written": len(self.journal.written),
        }


def as_run(checkpoint: FilePath | Run | None) -> Run | None:
    """The run of a ``checkpoint`` argument; None: nothing is kept.

    Raises
    ------
    ValueError : no path.
    """
    if checkpoint is None or isinstance(checkpoint, Run):
        return checkpoint
    if not isinstance(checkpoint, str | os.PathLike):
        raise ValueError(f"checkpoint is {checkpoint!r}; it must be the path of a folder")
    return Run(checkpoint)


def core_of(run: Run | None, **settings: Any) -> Callable[..., dict[str, Any]]:
    """``_core.solve``, or what does the same in batches that are kept in the run's folder.

    ``settings`` made the problem: where its arrays differ from those of the folder, they tell why.
    """
    if run is None:
        return _core.solve

    def solve(
        probs: Any, edges: Any, weights: Any, allowed: Any, *, method: str, **limits: Any
    ) -> dict[str, Any]:
        store = run.stage(
            "cut",
            **settings,
            method=method,
            **fingerprints(probs=probs, edges=edges, weights=weights, allowed=allowed),
        )
        return solve_in_batches(probs, edges, weights, allowed, store, method=method, **limits)

    return solve
