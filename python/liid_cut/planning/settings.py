"""What a plan is asked about: sizes, settings of the run, and the machines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from liid_cut.inputs import MAX_INDEX, as_bytes, as_choice, as_number, as_positive_int
from liid_cut.memory import machine_bytes
from liid_cut.neighbors.methods import METHODS
from liid_cut.neighbors.workers import usable_cores
from liid_cut.problem import as_symmetrize

DTYPES = {"float16": 2, "float32": 4, "float64": 8}


@dataclass(frozen=True)
class PlanSettings:
    """Checked settings; meaning and defaults as in :func:`liid_cut.plan_run`.

    Attributes
    ----------
    memory, max_memory : bytes of one worker, and of them for its neighbour search.
    network_bandwidth, disk_bandwidth : bytes a second, of one worker.
    """

    n: int
    d: int
    labels: int
    memory: int
    workers: int
    cores: int
    k: int
    neighbors: str
    symmetrize: str
    auto_delta: bool
    target_recall: float
    dtype: str
    max_memory: int
    checkpoint: bool
    network_bandwidth: float
    disk_bandwidth: float

    @property
    def feats_bytes(self) -> int:
        """Bytes of the features."""
        return self.n * self.d * DTYPES[self.dtype]

    @property
    def probs_bytes(self) -> int:
        """Bytes of the probabilities, of the same type."""
        return self.n * self.labels * DTYPES[self.dtype]


def plan_settings(
    *,
    n: Any,
    d: Any,
    labels: Any,
    memory: Any,
    workers: Any,
    cores_per_worker: Any,
    n_neighbors: Any,
    neighbors: Any,
    symmetrize: Any,
    delta: Any,
    target_recall: Any,
    dtype: Any,
    max_memory: Any,
    checkpoint: Any,
    network_bandwidth: Any,
    disk_bandwidth: Any,
) -> PlanSettings:
    """Check; parameters and errors as in :func:`liid_cut.plan_run`."""
    for name, value in (("n", n), ("d", d), ("labels", labels)):
        as_positive_int(name, value)
    if n > MAX_INDEX:
        raise ValueError(f"n is {n}; a run has at most {MAX_INDEX} rows, ids are 32-bit integers")
    bytes_of_worker = machine_bytes() if memory is None else as_bytes("memory", memory)
    recall = as_number("target_recall", target_recall, positive=True)
    if recall > 1:
        raise ValueError(f"target_recall is {target_recall}; it must be at most 1")
    if delta is None:
        delta = "auto"
    if delta != "auto":
        as_number("delta", delta, positive=False)
    cores = cores_per_worker
    if cores is None:
        cores = usable_cores()
    return PlanSettings(
        n=int(n),
        d=int(d),
        labels=int(labels),
        memory=bytes_of_worker,
        workers=as_positive_int("workers", workers),
        cores=as_positive_int("cores_per_worker", cores),
        k=as_positive_int("n_neighbors", n_neighbors),
        neighbors=as_choice("neighbors", neighbors, METHODS),
        symmetrize=as_symmetrize(symmetrize, "default", delta),
        auto_delta=delta == "auto",
        target_recall=recall,
        dtype=as_choice("dtype", dtype, tuple(DTYPES)),
        max_memory=bytes_of_worker // 2
        if max_memory is None
        else as_bytes("max_memory", max_memory),
        checkpoint=bool(checkpoint),
        network_bandwidth=as_bandwidth("network_bandwidth", network_bandwidth),
        disk_bandwidth=as_bandwidth("disk_bandwidth", disk_bandwidth),
    )


def as_bandwidth(name: str, value: Any) -> float:
    """Bytes a second, as a number or as ``"500 MB/s"`` or ``"10 Gbit/s"``."""
    if not isinstance(value, str):
        return as_number(name, value, positive=True)
    bits = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?)bit/s\s*", value)
    if bits is not None:
        rate = float(bits[1]) * 1000 ** " KMGT".index(bits[2].upper() or " ") / 8
        return as_number(name, rate, positive=True)
    if value.strip().endswith("/s"):
        return float(as_bytes(name, value.strip()[: -len("/s")]))
    raise ValueError(f"{name} is {value!r}; write it as '500 MB/s' or '10 Gbit/s'")
