"""Labels as files hold them: those of ``liid-mil label``, and results of ``liid-cut solve``.

Input: an npz file. Output: a label and a score for each proposal of a store, and what is known of
the cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liid_cut import MultiwayCutResult, __version__
from liid_cut.files import read_result
from liid_cut.npz import read_arrays, require
from liid_mil.data.types import Boxes, Floats, Ints
from liid_mil.proposals.store import ProposalStore

_ARRAYS = ("labels", "scores", "rows", "boxes", "image_ids", "class_names")
_ARRAYS_WITHOUT_GRAPH = ("labels_without_graph", "scores_without_graph")
_KINDS = {  # of the arrays that have an entry a proposal
    "labels": "iu",
    "scores": "f",
    "rows": "iu",
    "labels_without_graph": "iu",
    "scores_without_graph": "f",
    "boxes": "iuf",
}


@dataclass(frozen=True, eq=False)
class LabelFile:
    """Labels of n proposals, and whose they are.

    Attributes
    ----------
    labels : (n,) integers 0..K.
    scores : (n,), or None where the file has none.
    rows : (n,), rising: each proposal's place among all of the store; None: they are all there.
    boxes : (n, 4) of the proposals, or None.
    image_ids, class_names : N and K names, or None.
    cut : as :func:`cut_facts` gives it; None: the file does not say.
    """

    path: Path
    labels: Ints
    scores: Floats | None
    rows: Ints | None
    boxes: Boxes | None
    image_ids: tuple[str, ...] | None
    class_names: tuple[str, ...] | None
    cut: Mapping[str, Any] | None

    def of_store(self, store: ProposalStore) -> tuple[Ints, Floats]:
        """Labels and scores of all proposals of the store; those without a label are background.

        Where the file has no scores, they are the proposals' own.

        Raises
        ------
        ValueError : the labels are of other proposals.
        """
        if self.image_ids is not None and self.image_ids != store.image_ids:
            raise ValueError(f"{self.path}: labels of other images than those of {store.path}")
        n = len(store.boxes)
        rows = np.arange(len(self.labels)) if self.rows is None else self.rows
        n_needed = len(rows) if self.rows is None else int(rows.max(initial=-1)) + 1
        if n_needed > n or (self.rows is None and n_needed < n):
            raise ValueError(f"{self.path}: {n_needed} labels, but {store.path} has {n} proposals")
        if self.boxes is not None and not np.array_equal(store.boxes[rows], self.boxes):
            raise ValueError(f"{self.path}: labels of other boxes than those of {store.path}")
        labels, scores = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.float32)
        labels[rows] = self.labels
        scores[rows] = store.scores[rows] if self.scores is None else self.scores
        return labels, scores


def cut_facts(result: MultiwayCutResult, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a result says of itself, as JSON holds it; ``settings``: what the cut was given."""
    return {
        "version": result.get("version", __version__),
        "status": result.status,
        "cost": _finite(result.cost),
        "lower_bound": _finite(result.lower_bound),
        "gap": _finite(result.cost - result.lower_bound),
        "n_components": len(result.components),
        "warnings": result.get("diagnostics", {}).get("warnings", []),
        "settings": dict(settings),
    }


def read_labels(path: str | Path, *, without_graph: bool = False) -> LabelFile:
    """Read a file of ``liid-mil label``, or a result of ``liid-cut solve``.

    ``without_graph``: the labels that the network alone gives.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it is neither, is damaged, or has no labels without the graph.
    """
    path = Path(path)
    arrays = read_arrays(path)
    if "component_ids" in arrays:
        if without_graph:
            raise ValueError(f"{path}: a result of a cut has no labels without the graph")
        result = read_result(path)
        cut = cut_facts(result, {"preset": result.preset})
        labels = result.labels.astype(np.int64)
        return LabelFile(path, labels, None, None, None, None, None, cut)
    require(path, arrays, (*_ARRAYS, *_ARRAYS_WITHOUT_GRAPH), "a file of `liid-mil label` has them")
    n = arrays["labels"].size  # (n,) is checked with the others
    for name, kinds in _KINDS.items():
        shape = (n, 4) if name == "boxes" else (n,)
        if arrays[name].shape != shape or arrays[name].dtype.kind not in kinds:
            raise ValueError(
                f"{path}: damaged: {name} is {arrays[name].dtype} {arrays[name].shape}"
            )
    for name in ("image_ids", "class_names"):
        if arrays[name].ndim != 1:
            raise ValueError(f"{path}: damaged: {name} has shape {arrays[name].shape}")
    rows = arrays["rows"].astype(np.int64)
    if n > 0 and (rows[0] < 0 or (np.diff(rows) <= 0).any()):
        raise ValueError(f"{path}: damaged: rows must rise")
    names = _ARRAYS_WITHOUT_GRAPH if without_graph else ("labels", "scores")
    return LabelFile(
        path,
        arrays[names[0]],
        arrays[names[1]],
        rows,
        arrays["boxes"],
        tuple(map(str, arrays["image_ids"])),
        tuple(map(str, arrays["class_names"])),
        None if without_graph else _facts(path, arrays),
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _facts(path: Path, arrays: Mapping[str, Any]) -> dict[str, Any] | None:
    if "facts" not in arrays:
        return None
    try:
        facts = json.loads(str(arrays["facts"]))
    except ValueError as error:
        raise ValueError(f"{path}: damaged facts: {error}") from None
    if not isinstance(facts, dict):
        raise ValueError(f"{path}: damaged facts: not a JSON object")
    return facts
