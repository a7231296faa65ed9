"""Runs one peer on one instance in a fresh process and measures it from inside.

    python -m benchmarks.runner PEER INSTANCE.npz --time-limit SECONDS

The child loads the peer's module and the instance first; what it then spends on building the model
and on solving are reported apart. CPU seconds are user + system of all its threads. It prints one
line of JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.instances import REPOSITORY, Instance, cut_cost, read_instance, write_instance
from benchmarks.peers import PEERS

# Cost and bound this close, relative to the cost, count as a proof: the tolerance of LP and
# scaled-integer peers.
PROOF_TOLERANCE = 1e-6


@dataclass
class Measurement:
    """One run. Seconds; MiB; None where there is nothing to report."""

    peer: str
    status: str
    time_limit_s: float
    cpu_s: float | None = None  # solving
    wall_s: float | None = None
    build_cpu_s: float | None = None  # building the peer's model
    cost: float | None = None  # recomputed from the labels
    bound: float | None = None
    gap: float | None = None  # (cost - bound) / max(1, |cost|)
    proved: bool = False
    message: str = ""  # the solver's own word
    peak_mib: float | None = None  # of the whole process
    base_mib: float | None = None  # before the model was built

    @property
    def limited(self) -> bool:
        """Whether the run ended for want of time."""
        late = (self.wall_s or 0.0) >= 0.9 * self.time_limit_s
        return self.status == "killed" or (not self.proved and late)


def peak_mib() -> float:
    """Largest resident memory of this process so far.

    Linux hands ``ru_maxrss`` of a large parent on to its child, ``VmHWM`` starts afresh.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def run_here(
    name: str, instance: Instance, time_limit: float
) -> tuple[Measurement, np.ndarray | None]:
    """Run a peer in this process; its labels come with the measurement."""
    peer = PEERS[name]
    try:
        importlib.import_module(peer.module)
    except ImportError as error:
        return Measurement(name, "not installed", time_limit, message=str(error)), None
    base = peak_mib()
    start = time.process_time()
    solve = peer.prepare(instance, time_limit)
    built = time.process_time()
    wall = time.perf_counter()
    answer = solve()
    measured = Measurement(
        name,
        "no labels",
        time_limit,
        cpu_s=time.process_time() - built,
        wall_s=time.perf_counter() - wall,
        build_cpu_s=built - start,
        bound=answer.bound,
        message=answer.status,
        peak_mib=peak_mib(),
        base_mib=base,
    )
    if answer.labels is not None:
        measured.cost = cut_cost(instance, answer.labels)
        measured.status = "no proof"
        if answer.bound is not None:
            measured.gap = (measured.cost - answer.bound) / max(1.0, abs(measured.cost))
            measured.proved = measured.gap <= PROOF_TOLERANCE
            measured.status = "proved" if measured.proved else "gap left"
    return measured, answer.labels


def run_apart(
    name: str,
    instance: Instance,
    time_limit: float,
    grace: float,
    python: str = sys.executable,
) -> Measurement:
    """Run a peer in a fresh process, killed ``grace`` seconds after the time limit at the latest.

    ``python`` is the interpreter that has the peer installed. A peer that fails is a measurement
    with status "failed" or "killed", never an exception.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "instance.npz")
        write_instance(path, instance)
        command = [python, "-m", "benchmarks.runner", name, str(path)]
        # Threads that spin in a BLAS pool would count as the solver's CPU time.
        environment = dict(
            os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1"
        )
        paths = [str(REPOSITORY), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        try:
            child = subprocess.run(
                [*command, "--time-limit", str(time_limit)],
                capture_output=True,
                text=True,
                env=environment,
                timeout=time_limit + grace,
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"still busy {grace:g} s after the time limit"
            return Measurement(name, "killed", time_limit, message=message)
    # Solvers print banners: the result is the last line.
    last = child.stdout.strip().rpartition("\n")[2]
    if child.returncode or not last.startswith("{"):
        error = child.stderr.strip().rpartition("\n")[2]
        message = f"exit {child.returncode}: {error}"
        return Measurement(name, "failed", time_limit, message=message)
    return Measurement(**json.loads(last))


def main(arguments: list[str] | None = None) -> int:
    """Run one peer here and print its measurement as a line of JSON; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runner", description=__doc__)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("instance", type=Path)
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds")
    options = parser.parse_args(arguments)
    measured, _ = run_here(options.peer, read_instance(options.instance), options.time_limit)
    print(json.dumps(asdict(measured)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
