"""Units of work: pure functions of files, each of which writes one block.

A unit can run anywhere, any number of times, in any order among those of its stage: its block has
the same bits, and appears in one step. So an engine may run it again after a worker died, and a
later run finds it done. Large arrays go through files; what comes back to the client is small.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from liid_cut.npz import Arrays
from liid_cut.runs.store import Journal, Store


@dataclass(frozen=True)
class Unit:
    """``function(*arguments)`` gives the arrays of block ``name``.

    Attributes
    ----------
    store : where the block goes; None: nowhere, all of it goes to the client.
    returns : names of arrays that the client wants; they should be small.
    inputs : dask collections that the engine computes; further arguments of the function.
    fresh : compute and write, whatever is there.
    """

    name: str
    function: Callable[..., Arrays]
    arguments: tuple[Any, ...]
    store: Store | None = None
    returns: tuple[str, ...] = ()
    inputs: tuple[Any, ...] = ()
    fresh: bool = False


@dataclass(frozen=True)
class Done:
    """What a unit tells the client: arrays that it asked for, and what happened to its file."""

    arrays: Arrays
    reused: list[str]
    written: list[str]
    notes: list[str]


def run_unit(unit: Unit, *inputs: Any) -> Done:
    """Find the unit's block, or compute and write it.

    ``inputs``: those of the unit, computed.
    """
    store = unit.store
    if store is None:
        with one_blas_thread():
            arrays = unit.function(*unit.arguments, *inputs)
        return Done(arrays, [], [], [])
    store = copy.copy(store)
    store.journal = journal = Journal()
    block = None if unit.fresh else store.read(unit.name)
    if block is None:
        with one_blas_thread():
            arrays = unit.function(*unit.arguments, *inputs)
        store.write(unit.name, arrays)
    else:
        arrays = block.arrays
    wanted = {name: arrays[name] for name in unit.returns}
    return Done(wanted, journal.reused, journal.written, journal.notes)


_lock = threading.Lock()
_n_inside = 0
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products on one thread while any unit of this process runs.

    Their last bits depend on the number of threads, and that is a setting of the process, which
    units on several threads of a worker share: the first sets it, the last one gives it back.
    """
    global _n_inside, _limits
    with _lock:
        _n_inside += 1
        if _n_inside == 1:
            from threadpoolctl import threadpool_limits

            _limits = threadpool_limits(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                _limits.restore_original_limits()
