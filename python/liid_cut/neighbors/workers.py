"""Threads that each multiply matrices on one BLAS thread.

A product's last bits may depend on how a BLAS splits it among its own threads. Here every product
has a shape that the input alone decides, and runs on one thread: the same bits for any ``n_jobs``.
It also keeps BLAS threads from spinning while our own code runs.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

# Of address space: a stack, and what starting needs.
_BYTES_OF_A_THREAD = 16 << 20
_MOST_ASKED_FOR = 64


class Workers:
    """Runs jobs on ``n_threads`` threads; made by :func:`workers`.

    ``lock`` is for what jobs add up together.
    """

    def __init__(self, pool: ThreadPoolExecutor, n_threads: int) -> None:
        self.n_threads = n_threads
        self.lock = threading.Lock()
        self._pool = pool

    def run(self, job: Callable[[T], None], items: Iterable[T]) -> None:
        """``job(item)`` for every item, in any order; the first error ends the rest."""
        stopped = threading.Event()
        waiting = iter(items)
        lock = threading.Lock()

        def work() -> None:
            try:
                while not stopped.is_set():
                    with lock:
                        item = next(waiting, stopped)
                    if isinstance(item, threading.Event):
                        return
                    job(item)
            except BaseException:
                stopped.set()
                raise

        _require_address_space(min(self.n_threads, _MOST_ASKED_FOR) * _BYTES_OF_A_THREAD)
        futures: list[Future[None]] = []
        try:
            try:
                for _ in range(self.n_threads):
                    futures.append(self._pool.submit(work))
            except RuntimeError:  # the system has no more threads
                if not futures:
                    work()
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()  # also on Ctrl-C: nothing runs on behind the caller's back
            wait(futures)
        for future in futures:
            future.result()


def _require_address_space(n_bytes: int) -> None:
    """MemoryError now, where a thread could not get memory later: start() waits for it for ever.

    Asked of the system: what an allocator has kept for reuse helps no new thread.
    """
    try:
        mmap.mmap(-1, n_bytes).close()
    except OSError:
        raise MemoryError(f"{n_bytes >> 20} MiB for threads") from None


@contextmanager
def workers(n_threads: int) -> Iterator[Workers]:
    """Threads for one search; 0: one for each core that the process may use."""
    from threadpoolctl import threadpool_limits

    if n_threads == 0:
        n_threads = usable_cores()
    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(n_threads, thread_name_prefix="liid_cut") as pool,
    ):
        yield Workers(pool, n_threads)


def usable_cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
