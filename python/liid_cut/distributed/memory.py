"""Memory that a unit may take on the worker that it runs on."""

from __future__ import annotations

import os
from pathlib import Path

from liid_cut.memory import free_bytes

# Dask pauses a worker at 80 % of its limit, and kills it at 95 %.
_USABLE = 0.75


def unit_bytes() -> int:
    """What this unit may take: of the machine, and of the worker's limit by its threads."""
    free = free_bytes()
    try:
        from distributed import get_worker

        worker = get_worker()
    except (ImportError, ValueError):  # no worker
        return max(1, free)
    limit = worker.memory_manager.memory_limit
    if limit:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        used = pages * os.sysconf("SC_PAGE_SIZE")
        free = min(free, int(_USABLE * limit) - used)
    return max(1, free // max(1, int(worker.state.nthreads)))
