"""Draws docs/method.png, the method on a toy problem; run with the extra ``demo`` installed.

    python docs/method_figure.py

Four panels, all computed by the package: the classifier's labels, the mutual nearest-neighbour
graph with its components, the labels after the cut, and the cost against its lower bound.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from liid_cut import MultiwayCutResult, build_graph, multiway_cut

COLOURS = np.array(["#4477aa", "#ee6677", "#228833"])
GREY = "#888888"


def toy_problem(seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, unit features on an arc and true labels of 75 points in three classes."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), 25)
    angle = np.deg2rad(20 + 35 * truth + rng.normal(0, 5, truth.size))
    radius = 1 + 0.32 * rng.random(truth.size)
    feats = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
    logits = 1.1 * np.eye(3)[truth] + rng.normal(0, 0.75, (truth.size, 3))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probs, feats, truth


def scatter(axes: Axes, feats: np.ndarray, labels: np.ndarray, truth: np.ndarray) -> None:
    """Points coloured by label; a ring marks a wrong one."""
    wrong = labels != truth
    axes.scatter(*feats.T, c=COLOURS[labels], s=26, zorder=3)
    axes.scatter(*feats[wrong].T, facecolors="none", edgecolors="black", s=70, zorder=4)
    axes.set_xlabel(f"{wrong.sum()} of {truth.size} wrong (ringed)")


def draw_edges(axes: Axes, feats: np.ndarray, result: MultiwayCutResult) -> None:
    """Edges of the graph; those that the cut removes are dashed red."""
    cut = result.labels[result.edges[:, 0]] != result.labels[result.edges[:, 1]]
    for edges, style in ((result.edges[~cut], "-"), (result.edges[cut], ":")):
        colour = GREY if style == "-" else "#cc0000"
        axes.add_collection(LineCollection(feats[edges], colors=colour, linestyles=style, lw=1.4))


def main() -> None:
    """Solve the toy problem and draw it."""
    probs, feats, truth = toy_problem()
    result = multiway_cut(probs, graph=build_graph(feats, n_neighbors=3, delta=0.3))
    figure, panels = plt.subplots(1, 4, figsize=(15, 3.7), layout="constrained")

    panels[0].set_title("1  probabilities and features\nof n proposals: argmax")
    scatter(panels[0], feats, probs.argmax(axis=1), truth)
    panels[1].set_title(f"2  mutual top-3 cosine graph:\n{result.n_components} components")
    draw_edges(panels[1], feats, result)
    panels[1].scatter(*feats.T, c=result.component_ids % 20, cmap="tab20", s=26, zorder=3)
    panels[1].set_xlabel("colour: component")
    panels[2].set_title("3  cheapest multi-way cut:\nlabels agree along strong edges")
    draw_edges(panels[2], feats, result)
    scatter(panels[2], feats, result.labels, truth)
    panels[3].set_title("4  certificate, component by component:\nlower bound = cost")
    panels[3].bar(np.arange(result.n_components), result.components["cost"], color="#bbbbbb")
    panels[3].plot(result.components["lower_bound"], "_", color="black", ms=9, mew=2)
    panels[3].set_xlabel(f"bars: cost, marks: bound; sum {result.cost:.4f}, {result.status}")
    for panel in panels[:3]:
        panel.set(xticks=[], yticks=[], aspect="equal")
    figure.savefig(Path(__file__).with_name("method.png"), dpi=80)


if __name__ == "__main__":
    main()
