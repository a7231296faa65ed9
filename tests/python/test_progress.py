"""What a running solve tells: a progress function, a bar."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hard_instances import HARD
from instances import grid, triangle, union

from liid_cut import Progress, multiway_cut

SOON = 30.0  # seconds in which a stopped solve must have returned, on a busy machine


def test_progress_function_is_called_with_what_is_known() -> None:
    seen: list[Progress] = []
    result = HARD.solve(time_limit=0.5, progress=seen.append)
    assert len(seen) >= 3
    for state in seen:
        assert isinstance(state, Progress)
        assert 0 <= state.components_done <= state.n_components == 1
        assert state.lower_bound <= state.cost
        assert state.cost >= result.cost - 1e-9
        assert state.lower_bound <= result.lower_bound + 1e-9


def test_last_progress_is_the_result() -> None:
    seen: list[Progress] = []
    inst = union(triangle(), grid(6, 3, seed=0))
    result = inst.solve(progress=seen.append)
    assert seen[-1][:2] == (2, 2)
    assert seen[-1].cost == pytest.approx(result.cost)
    assert seen[-1].lower_bound == pytest.approx(result.lower_bound)


def test_exception_in_the_progress_function_stops_the_solve() -> None:
    class StopHere(Exception):
        pass

    def progress(state: Progress) -> None:
        raise StopHere(state.n_components)

    start = time.perf_counter()
    with pytest.raises(StopHere, match="1"):
        HARD.solve(time_limit=60, progress=progress)
    assert time.perf_counter() - start < SOON


def test_keyboard_interrupt_in_the_progress_function() -> None:
    def progress(state: Progress) -> None:
        raise KeyboardInterrupt

    result = HARD.solve(time_limit=60, progress=progress)
    assert result.status == "interrupted"


def test_a_solve_inside_the_progress_function() -> None:
    inner: list[str] = []
    HARD.solve(time_limit=0.3, progress=lambda _: inner.append(triangle().solve().status))
    assert set(inner) == {"optimal"}


@pytest.mark.parametrize("progress", [None, False])
def test_no_progress_no_output(progress: Any, capfd: pytest.CaptureFixture[str]) -> None:
    HARD.solve(time_limit=0.2, progress=progress)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_progress_bar(capfd: pytest.CaptureFixture[str]) -> None:
    multiway_cut(HARD.probs, graph=HARD.graph, time_limit=0.3, progress=True)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "multiway cut" in captured.err
    assert "gap=" in captured.err
