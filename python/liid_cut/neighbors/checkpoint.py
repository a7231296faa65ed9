"""Progress of a search: its passes over all rows, each of which fills lists of nearest rows.

The methods ``"exact"``, ``"certified"`` and ``"pca"`` keep it; of others the table alone is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from liid_cut.npz import Arrays
from liid_cut.runs import checkpoint


class Stage:
    """One pass: how many of its steps are done, and lists that change with them.

    ``is_new``: an earlier call did not get as far as this pass.
    """

    def __init__(self, saved: checkpoint.Pass, lists: Any) -> None:
        self.is_new = saved.found is None
        self._pass = saved
        self._lists = lists
        if saved.found is not None:
            lists.restore(saved.found["ids"], saved.found["similarities"])
            saved.found = None  # the lists have it

    @property
    def done(self) -> int:
        """Steps that are done."""
        return self._pass.done

    def save(self, done: int, *, now: bool = False) -> None:
        """Note that ``done`` steps are done; writes when the last time is long ago."""
        self._pass.save(done, self._arrays, now=now)

    def _arrays(self) -> Arrays:
        ids, similarities = self._lists.arrays()
        return {"ids": ids, "similarities": similarities}


class Checkpoint(checkpoint.Checkpoint):
    """What is kept of a search."""

    @contextmanager
    def stage(self, name: str, lists: Any) -> Iterator[Stage]:
        """A pass whose state is ``lists``; it starts where a killed search left it."""
        stage = Stage(self.passed(name), lists)
        done = stage.done
        yield stage
        if stage.is_new or stage.done > done:
            stage.save(stage.done, now=True)
