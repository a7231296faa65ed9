"""``python -m mil.killed FOLDER``: a run that is killed again and again until it is done.

Each attempt is a process that kills itself (SIGKILL: nothing is cleaned up) at its first, second,
... or fifth moment of putting a file in its place, every second time just before and else just
after it. Prints how many attempts were killed, and in which stages' folders.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import mil.training.tiny  # noqa: F401  registers its backbone
from liid_mil.config import DataConfig, PipelineConfig, ScenesData, preset
from liid_mil.config_files import changed
from liid_mil.pipeline import Pipeline

_MOMENTS = 5
_MOST_ATTEMPTS = 40


def config() -> PipelineConfig:
    """A run of seconds; the trainings write a checkpoint at every step."""
    scenes = ScenesData(n_images=6, n_classes=3, size=48)
    changes = ["backbone=tiny", "epochs=2", "drop_after=none", "batch_size=3", "image_size=32"]
    changes += ["mil.eta=0.2", "mil.alpha=1", "mil.learning_rate=0.05"]  # labels of three kinds
    changes += ["proposals.per_image=5", "cut.n_neighbors=3", "cut.delta=0.1"]
    changes += ["runtime.checkpoint_minutes=0"]
    return changed(replace(preset("scenes"), data=DataConfig(scenes=scenes)), changes)


def attempt(folder: Path, number: int) -> None:
    """One process's work: the run, or what of it there is time for."""
    moments = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(source: Any, target: Any) -> Any:
            nonlocal moments
            moments += 1
            last = moments == 1 + number % _MOMENTS
            if last:
                with (folder / "killed.txt").open("a") as log:
                    log.write(f"{Path(target).resolve().relative_to(folder.resolve())}\n")
            if last and number % 2 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(source, target)
            if last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return replacement

    os.replace = counted(os.replace)
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]
    Pipeline(config(), folder).run()


def main() -> None:
    """Fork an attempt (faster than to import torch anew) until one of them comes to the end."""
    folder = Path(sys.argv[1])
    folder.mkdir()
    torch.set_num_threads(1)  # a forked process cannot use the threads of its parent
    for number in range(_MOST_ATTEMPTS):
        child = os.fork()
        if child == 0:
            attempt(folder, number)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.waitstatus_to_exitcode(status) == 0:
            break
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    else:
        sys.exit("the run never came to its end")
    where = (folder / "killed.txt").read_text().splitlines()
    stages = sorted({line.split("/")[0] for line in where})
    print(json.dumps({"killed": len(where), "stages": stages}))


if __name__ == "__main__":
    main()
