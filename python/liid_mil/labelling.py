"""Labels for extracted proposals: the multi-way cut under the image tags (LIID, section 5).

Input: an extraction. Output: the label of each proposal with and without the graph, a score, and
the cut's certificate.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import MultiwayCutResult, cut_margins, make_problem, multiway_cut
from liid_cut.npz import write_arrays
from liid_mil.class_mass import expected_objects, matching_scale, scaled
from liid_mil.data.types import Floats, Ints
from liid_mil.extraction import Extraction
from liid_mil.label_files import cut_facts

log = logging.getLogger(__name__)

# Settings of multiway_cut that only the graph depends on.
_SEARCH = ("n_neighbors", "symmetrize", "edge_weights", "zero_rows", "shared_tags")
LABEL_ARRAYS = ("labels", "labels_without_graph", "scores", "scores_without_graph")


@dataclass(frozen=True, eq=False)
class Labelling:
    """Labels of n extracted proposals, 0 the background.

    Attributes
    ----------
    labels : int64 (n,), those of the cheapest multi-way cut.
    labels_without_graph : int64 (n,), the most probable label that the tags allow; of equal ones
        the lower.
    scores : float32 (n,), how sure the cut is of each label: :func:`liid_cut.cut_margins`, where no
        other label is allowed the largest of them.
    scores_without_graph : float32 (n,), the network's probability of that label.
    background_scale : what the background's probabilities were multiplied by for the cut.
    result : what :func:`liid_cut.multiway_cut` returned, with bound and certificate.
    """

    labels: Ints
    labels_without_graph: Ints
    scores: Floats
    scores_without_graph: Floats
    background_scale: float
    result: MultiwayCutResult


def label(
    extraction: Extraction,
    *,
    delta: float | str = 5.0,
    background_scale: float | str = 1.0,
    across_images: bool = False,
    coverage: bool = False,
    **settings: Any,
) -> Labelling:
    """Label proposals by the multi-way cut of their graph, under their image's tags.

    Parameters
    ----------
    extraction : of :func:`liid_mil.extraction.extract`.
    delta : weight of edges against probabilities (Eq. 10), or ``"auto"``. The paper's 5 is for the
        paper's features; others may need less, and too much ruins labels silently. Proposals whose
        features are all zero (nothing in the box excites the network) have no neighbours.
    background_scale : times the background's probabilities, in the cut; ``"expected"``: such that
        as many proposals become objects as expected (:mod:`liid_mil.class_mass`).
    across_images : leave out the edges between proposals of one image. They overlap, so that their
        features agree whatever they show.
    coverage : every tag of an image is taken by one of its proposals at least.
    settings : further arguments of :func:`liid_cut.multiway_cut`, such as ``n_neighbors``,
        ``symmetrize``, ``time_limit``, ``n_jobs`` and ``progress``.

    Raises
    ------
    ValueError : a setting or a value of the extraction that the cut does not allow; with
        ``coverage``, an image with fewer proposals than tags.
    """
    allowed = extraction.allowed
    silent = int((~np.asarray(extraction.feats.any(axis=1))).sum())
    if silent > 0 and settings.get("preset") != "authors":
        log.warning("%d proposals have no features, so no neighbours", silent)
        settings = {"zero_rows": "isolate"} | settings
    if coverage:
        there = np.isin(np.arange(len(extraction.tags)), extraction.image_index)
        settings |= {"coverage": (extraction.image_index, extraction.tags & there[:, None])}
    graph: dict[str, Any] = {"feats": extraction.feats}
    if across_images or background_scale == "expected":
        search = {name: settings.pop(name) for name in _SEARCH if name in settings}
        graph = {"graph": _edges(extraction, across_images, search)}

    def cut(factor: float, delta: float | str = delta) -> MultiwayCutResult:
        weights = scaled(extraction.probs, factor)
        return multiway_cut(weights, **graph, allowed=allowed, delta=delta, **settings)

    if background_scale == "expected":
        chosen = cut(1.0).delta  # one for all, where it is estimated
        target = expected_objects(extraction.probs, allowed)
        background_scale = matching_scale(lambda factor: cut(factor, chosen), target)
        result = cut(background_scale, chosen)
    elif isinstance(background_scale, str) or not 0 < background_scale < np.inf:
        raise ValueError(
            f"background_scale is {background_scale!r}; it must be a positive number, or 'expected'"
        )
    else:
        result = cut(background_scale)
    probs = np.asarray(extraction.probs, dtype=np.float32)
    direct = np.where(allowed, probs, -1).argmax(axis=1)
    labels = result.labels.astype(np.int64)
    rows = np.arange(len(probs))
    margins = cut_margins(result, scaled(extraction.probs, background_scale), allowed=allowed)
    forced = np.isinf(margins)  # no tag, so that only the background is left
    margins[forced] = margins[~forced].max(initial=0.0)
    return Labelling(
        labels, direct, margins.astype(np.float32), probs[rows, direct], background_scale, result
    )


def _edges(
    extraction: Extraction, across_images: bool, search: dict[str, Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Edges (m, 2) and similarities (m,) of the proposals' graph."""
    problem = make_problem(
        extraction.probs, extraction.feats, allowed=extraction.allowed, delta=1.0, **search
    )
    kept = np.ones(len(problem.edges), dtype=bool)
    if across_images:
        ends = extraction.image_index[problem.edges]
        kept = ends[:, 0] != ends[:, 1]
    return problem.edges[kept], problem.weights[kept]


def write_labelling(
    path: str | Path,
    extraction: Extraction,
    labelling: Labelling,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write labels, scores and whose they are as one npz file of plain arrays.

    ``facts`` holds, as JSON, the cut's status, cost, bound, gap and warnings, and ``settings``:
    what :func:`label` was called with. :func:`liid_mil.label_files.read_labels` reads the file.

    Raises
    ------
    OSError : the folder is missing or cannot be written to.
    """
    arrays = {name: getattr(labelling, name) for name in LABEL_ARRAYS}
    arrays |= {
        "background_scale": np.array(labelling.background_scale),
        "rows": extraction.rows,
        "image_index": extraction.image_index,
        "boxes": extraction.boxes,
        "image_ids": np.array(extraction.image_ids, dtype=str),
        "class_names": np.array(extraction.class_names, dtype=str),
        "facts": np.array(json.dumps(cut_facts(labelling.result, settings or {}), default=str)),
    }
    write_arrays(path, arrays)
