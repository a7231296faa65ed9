"""``plan_run``: what a run will take, stage by stage, before anything starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from liid_cut.planning import distributed, single
from liid_cut.planning.advice import advise
from liid_cut.planning.costs import Costs, read_costs
from liid_cut.planning.parts import Part
from liid_cut.planning.settings import PlanSettings, plan_settings

STAGES = ("read", "neighbors", "graph", "delta", "components", "solve", "write")


@dataclass(frozen=True)
class StageForecast:
    """One stage of a run.

    Attributes
    ----------
    stage : one of ``read``, ``neighbors``, ``graph``, ``delta``, ``components``, ``solve``,
        ``write``.
    steps : what it does, and the CPU seconds of each step.
    cpu_s : seconds of one core, of all workers together.
    wall_s : seconds by the clock, with all cores free.
    memory : largest bytes of a worker, the process included.
    disk : bytes that it leaves on disk.
    read : bytes read from storage, by all workers together.
    network : bytes between workers, scheduler and client.
    tasks : units that a scheduler hands out; in a single process 1.
    """

    stage: str
    steps: tuple[tuple[str, float], ...]
    cpu_s: float
    wall_s: float
    memory: float
    disk: float
    read: float
    network: float
    tasks: int


@dataclass(frozen=True)
class RunPlan:
    """What a run will take.

    Attributes
    ----------
    settings : what was asked.
    method : neighbour method that is forecast; ``reason``: why.
    stages : in order.
    costs : the measured costs that it rests on.
    blocks : sizes of what is handed out, by name.
    assumptions : what it takes for granted of the data, in sentences.
    bottleneck : the stage that takes longest, and the step in it.
    advice : what would change it, and what does not fit, in sentences.
    client_memory : bytes of the client of a distributed run; 0: there is none.
    problem : why the run would not even start; empty: it would.
    """

    settings: PlanSettings
    method: str
    reason: str
    stages: tuple[StageForecast, ...]
    costs: Costs
    blocks: dict[str, int]
    assumptions: tuple[str, ...]
    bottleneck: str
    advice: tuple[str, ...]
    client_memory: float = 0.0
    problem: str = ""

    @property
    def cpu_s(self) -> float:
        """Seconds of one core, of all stages."""
        return sum(stage.cpu_s for stage in self.stages)

    @property
    def wall_s(self) -> float:
        """Seconds by the clock, with all cores free."""
        return sum(stage.wall_s for stage in self.stages)

    @property
    def memory(self) -> float:
        """Largest bytes of a worker."""
        return max(stage.memory for stage in self.stages)

    @property
    def disk(self) -> float:
        """Bytes that the run leaves on disk, beside its input."""
        return sum(stage.disk for stage in self.stages)

    @property
    def network(self) -> float:
        """Bytes between workers, scheduler and client."""
        return sum(stage.network for stage in self.stages)

    @property
    def fits(self) -> bool:
        """Whether a worker has the memory."""
        return self.memory <= self.settings.memory

    def stage(self, name: str) -> StageForecast:
        """The forecast of one stage."""
        return next(stage for stage in self.stages if stage.stage == name)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        totals = ("cpu_s", "wall_s", "memory", "disk", "network", "fits")
        return asdict(self) | {name: getattr(self, name) for name in totals}


def plan_run(
    n: int,
    d: int,
    labels: int,
    *,
    memory: int | str | None = None,
    workers: int = 1,
    cores_per_worker: int | None = None,
    n_neighbors: int = 3,
    neighbors: str = "auto",
    symmetrize: str | None = None,
    delta: float | str | None = None,
    target_recall: float = 0.999,
    dtype: str = "float32",
    max_memory: int | str | None = None,
    checkpoint: bool = False,
    network_bandwidth: float | str = "10 Gbit/s",
    disk_bandwidth: float | str = "500 MB/s",
    costs: Costs | str | os.PathLike[str] | None = None,
) -> RunPlan:
    """Forecast memory, disk, network and time of each stage of a run; starts nothing.

    Parameters
    ----------
    n, d, labels : proposals, columns of their features, and labels K+1 with the background.
    memory : bytes of one worker (or of the machine, with one), or for example ``"64 GiB"``; None:
        those of this machine.
    workers : processes of a distributed run; 1: a single process, without Dask.
    cores_per_worker : None: the cores of this machine.
    n_neighbors, neighbors, symmetrize, delta, target_recall, max_memory : as in
        :func:`liid_cut.multiway_cut`; ``neighbors`` one of ``"auto"``, ``"exact"``,
        ``"certified"``, ``"pca"``.
    dtype : of features and probabilities, which lie in ``.npy`` files: ``"float16"``,
        ``"float32"`` or ``"float64"``.
    checkpoint : whether the run keeps its state; a distributed one always does.
    network_bandwidth, disk_bandwidth : of one worker, in bytes a second or as ``"10 Gbit/s"``,
        ``"500 MB/s"``.
    costs : what a unit of work costs here: `Costs`, or a file of ``liid-cut plan --calibrate``;
        None: the one in the user's cache folder, or the packaged one, which names its machine.

    Returns
    -------
    RunPlan : a forecast for each stage, whether it fits, the bottleneck, and what would change it.

    Raises
    ------
    ValueError : a setting is not allowed, or ``costs`` is no such file; the message names it.
    OSError : ``costs`` cannot be read.

    Notes
    -----
    CPU time is that of cores with nothing else to do; on a busy machine calibrate there, or expect
    more. Time by the clock assumes that all cores are free. How far forecasts were from runs:
    ``benchmarks/PLAN.md``.

    Examples
    --------
    >>> from liid_cut import plan_run
    >>> plan = plan_run(200_000, 256, 21, memory="16 GiB", cores_per_worker=2)
    >>> plan.method, plan.fits
    ('exact', True)
    """
    settings = plan_settings(
        n=n,
        d=d,
        labels=labels,
        memory=memory,
        workers=workers,
        cores_per_worker=cores_per_worker,
        n_neighbors=n_neighbors,
        neighbors=neighbors,
        symmetrize=symmetrize,
        delta=delta,
        target_recall=target_recall,
        dtype=dtype,
        max_memory=max_memory,
        checkpoint=checkpoint,
        network_bandwidth=network_bandwidth,
        disk_bandwidth=disk_bandwidth,
    )
    measured = costs if isinstance(costs, Costs) else read_costs(costs)
    layout = (distributed if settings.workers > 1 else single).layout(settings)
    stages = tuple(
        _forecast(name, layout.stages[name], settings, measured, layout.process) for name in STAGES
    )
    slowest = max((s for s in stages if s.steps), key=lambda stage: stage.wall_s)
    step = max(layout.stages[slowest.stage], key=lambda part: _wall(part, settings, measured))
    return RunPlan(
        settings,
        layout.method,
        layout.reason,
        stages,
        measured,
        layout.blocks,
        layout.assumptions,
        f"{slowest.stage}: {step.what}" + ("" if step.parallel else ", on one core"),
        tuple(advise(settings, layout, stages, step)),
        layout.client,
        layout.problem,
    )


def _forecast(
    name: str, parts: Sequence[Part], settings: PlanSettings, costs: Costs, process: float
) -> StageForecast:
    return StageForecast(
        stage=name,
        steps=tuple((part.what, costs.of(part.counts)) for part in parts),
        cpu_s=sum(costs.of(part.counts) for part in parts),
        wall_s=sum(_wall(part, settings, costs) for part in parts),
        memory=process + max((part.memory for part in parts), default=0.0),
        disk=sum(part.disk for part in parts),
        read=sum(part.read for part in parts),
        network=sum(part.network for part in parts),
        tasks=sum(part.tasks for part in parts),
    )


def _wall(part: Part, settings: PlanSettings, costs: Costs) -> float:
    """Computing, reading and sending overlap at best: the longest of them."""
    cores = settings.workers * settings.cores if part.parallel else 1
    workers = settings.workers if part.parallel else 1
    return max(
        costs.of(part.counts) / cores,
        (part.read + part.disk) / (settings.disk_bandwidth * workers),
        part.network / (settings.network_bandwidth * workers),
    )
