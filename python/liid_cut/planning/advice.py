"""What limits a run, and which setting would change it: sentences for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from liid_cut.neighbors import projected
from liid_cut.planning.layout import Layout
from liid_cut.planning.parts import Part
from liid_cut.planning.settings import PlanSettings

if TYPE_CHECKING:
    from liid_cut.planning.forecast import StageForecast

_LONG_S = 3600.0
_MOST_TASKS = 1_000_000


def advise(
    settings: PlanSettings, layout: Layout, stages: Sequence[StageForecast], slowest: Part
) -> Iterator[str]:
    """Sentences, the most urgent first.

    Parameters
    ----------
    slowest : the step of the slowest stage that takes longest.
    """
    if layout.problem:
        yield f"the run will not start: {layout.problem}"
    largest = max(stages, key=lambda stage: stage.memory)
    if largest.memory > settings.memory:
        yield (
            f"{largest.stage} needs {in_bytes(largest.memory)} and a worker has "
            f"{in_bytes(settings.memory)}: " + _for_less_memory(largest.stage, settings, layout)
        )
    tasks = max(stages, key=lambda stage: stage.tasks)
    if tasks.tasks > _MOST_TASKS:
        yield (
            f"{tasks.stage} has {tasks.tasks:,} tasks, more than a scheduler of Dask manages well "
            "(about a million)"
        )
    if layout.client > settings.memory:
        yield f"the client needs {in_bytes(layout.client)} beside the workers"
    if layout.directions < layout.directions_wanted:
        yield (
            f"the search's memory holds {layout.directions} of the {layout.directions_wanted} "
            "directions that the recall asked for takes; it will need more candidates, or miss "
            "its target and fall back to an exact search: raise max_memory or memory, or lower "
            "target_recall"
        )
    if sum(stage.wall_s for stage in stages) > _LONG_S:
        yield from _for_less_time(settings, layout, slowest)


def _for_less_memory(stage: str, settings: PlanSettings, layout: Layout) -> str:
    if stage == "delta":
        return "give delta a number, or take more memory"
    if settings.workers > 1 and stage != "components":
        return "a worker holds a unit for each core: fewer cores_per_worker, or more memory"
    if stage == "neighbors":
        return "lower max_memory, which makes the search slower, or take more memory"
    fewer = "fewer labels or neighbours"
    if settings.symmetrize == "union":
        fewer = f"symmetrize='mutual', {fewer}"
    return f"{fewer}, or more memory"


def _for_less_time(settings: PlanSettings, layout: Layout, slowest: Part) -> Iterator[str]:
    if not slowest.parallel:
        yield f"{slowest.what} runs on one core; more cores do not help it"
    elif slowest.read / settings.disk_bandwidth > settings.workers:
        yield "reading bounds the time: faster storage, or float16 features"
    else:
        yield "time falls with cores_per_worker and workers"
    if layout.method == "pca" and settings.target_recall > 0.99:
        yield "target_recall=0.99 takes fewer clusters and candidates"
    if settings.n >= projected.CLUSTERS_FROM and layout.method == "exact":
        yield "neighbors='pca' compares far fewer pairs, with measured recall"


def in_bytes(number: float) -> str:
    """For people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit in ("B", "KiB") else f"{number:.3g} {unit}"
        number /= 1024
    return f"{number:,.1f} TiB"


def in_time(seconds: float) -> str:
    """For people."""
    for most, unit, name in ((90, 1, "s"), (5400, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < most:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 86400:,.3g} days" if seconds < 3e8 else f"{seconds / 31557600:,.3g} years"
