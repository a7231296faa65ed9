"""Solves that are stopped, by time or by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hard_instances import HARD, hesitant
from instances import Instance, grid, instance, triangle, union
from reference import cut_cost

from liid_cut import MultiwayCutResult, verify

SOON = 30.0  # seconds in which a stopped solve must have returned, on a busy machine


def assert_brackets(inst: Instance, result: MultiwayCutResult, optimum: float) -> None:
    """A stopped solve's labels and bound, and what it says about itself."""
    assert result.success is False
    assert result.lower_bound <= optimum + 1e-9
    assert result.cost >= optimum - 1e-9
    assert result.gap == result.cost - result.lower_bound > 0
    assert cut_cost(inst, result.labels) == pytest.approx(result.cost, rel=1e-9)
    verification = verify(result, inst.probs, inst.graph, allowed=inst.allowed)
    assert verification, verification.problems
    assert not verification.optimal


# ---- time


@pytest.mark.parametrize("method", ["auto", "ckr"])
@pytest.mark.parametrize("limit", [1e-9, 1e-3, 5e-3, 0.02])
def test_time_limit_brackets_the_optimum(method: str, limit: float) -> None:
    inst = hesitant(60, 6, 6, seed=0)
    optimum = inst.solve().cost
    result = inst.solve(method=method, time_limit=limit)
    if limit < 1e-6:
        assert result.status == "time_limit"
    if result.status == "time_limit":
        assert_brackets(inst, result, optimum)
        assert result.message.startswith("Time limit reached")
    else:
        assert result.cost == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_time_limit_is_kept(n_jobs: int) -> None:
    start = time.perf_counter()
    result = HARD.solve(time_limit=0.3, n_jobs=n_jobs)
    assert time.perf_counter() - start < SOON
    assert result.status == "time_limit"
    assert result.timings["total"] >= 0.3


def test_time_limit_of_brute_force() -> None:
    chain = np.stack([np.arange(20), np.arange(1, 21)], axis=1)
    inst = instance(np.random.default_rng(0).random((21, 2)), chain, np.full(20, 0.2))
    result = inst.solve(method="brute_force", time_limit=1e-3)
    assert result.status == "time_limit"
    assert_brackets(inst, result, optimum=inst.solve().cost)


def test_generous_time_limit_changes_nothing() -> None:
    assert triangle().solve(time_limit=1e6).status == "optimal"


def test_closed_components_keep_their_status() -> None:
    # A pair that agrees, and many that do not.
    easy = instance(np.eye(6)[[0, 0]], [[0, 1]], [1])
    inst = union(easy, HARD)
    result = inst.solve(time_limit=0.2)
    assert result.status == "time_limit"
    assert result.components["status"].tolist() == ["optimal", "time_limit"]
    assert result.components["stage"].tolist() == ["inspection", "open"]


def test_no_time_left_but_nothing_left_to_prove() -> None:
    inst = instance([[1, 0], [1, 0]], [[0, 1]], [1])
    result = inst.solve(method="ckr", time_limit=1e-9)
    assert result.gap == 0
    assert result.status == "optimal"


def test_every_node_has_an_allowed_label_however_early_the_stop() -> None:
    grid_ = grid(20, 4, seed=0)
    allowed = np.random.default_rng(1).random(grid_.probs.shape) < 0.4
    allowed[np.arange(400), np.random.default_rng(2).integers(0, 4, 400)] = True
    inst = Instance(grid_.probs, grid_.edges, grid_.weights, allowed)
    result = inst.solve(time_limit=1e-9)
    assert allowed[np.arange(400), result.labels].all()
    assert_brackets(inst, result, optimum=inst.solve().cost)


# ---- Ctrl-C

CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
sys.path.insert(0, sys.argv[1])
from hard_instances import HARD
print("started", flush=True)
result = HARD.solve(time_limit=60)
print(result.status, result.lower_bound < result.cost, len(result.labels))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_returns_the_best_so_far() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    while child.stdout.readline() != "started\n":
        assert child.poll() is None, child.communicate()
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=SOON)
    assert out == "interrupted True 300\n", err
    assert child.returncode == 0


def test_keyboard_interrupt_of_a_signal_handler() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        result = HARD.solve(time_limit=SOON)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert result.status == "interrupted"
    assert result.message.startswith("Interrupted")
    assert_brackets(HARD, result, optimum=result.cost)


def test_other_exceptions_of_a_signal_handler_are_raised() -> None:
    def alarm(*_: Any) -> None:
        raise TimeoutError("too long")

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeoutError, match="too long"):
            HARD.solve(time_limit=SOON)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
