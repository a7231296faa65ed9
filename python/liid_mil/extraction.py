"""Probabilities and features of all proposals of a dataset, as files that the cut reads.

Input: a trained MIL network, a dataset and its proposals. Output: a folder as
:mod:`liid_mil.extraction_files` has it; a run that was killed goes on where the last flush was.
Under ``torchrun`` every process computes its share of the images and writes their rows; the files
have the same bits as those of one process (with as many threads), and any number of processes goes
on from what another number left. All of them see the folder.
Source: LIID, Eq. 2 and section 5.2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from liid_mil.data.types import Bools, ImageDataset, Proposals
from liid_mil.extraction_files import (
    DTYPES,
    FORMAT,
    Extraction,
    ExtractionError,
    ExtractionWriter,
    open_extraction,
)
from liid_mil.models.network import MilNetwork
from liid_mil.training.batches import Samples, Step, batches
from liid_mil.training.checkpoint import data_fingerprint, weights_fingerprint
from liid_mil.training.config import Runtime
from liid_mil.training.distributed import Processes, processes

__all__ = ["DTYPES", "Extraction", "ExtractionError", "extract", "open_extraction"]

_FLUSH_IMAGES = 256


def extract(
    network: MilNetwork,
    dataset: ImageDataset,
    proposals: Sequence[Proposals],
    folder: str | Path,
    *,
    image_size: int,
    dtype: str = "float16",
    batch_size: int = 8,
    runtime: Runtime | None = None,
) -> Extraction:
    """Compute probabilities and features of all proposals, or what of them is missing.

    Parameters
    ----------
    network : a trained network; it is used in evaluation mode.
    dataset, proposals : N images and their proposals.
    folder : made where it is missing. An extraction there that is finished, of the same network,
        data and settings, is opened; one that was killed goes on.
    image_size : pixels, as in training.
    dtype : ``"float16"`` or ``"float32"``, of the files.
    batch_size : images at a time.

    Raises
    ------
    ExtractionError : the folder holds the extraction of another network, data or settings.
    DatasetError : an image is damaged, and ``runtime.on_error`` is ``"raise"``; with ``"skip"`` its
        proposals are left out.
    ValueError : a setting is not allowed, or a value is too large for ``dtype``.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; it must be 'float16' or 'float32'")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    runtime = runtime or Runtime()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    boxes = [proposals[i].boxes for i in range(len(dataset))]
    settings = {
        "format": FORMAT,
        "network": weights_fingerprint(network),
        "data": data_fingerprint(dataset, *boxes),
        "image_size": image_size,
        "dtype": dtype,
    }
    n_labels = len(dataset.class_names) + 1
    with processes(runtime.device) as world:
        sizes = boxes, n_labels, network.n_features
        if not world.is_main:
            world.wait()  # until the files are there
        work = ExtractionWriter(folder, settings, *sizes, process=world.rank)
        if world.is_main:
            world.wait()
        world.wait()  # nobody notes anything before all have read what is noted
        if not work.finished:
            skips = runtime.on_error == "skip"
            samples = Samples(dataset, image_size, proposals, skip_damaged=skips)
            _compute(network.to(world.device), samples, work, batch_size, runtime, world)
            network.cpu()
            world.wait()
            if world.is_main:
                work.finish(dataset)
        world.wait()
    return open_extraction(folder)


def shares(is_done: Bools, batch_size: int, rank: int, n_processes: int) -> list[Step]:
    """The batches of images that process ``rank`` computes.

    All processes together compute the batches of one process, each in turn, so that the values have
    the same bits. Images that are done are left out.
    """
    starts = range(0, len(is_done), batch_size)
    left = [np.arange(start, min(start + batch_size, len(is_done))) for start in starts]
    left = [index[~is_done[index]] for index in left]
    return [
        Step(index, 1.0) for index in [index for index in left if len(index)][rank::n_processes]
    ]


def _compute(
    network: MilNetwork,
    samples: Samples,
    work: ExtractionWriter,
    batch_size: int,
    runtime: Runtime,
    world: Processes,
) -> None:
    network.eval()
    steps = shares(work.is_done, batch_size, world.rank, world.n)
    # What others had done is theirs to note.
    n_before = int(work.is_done.sum())
    if not world.is_main:
        work.is_done[:] = False
    found = batches(
        samples,
        steps,
        seed=0,
        epoch=0,
        flip=False,
        workers=runtime.workers,
        pin_memory=world.device.type == "cuda",
    )
    bar = tqdm(
        total=n_before + sum(len(step.index) for step in steps),
        initial=n_before,
        desc="extract",
        unit="image",
        file=sys.stderr,
        disable=not (runtime.progress and world.is_main),
    )
    unsaved = 0
    with bar, torch.inference_mode():
        for step, batch in zip(steps, found, strict=True):
            index = batch.index.numpy()
            work.left_out += [int(i) for i in step.index if i not in index]
            if batch.weight > 0:
                here = batch.to(world.device)
                output = network(here.images, here.boxes)
                probs = output.probs.float().cpu().numpy()
                work.write(index, probs, output.feats.float().cpu().numpy())
            work.is_done[step.index] = True
            unsaved += len(step.index)
            bar.update(len(step.index))
            if unsaved >= _FLUSH_IMAGES:
                work.save()
                unsaved = 0
    work.save()
