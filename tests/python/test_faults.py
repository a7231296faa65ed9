"""A few faults of each kind; all of them: ``python -m benchmarks.faults``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import instance

from benchmarks.faults import Row, disks, numbers
from benchmarks.faults.memory import CASES, compiled
from benchmarks.faults.threads import SUBINTERPRETER, labels_of
from liid_cut import multiway_cut

REPOSITORY = Path(__file__).resolve().parents[2]
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="preloads a library for glibc")


def with_faults(folder: Path, *arguments: str) -> str:
    """What a Python process prints that runs with the library of failing allocations."""
    child = subprocess.run(
        [sys.executable, *arguments],
        env={"LD_PRELOAD": compiled(str(folder)), "OMP_NUM_THREADS": "1"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


def no_failures(row: Row) -> None:
    assert row.tried > 0
    assert row.failures == [], row


@needs_linux
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("mode", ["once", "ever after"])
@pytest.mark.parametrize("case", ["dual ascent, expansion, persistency", "LP and cycle cuts"])
def test_allocations_that_fail(case: str, mode: str, tmp_path: Path) -> None:
    assert case in CASES
    found = with_faults(tmp_path, "-m", "benchmarks.faults.memory", case, mode, "151")
    assert '"failures": []' in found


def test_a_bound_has_its_proof_when_memory_runs_out_at_the_end(tmp_path: Path) -> None:
    # The last allocations of a search by linear programs are those of its proof.
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("preloads a library for glibc")
    code = (
        "import json; from benchmarks.faults import memory as m\n"
        "solve, check = m.CASES['LP of each component, 2 threads'][0]()\n"
        "faults = m._Faults(); solve(); total = faults.count(solve); assert total > 120\n"
        "for n in range(total - 120, total):\n"
        "    found = faults.attempt(solve, n, False)\n"
        "    assert isinstance(found, MemoryError) or check(found), (n, check(found))\n"
    )
    with_faults(tmp_path, "-c", code)


@needs_linux
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(("first", "ever_after"), [(1, True), (2, True), (1, False)])
def test_threads_that_cannot_start(first: int, ever_after: bool, tmp_path: Path) -> None:
    code = (
        "import ctypes; from benchmarks.faults import memory as m\n"
        "solve, check = m.CASES['search by dual ascent, 2 threads'][0]()\n"
        "reference = solve(); library = ctypes.CDLL(None)\n"
        f"library.fault_threads(ctypes.c_long({first}), {int(ever_after)})\n"
        "result = solve(); assert library.fault_threads_asked() > 0\n"
        "assert (result.labels == reference.labels).all() and check(result).optimal\n"
    )
    with_faults(tmp_path, "-c", code)


@pytest.mark.parametrize("row", [numbers._refused, numbers._empty])
def test_ends_of_numbers_and_sizes(row: Any) -> None:
    no_failures(row())


def test_huge_tiny_and_denormal_weights() -> None:
    no_failures(numbers._scaled("scaled", range(2), numbers._all_scaled))
    no_failures(numbers._scaled("mixed", range(3), numbers._mixed))
    no_failures(numbers._scaled("-0.0", range(2), numbers._signed_zeros))


def test_without_a_limit_none_is_said_to_have_struck() -> None:
    # Rounding leaves a gap on one of these; "time_limit" was said of it.
    for seed in range(20):
        (inst,) = numbers._mixed(seed)
        assert inst.solve(method="ckr").status in ("optimal", "unproven"), seed


def test_full_disk(tmp_path: Path) -> None:
    disks._make_inputs(tmp_path)
    row = Row("disk", "full")
    disks._write(tmp_path, disks.WRITERS["solve -o"], "out", row, 100)
    no_failures(row)
    assert row.outcomes == {"error, exit code 2": 1}


def test_many_threads_solve_the_same_bits() -> None:
    expected = [labels_of(seed) for seed in range(4)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(labels_of, [0, 1, 2, 3] * 4)) == expected * 4


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python refuses it itself")
def test_subinterpreters_are_refused_and_do_not_hang() -> None:
    child = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, timeout=120
    )
    assert "refused: <class 'ImportError'>: liid_cut does not support sub" in child.stdout
    assert child.stdout.endswith("optimal\n")


def test_negative_zero_is_zero() -> None:
    inst = instance([[-0.0, 1.0], [1.0, -0.0]], [[0, 1]], [0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = multiway_cut(inst.probs, graph=inst.graph)
    assert result.cost == 0.5
    assert not np.signbit(result.cost)
