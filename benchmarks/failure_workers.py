"""Failures of a run on a Dask cluster: workers killed, stopped or out of memory, the client gone.

Scheduler and nannies live in this process, every worker in one of its own, and so does the client,
which a case may kill without the others. A monitor asks the scheduler which worker is at which
unit, so that a failure strikes the stage that it is meant for.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.failure_runs import Child, Ended
from benchmarks.failure_single import Row, Setting, damage

# Units by the stage that they belong to.
STAGES = {"neighbours": "exact-", "components": "forest-", "cut": "batch-"}
_WORKERS = 2
_SEED = 9


class Cluster:
    """Two workers on loopback, what Dask logs, and a monitor."""

    def __init__(self, cluster: Any, monitor: Any, log: list[str]) -> None:
        self.address: str = cluster.scheduler_address
        self.monitor = monitor
        self.log = log

    def run(self, setting: Setting, checkpoint: Path) -> Child:
        """A client's run."""
        return setting.start(checkpoint, "--scheduler", self.address)

    def pid_at(self, stage: str, child: Child) -> int:
        """Process id of a worker that is at a unit of a stage, as soon as one is."""
        pids = self.monitor.run(os.getpid)
        while child.process.poll() is None:
            for worker, keys in self.monitor.processing().items():
                if any(STAGES[stage] in str(key) for key in keys) and worker in pids:
                    return int(pids[worker])
            time.sleep(0.01)
        raise RuntimeError(f"no unit of stage {stage} was seen: {child.wait()}")


@contextmanager
def cluster(memory_limit: str = "4 GiB", **config: Any) -> Iterator[Cluster]:
    """A cluster; ``config``: of Dask, with dots as double underscores."""
    import dask
    from distributed import Client, LocalCluster

    log: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: log.append(  # type: ignore[method-assign]
        f"{record.levelname} {record.name} {record.getMessage()}"
    )
    logger = logging.getLogger("distributed")
    logger.addHandler(handler)
    settings = {f"distributed.{name.replace('__', '.')}": value for name, value in config.items()}
    try:
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
            yield Cluster(workers, monitor, log)
    finally:
        logger.removeHandler(handler)


def ended_blocks(setting: Setting, ended: Ended) -> str:
    """What came out, in words."""
    done = setting.check(ended)
    return f"same bits; {done['blocks_read']} blocks read, {done['blocks_written']} written"


def killed_workers(setting: Setting) -> list[Row]:
    """SIGKILL to a worker that is at a unit of each stage."""
    rows = []
    for stage in STAGES:
        checkpoint = setting.fresh(f"worker-{stage}")
        with cluster() as workers:
            child = workers.run(setting, checkpoint)
            os.kill(workers.pid_at(stage, child), signal.SIGKILL)
            ended = child.wait()
        rows.append(
            {
                "case": f"worker killed, stage {stage}",
                "outcome": ended_blocks(setting, ended),
                "log": first(workers.log, ("Removing worker", "Restarting worker", "died")),
            }
        )
    return rows


def killed_client(setting: Setting) -> list[Row]:
    """SIGKILL to the client, which is then started again on the same cluster."""
    rows = []
    for stage in STAGES:
        checkpoint = setting.fresh(f"client-{stage}")
        with cluster() as workers:
            child = workers.run(setting, checkpoint)
            workers.pid_at(stage, child)
            child.process.kill()
            child.wait()
            before = count(checkpoint)
            ended = workers.run(setting, checkpoint).wait()
        rows.append(
            {
                "case": f"client killed, stage {stage} ({before} blocks were there), and restarted",
                "outcome": ended_blocks(setting, ended),
            }
        )
    return rows


def killed_cluster(setting: Setting) -> list[Row]:
    """Everything killed, and a new cluster."""
    checkpoint = setting.fresh("all")
    with cluster() as workers:
        child = workers.run(setting, checkpoint)
        workers.pid_at("neighbours", child)
        time.sleep(1)
        for pid in workers.monitor.run(os.getpid).values():
            os.kill(pid, signal.SIGKILL)
        child.process.kill()
        child.wait()
    before = count(checkpoint)
    with cluster() as workers:
        ended = workers.run(setting, checkpoint).wait()
    return [
        {
            "case": f"client and all workers killed ({before} blocks were there), a new cluster",
            "outcome": ended_blocks(setting, ended),
        }
    ]


def damaged_files(setting: Setting) -> list[Row]:
    """Files of a finished run damaged or missing."""
    good = setting.fresh("good-on-workers")
    rows = []
    rng = np.random.default_rng(_SEED)
    with cluster() as workers:
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
            rows.append(
                {
                    "case": f"{len(hit)} of {len(files)} files of the workers: {what}",
                    "outcome": f"{ended_blocks(setting, ended)}; {len(told)} warnings",
                    "log": told[0] if told else "",
                }
            )
    return rows


def full_disk(setting: Setting) -> list[Row]:
    """The folder of the run on a file system that is full, which then gets room."""
    mounted = setting.fresh("small-disk-of-workers")
    mounted.mkdir()
    size = ["-o", "size=2m"]
    if subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", mounted], check=False).returncode:
        return [{"case": "disk of the workers full", "outcome": "not tried: mount needs root"}]
    try:
        with cluster() as workers:
            first_run = workers.run(setting, mounted / "run").wait()
            if first_run.status == 0:
                raise RuntimeError(f"the disk was never full: {first_run}")
            subprocess.run(["mount", "-o", "remount,size=1g", mounted], check=True)
            ended = workers.run(setting, mounted / "run").wait()
            outcome = ended_blocks(setting, ended)
    finally:
        subprocess.run(["umount", mounted], check=True)
    return [
        {
            "case": "disk of the workers full (a tmpfs of 2 MiB), then room, and the run again",
            "outcome": f"ends with the error below; then {outcome}",
            "log": first_run.log[-1],
        }
    ]


def out_of_memory(setting: Setting) -> list[Row]:
    """Workers whose limit is below what the units need; then enough, and the run again."""
    checkpoint = setting.fresh("memory")
    with cluster(memory_limit="160 MiB") as workers:
        small = workers.run(setting, checkpoint).wait()
        log = list(workers.log)
    before = count(checkpoint)
    if small.status == 0:
        outcome = ended_blocks(setting, small)
    else:
        with cluster() as workers:
            ended = workers.run(setting, checkpoint).wait()
        outcome = (
            "ends with an error: " + small.log[-1] + f"; with 4 GiB ({before} blocks were there): "
        ) + ended_blocks(setting, ended)
    return [
        {
            "case": "workers with a memory limit of 160 MiB",
            "outcome": outcome,
            "log": first(log, ("exceeded", "memory budget", "Restarting worker", "died")),
        }
    ]


def stragglers(setting: Setting) -> list[Row]:
    """A worker that stops for a while, and one that stops for good (SIGSTOP)."""
    rows = []
    for seconds in (10.0, None):
        checkpoint = setting.fresh("straggler")
        # How long Dask waits for a sign of life; its own default is five minutes.
        with cluster(scheduler__worker_ttl="20s") as workers:
            child = workers.run(setting, checkpoint)
            pid = workers.pid_at("neighbours", child)
            os.kill(pid, signal.SIGSTOP)
            try:
                if seconds is not None:
                    time.sleep(seconds)
                    os.kill(pid, signal.SIGCONT)
                ended = child.wait()
            finally:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        what = "for good, worker-ttl 20 s" if seconds is None else f"for {seconds:.0f} s"
        rows.append(
            {
                "case": f"worker stopped {what}",
                "outcome": ended_blocks(setting, ended),
                "log": first(workers.log, ("heartbeat", "ttl", "Removing worker")),
            }
        )
    return rows


def count(checkpoint: Path) -> int:
    """Blocks in a folder."""
    return len(list(checkpoint.rglob("*.ckpt")))


def first(log: list[str], words: tuple[str, ...]) -> str:
    """The first line with one of the words."""
    return next((line for line in log if any(word in line for word in words)), "")


CASES: dict[str, Callable[[Setting], list[Row]]] = {
    "workers": killed_workers,
    "client": killed_client,
    "cluster": killed_cluster,
    "workers-files": damaged_files,
    "workers-disk": full_disk,
    "memory": out_of_memory,
    "stragglers": stragglers,
}
