"""What a stage of a run is, and its folder: when it is finished, what it holds, why it is stale.

A stage turns settings and earlier stages into files. Its output lies in ``RUN/<stage>/<key>``,
where the key is a digest of the stage's name and version, its settings and the keys of what it
needs: the same key, the same output. ``stage.json`` in there is written last, so a folder without
it was stopped on the way. Outputs of other settings stay beside it until :func:`prune`.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liid_cut import __version__
from liid_cut.npz import replacing
from liid_mil.stages.inputs import digest_of

if TYPE_CHECKING:
    from liid_mil.pipeline import Pipeline

FORMAT = "liid_mil stage 1"
_RECORD = "stage.json"
_KEY_LENGTH = 16


@dataclass(frozen=True)
class Stage:
    """One stage. ``version`` is raised with every change that changes its output.

    Attributes
    ----------
    name : of its folder.
    does : a few words for people.
    needs : earlier stages, and of ``"images"``, ``"tags"``, ``"truth"`` those that it reads.
    settings : what decides the output beside ``needs``, as JSON holds it.
    make : writes the output into a folder.
    open : reads it.
    size : bytes of the output, at most.
    work : units of work, such as images times epochs, that its time grows with.
    probe : seconds of one unit, measured; for a run that has nothing to go by.
    resumes : ``make`` goes on with what a stopped run left in the folder.
    all_processes : under ``torchrun`` every process takes part; else the first alone.
    """

    name: str
    does: str
    version: int
    needs: tuple[str, ...]
    settings: Callable[[Pipeline], dict[str, Any]]
    make: Callable[[Pipeline, Path], None]
    open: Callable[[Pipeline, Path], Any]
    size: Callable[[Pipeline], int]
    work: Callable[[Pipeline], float]
    probe: Callable[[Pipeline], float]
    resumes: bool = False
    all_processes: bool = False


@dataclass(frozen=True)
class StageFolder:
    """The output of a stage for given settings and inputs, there or not."""

    root: Path
    stage: Stage
    settings: dict[str, Any]
    inputs: dict[str, str]

    @property
    def key(self) -> str:
        """Digest of all that decides the output."""
        return digest_of(
            {
                "stage": self.stage.name,
                "version": self.stage.version,
                "settings": self.settings,
                "inputs": self.inputs,
            }
        )

    @property
    def path(self) -> Path:
        """Where the output lies."""
        return self.root / self.stage.name / self.key[:_KEY_LENGTH]

    def problem(self) -> str | None:
        """Why there is no output to use; None: there is one."""
        record = read_record(self.path)
        if record is None:
            if not self.path.exists():
                return self._difference()
            return "was stopped; goes on" if self.stage.resumes else "was stopped; starts again"
        if record["key"] != self.key:
            return "holds the output of other settings"
        for name, size in record["files"].items():
            path = self.path / name
            if not path.is_file():
                return f"its file {name} is missing"
            if path.stat().st_size != size:
                return f"its file {name} has {path.stat().st_size} bytes and had {size}"
        return None

    def prepare(self) -> None:
        """A folder to write into: empty, unless the stage goes on with what is there."""
        if not self.stage.resumes or (self.path / _RECORD).exists():
            shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True, exist_ok=True)
        for path in [*self.path.glob(".*.tmp"), *self.path.glob("*/.*.tmp")]:
            if path.is_dir():  # what a killed run was about to rename
                shutil.rmtree(path)
            else:
                path.unlink()

    @contextmanager
    def making(self, work: float) -> Iterator[None]:
        """Around the making of the output; at its end the record that makes it a finished one."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        files = {
            str(path.relative_to(self.path)): path.stat().st_size
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        }
        record = {
            "format": FORMAT,
            "key": self.key,
            "stage": self.stage.name,
            "version": self.stage.version,
            "package": __version__,
            "settings": self.settings,
            "inputs": self.inputs,
            "files": files,
            "work": work,
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }
        with replacing(self.path / _RECORD) as file:
            file.write(json.dumps(record, indent=1).encode() + b"\n")

    def others(self) -> list[dict[str, Any]]:
        """Records of this stage's finished outputs in the run, the newest last."""
        found = []
        for path in (self.root / self.stage.name).glob(f"*/{_RECORD}"):
            record = read_record(path.parent)
            if record is not None:
                found.append((path.stat().st_mtime_ns, path.parent.name, record))
        return [record for *_, record in sorted(found, key=lambda one: one[:2])]

    def _difference(self) -> str:
        """What differs from the nearest finished output."""
        told = [_differences(record, self) for record in self.others()]
        if not told:
            return "first run"
        nearest = min(reversed(told), key=len)
        return "; ".join(nearest[:3]) + ("; ..." if len(nearest) > 3 else "")


def read_record(path: Path) -> dict[str, Any] | None:
    """``stage.json`` of a folder, or None where there is none that is whole."""
    try:
        record: dict[str, Any] = json.loads((path / _RECORD).read_text(encoding="utf-8"))
        good = record["format"] == FORMAT and isinstance(record["files"], dict)
        good &= {"key", "settings", "inputs", "version", "work", "seconds"} <= set(record)
        return record if good else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def prune(root: Path, keep: list[StageFolder]) -> list[Path]:
    """Remove the outputs of the stages of ``keep`` that are not those of ``keep``; which ones."""
    kept = {folder.path for folder in keep}
    removed = []
    for name in sorted({folder.stage.name for folder in keep}):
        for path in sorted((root / name).glob("*")):
            if path.is_dir() and path not in kept:
                shutil.rmtree(path)
                removed.append(path)
    return removed


def _differences(record: dict[str, Any], wanted: StageFolder) -> list[str]:
    told = []
    saved, now = _flat(record["settings"]), _flat(json.loads(json.dumps(wanted.settings)))
    for name in sorted(set(saved) | set(now)):
        if saved.get(name) != now.get(name):
            told.append(f"{name} was {saved.get(name)!r}, is {now.get(name)!r}")
    for name, key in wanted.inputs.items():
        if record["inputs"].get(name) != key:
            told.append(f"other {name}")
    if record["version"] != wanted.stage.version:
        told.append("the stage works in another way now")
    return told or ["removed"]


def _flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(settings, dict):
        return {prefix.rstrip("."): settings}
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{prefix}{name}.")
    return found
