"""What the report is made from, checked: one object that the sections read.

Input: the arguments of :func:`liid_cut.report.write_report`. Output: :class:`ReportData`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.confidence import cut_margins
from liid_cut.costs import adds_up, label_costs_of
from liid_cut.inputs import as_array, as_index_array
from liid_cut.report.images import ReportImage
from liid_cut.result import MultiwayCutResult
from liid_cut.statistics import accuracy, as_truth

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Crops = Callable[[int], npt.NDArray[Any]]

# Of the cost: how far the terminal weights and edges may be from it before the page says that its
# arithmetic is not that of the cut.


@dataclass(frozen=True)
class DeltaStep:
    """One cut of a sequence over delta: its labels (n,), cost, lower bound and status."""

    delta: float
    labels: Ints
    cost: float
    lower_bound: float
    status: str


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the page is made from; n nodes, K+1 labels.

    ``costs`` : (n, K+1) of the labels at their terminals; None where ``probs`` are not known.
    ``before`` : (n,) cheapest label by ``costs``, which is the most probable one that is allowed.
    ``adds_up`` : whether the cost of the labels, from ``costs`` and the graph, is the result's.
    """

    result: MultiwayCutResult
    title: str
    label_names: list[str]
    node_names: list[str] | None = None
    probs: npt.NDArray[Any] | None = None
    costs: Floats | None = None
    adds_up: bool = True
    before: Ints | None = None
    after: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    truth: Ints | None = None
    images: list[ReportImage] = field(default_factory=list)
    crops: Crops | None = None
    steps: list[DeltaStep] = field(default_factory=list)
    margins: Floats | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.after)

    @property
    def changed(self) -> Ints:
        """Nodes whose label the cut changed, ascending."""
        if self.before is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.before != self.after)

    def accuracy(self, labels: Any) -> float | None:
        """Of ``labels`` where the truth is known; None where it is nowhere known."""
        if self.truth is None or (self.truth < 0).all():
            return None
        return accuracy(self.truth, labels)


def collect(
    result: MultiwayCutResult,
    *,
    probs: Any,
    allowed: Any,
    images: Iterable[ReportImage] | None,
    crops: Any,
    label_names: Sequence[str] | None,
    node_names: Sequence[str] | None,
    truth: Any,
    delta_path: Iterable[Any] | None,
    margins: Any,
    facts: Mapping[str, str | float] | None,
    title: str,
) -> ReportData:
    """Check the arguments of :func:`liid_cut.report.write_report`.

    Raises
    ------
    ValueError, TypeError : an argument does not fit the result; the message names it.
    """
    labels = np.asarray(result.labels, dtype=np.int64)
    n, n_labels = len(labels), int(result.messages.shape[1])
    matrix = costs = before = None
    fits = True
    if probs is not None:
        costs = label_costs_of(result, probs, allowed)
        matrix = as_array("probs", probs)
        before = costs.argmin(axis=1).astype(np.int64)
        fits = adds_up(result, costs)
        if margins is None and fits:
            margins = cut_margins(result, probs, allowed=allowed)
    elif allowed is not None:
        raise ValueError("allowed belongs to probs, which is missing")

    return ReportData(
        result=result,
        title=title,
        label_names=_names("label_names", label_names, n_labels) or _default_names(n_labels),
        node_names=_names("node_names", node_names, n),
        probs=matrix,
        costs=costs,
        adds_up=fits,
        before=before,
        after=labels,
        truth=None if truth is None else as_truth(truth, n, n_labels),
        images=_checked_images(images, n, n_labels),
        crops=_as_crops(crops, n),
        steps=_steps(result, delta_path, n_labels),
        margins=_as_margins(margins, n),
        facts={str(key): _shown(value) for key, value in (facts or {}).items()},
    )


def _names(argument: str, names: Sequence[str] | None, wanted: int) -> list[str] | None:
    if names is None:
        return None
    if isinstance(names, str):
        raise TypeError(f"{argument} is a string; it must be a sequence of {wanted} names")
    found = [str(name) for name in names]
    if len(found) != wanted:
        raise ValueError(f"{argument} has {len(found)} names; there must be {wanted}")
    return found


def _default_names(n_labels: int) -> list[str]:
    return [str(k) for k in range(n_labels)]


def _checked_images(
    images: Iterable[ReportImage] | None, n: int, n_labels: int
) -> list[ReportImage]:
    """The images; each node lies in at most one of them."""
    found = list(images or ())
    taken = np.zeros(n, dtype=bool)
    for image in found:
        if not isinstance(image, ReportImage):
            raise TypeError(f"images holds a {type(image).__name__}; it must hold ReportImage")
        as_index_array(f"image {image.image_id!r}: nodes", image.nodes, n, "nodes")
        twice = image.nodes[taken[image.nodes]]
        if twice.size or len(np.unique(image.nodes)) < len(image.nodes):
            node = twice[0] if twice.size else _first_repeated(image.nodes)
            raise ValueError(f"image {image.image_id!r}: node {node} was named before")
        taken[image.nodes] = True
        if image.truth_labels is not None:
            name = f"image {image.image_id!r}: truth_labels"
            as_index_array(name, image.truth_labels, n_labels, "labels")
    return found


def _first_repeated(nodes: Ints) -> int:
    values, counts = np.unique(nodes, return_counts=True)
    return int(values[counts > 1][0])


def _as_crops(crops: Any, n: int) -> Crops | None:
    if crops is None:
        return None
    if callable(crops):
        function: Crops = crops
        return function
    pictures = as_array("crops", crops)
    shaped = pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[3] == 3)
    if not shaped or len(pictures) != n or pictures.dtype != np.uint8:
        raise ValueError(
            f"crops has shape {pictures.shape}, dtype {pictures.dtype}; it must be uint8 "
            f"({n}, h, w) or ({n}, h, w, 3)"
        )
    return lambda node: pictures[node]


def _steps(
    result: MultiwayCutResult, delta_path: Iterable[Any] | None, n_labels: int
) -> list[DeltaStep]:
    """The cuts by delta, and the result among them if its delta is known."""
    n = len(result.labels)
    steps = [_step(i, point, n, n_labels) for i, point in enumerate(delta_path or ())]
    delta = result.get("delta")
    if not steps or delta is None or any(np.isclose(step.delta, delta) for step in steps):
        return steps
    steps.append(_step(len(steps), result, n, n_labels))
    return sorted(steps, key=lambda step: step.delta)


def _step(i: int, point: Any, n: int, n_labels: int) -> DeltaStep:
    delta, point = (point.delta, point) if hasattr(point, "delta") else point
    labels = as_index_array(f"delta_path[{i}].labels", point.labels, n_labels, "labels")
    if labels.shape != (n,):
        raise ValueError(f"delta_path[{i}].labels has shape {labels.shape}; it must be ({n},)")
    cost, bound = float(point.cost), float(point.lower_bound)
    return DeltaStep(float(delta), labels, cost, bound, str(point.status))


def _as_margins(margins: Any, n: int) -> Floats | None:
    if margins is None:
        return None
    array = as_array("margins", margins).astype(np.float64)
    if array.shape != (n,):
        raise ValueError(f"margins has shape {array.shape}; it must be ({n},)")
    if np.isnan(array).any():
        raise ValueError(f"margins[{int(np.argmax(np.isnan(array)))}] is nan")
    return array


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,.6g}"
