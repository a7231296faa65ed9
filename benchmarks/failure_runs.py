"""One run of a cut in a process of its own, which a case of `benchmarks.failures` may end.

    python -m benchmarks.failure_runs PROBLEM_FOLDER CHECKPOINT [--scheduler ADDRESS] [settings]

Prints, as its last line, one JSON object: a digest of all that the result promises (labels, cost,
bound, table, messages, proofs), what was read and written, and the warnings. The log goes to
standard error. `Child` starts it, ends it after so many CPU seconds, and counts those it took.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bits
from benchmarks.proposals import proposals

PER_IMAGE = 20
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def write_problem(folder: Path, n: int, d: int, n_labels: int, seed: int = 1) -> None:
    """Generated proposals as ``probs.npy`` (n, K+1) and ``feats.npy`` (n, d), float32."""
    folder.mkdir(parents=True, exist_ok=True)
    made = proposals(n // PER_IMAGE, PER_IMAGE, n_labels - 1, d, seed=seed)
    np.save(folder / "probs.npy", made.probs.astype(np.float32))
    np.save(folder / "feats.npy", made.feats.astype(np.float32))


def digest(result: Any) -> str:
    """Of every bit that a result promises; the same for the same problem, however it was solved."""
    whole = {**result, "messages": np.asarray(result.messages)}
    return bits.digest({name: whole[name] for name in bits.CUT_FIELDS})


@dataclass(frozen=True)
class Ended:
    """How a run ended: its CPU seconds, and what it printed; ``result`` is None after a kill."""

    cpu_s: float
    status: int
    result: dict[str, Any] | None
    log: list[str]

    @property
    def done(self) -> dict[str, Any]:
        """What it printed, where it came to its end."""
        if self.result is None:
            raise RuntimeError(f"the run ended with status {self.status}: {self.log[-20:]}")
        return self.result


class Child:
    """A run in progress."""

    def __init__(self, problem: Path, checkpoint: Path | None, *options: str) -> None:
        self._log = problem / f"log-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "benchmarks.failure_runs", str(problem)]
        command += [str(checkpoint or "none"), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log.open("wb"), text=True
        )

    def cpu_s(self) -> float:
        """CPU seconds so far, of all threads."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            return float("inf")
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def end_after(self, cpu_s: float, with_signal: int = signal.SIGKILL) -> Ended:
        """Send a signal once it has taken so much."""
        while self.process.poll() is None and self.cpu_s() < cpu_s:
            time.sleep(0.005)
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.wait()

    def wait(self) -> Ended:
        """Its end."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = self.process.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.process.stdout.close()
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        log = self._log.read_text(errors="replace").splitlines()
        self._log.unlink()
        lines = text.splitlines()
        result = json.loads(lines[-1]) if status == 0 and lines else None
        return Ended(cpu, status, result, log)


def main(words: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", type=Path)
    parser.add_argument("checkpoint", help="folder, or none")
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--neighbors", default="auto")
    parser.add_argument("--delta", type=float)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--file-bytes", type=int, help="no file may be larger (RLIMIT_FSIZE)")
    options = parser.parse_args(words)
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("liid_cut").setLevel(logging.INFO)
    if options.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_bytes, resource.RLIM_INFINITY))

    from liid_cut import multiway_cut

    settings: dict[str, Any] = {"neighbors": options.neighbors, "delta": options.delta}
    if options.checkpoint != "none":
        settings["checkpoint"] = options.checkpoint
    problem = options.problem
    if options.scheduler:
        from distributed import Client

        settings["client"] = Client(options.scheduler, set_as_default=False)
        settings["probs"] = problem / "probs.npy"
    else:
        settings["probs"] = np.load(problem / "probs.npy", mmap_mode="r")
        settings["n_jobs"] = options.jobs
    result = multiway_cut(feats=problem / "feats.npy", **settings)
    kept = result.diagnostics.get("checkpoint") or result.diagnostics.get("distributed") or {}
    print(
        json.dumps(
            {
                "digest": digest(result),
                "status": result.status,
                "blocks_read": kept.get("blocks_read", 0),
                "blocks_written": kept.get("blocks_written", 0),
                "warnings": [w for w in result.diagnostics["warnings"] if "checkpoint" in w],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
