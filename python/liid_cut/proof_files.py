"""Proofs as a few flat arrays and a list of plain steps, so that they can be stored without pickle.

A proof is a tree of dictionaries (see :mod:`liid_cut.verify`). Packed, every step is one entry of a
list that names its children and parts by their place in it, and every array is a slice of one long
array: files stay small in number of members, and deep trees need no recursion.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Step = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]


def pack(parts: list[dict[str, Any]]) -> tuple[dict[str, Any], Arrays]:
    """Turn ``result.proofs`` into JSON-ready facts and arrays."""
    floats: list[npt.NDArray[np.float64]] = []
    ints: list[npt.NDArray[np.int64]] = []
    steps: list[Step] = []
    waiting: list[tuple[Step, Step]] = []  # a step, and its entry

    def store(array: Any, pool: list[Any], dtype: Any) -> list[int] | None:
        if array is None:
            return None
        pool.append(np.asarray(array, dtype=dtype).ravel())
        return list(np.shape(array))

    def place(step: Step) -> int:
        steps.append({})
        waiting.append((step, steps[-1]))
        return len(steps) - 1

    def pack_parts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "nodes": store(part["nodes"], ints, np.int64),
                "edges": store(part["edges"], ints, np.int64),
                "proof": place(part["proof"]),
            }
            for part in parts
        ]

    top = pack_parts(parts)
    done = 0
    while done < len(waiting):
        step, entry = waiting[done]
        done += 1
        entry["kind"] = step["kind"]
        entry["messages"] = store(step["messages"], floats, np.float64)
        if "cuts" in step:
            entry["cuts"] = [
                {
                    "edges": store(cut["edges"], ints, np.int64),
                    "named": store(cut["named"], ints, np.int64),
                    "multiplier": float(cut["multiplier"]),
                }
                for cut in step["cuts"]
            ]
        if step["kind"] == "branch":
            entry |= {"node": int(step["node"]), "label": int(step["label"])}
        if step["kind"] == "rule_out":
            entry["ruled_out"] = store(step["ruled_out"], ints, np.int64)
        if step["kind"] == "bound":
            entry["parts"] = pack_parts(step["parts"])
        entry["children"] = [place(child) for child in step["children"]]
    arrays: Arrays = {
        "proof_floats": np.concatenate([*floats, np.empty(0)]),
        "proof_ints": np.concatenate([*ints, np.empty(0, dtype=np.int64)]),
    }
    return {"parts": top, "steps": steps}, arrays


def unpack(facts: dict[str, Any], arrays: Arrays) -> list[dict[str, Any]]:
    """Turn what :func:`pack` made back into ``result.proofs``.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError : the facts and arrays do not fit together.
    """
    floats, ints = _Reader(arrays["proof_floats"], "f"), _Reader(arrays["proof_ints"], "i")
    steps: list[Step] = [{} for _ in facts["steps"]]

    unused = set(range(len(steps)))

    def later(index: int, after: int) -> Step:
        # A step only names later ones, and each is named once: no loop, nothing shared.
        if index <= after or index not in unused:
            raise ValueError(f"a proof names step {index}")
        unused.remove(index)
        return steps[index]

    def unpack_parts(entries: list[dict[str, Any]], after: int) -> list[dict[str, Any]]:
        return [
            {
                "nodes": ints.take(part["nodes"]),
                "edges": ints.take(part["edges"]),
                "proof": later(part["proof"], after),
            }
            for part in entries
        ]

    top = unpack_parts(facts["parts"], -1)
    for i, (entry, step) in enumerate(zip(facts["steps"], steps, strict=True)):
        step["kind"] = entry["kind"]
        step["messages"] = floats.take(entry["messages"])
        if "cuts" in entry:
            step["cuts"] = [
                {
                    "edges": ints.take(cut["edges"]),
                    "named": ints.take(cut["named"]),
                    "multiplier": cut["multiplier"],
                }
                for cut in entry["cuts"]
            ]
        if entry["kind"] == "branch":
            step |= {"node": entry["node"], "label": entry["label"]}
        if entry["kind"] == "rule_out":
            step["ruled_out"] = ints.take(entry["ruled_out"])
        if entry["kind"] == "bound":
            step["parts"] = unpack_parts(entry["parts"], i)
        step["children"] = [later(child, i) for child in entry["children"]]
    return top


class _Reader:
    """Hands out consecutive slices of one long array."""

    def __init__(self, values: npt.NDArray[Any], kind: str) -> None:
        if values.ndim != 1 or values.dtype.kind != kind:
            raise ValueError(f"proofs are stored as shape {values.shape}, dtype {values.dtype}")
        self.values = values
        self.position = 0

    def take(self, shape: list[int] | None) -> Any:
        if shape is None:
            return None
        if not all(isinstance(length, int) and length >= 0 for length in shape):
            raise ValueError(f"proofs have an array of shape {shape}")
        size = math.prod(shape)
        if self.position + size > len(self.values):
            raise ValueError("proofs are cut short")
        values = self.values[self.position : self.position + size]
        self.position += size
        return values.reshape(shape)
