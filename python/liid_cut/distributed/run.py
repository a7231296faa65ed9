"""One distributed run: its folder, its engine, and what happened.

A stage is a list of units. `Run.do` has them done, in any order, and hands back what they return in
the order of the list; so nothing that follows depends on who was faster.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from liid_cut import _core
from liid_cut.distributed.units import Done, Unit, run_unit
from liid_cut.npz import Arrays
from liid_cut.runs.store import Journal, Store

_log = logging.getLogger(__name__)

# Beside the stages of a run in one process, whose blocks are others.
SUBFOLDER = "distributed"


class Executor(Protocol):
    """Has units done."""

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Done]]:
        """Positions of units, and what they return, in the order in which they end."""


class LocalExecutor:
    """Units one after another, in this process."""

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Done]]:
        """As `Executor`."""
        for i, unit in enumerate(units):
            yield i, run_unit(unit, *(part.compute() for part in unit.inputs))


class Run:
    """A run in progress.

    Parameters
    ----------
    folder : seen by all workers; one sub-folder a stage.
    keeps : whether the folder outlives the run, so that a later one goes on from it.
    """

    def __init__(self, folder: Path, executor: Executor, *, keeps: bool) -> None:
        self.folder = folder
        self.executor = executor
        self.keeps = keeps
        self.journal = Journal()

    def store(self, stage: str, key: Mapping[str, Any]) -> Store:
        """The store of a stage; ``key``: all that its blocks depend on."""
        key = {"version": _core.__version__, **key}
        return Store(self.folder / SUBFOLDER / stage, key, self.journal)

    def as_done(self, units: Sequence[Unit]) -> Iterator[tuple[int, Done]]:
        """Positions of units, and what they return, in the order in which they end."""
        for i, done in self.executor.run(units):
            self.journal.reused += done.reused
            self.journal.written += done.written
            self.journal.notes += done.notes
            for note in done.notes:
                _log.warning(note)
            yield i, done

    def do(self, units: Iterable[Unit]) -> list[Arrays]:
        """What each unit returns, in the order of the units."""
        todo = list(units)
        arrays: list[Arrays] = [{}] * len(todo)
        there = 0
        for i, done in self.as_done(todo):
            arrays[i] = done.arrays
            there += len(done.reused)
        if todo:
            _log.info("%s: %d units, %d were there", stage_of(todo[0]), len(todo), there)
        return arrays

    def one(self, unit: Unit) -> Arrays:
        """What a single unit returns."""
        return self.do([unit])[0]


def stage_of(unit: Unit) -> str:
    """The name of a unit without its numbers."""
    return unit.name.rstrip("-0123456789")


def write_once(store: Store, name: str, arrays: Mapping[str, npt.ArrayLike]) -> None:
    """A block that the client makes for its units, in a few moments."""
    if store.read(name) is None:
        store.write(name, arrays)
