"""Progress inside a stage: small results by their names, and passes that are saved now and then.

For what is too short, or too much of one piece, for blocks of its own. All of it is deleted when
the stage's result, which is all that a later run needs, is in the store.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from liid_cut.npz import Arrays
from liid_cut.runs.store import Store

# A kill loses this much; and never more than a tenth of the time goes into writing.
SECONDS_BETWEEN = 1.0
TIMES_TO_WRITE = 10.0


class Pass:
    """Steps over the same arrays: how many are done, and what the arrays were then.

    Attributes
    ----------
    done : steps that an earlier run, or this one, has done.
    found : the arrays as an earlier run left them; None: it did not get as far as this pass.
    """

    def __init__(self, store: Store | None, name: str) -> None:
        self._store = store
        self._name = name
        self._last = time.monotonic()
        self._seconds_to_write = 0.0
        block = None if store is None else store.read(name)
        self.found = None if block is None else block.arrays
        self.done = 0 if block is None else int(block.facts["done"])

    def save(self, done: int, arrays: Callable[[], Arrays], *, now: bool = False) -> None:
        """Note that ``done`` steps are done; writes when the last time is long ago."""
        self.done = done
        if self._store is None:
            return
        start = time.monotonic()
        pause = max(SECONDS_BETWEEN, TIMES_TO_WRITE * self._seconds_to_write)
        if now or start - self._last > pause:
            self._store.try_write(self._name, arrays(), done=done)
            self._last = time.monotonic()
            self._seconds_to_write = self._last - start


class Checkpoint:
    """What is kept inside a stage; without a store nothing is read or written."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._names: set[str] = set()

    def keep(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Arrays that an earlier run computed, or this one does."""
        return compute() if self._store is None else self._store.get(self.block(name), compute)

    def value(self, name: str, compute: Callable[[], Any]) -> Any:
        """As :meth:`keep`, for numbers, lists and dictionaries of them."""
        if self._store is None:
            return compute()
        block = self._store.read(self.block(name))
        if block is not None:
            return block.facts["value"]
        value = compute()
        self._store.try_write(self.block(name), {}, value=value)
        return value

    def passed(self, name: str) -> Pass:
        """A pass, where an earlier run left it."""
        return Pass(self._store, self.block(name))

    def clear(self) -> None:
        """Delete all of it."""
        if self._store is not None:
            for name in self._names:
                self._store.remove(name)

    def block(self, name: str) -> str:
        """The name as that of a file, which :meth:`clear` will know of."""
        block = re.sub("[^a-z0-9.]+", "-", name)
        self._names.add(block)
        return block
