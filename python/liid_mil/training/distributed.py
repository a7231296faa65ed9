"""Several processes that train one network (``torchrun``).

Every process computes the gradients of its share of a step, which PyTorch's
DistributedDataParallel averages. The centres of the centre loss stay equal everywhere, because
:class:`liid_mil.losses.CenterLoss` applies the proposals of all processes in the order of rank.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

# Process 0 may work alone for long (proposals, CAM scores); torchrun itself notices a death.
_TIMEOUT = timedelta(hours=24)


@dataclass(frozen=True)
class Processes:
    """One process among ``n``; rank 0 writes files and reports."""

    rank: int
    n: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when all processes are here."""
        if self.n > 1:
            dist.barrier()


def is_main() -> bool:
    """Whether this process reports and takes locks: the first of ``torchrun``, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started; one process where it did not.

    Parameters
    ----------
    device : as in :class:`liid_mil.training.config.Runtime`; under ``torchrun``, ``"auto"`` and
        ``"cuda"`` give every process the GPU of its local rank.

    Raises
    ------
    ValueError : no such device.
    """
    n = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if n > 1 else None)
    if n == 1:
        yield Processes(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    joined = not dist.is_initialized()
    if joined:
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=_TIMEOUT)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), chosen)
    finally:
        if joined:
            dist.destroy_process_group()


def _device(name: str, local_rank: int | None) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device is {name!r}: {str(error).splitlines()[0]}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r}, but this PyTorch finds no CUDA device")
    if device.type == "cuda" and device.index is None and local_rank is not None:
        device = torch.device("cuda", local_rank)
    return device
