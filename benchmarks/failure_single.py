"""Failures of a run in one process: killed, its disk full, its files damaged, missing or foreign.

Every case is a function of a `Setting`; it yields rows of the table. A case that does not end as
it should raises, with what it saw.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.failure_runs import Child, Ended

Row = dict[str, Any]
_SEED = 8


@dataclass(frozen=True)
class Setting:
    """The problem, what a run without failures gave, and where runs may write.

    ``options`` are those of `benchmarks.failure_runs`.
    """

    problem: Path
    folder: Path
    options: tuple[str, ...]
    digest: str
    cpu_s: float

    def fresh(self, name: str) -> Path:
        """An empty folder for the checkpoint of a case."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def start(self, checkpoint: Path, *options: str) -> Child:
        """A run."""
        return Child(self.problem, checkpoint, *self.options, *options)

    def check(self, ended: Ended) -> dict[str, Any]:
        """What a run printed; raises unless its bits are those of the run without failures."""
        if ended.done["digest"] != self.digest:
            raise RuntimeError(f"other bits than the run without failures: {ended}")
        return ended.done


def repeated(cpu_s: float, runs: list[Ended]) -> float:
    """Share of the work that was done more than once, starting the processes included.

    ``cpu_s``: of a run that nothing happens to.
    """
    return sum(run.cpu_s for run in runs) / cpu_s - 1


def random_kills(setting: Setting, n: int = 10) -> Iterator[Row]:
    """SIGKILL at a random moment, then run again: ``n`` times, each from nothing.

    CPU seconds depend on what else the machine does: runs that nothing happens to come between.
    """
    undisturbed = [setting.cpu_s]
    rows = []
    for i, share in enumerate(np.random.default_rng(_SEED).uniform(0.03, 0.97, n)):
        moment = share * setting.cpu_s
        while True:
            checkpoint = setting.fresh("killed")
            killed = setting.start(checkpoint).end_after(moment)
            if killed.status == -signal.SIGKILL:
                break
            setting.check(killed)  # it was faster than the run that the moment was chosen by
            moment *= 0.9
        ended = setting.start(checkpoint).wait()
        done = setting.check(ended)
        row = {
            "case": f"process killed at {share:.0%} of its work ({i + 1} of {n})",
            "outcome": f"same bits; {done['blocks_read']} blocks read",
        }
        rows.append((row, [killed, ended]))
        print(row["case"], killed.cpu_s, ended.cpu_s, flush=True)  # the rest is known at the end
        if i % 3 == 2:
            whole = setting.start(setting.fresh("undisturbed")).wait()
            setting.check(whole)
            undisturbed.append(whole.cpu_s)
    usual = float(np.median(undisturbed))
    for row, runs in rows:
        yield row | {"repeated": repeated(usual, runs)}
    yield {
        "case": f"... mean of these {n}",
        "outcome": "CPU s of runs that nothing happened to, in between: "
        + ", ".join(f"{seconds:.1f}" for seconds in undisturbed),
        "repeated": float(np.mean([repeated(usual, runs) for _, runs in rows])),
    }


def killed_again_and_again(setting: Setting, n: int = 10) -> Iterator[Row]:
    """One run that is killed ``n`` times on its way."""
    checkpoint = setting.fresh("often-killed")
    runs = []
    for _ in range(n):
        # A tenth of the work further each time, and what the start of a process takes.
        run = setting.start(checkpoint).end_after(setting.cpu_s / (n + 1) + 1.5)
        runs.append(run)
        if run.status == 0:
            break
    if runs[-1].status != 0:
        runs.append(setting.start(checkpoint).wait())
    setting.check(runs[-1])
    yield {
        "case": f"process killed {len(runs) - 1} times on its way",
        "outcome": f"same bits; {len(runs)} starts",
        "repeated": repeated(setting.cpu_s, runs),
    }


def ctrl_c(setting: Setting) -> Iterator[Row]:
    """SIGINT instead of SIGKILL."""
    checkpoint = setting.fresh("interrupted")
    runs = [setting.start(checkpoint).end_after(0.5 * setting.cpu_s, signal.SIGINT)]
    runs.append(setting.start(checkpoint).wait())
    setting.check(runs[-1])
    yield {
        "case": "Ctrl-C at 50 %",
        "outcome": "same bits after the next start",
        "repeated": repeated(setting.cpu_s, runs),
    }


def full_disk(setting: Setting) -> Iterator[Row]:
    """A file system that is full in the middle of the run, and then has room again."""
    mounted = setting.fresh("small-disk")
    mounted.mkdir()
    small = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mounted],
        capture_output=True,
        check=False,
    )
    limits = () if small.returncode == 0 else ("--file-bytes", str(1 << 19))
    what = "a tmpfs of 2 MiB" if small.returncode == 0 else "no file above 512 KiB"
    try:
        first = setting.start(mounted / "run", *limits).wait()
        done = setting.check(first)
        notes = [line for line in first.log if "could not be written" in line]
        if not notes or not done["warnings"]:
            raise RuntimeError(f"the disk was never full: {first}")
        kept = setting.fresh("kept")
        shutil.copytree(mounted / "run", kept)
    finally:
        if small.returncode == 0:
            subprocess.run(["umount", mounted], check=True)
    second = setting.start(kept).wait()
    again = setting.check(second)
    yield {
        "case": f"disk full ({what})",
        "outcome": f"same bits; {len(notes)} blocks could not be written, each is logged",
        "log": notes[0],
    }
    yield {
        "case": "... then the same files where there is room",
        "outcome": f"same bits; {again['blocks_read']} blocks read, "
        f"{again['blocks_written']} written",
    }


def damaged_files(setting: Setting) -> Iterator[Row]:
    """Bits flipped, files cut short, emptied, missing, or those of another run."""
    good = setting.fresh("good")
    setting.check(setting.start(good).wait())
    rng = np.random.default_rng(_SEED)
    for what in ("a bit flipped", "cut short", "emptied", "missing"):
        bad = setting.fresh("damaged")
        shutil.copytree(good, bad)
        files = sorted(path for path in bad.rglob("*") if path.is_file())
        hit = [files[i] for i in rng.choice(len(files), max(3, len(files) // 4), replace=False)]
        for path in hit:
            damage(path, what, rng)
        ended = setting.start(bad).wait()
        done = setting.check(ended)
        told = [line for line in ended.log if "is damaged" in line]
        repaired = sum(path.suffix == ".ckpt" for path in hit)
        if done["blocks_written"] < repaired - 1 or (what != "missing" and len(told) == 0):
            raise RuntimeError(f"{what}: {ended}")
        yield {
            "case": f"{len(hit)} of {len(files)} files: {what}",
            "outcome": f"same bits; {len(told)} found damaged, {done['blocks_written']} "
            "written again",
            "log": told[0] if told else "",
        }
    yield from foreign_files(setting, good)


def damage(path: Path, what: str, rng: np.random.Generator) -> None:
    """Do to a file what the name says."""
    content = bytearray(path.read_bytes())
    if what == "missing":
        path.unlink()
        return
    if what == "a bit flipped":
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(
        {"emptied": b"", "cut short": bytes(content[: len(content) // 2])}.get(what, bytes(content))
    )


def foreign_files(setting: Setting, good: Path) -> Iterator[Row]:
    """The folder of another run, and single files of it."""
    refused = setting.start(good, "--delta", "0.123").wait()
    message = refused.log[-1] if refused.log else ""
    if refused.status != 1 or "delta is" not in message:
        raise RuntimeError(f"a foreign folder was not refused: {refused}")
    yield {"case": "folder of another delta", "outcome": "refused", "log": message}
    other = setting.fresh("other")
    setting.start(other, "--delta", "0.123").wait()
    mixed = setting.fresh("mixed")
    shutil.copytree(good, mixed)
    name = next(iter(sorted((other / "cut").glob("batch-*.ckpt")))).name
    shutil.copy(other / "cut" / name, mixed / "cut" / name)
    refused = setting.start(mixed).wait()
    message = refused.log[-1] if refused.log else ""
    if refused.status != 1 or name not in message:
        raise RuntimeError(f"a foreign file was not refused: {refused}")
    yield {"case": "one file of such a run", "outcome": "refused", "log": message}


CASES: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "kills": random_kills,
    "often": killed_again_and_again,
    "ctrl-c": ctrl_c,
    "disk": full_disk,
    "files": damaged_files,
}
