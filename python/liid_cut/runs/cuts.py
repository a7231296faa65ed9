"""A cut in batches in this process: what is done is read from a store, the rest solved and written.

Input: the arrays of a problem, a store. Output: what ``_core.solve`` returns for the whole, bit for
bit. Batches run in threads, largest first, each in a core call of one thread. A kill loses what
the threads are at; one component that is most of the work is one batch, and is lost as a whole.

Limits are those of the whole: of time, of memory beside the whole result, Ctrl-C. A batch that one
of them struck counts for this result and is not kept.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from liid_cut import _core
from liid_cut.inputs import Matrix
from liid_cut.progress import Report
from liid_cut.runs.batches import Bools, Edges, Ints, Part, Weights, arrays_of, divide, pack
from liid_cut.runs.merging import Raw, call_interrupted, from_block, is_repeatable, merge, to_block
from liid_cut.runs.store import Store

_log = logging.getLogger(__name__)

# A time limit that has passed: the core then labels every component by its first stage alone.
_NO_TIME_S = 1e-9
_SECONDS_BETWEEN_REPORTS = 0.05


def solve_in_batches(
    probs: Matrix,
    edges: Edges,
    weights: Weights,
    allowed: Bools | None,
    store: Store,
    *,
    method: str,
    time_limit_s: float,
    n_threads: int,
    progress: Report | None,
    max_memory: int,
) -> Raw:
    """What ``_core.solve`` returns for the same arguments, through the blocks of a store.

    Raises
    ------
    ValueError : a block of the store belongs to another run.
    MemoryError : the result alone needs more memory than ``max_memory``.
    """
    start = time.perf_counter()
    n_labels = int(probs.shape[1])
    left = _core.memory_for_cuts(len(probs), len(edges), n_labels, max_memory)
    ids = _core.component_ids(len(probs), edges, weights)
    n_nodes = np.bincount(ids)
    n_edges = np.bincount(ids[edges[:, 0]], minlength=len(n_nodes))
    parts = divide(ids, edges, pack(n_nodes, n_edges, n_labels))
    planned = time.perf_counter()

    needs = [_bytes_of_largest(part, n_nodes, n_edges, n_labels, left) for part in parts]
    n_threads = _core.affordable_threads(needs, n_threads or os.cpu_count() or 1, left)
    arrays = probs, edges, weights, allowed
    run = _Run(arrays, store, method, start + time_limit_s, n_threads, left, progress)
    raw = merge(ids, len(edges), n_labels, run.results(parts))
    _log.info("cut in %d batches, %d of which were there", len(parts), run.n_read)
    raw["timings"] = {
        "components": planned - start,
        "inspection": run.inspection_s,
        "cuts": time.perf_counter() - planned - run.inspection_s / n_threads,
    }
    return raw


def _bytes_of_largest(part: Part, n_nodes: Ints, n_edges: Ints, n_labels: int, most: int) -> int:
    """Estimated memory of the largest component of a batch that will be cut."""
    sizes = np.unique(np.stack([n_nodes, n_edges])[:, part.components], axis=1)
    needs = [_core.estimated_cut_bytes(int(n), int(m), n_labels) for n, m in sizes.T]
    return max((need for need in needs if need <= most), default=0)


class _Run:
    """The batches on their way through the threads."""

    def __init__(
        self,
        arrays: tuple[Matrix, Edges, Weights, Bools | None],
        store: Store,
        method: str,
        deadline: float,
        n_threads: int,
        memory_for_cuts: int,
        progress: Report | None,
    ) -> None:
        self._arrays = arrays
        self._store = store
        self._method = method
        self._deadline = deadline
        self._n_threads = n_threads
        self._memory_for_cuts = memory_for_cuts
        self._progress = progress
        self._stop = threading.Event()
        # Components done and in all, cost and bound, by batch: sums of them are reported.
        self._states: dict[int, tuple[int, int, float, float]] = {}
        self.n_read = 0
        self.inspection_s = 0.0

    def results(self, parts: list[Part]) -> Iterator[tuple[Part, Raw]]:
        """Every part with its result, in the order in which they are done."""
        n_components = sum(len(part.components) for part in parts)
        with ThreadPoolExecutor(self._n_threads) as pool:
            jobs = {pool.submit(self._result, i, part): part for i, part in enumerate(parts)}
            waiting: set[Future[Raw]] = set(jobs)
            try:
                while waiting:
                    done: set[Future[Raw]] = set()
                    try:
                        done, waiting = wait(waiting, _SECONDS_BETWEEN_REPORTS, FIRST_COMPLETED)
                        self._report(n_components)
                    except KeyboardInterrupt:  # a limit like any other
                        self._stop.set()
                    for job in done:
                        yield jobs.pop(job), self._counted(job.result())
            finally:  # where this is left early, what is running has no use
                self._stop.set()
                pool.shutdown(cancel_futures=True)

    def _counted(self, raw: Raw) -> Raw:
        """The same; on the main thread, which alone counts."""
        if "timings" in raw:
            self.inspection_s += raw["timings"]["inspection"]
        else:
            self.n_read += 1
        return raw

    def _result(self, i: int, part: Part) -> Raw:
        name = f"batch-{i:05d}"
        block = self._store.read(name)
        if block is not None:
            raw = from_block(block.arrays, block.facts)
        else:
            raw = self._solve(i, part)
            if is_repeatable(raw):
                arrays, facts = to_block(raw)
                self._store.try_write(name, arrays, **facts)
        table = raw["components"]
        n = len(part.components)
        self._states[i] = n, n, float(table["cost"].sum()), float(table["lower_bound"].sum())
        return raw

    def _solve(self, i: int, part: Part) -> Raw:
        stopped = self._stop.is_set()
        seconds = max(self._deadline - time.perf_counter(), _NO_TIME_S)
        n_labels = int(self._arrays[0].shape[1])
        own = _core.estimated_result_bytes(len(part.nodes), len(part.edges), n_labels)

        def watch(*state: Any) -> None:
            self._states[i] = state
            if self._stop.is_set():
                raise KeyboardInterrupt  # the core's word for it

        raw: Raw = _core.solve(
            *arrays_of(part, *self._arrays),
            method=self._method,
            time_limit_s=_NO_TIME_S if stopped else seconds,
            n_threads=1,
            progress=watch,
            max_memory=self._memory_for_cuts + own,
        )
        if stopped:
            call_interrupted(raw)
        return raw

    def _report(self, n_components: int) -> None:
        if self._progress is None:
            return
        states = list(self._states.values())
        done = sum(state[0] for state in states)
        self._progress(done, n_components, sum(s[2] for s in states), sum(s[3] for s in states))
