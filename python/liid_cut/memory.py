"""Memory that this process may still take, from what the system says of itself.

The least of what is free on the machine (with swap), what its container leaves, and what
``RLIMIT_AS`` leaves of the address space. A number of this moment: other processes take and give.
What is free is known on Linux; elsewhere all that the machine has counts as free.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

_CGROUP = Path("/sys/fs/cgroup")


def machine_bytes() -> int:
    """Memory that the machine has, or its container may use."""
    if sys.platform == "win32":
        return _windows_bytes()
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _container_limit()
    return physical if limit is None else min(physical, limit)


def free_bytes() -> int:
    """Memory that this process may still take; at least 0."""
    free = [machine_bytes()]
    known = _numbers(Path("/proc/meminfo"), unit=1024)
    if "MemAvailable:" in known:
        free.append(known["MemAvailable:"] + known.get("SwapFree:", 0))
    limit = _container_limit()
    used = _numbers(_CGROUP / "memory.stat")
    if limit is not None and "anon" in used:  # the page cache makes room
        free.append(limit - used["anon"])
    if sys.platform == "linux":
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            pages = Path("/proc/self/statm").read_text().split()[0]
            free.append(soft - int(pages) * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(free))


def _windows_bytes() -> int:
    """Physical memory by GetPhysicallyInstalledSystemMemory, which counts in KiB."""
    import ctypes

    kib = ctypes.c_ulonglong()
    windows = getattr(ctypes, "windll")  # noqa: B009  - not there elsewhere
    if not windows.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kib)):
        raise OSError("GetPhysicallyInstalledSystemMemory failed")
    return kib.value * 1024


def _container_limit() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
    except OSError:
        return None
    return int(limit) if limit.isdigit() else None


def _numbers(path: Path, unit: int = 1) -> dict[str, int]:
    """First number of every line by its first word, times ``unit``; empty without the file."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) * unit for words in lines if len(words) > 1}
