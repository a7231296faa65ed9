"""Failures of a run on a Dask cluster: workers killed, stopped or out of memory, the client gone.

Scheduler and nannies live in this process, every worker in one of its own, and so does the client,
which a case may kill without the others. A `Strike` in every worker waits for the first unit of a
stage, so that a failure hits the stage that it is meant for, in the middle of its work.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster, WorkerPlugin

from benchmarks.failure_runs import Child, Ended
from benchmarks.failure_single import Row, Setting, damage

# Units by the stage that they belong to.
STAGES = {"neighbours": "exact-", "components": "forest-", "cut": "batch-"}
_WORKERS = 2
_SEED = 9
# Later than its beginning: units take from some milliseconds to seconds.
_SECONDS_INTO_THE_UNIT = 0.005


class Strike(WorkerPlugin):  # type: ignore[misc]
    """Sends a signal to the first worker that is at a unit with ``words`` in its name; once.

    ``mark``: a file that says so, with the worker's process id and CPU seconds. Without a signal
    that is all.
    """

    def __init__(self, words: str, mark: Path, with_signal: int | None = None) -> None:
        self.words = words
        self.mark = mark
        self.signal = with_signal

    def transition(self, key: Any, start: str, finish: str, **rest: Any) -> None:
        """Called by the worker for every unit."""
        if finish != "executing" or self.words not in str(key):
            return
        try:
            with self.mark.open("x") as file:
                file.write(f"{os.getpid()} {sum(os.times()[:2])}")
        except FileExistsError:
            return
        if self.signal is not None:
            hit = threading.Timer(_SECONDS_INTO_THE_UNIT, os.kill, (os.getpid(), self.signal))
            hit.start()


class Cluster:
    """Two workers on loopback and what Dask logs."""

    def __init__(self, cluster: Any, monitor: Any, folder: Path) -> None:
        self.address: str = cluster.scheduler_address
        self.monitor = monitor
        self.log: list[str] = []
        self._folder = folder

    def run(self, setting: Setting, checkpoint: Path) -> Child:
        """A client's run."""
        return setting.start(checkpoint, "--scheduler", self.address)

    def strike(self, stage: str, with_signal: int | None = None) -> Path:
        """Have the first unit of a stage hit; returns the file that will say so."""
        mark = self._folder / f"mark-{time.monotonic_ns()}"
        # Those before have struck, and do nothing more.
        self.monitor.register_plugin(Strike(STAGES[stage], mark, with_signal), name=mark.name)
        self.log.clear()
        return mark


@contextmanager
def cluster(folder: Path, memory_limit: str = "4 GiB", **config: Any) -> Iterator[Cluster]:
    """A cluster; ``config``: of Dask, with dots as double underscores."""
    import dask

    settings = {f"distributed.{name.replace('__', '.')}": value for name, value in config.items()}
    logger = logging.getLogger("distributed")
    with (
        dask.config.set(settings),
        LocalCluster(
            _WORKERS,
            threads_per_worker=1,
            memory_limit=memory_limit,
            host="127.0.0.1",
            dashboard_address=None,
        ) as workers,
        Client(workers, set_as_default=False) as monitor,
    ):
        found = Cluster(workers, monitor, folder)
        handler = logging.Handler()
        handler.emit = lambda record: found.log.append(  # type: ignore[method-assign]
            f"{record.levelname} {record.name} {record.getMessage()}"
        )
        logger.addHandler(handler)
        try:
            yield found
        finally:
            logger.removeHandler(handler)


def struck(mark: Path, child: Child) -> int:
    """Wait until a unit of the stage was hit; the process id of its worker."""
    while not mark.exists():
        if child.process.poll() is not None:
            raise RuntimeError(f"no unit of the stage was seen: {child.wait()}")
        time.sleep(0.005)
    return int((mark.read_text() or "0").split()[0])


def words_of(setting: Setting, ended: Ended) -> str:
    """What came out, in words; raises unless it is right."""
    done = setting.check(ended)
    return f"same bits; {done['blocks_read']} blocks read, {done['blocks_written']} written"


def killed(setting: Setting) -> Iterator[Row]:
    """SIGKILL to a worker, and to the client, at a unit of each stage."""
    with cluster(setting.folder) as workers:
        for stage in STAGES:
            checkpoint = setting.fresh(f"worker-{stage}")
            mark = workers.strike(stage, signal.SIGKILL)
            child = workers.run(setting, checkpoint)
            struck(mark, child)
            ended = child.wait()
            yield {
                "case": f"worker killed, stage {stage}",
                "outcome": words_of(setting, ended),
                "log": first(ended.log, ("has left",)) or first(workers.log, ("Restarting",)),
            }
        for stage in STAGES:
            checkpoint = setting.fresh(f"client-{stage}")
            mark = workers.strike(stage)
            child = workers.run(setting, checkpoint)
            struck(mark, child)
            child.process.kill()
            child.wait()
            before = count(checkpoint)
            yield {
                "case": f"client killed, stage {stage} ({before} blocks were there), and restarted",
                "outcome": words_of(setting, workers.run(setting, checkpoint).wait()),
                "log": first(workers.log, ("Removing client", "Remove client", "Close client")),
            }


def killed_cluster(setting: Setting) -> Iterator[Row]:
    """Everything killed, and a new cluster."""
    checkpoint = setting.fresh("all")
    with cluster(setting.folder) as workers:
        mark = workers.strike("neighbours")
        child = workers.run(setting, checkpoint)
        struck(mark, child)
        time.sleep(1)
        for pid in workers.monitor.run(os.getpid).values():
            os.kill(pid, signal.SIGKILL)
        child.process.kill()
        child.wait()
    before = count(checkpoint)
    with cluster(setting.folder) as workers:
        yield {
            "case": f"client and all workers killed ({before} blocks were there), a new cluster",
            "outcome": words_of(setting, workers.run(setting, checkpoint).wait()),
        }


def damaged_files(setting: Setting) -> Iterator[Row]:
    """Files of a finished run damaged or missing."""
    good = setting.fresh("good-on-workers")
    rng = np.random.default_rng(_SEED)
    with cluster(setting.folder) as workers:
        setting.check(workers.run(setting, good).wait())
        for what in ("a bit flipped", "cut short", "missing"):
            bad = setting.fresh("damaged-on-workers")
            shutil.copytree(good, bad)
            files = sorted(path for path in bad.rglob("*") if path.is_file())
            hit = [files[i] for i in rng.choice(len(files), len(files) // 4, replace=False)]
            for path in hit:
                damage(path, what, rng)
            ended = workers.run(setting, bad).wait()
            told = [line for line in setting.check(ended)["warnings"] if "is damaged" in line]
            yield {
                "case": f"{len(hit)} of {len(files)} files of the workers: {what}",
                "outcome": f"{words_of(setting, ended)}; {len(told)} warnings",
                "log": told[0] if told else "",
            }


def full_disk(setting: Setting) -> Iterator[Row]:
    """The folder of the run on a file system that is full, which then gets room."""
    mounted = setting.fresh("small-disk-of-workers")
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)]
    if subprocess.run(mount, check=False).returncode:
        yield {"case": "disk of the workers full", "outcome": "not tried: mount needs root"}
        return
    try:
        with cluster(setting.folder) as workers:
            small = workers.run(setting, mounted / "run").wait()
            if small.status == 0:
                raise RuntimeError(f"the disk was never full: {small}")
            subprocess.run(["mount", "-o", "remount,size=1g", mounted], check=True)
            ended = workers.run(setting, mounted / "run").wait()
            outcome = words_of(setting, ended)
    finally:
        subprocess.run(["umount", mounted], check=True)
    yield {
        "case": "disk of the workers full (a tmpfs of 1 MiB), then room, and the run again",
        "outcome": f"ends with the error below; then {outcome}",
        "log": small.log[-1],
    }


def out_of_memory(setting: Setting) -> Iterator[Row]:
    """Workers whose limit is below what the units need; then enough, and the run again."""
    checkpoint = setting.fresh("memory")
    with cluster(setting.folder, memory_limit="160 MiB") as workers:
        small = workers.run(setting, checkpoint).wait()
        log = list(workers.log)
    before = count(checkpoint)
    if small.status == 0:
        outcome = words_of(setting, small)
    else:
        with cluster(setting.folder) as workers:
            ended = workers.run(setting, checkpoint).wait()
        outcome = (
            "ends with an error: " + small.log[-1] + f"; with 4 GiB ({before} blocks were there): "
        ) + words_of(setting, ended)
    yield {
        "case": "workers with a memory limit of 160 MiB",
        "outcome": outcome,
        "log": first(log, ("exceeded", "memory budget", "Restarting worker", "died")),
    }


def stragglers(setting: Setting) -> Iterator[Row]:
    """A worker that stops for a while, and one that stops for good (SIGSTOP)."""
    for seconds in (10.0, None):
        checkpoint = setting.fresh("straggler")
        # How long Dask waits for a sign of life; its own default is five minutes.
        with cluster(setting.folder, scheduler__worker_ttl="30s") as workers:
            mark = workers.strike("neighbours", signal.SIGSTOP)
            child = workers.run(setting, checkpoint)
            pid = struck(mark, child)
            try:
                if seconds is not None:
                    time.sleep(seconds)
                    os.kill(pid, signal.SIGCONT)
                ended = child.wait()
            finally:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        what = "for good, worker-ttl 30 s" if seconds is None else f"for {seconds:.0f} s"
        yield {
            "case": f"worker stopped {what}",
            "outcome": words_of(setting, ended),
            "log": first(workers.log, ("heartbeat", "ttl", "Removing worker")),
        }


def count(checkpoint: Path) -> int:
    """Blocks in a folder."""
    return len(list(checkpoint.rglob("*.ckpt")))


def first(log: list[str], words: tuple[str, ...]) -> str:
    """The first line with one of the words."""
    return next((line for line in log if any(word in line for word in words)), "")


CASES: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "killed": killed,
    "cluster": killed_cluster,
    "workers-files": damaged_files,
    "workers-disk": full_disk,
    "memory": out_of_memory,
    "stragglers": stragglers,
}
