"""Pictures of the results page, as small PNG files.

Input: the points that ``scaling --json`` wrote, or the rows of ``feature_graphs --json``; output:
``figures/NAME.png``. Matplotlib
is imported by the functions, so that the page can be built without pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[dict[str, Any]]
SIZE_IN = (7.0, 2.9)
DPI = 90


def _groups(points: Points, *keys: str) -> Iterable[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """Points with the same values of ``keys``, in the order of their first one."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in points:
        found.setdefault(tuple(point[key] for key in keys), []).append(point)
    return found.items()


def _line(axes: Axes, points: Points, x: str, y: Callable[[Any], float], label: str = "") -> None:
    """A line through the points; hollow where the optimum is not proven."""
    xs, ys = [point[x] for point in points], [y(point) for point in points]
    (line,) = axes.plot(xs, ys, "-", label=label)
    for at, value, point in zip(xs, ys, points, strict=True):
        face = line.get_color() if point["status"] == "optimal" else "white"
        axes.plot(at, value, "o", color=line.get_color(), markerfacecolor=face, markersize=5)


def _same_scale(left: Axes, right: Axes) -> None:
    low = min(left.get_ylim()[0], right.get_ylim()[0])
    high = max(left.get_ylim()[1], right.get_ylim()[1])
    for axes in (left, right):
        axes.set_ylim(low, high)


def _cpu(point: dict[str, Any]) -> float:
    return float(point["cpu_s"])


def _us_a_node(point: dict[str, Any]) -> float:
    return 1e6 * float(point["cpu_s"]) / float(point["nodes"])


def _over_input(point: dict[str, Any]) -> float:
    return float(point["peak_over_input_mib"] / point["input_mib"])


def _nodes(left: Axes, right: Axes, points: Points) -> None:
    for (labels, block, d), group in _groups(points, "labels", "block", "dimension"):
        name = f"{labels} labels, {d}-d" + (", blocks" if block < group[-1]["nodes"] else "")
        _line(left, group, "nodes", _us_a_node, name)
        _line(right, group, "nodes", _over_input, name)
    left.set(xscale="log", xlabel="nodes", ylabel="CPU us a node", ylim=(0, None))
    right.set(xscale="log", xlabel="nodes", ylabel="peak over input / input", ylim=(0, None))
    left.legend()


def _labels(left: Axes, right: Axes, points: Points) -> None:
    _line(left, points, "labels", _us_a_node)
    _line(right, points, "labels", lambda point: float(point["peak_over_input_mib"]))
    left.set(xlabel="labels", ylabel="CPU us a node", ylim=(0, None))
    right.set(xlabel="labels", ylabel="peak MiB over input", ylim=(0, None))


def _delta(left: Axes, right: Axes, points: Points) -> None:
    for axes, kind in ((left, "mutual"), (right, "union")):
        _line(axes, [point for point in points if point["symmetrize"] == kind], "delta", _cpu)
        axes.set(xscale="log", yscale="log", xlabel="delta", ylabel="CPU s", title=kind)
    _same_scale(left, right)


def _features(left: Axes, right: Axes, rows: Points) -> None:
    for (graph, probs), group in _groups(rows, "graph", "probs"):
        kind, neighbors = graph.split()
        points = [row["free"] | {"delta": row["delta"]} for row in group]
        axes = left if kind == "mutual" else right
        _line(axes, points, "delta", _cpu, f"k {neighbors}, {probs.replace('_', ' ')}")
        axes.set(xscale="log", yscale="log", xlabel="delta", ylabel="CPU s", title=kind)
    _same_scale(left, right)
    lines = left.get_legend_handles_labels()
    left.figure.legend(*lines, loc="outside center right", fontsize="x-small")


def _threads(left: Axes, right: Axes, points: Points) -> None:
    for (nodes, labels), group in _groups(points, "nodes", "labels"):
        name = f"{nodes} x {labels}"
        _line(left, group, "threads", lambda point: float(point["wall_s"]), name)
        _line(right, group, "threads", _cpu, name)
    for axes, label in ((left, "wall s"), (right, "CPU s, all threads")):
        axes.set(xlabel="threads", ylabel=label, ylim=(0, None))
        axes.set_xticks(sorted({point["threads"] for point in points}))
    left.legend()


DRAW: dict[str, Callable[[Any, Any, Points], None]] = {
    "features": _features,
    "nodes": _nodes,
    "labels": _labels,
    "delta": _delta,
    "threads": _threads,
}


def draw(name: str, points: Points, path: Path) -> None:
    """Draw the two panels of one picture to ``path``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, layout="constrained")
    left, right = figure.subplots(1, 2)
    DRAW[name](left, right, points)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
