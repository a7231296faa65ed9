"""Results of batches: as flat arrays for a file, and united into the result of one core call.

United results have the bits of one call on the whole problem: table and messages are put in their
places, cost and bound are added up in the core's order and by its sum, proofs are renumbered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.npz import Arrays
from liid_cut.proof_files import pack, unpack
from liid_cut.runs.batches import Part

Raw = dict[str, Any]

_COLUMN = "component_"
_STATUS = {name: code for code, name in enumerate(_core.STATUSES)}
_OPTIMAL, _INTERRUPTED = _STATUS["optimal"], _STATUS["interrupted"]
# What another call would find again: no limit of time or memory struck.
_REPEATABLE = tuple(_STATUS[name] for name in ("optimal", "size_limit", "unproven"))


def call_interrupted(raw: Raw) -> None:
    """Change the status of components that no time was left for after an interrupt."""
    status = raw["components"]["status"]
    status[status == _STATUS["time_limit"]] = _STATUS["interrupted"]


def is_repeatable(raw: Raw) -> bool:
    """Whether a batch came to its own end, so that it may be kept."""
    return bool(np.isin(raw["components"]["status"], _REPEATABLE).all())


def to_block(raw: Raw) -> tuple[Arrays, dict[str, Any]]:
    """What ``_core.solve`` returned, as arrays and JSON-ready facts; ids are those of the batch."""
    proofs, arrays = pack(raw["proofs"])
    arrays |= {"labels": raw["labels"], "messages": raw["messages"]}
    arrays |= {_COLUMN + name: column for name, column in raw["components"].items()}
    return arrays, {"proofs": proofs, "proofs_complete": raw["proofs_complete"]}


def from_block(arrays: Arrays, facts: dict[str, Any]) -> Raw:
    """What :func:`merge` needs of a result, from what :func:`to_block` made."""
    return {
        "labels": arrays["labels"],
        "messages": arrays["messages"],
        "components": {
            name.removeprefix(_COLUMN): column
            for name, column in arrays.items()
            if name.startswith(_COLUMN)
        },
        "proofs": unpack(facts["proofs"], arrays),
        "proofs_complete": facts["proofs_complete"],
    }


def merge(
    component_ids: npt.NDArray[np.int32],
    n_edges: int,
    n_labels: int,
    results: Iterable[tuple[Part, Raw]],
    *,
    messages: bool = True,
) -> Raw:
    """One result of those of all batches, which are taken over one after another.

    Parameters
    ----------
    component_ids : (n,) of the problem.
    results : every batch once, in any order.
    messages : False: leave them in the batches, the entry is None.

    Returns
    -------
    dict, as ``_core.solve`` returns, but for ``timings``.
    """
    n_components = int(component_ids.max(initial=-1)) + 1
    labels = np.empty(len(component_ids), dtype=np.int32)
    united = np.zeros((n_edges, n_labels)) if messages else None
    table: Arrays = {}
    proofs: list[dict[str, Any]] = []
    complete = True
    for part, raw in results:
        labels[part.nodes] = raw["labels"]
        if united is not None:
            united[part.edges] = raw["messages"]
        for name, column in raw["components"].items():
            table.setdefault(name, np.empty(n_components, column.dtype))[part.components] = column
        for proof in raw["proofs"]:
            _renumber(proof, part.nodes.astype(np.int32), part.edges)
        proofs += raw["proofs"]
        complete = complete and raw["proofs_complete"]
    proofs.sort(key=lambda proof: int(proof["nodes"][0]))  # disjoint
    cost = compensated_sum(table["cost"])
    return {
        "labels": labels,
        "cost": cost,
        "lower_bound": min(compensated_sum(table["lower_bound"]), cost),
        "status": _core.STATUSES[_status(table["status"])],
        "component_ids": component_ids,
        "components": table,
        "messages": united,
        "proofs": proofs,
        "proofs_complete": complete,
    }


def compensated_sum(values: npt.NDArray[np.float64]) -> float:
    """The core's sum (Neumaier 1974), term by term in the same order: the same bits."""
    if len(values) == 0:
        return 0.0
    after = np.add.accumulate(values)
    before = np.concatenate([[0.0], after[:-1]])
    lost = np.where(
        np.abs(before) >= np.abs(values), (before - after) + values, (values - after) + before
    )
    return float(after[-1] + np.add.accumulate(lost)[-1])


def _status(of_component: npt.NDArray[np.int8]) -> int:
    """Of the whole, by the core's rule: interrupted if any is, else the last that is open."""
    if (of_component == _INTERRUPTED).any():
        return _INTERRUPTED
    still_open = of_component[of_component != _OPTIMAL]
    return int(still_open[-1]) if len(still_open) else _OPTIMAL


def _renumber(
    proof: dict[str, Any], nodes: npt.NDArray[np.int32], edges: npt.NDArray[np.int64]
) -> None:
    """From the ids of a batch to those of the problem, in place; deep trees need no recursion."""
    parts: list[dict[str, Any]] = [proof]
    steps: list[dict[str, Any]] = []
    while parts or steps:
        if parts:
            part = parts.pop()
            part["nodes"], part["edges"] = nodes[part["nodes"]], edges[part["edges"]]
            steps.append(part["proof"])
            continue
        step = steps.pop()
        for cut in step.get("cuts", ()):
            cut["edges"], cut["named"] = edges[cut["edges"]], nodes[cut["named"]]
        if "node" in step:
            step["node"] = int(nodes[step["node"]])
        if "ruled_out" in step:
            pairs = step["ruled_out"]
            step["ruled_out"] = np.stack([nodes[pairs[:, 0]], pairs[:, 1].astype(np.int32)], axis=1)
        parts += step.get("parts", ())
        steps += step["children"]
