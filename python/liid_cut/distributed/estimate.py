"""``delta="auto"`` as one unit: the estimate looks at a part of the graph, whatever its size.

The part is that of `liid_cut.coupling.sample`, the same as in one process, and so is the estimate.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from liid_cut.coupling import estimate_delta
from liid_cut.coupling.sample import TABLES_ALIVE, sampled_nodes
from liid_cut.distributed.components import component_ids
from liid_cut.distributed.inputs import Terminals
from liid_cut.distributed.memory import unit_bytes
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import FileSource, Ints, file_source
from liid_cut.distributed.units import Unit
from liid_cut.graph import Edges, Weights
from liid_cut.npz import Arrays
from liid_cut.problem import edges_among
from liid_cut.runs.store import Store
from liid_cut.weights import as_terminal_weights


def estimated_delta(
    run: Run, store: Store, terminals: Terminals, edges: Edges, weights: Weights
) -> tuple[float, dict[str, Any]]:
    """Delta for a graph whose ``weights`` are those at delta 1, and the report on it."""
    n = terminals.shape[0]
    nodes = sampled_nodes(component_ids(run, store, edges, n))
    is_part = nodes is not None
    if nodes is None:
        nodes = np.arange(n)
    else:
        edges, weights = edges_among(nodes, edges, weights)
    write_once(store, "part", {"nodes": nodes, "edges": edges, "weights": weights})
    part = tuple(file_source(store, "part", name) for name in ("nodes", "edges", "weights"))
    found = run.one(Unit("estimate", _estimate, (terminals, is_part, *part), store, ("report",)))
    report = json.loads(str(found["report"]))
    return report["delta"], report


def _estimate(
    terminals: Terminals,
    is_part: bool,
    nodes: FileSource,
    edges: FileSource,
    weights: FileSource,
) -> Arrays:
    ids: Ints = nodes.read(0, nodes.shape[0])
    _check_memory(len(ids), terminals.shape[1])
    probs, mask = terminals.raw(ids)
    made = terminals.weights(probs, mask, ids)
    if is_part:
        probs, made = np.ascontiguousarray(probs), np.ascontiguousarray(made)
    estimate = estimate_delta(
        as_terminal_weights(probs, "linear", terminals.temperature, None),
        made,
        edges.read(0, edges.shape[0]),
        weights.read(0, weights.shape[0]),
        mask,
        n_jobs=1,
    )
    return {"report": np.array(json.dumps(estimate.report()))}


def _check_memory(n: int, n_labels: int) -> None:
    """Refuse what would end the worker: the graph is one large component, looked at as a whole."""
    needed, there = n * n_labels * 8 * TABLES_ALIVE, unit_bytes()
    if needed > there:
        raise MemoryError(
            f"delta: its estimate looks at {n} nodes with {n_labels} labels, most of which are one "
            f"component, and needs about {needed >> 20} MiB of a worker; {there >> 20} MiB are "
            "left. Give delta, or symmetrize='mutual', which keeps components small, or more memory"
        )
