"""Memory that a cut may take: read from the system, and kept."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from instances import grid, triangle, union

from liid_cut import memory, multiway_cut, verify
from liid_cut.memory import free_bytes, machine_bytes


def path(n: int) -> dict[str, Any]:
    """A path whose nodes prefer two labels in turn; and its graph."""
    probs = np.tile([[1.0, 0.0], [0.0, 1.0]], (n // 2, 1))
    edges = np.stack([np.arange(n - 1), np.arange(1, n)], axis=1)
    return {"probs": probs, "graph": (edges, np.full(n - 1, 0.75))}


def test_memory_of_this_machine() -> None:
    assert 0 < free_bytes() <= machine_bytes()


def test_limits_of_a_container(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert machine_bytes() > 1 << 26
    (tmp_path / "memory.max").write_text("max\n")
    whole = machine_bytes()
    (tmp_path / "memory.max").write_text("67108864\n")
    assert machine_bytes() == 1 << 26 < whole
    assert free_bytes() == 1 << 26
    (tmp_path / "memory.stat").write_text("anon 60000000\nfile 5000000\n")
    assert free_bytes() == (1 << 26) - 60_000_000
    (tmp_path / "memory.stat").write_text("anon 70000000\n")
    assert free_bytes() == 0


def test_address_space() -> None:
    code = (
        "import resource; from liid_cut.memory import free_bytes; free = free_bytes();"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 34, resource.RLIM_INFINITY));"
        "print(free_bytes() < 1 << 34, free_bytes() <= free)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
    assert resource.getrlimit(resource.RLIMIT_AS)  # of the child alone


def test_threads_without_address_space_are_an_error_not_a_hang() -> None:
    code = (
        "import resource\n"
        "import numpy as np\n"
        "from liid_cut import find_neighbors\n"
        "feats = np.random.default_rng(0).standard_normal((6000, 32))\n"
        "find_neighbors(feats, 3, n_jobs=2)\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "used = pages * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    find_neighbors(feats, 3, n_jobs=2)\n"
        "except MemoryError as error:\n"
        "    print(error)\n"
    )
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
        )
        assert done.stdout == "32 MiB for threads\n", done.stderr


def test_a_result_that_does_not_fit_is_refused() -> None:
    with pytest.raises(MemoryError, match=r"the result alone needs about 1 MiB for 9999 edges"):
        multiway_cut(**path(10_000), max_memory="1 MiB")


def test_a_component_that_does_not_fit_keeps_its_first_labelling() -> None:
    inst = path(10_000)
    whole = multiway_cut(**inst)
    result = multiway_cut(**inst, max_memory="2 MiB")
    assert result.status == "memory_limit"
    assert result.message.startswith("A component needs more memory")
    assert (result.lower_bound, result.cost) == (0.0, 0.75 * 9_999)
    assert result.lower_bound <= whole.cost <= result.cost
    assert verify(result, inst["probs"], inst["graph"])


def test_memory_left_changes_nothing_but_the_pace() -> None:
    inst = union(grid(12, 3, seed=3), grid(10, 3, seed=4), triangle())
    free = inst.solve()
    tight = multiway_cut(
        inst.probs, graph=inst.graph, allowed=inst.allowed, max_memory="1 MiB", n_jobs=2
    )
    assert (tight.cost, tight.lower_bound) == (free.cost, free.lower_bound)
    assert np.array_equal(tight.labels, free.labels)


def test_free_memory_is_the_limit_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liid_cut.api.free_bytes", lambda: 0)
    with pytest.raises(MemoryError, match="0 MiB are left"):
        multiway_cut(**path(4))


@pytest.mark.parametrize("value", [0, -1, "much"])
def test_bad_limits(value: Any) -> None:
    with pytest.raises(ValueError, match="max_memory is"):
        multiway_cut(**path(4), max_memory=value)
