"""One multi-way cut instance as plain arrays, its cost and dual bound, and files of instances.

Nothing here uses liid_cut or a peer: cost and bound of every solver's answer are recomputed by
these functions.

    cost(x)  = sum_u (sum_k p[u, k] - p[u, x_u]) + sum_e w_e [x_u != x_v] bound(y) = sum_u min_k
    (c[u, k] + sum_{e = (u, .)} y[e, k] - sum_{e = (., u)} y[e, k])   for 0 <= y[e, k] <= w_e

with c[u, k] = sum_j p[u, j] - p[u, k]. The bound is weak LP duality for the CKR relaxation
(Calinescu, Karloff, Rabani 2000), so it holds for any y in that range, also for one from a solver
that stopped early.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[1]
# Data beside the repository that is not part of it.
SHARED = REPOSITORY.parent / "shared"

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


class Instance(NamedTuple):
    """A labelling problem.

    Attributes
    ----------
    probs : float64 (n, K + 1)
        Terminal weights, non-negative; column 0 is the background.
    edges : int32 (m, 2)
        Node pairs ``u < v``, sorted by rows, each pair once.
    weights : float64 (m,)
        Edge weights, non-negative.
    """

    probs: FloatArray
    edges: IntArray
    weights: FloatArray


def make_instance(
    probs: NDArray[np.floating], edges: NDArray[np.integer], weights: FloatArray
) -> Instance:
    """Return the instance in normal form: ends ordered, edges sorted, parallel edges added up.

    Parameters
    ----------
    probs : floating (n, K + 1)
        Terminal weights.
    edges : integer (m, 2)
        Node indices in ``0..n-1``.
    weights : float64 (m,)
        Edge weights.

    Raises
    ------
    ValueError
        An edge from a node to itself, or an index outside ``0..n-1``.
    """
    ends = np.sort(np.asarray(edges, dtype=np.int64).reshape(-1, 2), axis=1)
    n = len(probs)
    if ends.size and (ends.min() < 0 or ends.max() >= n):
        raise ValueError(
            f"edges: node indices must lie in 0..{n - 1}, got {ends.min()}..{ends.max()}"
        )
    if np.any(ends[:, 0] == ends[:, 1]):
        raise ValueError("edges: a node cannot be its own neighbour")
    keys, row = np.unique(ends[:, 0] * n + ends[:, 1], return_inverse=True)
    summed = np.bincount(row, weights=weights, minlength=len(keys)).astype(np.float64)
    return Instance(
        np.ascontiguousarray(probs, dtype=np.float64),
        np.stack([keys // max(n, 1), keys % max(n, 1)], axis=1).astype(np.int32),
        summed,
    )


def unary_costs(instance: Instance) -> FloatArray:
    """Cost ``c[u, k]`` of giving label ``k`` to node ``u``, float64 (n, K + 1)."""
    costs: FloatArray = instance.probs.sum(axis=1, keepdims=True) - instance.probs
    return costs


def cut_cost(instance: Instance, labels: NDArray[np.integer]) -> float:
    """Weight of the edges, terminal edges included, that the labelling cuts; summed in float64."""
    u, v = instance.edges.T
    kept = np.take_along_axis(instance.probs, labels[:, None].astype(np.int64), axis=1)
    return float(instance.probs.sum() - kept.sum() + instance.weights[labels[u] != labels[v]].sum())


def dual_bound(instance: Instance, messages: FloatArray) -> float:
    """Lower bound proven by ``messages`` (m, K + 1); entries are first clipped to ``0..w_e``."""
    y = np.clip(messages, 0.0, instance.weights[:, None])
    reduced = unary_costs(instance)
    np.add.at(reduced, instance.edges[:, 0], y)
    np.subtract.at(reduced, instance.edges[:, 1], y)
    return float(reduced.min(axis=1).sum())


def read_instance(path: Path) -> Instance:
    """Read an ``.npz`` file with arrays ``P`` (n, K + 1), ``a``, ``b`` (m,) and ``w`` (m,).

    Raises
    ------
    ValueError
        An array is missing.
    """
    with np.load(path) as data:
        missing = {"P", "a", "b", "w"} - set(data.files)
        if missing:
            raise ValueError(f"{path}: arrays missing: {', '.join(sorted(missing))}")
        edges = np.stack([data["a"], data["b"]], axis=1)
        return make_instance(data["P"], edges, data["w"].astype(np.float64))


def write_instance(path: Path, instance: Instance) -> None:
    """Write the format that `read_instance` reads, terminal weights in float64."""
    a, b = instance.edges.T
    np.savez(path, P=instance.probs, a=a, b=b, w=instance.weights)


def read_folder(folder: Path) -> dict[str, Instance]:
    """Instances of every ``.npz`` file in ``folder``, by file stem, smallest file first.

    Raises
    ------
    FileNotFoundError
        ``folder`` does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder of instances: {folder}")
    paths = sorted(folder.glob("*.npz"), key=lambda path: (path.stat().st_size, path.name))
    return {path.stem: read_instance(path) for path in paths}
