"""Tables of a comparison: one of an instance's solvers, one of many instances.

Input: ``runs[name]``, the measurements of each solver on an instance; a row or cell shows the run
with the median CPU time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.instances import Instance
from benchmarks.records import markdown_table
from benchmarks.runner import PROOF_TOLERANCE, Measurement

REFERENCE = "liid-auto"
OURS = ("liid-auto", "liid-ckr")
# Solvers that prove nothing: their time is no time to a proof.
HEURISTICS = ("alpha-expansion",)


@dataclass
class Comparison:
    """An instance's size and the measurements of each solver on it."""

    title: str
    nodes: int
    labels: int
    edges: int
    runs: dict[str, list[Measurement]]

    @classmethod
    def of(cls, title: str, instance: Instance, peers: Sequence[str]) -> Comparison:
        """Nothing measured yet."""
        n, labels = instance.probs.shape
        return cls(title, n, labels, len(instance.edges), {name: [] for name in peers})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Comparison:
        """What `to_json` made."""
        runs = {name: [Measurement(**run) for run in runs] for name, runs in data["runs"].items()}
        return cls(**(data | {"runs": runs}))

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        return asdict(self)


def summary(runs: Sequence[Measurement]) -> Measurement:
    """The run with the median CPU time (the lower one of two); any run if none has a time."""
    timed = sorted((run for run in runs if run.cpu_s is not None), key=lambda run: run.cpu_s or 0.0)
    return timed[(len(timed) - 1) // 2] if timed else runs[0]


def ratio(run: Measurement, reference: Measurement) -> str:
    """CPU time over the reference's; a bound on it where one of them ran out of time."""
    if not run.cpu_s or not reference.cpu_s:
        return "-"
    if run.limited and reference.limited:
        return "1" if run is reference else "-"
    sign = ">" if run.limited else "<" if reference.limited else ""
    return f"{sign}{run.cpu_s / reference.cpu_s:.3g}"


def _number(value: float | None, digits: str) -> str:
    return "-" if value is None else format(value, digits)


def table(comparison: Comparison) -> str:
    """Markdown table of one instance, one row a solver."""
    header = (
        "solver",
        "CPU s",
        "x ours",
        "build CPU s",
        "wall s",
        "cost",
        "bound",
        "gap",
        "status",
        "peak MiB",
        "of it solving",
    )
    reference = summary(comparison.runs[REFERENCE])
    rows = [header]
    for name, measured in comparison.runs.items():
        run = summary(measured)
        rows.append(
            (
                name,
                (">" if run.limited else "") + _number(run.cpu_s, ".4g"),
                ratio(run, reference),
                _number(run.build_cpu_s, ".2g"),
                _number(run.wall_s, ".4g"),
                _number(run.cost, ".8g"),
                _number(run.bound, ".8g"),
                _number(run.gap, ".1e"),
                run.status + (f" ({run.message})" if run.message and not run.proved else ""),
                _number(run.peak_mib, ".0f"),
                _number(_solving_mib(run), ".0f"),
            )
        )
    return markdown_table(rows)


def _solving_mib(run: Measurement) -> float | None:
    return run.peak_mib - run.base_mib if run.peak_mib and run.base_mib else None


def _best(comparison: Comparison) -> tuple[float | None, float | None]:
    """Lowest cost and highest bound that any solver found."""
    every = [summary(runs) for runs in comparison.runs.values()]
    costs = [run.cost for run in every if run.cost is not None]
    bounds = [run.bound for run in every if run.bound is not None]
    return min(costs, default=None), max(bounds, default=None)


def _cell(run: Measurement, reference: Measurement, best_cost: float | None) -> str:
    """CPU seconds, their ratio to the reference's, and what is left to prove."""
    if run.cpu_s is None:
        return run.status
    parts = [f"{'>' if run.limited else ''}{run.cpu_s:.3g}"]
    if run is not reference:
        parts.append(f"{ratio(run, reference)}x")
    if run.peer in HEURISTICS and run.cost is not None and best_cost is not None:
        excess = (run.cost - best_cost) / max(1.0, abs(best_cost))
        parts.append("best" if excess <= PROOF_TOLERANCE else f"+{excess:.2%}")
    elif not run.proved:
        parts.append("no labels" if run.gap is None else f"gap {run.gap:.0e}")
    return ", ".join(parts)


def _fastest_exact_peer(comparison: Comparison) -> Measurement | None:
    """The run of the exact peer that proved the optimum first, by CPU time; None if none did."""
    runs = {name: summary(measured) for name, measured in comparison.runs.items()}
    proved = [run for name, run in runs.items() if name not in OURS and run.proved]
    return min(proved, key=lambda run: run.cpu_s or 0.0, default=None)


def in_words(comparisons: Sequence[Comparison]) -> str:
    """How many instances ours proves, which it does not, and where a peer was faster."""
    ours = {found.title: summary(found.runs[REFERENCE]) for found in comparisons}
    left = [title for title, run in ours.items() if not run.proved]
    text = f"`{REFERENCE}` proves {len(ours) - len(left)} of {len(ours)} optimal"
    text += f"; open: {', '.join(left)}." if left else "."
    faster = []
    for found in comparisons:
        peer, run = _fastest_exact_peer(found), ours[found.title]
        if peer and (not run.proved or (peer.cpu_s or 0.0) < (run.cpu_s or 0.0)):
            faster.append(f"{found.title} ({peer.peer})")
    if not faster:
        return f"{text} No exact peer is faster on any of them."
    return f"{text} An exact peer is faster on {len(faster)}: {', '.join(faster)}."


def overview(comparisons: Sequence[Comparison]) -> str:
    """CPU seconds of every solver (columns) on every instance (rows), with ratios to ours."""
    names = list(dict.fromkeys(name for found in comparisons for name in found.runs))
    rows = [("instance", "n x labels, edges", "optimum", *names)]
    for found in comparisons:
        cost, bound = _best(found)
        proved = any(summary(runs).proved for runs in found.runs.values())
        optimum = _number(cost, ".8g")
        if not proved:
            optimum = f"{_number(bound, '.7g')} .. {_number(cost, '.7g')}"
        reference = summary(found.runs[REFERENCE])
        rows.append(
            (
                found.title,
                f"{found.nodes} x {found.labels}, {found.edges}",
                optimum,
                *(_cell(summary(found.runs[name]), reference, cost) for name in names),
            )
        )
    return markdown_table(rows)


def memory_overview(comparisons: Sequence[Comparison]) -> str:
    """Peak MiB of solving, model included, of every solver on every instance."""
    names = list(dict.fromkeys(name for found in comparisons for name in found.runs))
    rows: list[tuple[str, ...]] = [("instance", *names)]
    for found in comparisons:
        used = (_solving_mib(summary(found.runs[name])) for name in names)
        rows.append((found.title, *(_number(mib, ".0f") for mib in used)))
    return markdown_table(rows)


def contradictions(comparison: Comparison) -> list[str]:
    """Bounds above another solver's cost: one of the two solvers, or the measurement, is wrong."""
    every = [run for found in comparison.runs.values() for run in found]
    bounds = [(run.bound, run.peer) for run in every if run.bound is not None]
    costs = [(run.cost, run.peer) for run in every if run.cost is not None]
    if not bounds or not costs:
        return []
    (bound, one), (cost, other) = max(bounds), min(costs)
    if bound - cost <= PROOF_TOLERANCE * max(1.0, abs(cost)):
        return []
    return [f"CONTRADICTION: {one} proves {bound!r}, but {other} found {cost!r}"]
