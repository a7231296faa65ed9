"""Figures for papers: a result's components, bounds, timings and labels, drawn with matplotlib.

Input: a result, and where a figure needs them probabilities, true labels or other cuts. Output: the
matplotlib Axes, made where none are given, so that a caller adds what he likes and saves in any
format. matplotlib (extra ``[report]``) is imported when a figure is drawn. Colours are those of
Okabe and Ito, which colour-blind readers can tell apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from liid_cut import statistics

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8f98"
_MOST_COUNTS_WRITTEN = 15


def plot_components(result: Any, ax: Any = None) -> Any:
    """Histogram of component sizes, in classes 1, 2, 3-4, 5-8, ...: components and nodes.

    Parameters
    ----------
    result : MultiwayCutResult.
    ax : matplotlib Axes to draw into; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes, the number of components on a logarithmic scale.
    """
    axes = _axes(ax)
    classes = statistics.size_classes(result.components)
    x = np.arange(len(classes))
    axes.bar(x - 0.2, [c.n_components for c in classes], 0.4, color=BLUE, label="components")
    axes.bar(x + 0.2, [c.n_nodes for c in classes], 0.4, color=ORANGE, label="nodes in them")
    axes.set_xticks(x, [c.name for c in classes])
    axes.set(xlabel="nodes in the component", ylabel="count", yscale="symlog")
    axes.set_ylim(bottom=0)
    _legend_above(axes)
    return axes


def plot_bounds(result: Any, ax: Any = None) -> Any:
    """Cost and lower bound of the components that each stage closed, and the gap that is left.

    Parameters
    ----------
    result : MultiwayCutResult.
    ax : matplotlib Axes; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes.
    """
    axes = _axes(ax)
    stages = statistics.by_stage(result.components)
    y = np.arange(len(stages))
    bounds = np.array([s.lower_bound for s in stages])
    gaps = np.array([s.gap for s in stages])
    axes.barh(y, bounds, color=BLUE, label="lower bound")
    axes.barh(y, gaps, left=bounds, color=ORANGE, hatch="///", edgecolor="white", label="gap")
    for i, stage in enumerate(stages):
        words = f" {stage.n_components:,} components, {stage.n_nodes:,} nodes"
        axes.annotate(words, (stage.cost, i), va="center", fontsize="small")
    axes.set_yticks(y, [s.stage.replace("_", " ") for s in stages])
    axes.invert_yaxis()
    # Room for the words beside the longest bar.
    axes.set_xlim(
        min(0.0, float(bounds.min(initial=0.0))), 1.5 * max([s.cost for s in stages] + [0.1])
    )
    axes.set(xlabel="cost", title=f"gap {result.gap:.3g} of cost {result.cost:.6g}")
    axes.legend(frameon=False, loc="lower right")
    return axes


def plot_timings(result: Any, ax: Any = None) -> Any:
    """Wall-clock seconds by stage, as horizontal bars.

    Parameters
    ----------
    result : MultiwayCutResult.
    ax : matplotlib Axes; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes.
    """
    axes = _axes(ax)
    stages = {name: value for name, value in result.timings.items() if name != "total"}
    bars = axes.barh(list(stages), list(stages.values()), color=BLUE)
    axes.bar_label(bars, [f"{value:.3g} s" for value in stages.values()], padding=3)
    axes.invert_yaxis()
    axes.set_xlim(right=1.25 * max([*stages.values(), 1e-9]))
    axes.set(xlabel="seconds", title=f"total {result.timings['total']:.3g} s")
    return axes


def plot_confusion(
    result: Any, truth: Any, label_names: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """True labels against labels: rows add up to 1, counts are written where there is room.

    Parameters
    ----------
    result : MultiwayCutResult, or labels (n,).
    truth : (n,) integers, -1 unknown.
    label_names : K+1 names; None: numbers.
    ax : matplotlib Axes; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes.

    Raises
    ------
    ValueError, TypeError : ``truth`` or ``label_names`` does not fit the result.
    """
    labels = np.asarray(result)
    known = np.asarray(truth)
    if hasattr(result, "messages"):
        n_labels = int(result.messages.shape[1])
    else:
        n_labels = int(max(labels.max(initial=0), known.max(initial=0))) + 1
    names = [str(k) for k in range(n_labels)] if label_names is None else list(label_names)
    if len(names) != n_labels:
        raise ValueError(f"label_names has {len(names)} names; there must be {n_labels}")
    counts = statistics.confusion(known, labels, n_labels)
    axes = _axes(ax)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if n_labels <= _MOST_COUNTS_WRITTEN:
        for i, j in np.argwhere(counts):
            ink = "white" if shares[i, j] > 0.6 else "black"
            axes.text(
                j, i, f"{counts[i, j]}", ha="center", va="center", color=ink, fontsize="small"
            )
    axes.set_xticks(np.arange(n_labels), names, rotation=90 if label_names is not None else 0)
    axes.set_yticks(np.arange(n_labels), names)
    axes.set(xlabel="label", ylabel="true label")
    right = statistics.accuracy(statistics.as_truth(known, len(labels), n_labels), labels)
    axes.set_title(f"accuracy {right:.1%}")
    return axes


def plot_delta_path(
    path: Iterable[Any], truth: Any = None, probs: Any = None, ax: Any = None
) -> Any:
    """What delta does: accuracy where the truth is known, else the share of labels that change.

    Parameters
    ----------
    path : cuts with ``delta`` and ``labels``, or pairs of a delta and a result.
    truth : (n,) integers, -1 unknown; None: labels are compared with those at the least delta.
    probs : (n, K+1); with the truth, a dashed line has the accuracy of the most probable labels.
    ax : matplotlib Axes; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes, delta on a logarithmic scale where it is positive.

    Raises
    ------
    ValueError : the path is empty.
    """
    points = [(p.delta, p) if hasattr(p, "delta") else p for p in path]
    if not points:
        raise ValueError("path is empty; it needs at least one cut")
    deltas = [float(delta) for delta, _ in points]
    labels = [np.asarray(cut.labels) for _, cut in points]
    axes = _axes(ax)
    if truth is not None:
        known = np.asarray(truth)
        values = [statistics.accuracy(known, found) for found in labels]
        axes.set_ylabel("accuracy")
        if probs is not None:
            base = statistics.accuracy(known, np.asarray(probs).argmax(axis=1))
            axes.axhline(base, color=GREY, linestyle="--", label="most probable label")
    else:
        first = labels[int(np.argmin(deltas))]
        values = [float((found != first).mean()) for found in labels]
        axes.set_ylabel(f"share of labels other than at delta {min(deltas):g}")
    axes.plot(deltas, values, "o-", color=BLUE, label="cut")
    if min(deltas) > 0:
        axes.set_xscale("log")
    axes.set_xlabel("delta")
    _legend_above(axes)
    return axes


def plot_labels(
    result: Any, probs: Any, label_names: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """Nodes of each label: most probable labels, and those of the cut.

    Parameters
    ----------
    result : MultiwayCutResult.
    probs : (n, K+1).
    label_names : K+1 names; None: numbers.
    ax : matplotlib Axes; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes.

    Raises
    ------
    ValueError : ``label_names`` does not fit ``probs``.
    """
    matrix = np.asarray(probs)
    n_labels = matrix.shape[1]
    names = [str(k) for k in range(n_labels)] if label_names is None else list(label_names)
    if len(names) != n_labels:
        raise ValueError(f"label_names has {len(names)} names; there must be {n_labels}")
    axes = _axes(ax)
    x = np.arange(n_labels)
    before = np.bincount(matrix.argmax(axis=1), minlength=n_labels)
    after = np.bincount(np.asarray(result), minlength=n_labels)
    axes.bar(x - 0.2, before, 0.4, color=GREY, label="most probable")
    axes.bar(x + 0.2, after, 0.4, color=BLUE, label="cut")
    axes.set_xticks(x, names, rotation=90 if label_names is not None else 0)
    axes.set(ylabel="nodes")
    _legend_above(axes)
    return axes


def _legend_above(axes: Any) -> None:
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError('figures need matplotlib: pip install "liid-cut[report]"') from None
    return pyplot.subplots(layout="constrained")[1]
