"""Progress of a search on disk, so that it goes on after a kill.

Two kinds of blocks in the run's store: the lists of each pass over the rows, replaced now and then
while it lasts, and small results that passes need. They are deleted when the table of neighbours,
which is all that a later run needs, is written. The methods ``"exact"``, ``"certified"`` and
``"pca"`` keep their state; of others the table alone is kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

# A kill loses this much; and never more than a tenth of the time goes into writing.
_SECONDS_BETWEEN = 2.0
_TIMES_TO_WRITE = 10.0


class Stage:
    """One pass of a search: how many of its steps are done, and lists that change with them.

    ``is_new``: an earlier call did not get as far as this pass.
    """

    def __init__(self, store: Store | None, name: str, lists: Any) -> None:
        self.done = 0
        self._store = store
        self._name = name
        self._lists = lists
        self._last = time.monotonic()
        self._seconds_to_write = 0.0
        block = None if store is None else store.read(name)
        self.is_new = block is None
        if block is not None:
            self.done = int(block.facts["done"])
            lists.restore(block.arrays["ids"], block.arrays["similarities"])

    def save(self, done: int, *, now: bool = False) -> None:
        """Note that ``done`` steps are done; writes when the last time is long ago."""
        self.done = done
        if self._store is None:
            return
        start = time.monotonic()
        pause = max(_SECONDS_BETWEEN, _TIMES_TO_WRITE * self._seconds_to_write)
        if now or start - self._last > pause:
            ids, similarities = self._lists.arrays()
            self._store.try_write(self._name, {"ids": ids, "similarities": similarities}, done=done)
            self._last = time.monotonic()
            self._seconds_to_write = self._last - start


class Checkpoint:
    """The blocks of one search; without a store nothing is read or written."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._names: set[str] = set()

    def keep(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Arrays that an earlier call computed, or this one does."""
        if self._store is None:
            return compute()
        return self._store.get(self._block(name), compute)

    @contextmanager
    def stage(self, name: str, lists: Any) -> Iterator[Stage]:
        """A pass whose state is ``lists``; it starts where a killed search left it."""
        stage = Stage(self._store, self._block(name), lists)
        done = stage.done
        yield stage
        if stage.is_new or stage.done > done:
            stage.save(stage.done, now=True)

    def clear(self) -> None:
        """Delete all blocks of this search."""
        if self._store is not None:
            for name in self._names:
                self._store.remove(name)

    def _block(self, name: str) -> str:
        block = re.sub("[^a-z0-9.]+", "-", name)
        self._names.add(block)
        return block
