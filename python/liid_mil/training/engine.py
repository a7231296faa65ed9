"""The training loop that both networks share: epochs, steps, checkpoints, processes.

Input: a module, its objective, samples and settings; output: trained weights and, in the run's
folder, ``checkpoint.pt``. A run that finds a checkpoint of the same settings and data goes on from
there; its weights end up bit-equal to those of a run that was never stopped (on the same machine
and with as many threads). For that, nothing random has a state: the random numbers of a step are
seeded by (seed, epoch, step, process).
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from liid_mil.training.batches import Batch, Samples, batches, epoch_order, epoch_steps
from liid_mil.training.checkpoint import check_same_run, load_checkpoint, save_checkpoint
from liid_mil.training.config import Runtime, TrainingConfig
from liid_mil.training.distributed import Processes, processes

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
Terms = Mapping[str, Tensor]
Objective = Callable[[nn.Module, Batch], Terms]


class TrainingDiverged(ArithmeticError):
    """A loss is no longer finite; the last checkpoint is from before that."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of PyTorch from ``seed`` inside the block; as before after it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def fit(
    kind: str,
    model: nn.Module,
    objective: nn.Module,
    samples: Samples,
    config: TrainingConfig,
    folder: str | Path,
    runtime: Runtime,
    *,
    class_names: Sequence[str],
    data: str,
) -> None:
    """Train ``model`` in place and leave ``folder/checkpoint.pt``.

    Parameters
    ----------
    kind : ``"cam"`` or ``"mil"``, written into the checkpoint.
    model : the network, on the CPU.
    objective : called with the (maybe wrapped) network and a batch, gives scalar tensors, of which
        ``"total"`` is minimised; its state, such as centres, is saved too.
    samples : the images, with proposals and pseudo labels where the objective needs them.
    folder : made where it is missing.
    class_names, data : names and fingerprint of the data, for the checkpoint.

    Raises
    ------
    CheckpointError : the folder holds a checkpoint that is damaged or of another run.
    TrainingDiverged : a loss is infinite or not a number.
    DatasetError : an image is damaged, and ``runtime.on_error`` is ``"raise"``.
    """
    folder = Path(folder)
    with processes(runtime.device) as world, seeded(config.seed):
        if world.is_main:
            folder.mkdir(parents=True, exist_ok=True)
        world.wait()
        run = _Run(kind, model, objective, config, runtime, folder, world, class_names, data)
        run.resume()
        run.to_the_end(samples)
    model.cpu().eval()


class _Run:
    """One call of :func:`fit`: the modules, the optimizer and the position."""

    def __init__(
        self,
        kind: str,
        model: nn.Module,
        objective: nn.Module,
        config: TrainingConfig,
        runtime: Runtime,
        folder: Path,
        world: Processes,
        class_names: Sequence[str],
        data: str,
    ) -> None:
        self.kind, self.config, self.runtime, self.world = kind, config, runtime, world
        self.path = folder / CHECKPOINT
        self.class_names, self.data = list(class_names), data
        self.model = model.to(world.device, memory_format=torch.channels_last)
        self.objective = objective.to(world.device)
        self.optimizer = torch.optim.SGD(
            [weights for weights in self.model.parameters() if weights.requires_grad],
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        cuda = world.device.type == "cuda"
        self.precision = _precision(runtime) if cuda else None
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.precision == torch.float16)
        self.epoch = self.step = 0
        self.sums: dict[str, float] = {}

    def resume(self) -> None:
        """Take over the checkpoint of the folder, where there is one."""
        if not self.path.exists():
            return
        state = load_checkpoint(self.path, self.kind)
        check_same_run(self.path, state, self.config, self.data)
        extra = state["extra"]
        if extra["processes"] != self.world.n and state["step"] > 0:
            raise ValueError(
                f"{self.path}: was written inside an epoch by {extra['processes']} processes; "
                f"go on with as many, not with {self.world.n}"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(extra["optimizer"])
        self.objective.load_state_dict(extra["objective"])
        if self.scaler.is_enabled() and extra["scaler"]:
            self.scaler.load_state_dict(extra["scaler"])
        self.epoch, self.step, self.sums = state["epoch"], state["step"], extra["sums"]
        if self.world.is_main and self.epoch < self.config.epochs:
            log.info("going on from %s: epoch %d, step %d", self.path, self.epoch + 1, self.step)

    def save(self) -> None:
        """Write the checkpoint (process 0 only)."""
        if not self.world.is_main:
            return
        extra = {
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state_dict(),
            "scaler": self.scaler.state_dict(),
            "processes": self.world.n,
            "sums": self.sums,
        }
        state = {
            "kind": self.kind,
            "config": asdict(self.config),
            "data": self.data,
            "class_names": self.class_names,
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "extra": extra,
        }
        save_checkpoint(self.path, state)

    def to_the_end(self, samples: Samples) -> None:
        """Run the epochs that are left."""
        config, world = self.config, self.world
        if self.epoch == config.epochs:
            return
        network: nn.Module = self.model
        if world.n > 1:
            if world.device.type == "cuda" and not config.batch_norm_frozen:
                self.model = nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
            network = DistributedDataParallel(self.model)
        writer = _writer(self.runtime) if world.is_main else None
        while self.epoch < config.epochs:
            order = epoch_order(len(samples), config.seed, self.epoch)
            steps = epoch_steps(order, config.batch_size, world.rank, world.n)
            self._run_epoch(network, samples, steps)
            means = {name: total / len(steps) for name, total in self.sums.items()}
            told = ", ".join(f"{name} {value:.4g}" for name, value in means.items())
            if world.is_main:
                log.info("%s epoch %d of %d: %s", self.kind, self.epoch + 1, config.epochs, told)
            for name, value in means.items() if writer else ():
                writer.add_scalar(f"{self.kind}/{name}", value, self.epoch + 1)
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
            self.save()
        if writer:
            writer.close()

    def _run_epoch(self, network: nn.Module, samples: Samples, steps: Sequence[Any]) -> None:
        config, runtime, device = self.config, self.runtime, self.world.device
        self.model.train()
        self.objective.train()
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_in(self.epoch)
        loader = batches(
            samples,
            steps[self.step :],
            seed=config.seed,
            epoch=self.epoch,
            flip=config.flip,
            workers=runtime.workers,
            pin_memory=device.type == "cuda",
        )
        bar = tqdm(
            loader,
            desc=f"{self.kind} epoch {self.epoch + 1}/{config.epochs}",
            total=len(steps),
            initial=self.step,
            file=sys.stderr,
            disable=not (runtime.progress and self.world.is_main),
        )
        sums: dict[str, Tensor] = {}
        saved = time.monotonic()
        for batch in bar:
            terms = self._step(network, batch.to(device))
            for name, value in terms.items():
                sums[name] = sums.get(name, torch.zeros((), device=device)) + value.detach()
            self.step += 1
            due = time.monotonic() - saved >= 60 * runtime.checkpoint_minutes
            if due and self.step < len(steps):
                self._add(sums)
                sums = {}
                self.save()
                saved = time.monotonic()
        self._add(sums)

    def _step(self, network: nn.Module, batch: Batch) -> Terms:
        seed = [self.config.seed, self.epoch, self.step, self.world.rank]
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            self.world.device.type, self.precision, enabled=self.precision is not None
        ):
            terms: Terms = self.objective(network, batch)
        self.scaler.scale(terms["total"] * batch.weight).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return terms

    def _add(self, sums: Terms) -> None:
        for name, value in sums.items():
            number = float(value)
            if not math.isfinite(number):
                raise TrainingDiverged(
                    f"the {name} loss is {number} in epoch {self.epoch + 1}, before step "
                    f"{self.step + 1}; lower the learning rate"
                )
            self.sums[name] = self.sums.get(name, 0.0) + number


def _precision(runtime: Runtime) -> torch.dtype | None:
    if not runtime.mixed_precision:
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _writer(runtime: Runtime) -> Any:
    if runtime.tensorboard is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ImportError("tensorboard is not installed: pip install tensorboard") from None
    return SummaryWriter(runtime.tensorboard)
