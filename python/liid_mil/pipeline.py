"""A run: the stages from images with tags to labels, with all that they make in one folder.

Input: a configuration. Each stage's output is kept under the digest of what decides it
(:mod:`liid_mil.stages.stage`): a stage that is there is only read, one that was stopped goes on,
and a change of settings runs just the stages that depend on it. Under ``torchrun`` all processes
train and extract; the other stages are done by one of them.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from liid_cut.npz import replacing
from liid_mil.cam import CamClassifier
from liid_mil.config import PipelineConfig
from liid_mil.config_files import format_config, read_config
from liid_mil.data.types import Floats, ImageDataset, Ints
from liid_mil.extraction import Extraction
from liid_mil.labelling import Labelling
from liid_mil.metrics import Metrics, ProposalEvaluator
from liid_mil.models import MilNetwork
from liid_mil.proposals.store import ProposalStore
from liid_mil.stages import STAGES
from liid_mil.stages.cutting import LABELS
from liid_mil.stages.inputs import FileHashes, images_digest, tags_digest, truth_digest
from liid_mil.stages.results import labels_of
from liid_mil.stages.stage import StageFolder, prune
from liid_mil.training.cam_scores import pseudo_labels_of
from liid_mil.training.config import Runtime
from liid_mil.training.distributed import processes

CONFIG = "config.yaml"
RESULT = "result"  # links to the outputs of the present settings


@dataclass(frozen=True)
class Step:
    """A stage of a plan.

    Attributes
    ----------
    stage, does : its name, and in a few words what it does.
    state : ``"there"``, ``"to do"``, or ``"not needed"``: gone, and nothing that is to do reads it.
    reason : why it has to be done.
    n_bytes : of the output, where it is there; else the most that it may need.
    seconds : roughly, for one that has to be done; from an earlier run of the stage in this folder,
        else from a measurement on one image.
    path : folder of the output.
    """

    stage: str
    does: str
    state: str
    reason: str
    n_bytes: int
    seconds: float
    path: Path


class Pipeline:
    """The stages of one configuration; each property is a stage's output, made when first read.

    Parameters
    ----------
    config : all settings.
    folder : of the run, made where it is missing.
    runtime : in place of ``config.runtime``.
    dataset : N images with tags, in place of ``config.data``. It is known by the names of its
        images, its tags, and the files of its attribute ``paths`` if it has one: images that are
        made in another way need other names.
    n_jobs : threads of the cut; None: all cores. Changes no result.
    """

    def __init__(
        self,
        config: PipelineConfig,
        folder: str | Path,
        *,
        runtime: Runtime | None = None,
        dataset: ImageDataset | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.config = config
        self.folder = Path(folder)
        self.runtime = runtime or config.runtime
        self.n_jobs = n_jobs
        if dataset is not None:
            self.dataset = dataset
        self.hashes = FileHashes(self.folder / "hashes.json")
        self._digests: dict[str, str] = {}
        self._open: dict[str, Any] = {}

    def changed(self, **parts: Any) -> Pipeline:
        """A run of the same data in the same folder with other parts of the configuration."""
        return Pipeline(
            replace(self.config, **parts),
            self.folder,
            runtime=self.runtime,
            dataset=self.dataset,
            n_jobs=self.n_jobs,
        )

    @cached_property
    def dataset(self) -> ImageDataset:
        """The images with their tags."""
        return self.config.data.source.open(self.runtime.on_error)

    @property
    def proposals(self) -> ProposalStore:
        """The selected proposals of every image."""
        return self.get("proposals")

    @property
    def classifier(self) -> CamClassifier:
        """The trained CAM classifier."""
        return self.get("cam")

    @property
    def cam_scores(self) -> list[Floats]:
        """R of all proposals, with the terms and the region of ``config.mil``."""
        return self.get("scores")

    @cached_property
    def pseudo_labels(self) -> list[Ints]:
        """Pseudo label of every proposal (Eq. 3): what CAM alone says."""
        return pseudo_labels_of(self.cam_scores, self.dataset.tags, self.config.mil.eta)

    @property
    def network(self) -> MilNetwork:
        """The trained MIL network."""
        return self.get("mil")

    @property
    def extraction(self) -> Extraction:
        """Probabilities and features of all proposals."""
        return self.get("extraction")

    @property
    def labelling(self) -> Labelling:
        """Labels with and without the graph."""
        return self.get("cut")

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics by method, as JSON has them."""
        return self.get("metrics")

    @property
    def n_images(self) -> int:
        """Images of the dataset."""
        return len(self.dataset)

    @property
    def n_proposals(self) -> int:
        """Proposals of all images: their number where they are made, else the most there can be."""
        if self.output("proposals").problem() is None:
            return sum(map(len, self.proposals))
        return self.n_images * self.config.proposals.per_image

    def digest(self, name: str) -> str:
        """What decides the output of a stage, or an input (``images``, ``tags``, ``truth``)."""
        if name not in self._digests:
            if name in STAGES:
                found = self.output(name).key
            elif name == "images":
                found = images_digest(self.dataset, self.hashes)
            elif name == "tags":
                found = tags_digest(self.dataset)
            else:
                found = truth_digest(self.dataset, self.hashes)
            self._digests[name] = found
        return self._digests[name]

    def output(self, name: str) -> StageFolder:
        """The folder of a stage's output, there or not."""
        stage = STAGES[name]
        inputs = {need: self.digest(need) for need in stage.needs}
        return StageFolder(self.folder, stage, stage.settings(self), inputs)

    def get(self, name: str) -> Any:
        """The output of a stage, made or completed where that is needed.

        Raises
        ------
        ValueError : bad settings or data, or damaged files (the message names them).
        OSError : a file cannot be read or written.
        """
        if name not in self._open:
            output, stage = self.output(name), STAGES[name]
            with processes(self.runtime.device) as world:
                world.wait()
                problem = output.problem()
                for need in stage.needs if problem is not None else ():
                    if need in STAGES:
                        self.get(need)
                world.wait()  # nobody makes anything before all know what is there
                if problem is not None:
                    self._make(output, world)
            self._open[name] = stage.open(self, output.path)
        return self._open[name]

    def plan(self, until: str | None = None) -> list[Step]:
        """What :meth:`run` would do: every stage up to ``until``, in order. Makes nothing.

        Raises
        ------
        ValueError : no such stage; bad settings or data.
        """
        if until is not None and until not in STAGES:
            raise ValueError(f"until is {until!r}; the stages are {', '.join(STAGES)}")
        names = list(STAGES)
        if until is not None:
            names = names[: names.index(until) + 1]
        read = {need for name in names for need in STAGES[name].needs}
        wanted = {name for name in names if name not in read}
        steps = []
        for name in reversed(names):
            step = self._step(name, name in wanted)
            if step.state == "to do":
                wanted.update(STAGES[name].needs)
            steps.append(step)
        return steps[::-1]

    def run(self, until: str | None = None, report: Callable[[Step], None] | None = None) -> None:
        """Do every stage up to ``until`` that is not done.

        Parameters
        ----------
        report : called with each stage before it is done (or found to be there).

        Raises
        ------
        OSError : the disk has less room than the outputs may need; said before anything is made.
        ValueError : as :meth:`get`.
        """
        with processes(self.runtime.device) as world:
            steps = self.plan(until)
            self.folder.mkdir(parents=True, exist_ok=True)
            check_room(self.folder, steps)
            for name in STAGES if world.is_main else ():
                self._link(name)  # links to outputs of other settings go
            world.wait()  # nobody makes anything before all have the same plan
            for step in steps:
                if report is not None:
                    report(step)
                if step.state == "to do":
                    self.get(step.stage)
                if world.is_main:
                    self._link(step.stage)
            world.wait()

    def _link(self, name: str) -> None:
        """Links ``folder/result/<stage>`` to the stage's output, if there is one."""
        links, output = self.folder / RESULT, self.output(name)
        links.mkdir(exist_ok=True)
        link, target = links / name, output.path.relative_to(self.folder)
        if link.is_dir() and not link.is_symlink():
            shutil.rmtree(link)  # of a run that was copied with its links followed
        link.unlink(missing_ok=True)
        if output.problem() is None:
            link.symlink_to(Path("..") / target)

    def prune(self) -> list[Path]:
        """Remove the outputs of other settings from the folder; returns what was removed."""
        return prune(self.folder, [self.output(name) for name in STAGES])

    def save_config(self) -> None:
        """Leave the configuration in the folder, for :func:`open_run`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / CONFIG) as file:
            file.write(format_config(self.config).encode())

    def _make(self, output: StageFolder, world: Any) -> None:
        stage, work = output.stage, output.stage.work(self)
        if world.is_main:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.hashes.save()
            output.prepare()
        world.wait()
        if world.is_main:
            with output.making(work):
                stage.make(self, output.path)
        elif stage.all_processes:
            stage.make(self, output.path)
        world.wait()

    def _step(self, name: str, wanted: bool) -> Step:
        output, stage = self.output(name), STAGES[name]
        problem = output.problem()
        state = "there" if problem is None else "to do" if wanted else "not needed"
        n_bytes, seconds = 0, 0.0
        if state == "there":
            n_bytes = sum(path.stat().st_size for path in output.path.rglob("*") if path.is_file())
        elif state == "to do":
            n_bytes = stage.size(self)
            rates = [one["seconds"] / one["work"] for one in output.others() if one["work"] > 0]
            seconds = stage.work(self) * (rates[-1] if rates else stage.probe(self))
        return Step(name, stage.does, state, problem or "", n_bytes, seconds, output.path)


def open_run(folder: str | Path, *, runtime: Runtime | None = None, **settings: Any) -> Pipeline:
    """The run of a folder, with the settings that it was last given.

    Raises
    ------
    OSError : the folder is no run.
    ValueError : its configuration is damaged.
    """
    return Pipeline(read_config(Path(folder) / CONFIG), folder, runtime=runtime, **settings)


def labels_file(run: Pipeline) -> Path:
    """Where the labels of a run lie: in the output of its cut, with the settings it has now.

    Raises
    ------
    OSError : the run is not labelled with these.
    """
    output = run.output("cut")
    problem = output.problem()
    if problem is not None:
        raise OSError(
            f"{run.folder}: has no labels ({problem}); `liid-mil label {run.folder}` makes them"
        )
    return output.path / LABELS


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One command at a time in a run's folder.

    Raises
    ------
    OSError : another command is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{folder}: another command is at work in this run") from None
        yield


def check_room(folder: Path, steps: Sequence[Step]) -> None:
    """Raise ``OSError`` where the disk of ``folder`` has less room than ``steps`` may need."""
    needed = sum(step.n_bytes for step in steps if step.state == "to do")
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{folder}: the run may need {needed / 2**30:.1f} GiB, but its disk has "
            f"{free / 2**30:.1f} GiB left"
        )


def compare(pipeline: Pipeline, evaluator: ProposalEvaluator) -> dict[str, Metrics]:
    """Metrics of all proposals by CAM alone, and by the MIL network without and with the graph."""
    methods = ("cam", "without_graph", "with_graph")
    return {method: evaluator.evaluate(*labels_of(pipeline, method)) for method in methods}
