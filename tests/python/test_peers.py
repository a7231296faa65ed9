"""Peers of the benchmarks: each that is installed finds the optimum, and says what it proves."""

from __future__ import annotations

import pytest

from benchmarks import generators
from benchmarks.instances import Instance
from benchmarks.peers import PEERS
from benchmarks.runner import Measurement, run_apart, run_here
from benchmarks.suites import SUITES, load
from benchmarks.tables import HEURISTICS

# The relaxation alone: a bound below the optimum where there is a gap.
RELAXATIONS = ("highs-simplex", "highs-pdlp", "highs-ipm")
EXACT = [name for name in PEERS if name not in RELAXATIONS + HEURISTICS]


def run(name: str, instance: Instance) -> Measurement:
    pytest.importorskip(PEERS[name].module)
    measured, labels = run_here(name, instance, 30.0)
    assert labels is not None
    assert labels.shape == (len(instance.probs),)
    return measured


@pytest.mark.parametrize("name", EXACT)
def test_exact_peers_prove_the_optimum_over_the_gap(name: str) -> None:
    measured = run(name, generators.simplex_grid(4))
    assert measured.proved
    assert measured.cost == pytest.approx(12.0)
    assert measured.bound == pytest.approx(12.0, rel=1e-6)


@pytest.mark.parametrize("name", EXACT)
def test_exact_peers_agree_on_continuous_weights(name: str) -> None:
    # Value of highspy 1.16.0 and PySCIPOpt 6.3.0 (MIP).
    measured = run(name, generators.gadgets(42, 5, seed=0))
    assert measured.proved
    assert measured.cost == pytest.approx(20.437281, abs=1e-5)


@pytest.mark.parametrize("name", RELAXATIONS)
def test_relaxations_prove_their_value_only(name: str) -> None:
    measured = run(name, generators.simplex_grid(4))
    assert not measured.proved
    assert measured.bound == pytest.approx(11.25, rel=1e-3)
    assert measured.status == "gap left"


@pytest.mark.parametrize("name", HEURISTICS)
def test_heuristics_prove_nothing(name: str) -> None:
    measured = run(name, generators.simplex_grid(4))
    assert measured.bound is None
    assert measured.status == "no proof"
    assert measured.cost >= 12.0 - 1e-9


def test_scip_stops_at_its_limit_with_a_bound() -> None:
    pytest.importorskip("pyscipopt")
    instance = generators.random_regular(300, 4, 6, seed=6, weight=0.28)  # open after minutes
    measured, _ = run_here("scip", instance, 2.0)
    assert not measured.proved
    assert measured.bound is not None
    assert measured.bound < measured.cost
    assert measured.limited


def test_run_apart_gives_what_run_here_gives() -> None:
    apart = run_apart("liid-auto", generators.triangle(), 20.0, grace=60.0)
    assert apart.status == "proved"
    assert apart.cost == pytest.approx(4.0)
    assert apart.cpu_s > 0


def test_a_failing_process_is_a_measurement() -> None:
    measured = run_apart("liid-auto", generators.triangle(), 20.0, 60.0, python="/bin/false")
    assert measured.status == "failed"
    assert measured.cpu_s is None


def test_suites_name_peers_and_make_instances() -> None:
    for suite in SUITES.values():
        assert suite.peers[0] == "liid-auto"
        assert set(suite.peers) <= set(PEERS)
        assert suite.peer_time_limit <= suite.time_limit
    made = load(SUITES["quick"].instances)
    assert list(made) == list(SUITES["quick"].instances)


def test_missing_files_are_left_out_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    def absent() -> Instance:
        raise FileNotFoundError("no such file: x.npz")

    assert list(load({"absent": absent, "triangle": generators.triangle})) == ["triangle"]
    assert "absent: left out, no such file: x.npz" in capsys.readouterr().err
