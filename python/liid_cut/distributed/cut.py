"""The cut as units: batches of components, each solved by the core, largest first.

Batches and their union are those of a run in one process (`liid_cut.runs`), and so are the bits. A
unit reads the terminal weights of its nodes alone. Dual messages stay in the batches' files.
"""

from __future__ import annotations

import copy
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.diagnostics import preferences_of
from liid_cut.distributed.inputs import Terminals
from liid_cut.distributed.memory import unit_bytes
from liid_cut.distributed.messages import Messages
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import FileSource, Ints, file_source
from liid_cut.distributed.units import Unit
from liid_cut.graph import Edges, Weights
from liid_cut.npz import Arrays
from liid_cut.progress import Report
from liid_cut.runs.batches import Part, divide, pack
from liid_cut.runs.merging import Raw, call_interrupted, from_block, is_repeatable, merge, to_block
from liid_cut.runs.store import Block, Journal, Store

_log = logging.getLogger(__name__)

_NO_TIME_S = 1e-9
_SECONDS_BETWEEN_LOOKS = 0.3
_COLUMNS = ("size", "edges", "cost", "lower_bound", "status", "stage", "search_nodes")


@dataclass(frozen=True)
class Plan:
    """The batches, in files: batch i is ``nodes[node_starts[i]:node_starts[i + 1]]``, and so on."""

    nodes: FileSource
    edge_ids: FileSource
    edges: FileSource
    weights: FileSource
    starts: tuple[tuple[int, int], ...]

    def part(self, i: int) -> tuple[Ints, Ints]:
        """Nodes and edges of batch i, ascending."""
        (a, b), (c, d) = self.starts[i], self.starts[i + 1]
        return self.nodes.read(a, c), self.edge_ids.read(b, d)


def cut_in_units(
    run: Run,
    store: Store,
    terminals: Terminals,
    edges: Edges,
    weights: Weights,
    component_ids: npt.NDArray[np.int32],
    *,
    method: str,
    deadline: float,
    max_bytes: int | None,
    progress: Report | None,
) -> tuple[Raw, npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """What ``_core.solve`` returns, with `Messages`; and what each node prefers by itself.

    Parameters
    ----------
    deadline : as ``time.time()`` tells it, inf: none.
    max_bytes : for a batch; None: what its worker has.
    """
    n_labels = terminals.shape[1]
    sizes = np.bincount(component_ids)
    n_edges = np.bincount(component_ids[edges[:, 0]], minlength=len(sizes))
    parts = divide(component_ids, edges, pack(sizes, n_edges, n_labels))
    plan = _written_plan(store, parts, edges, weights)
    n = len(component_ids)
    preferred, decided = np.empty(n, dtype=np.int32), np.empty(n, dtype=bool)
    names = [""] * len(parts)

    def results() -> Iterator[tuple[Part, Raw]]:
        state = _Progress(progress, len(sizes))
        found: dict[int, Arrays] = {}
        # The store removes it some time after: until then a unit may look for it.
        stop = store.folder / f".stop-{secrets.token_hex(8)}.tmp"
        while len(found) < len(parts):
            todo = [i for i in range(len(parts)) if i not in found]
            units = [
                Unit(
                    f"batch-{i:05d}",
                    _solve,
                    (store, plan, i, terminals, method, deadline, stop, max_bytes),
                )
                for i in todo
            ]
            try:
                for i, done in run.as_done(units):
                    found[todo[i]] = done.arrays
                    state.add(done.arrays)
            except KeyboardInterrupt:  # a limit like any other: what is left is only inspected
                if stop.exists():
                    raise
                stop.touch()
        there = sum(len(arrays["reused"]) for arrays in found.values())
        _log.info("batches: %d, %d were there", len(parts), there)
        for i, arrays in found.items():
            names[i] = str(arrays["block"])
            preferred[parts[i].nodes] = arrays["preferred"]
            decided[parts[i].nodes] = arrays["decided"]
            for of in ("reused", "written", "notes"):
                getattr(run.journal, of).extend(arrays[of].tolist())
            yield parts[i], _raw(store, names[i], arrays)

    raw = merge(component_ids, len(edges), n_labels, results(), messages=False)
    raw["messages"] = Messages(store, names, [part.edges for part in parts], len(edges), n_labels)
    return raw, preferred, decided


def _written_plan(store: Store, parts: list[Part], edges: Edges, weights: Weights) -> Plan:
    no_ids = np.empty(0, dtype=np.int64)
    arrays = {
        "nodes": np.concatenate([no_ids, *(part.nodes for part in parts)]),
        "edge_ids": np.concatenate([no_ids, *(part.edges for part in parts)]),
        "edges": edges,
        "weights": weights,
    }
    write_once(store, "plan", arrays)
    ends = np.cumsum([[0, 0], *([len(part.nodes), len(part.edges)] for part in parts)], axis=0)
    sources = {name: file_source(store, "plan", name) for name in arrays}
    return Plan(**sources, starts=tuple((int(a), int(b)) for a, b in ends))


def _solve(
    store: Store,
    plan: Plan,
    i: int,
    terminals: Terminals,
    method: str,
    deadline: float,
    stop: Path,
    max_bytes: int | None,
) -> Arrays:
    """One batch: found in its file, or solved and written there; once ``stop`` exists, cut short.

    A worker does not see the client's Ctrl-C, and Dask does not stop a unit that runs.
    """
    journal = Journal()
    store = copy.copy(store)
    store.journal = journal
    name = f"batch-{i:05d}"
    block = store.read(name)
    if block is None:
        nodes, edge_ids = plan.part(i)
        probs, mask = terminals.raw(nodes)
        weights = terminals.weights(probs, mask, nodes)
        ends = np.searchsorted(nodes, plan.edges.take(edge_ids)).astype(np.int32)
        stopped = _is_stopped(stop)
        raw = _core.solve(
            weights,
            ends,
            plan.weights.take(edge_ids),
            mask,
            method=method,
            time_limit_s=_NO_TIME_S if stopped else max(deadline - time.time(), _NO_TIME_S),
            n_threads=1,
            progress=_stopper(stop),
            max_memory=unit_bytes() if max_bytes is None else max_bytes,
        )
        if stopped:
            call_interrupted(raw)
        preferred, decided = preferences_of(weights, mask)
        arrays, facts = to_block(raw)
        arrays |= {"preferred": preferred.astype(np.int32), "decided": decided}
        if not is_repeatable(raw):  # counts for this result alone
            name = f"open-{i:05d}"
        store.write(name, arrays, **facts)
        block = Block(arrays, facts)
    returned = ["labels", "preferred", "decided", *(f"component_{column}" for column in _COLUMNS)]
    return {
        **{of: block.arrays[of] for of in returned},
        "block": np.array(name),
        "has_proofs": np.array(bool(block.facts["proofs"])),
        "proofs_complete": np.array(block.facts["proofs_complete"]),
        "reused": np.array(journal.reused, dtype=str),
        "written": np.array(journal.written, dtype=str),
        "notes": np.array(journal.notes, dtype=str),
    }


def _stopper(stop: Path) -> Callable[..., None]:
    """What interrupts the core once ``stop`` exists, which it looks for now and then."""
    looked = time.monotonic()

    def look(*state: Any) -> None:
        nonlocal looked
        if time.monotonic() - looked < _SECONDS_BETWEEN_LOOKS:
            return
        looked = time.monotonic()
        if _is_stopped(stop):
            raise KeyboardInterrupt  # the core's word for it

    return look


def _is_stopped(stop: Path) -> bool:
    """Whether the client says so, or has gone and removed the run's folder."""
    return stop.exists() or not stop.parent.exists()


def _raw(store: Store, name: str, arrays: Arrays) -> Raw:
    """A batch's result without messages; proofs, where it has some, are read from its file."""
    proofs = []
    if bool(arrays["has_proofs"]):
        block = store.read(name)
        if block is None:
            raise FileNotFoundError(f"{store.folder}: block {name} is gone while the run needs it")
        proofs = from_block(block.arrays, block.facts)["proofs"]
    return {
        "labels": arrays["labels"],
        "components": {column: arrays[f"component_{column}"] for column in _COLUMNS},
        "proofs": proofs,
        "proofs_complete": bool(arrays["proofs_complete"]),
    }


class _Progress:
    """Sums over the batches that are done, for the user's progress function."""

    def __init__(self, report: Report | None, n_components: int) -> None:
        self._report = report
        self._n_components = n_components
        self._done, self._cost, self._bound = 0, 0.0, 0.0

    def add(self, arrays: Arrays) -> None:
        if self._report is None:
            return
        self._done += len(arrays["component_cost"])
        self._cost += float(arrays["component_cost"].sum())
        self._bound += float(arrays["component_lower_bound"].sum())
        self._report(self._done, self._n_components, self._cost, self._bound)
