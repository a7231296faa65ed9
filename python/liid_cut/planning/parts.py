"""Parts of a stage: what is counted, and what is alive while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """Work that runs in one piece.

    Attributes
    ----------
    what : a few words.
    counts : units of :data:`liid_cut.planning.costs.UNITS` and their numbers.
    memory : bytes that a process takes for it beside its input and itself.
    parallel : whether it uses all cores; else one.
    disk : bytes that it leaves on disk.
    read : bytes that it reads from storage.
    network : bytes that go over the network beside what it reads from shared storage.
    tasks : units that a scheduler hands out; 1: none.
    """

    what: str
    counts: Mapping[str, float] = field(default_factory=dict)
    memory: float = 0.0
    parallel: bool = True
    disk: float = 0.0
    read: float = 0.0
    network: float = 0.0
    tasks: int = 1


def total_counts(parts: Iterable[Part]) -> dict[str, float]:
    """Units of all parts together."""
    total: dict[str, float] = {}
    for part in parts:
        for unit, number in part.counts.items():
            total[unit] = total.get(unit, 0.0) + number
    return total
