"""Batches of images with their bags of proposals, in an order that can be resumed anywhere.

Input: a dataset and, for the MIL network, proposals with pseudo labels. Steps: the order of an
epoch, its split into steps and processes, scaling and mirroring of each image with its boxes,
and collation into ragged bags. Order and mirroring depend on (seed, epoch, image) alone: not on
workers, processes or where a run was resumed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image as PillowImage
from torch.utils.data import DataLoader, Dataset

from liid_mil.data.types import DatasetError, Image, ImageDataset, Ints, Proposals

log = logging.getLogger(__name__)

_ORDER, _FLIP = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class Batch:
    """B images of one size with P proposals in all.

    Attributes
    ----------
    index : int64 (B,), images of the dataset.
    images : uint8 (B, 3, S, S), RGB.
    boxes : B tensors float32 (P_i, 4), xyxy in pixels of ``images``.
    tags : bool (B, K).
    labels : int64 (P,), pseudo labels of all proposals in this order.
    weight : share of this process in the images of the step, times the number of processes; 1 in
        a single process. 0: the images are one blank image, to keep step with other processes.
    """

    index: torch.Tensor
    images: torch.Tensor
    boxes: list[torch.Tensor]
    tags: torch.Tensor
    labels: torch.Tensor
    weight: float

    def to(self, device: torch.device) -> Batch:
        """The batch on a device, images as float32 in [0, 1] in channels-last layout."""
        images = self.images.to(device, non_blocking=True)
        return Batch(
            self.index,
            images.float().div_(255).contiguous(memory_format=torch.channels_last),
            [boxes.to(device, non_blocking=True) for boxes in self.boxes],
            self.tags.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.weight,
        )


@dataclass(frozen=True)
class Sample:
    """One image as the network sees it; fields as in :class:`Batch`."""

    index: int
    image: torch.Tensor
    boxes: torch.Tensor
    tags: torch.Tensor
    labels: torch.Tensor


class Samples(Dataset[Sample | None]):
    """The images of a dataset, scaled, and mirrored where the key says so.

    Parameters
    ----------
    dataset : N images.
    image_size : pixels, S.
    proposals : N items, or None: bags are empty.
    labels : N arrays of pseudo labels, or None: all 0.
    skip_damaged : a damaged image is logged and becomes None instead of an exception.
    cache_gib : GiB of scaled images that are kept in memory; later epochs need not read them.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        image_size: int,
        proposals: Sequence[Proposals] | None = None,
        labels: Sequence[Ints] | None = None,
        *,
        skip_damaged: bool = False,
        cache_gib: float = 0.0,
    ) -> None:
        for name, given in (("proposals", proposals), ("labels", labels)):
            if given is not None and len(given) != len(dataset):
                raise ValueError(f"{name} has {len(given)} items for {len(dataset)} images")
        self._dataset = dataset
        self._size = image_size
        self._proposals = proposals
        self._labels = labels
        self._skip_damaged = skip_damaged
        self._cached: dict[int, tuple[Image, tuple[int, int]]] = {}
        self._max_cached = int(cache_gib * 2**30) // (3 * image_size**2)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, bool]) -> Sample | None:
        index, mirrored = key
        try:
            pixels, shape = self._scaled(index)
        except DatasetError as error:
            if not self._skip_damaged:
                raise
            log.warning("left out: %s", error)
            return None
        boxes = np.zeros((0, 4), np.float32)
        if self._proposals is not None:
            boxes = self._proposals[index].boxes
        boxes = scale_boxes(boxes, shape, self._size)
        if mirrored:
            pixels = pixels[:, ::-1]
            boxes = np.stack(
                [self._size - boxes[:, 2], boxes[:, 1], self._size - boxes[:, 0], boxes[:, 3]], 1
            )
        labels = np.zeros(len(boxes), np.int64)
        if self._labels is not None:
            labels = self._labels[index]
        return Sample(
            index,
            torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))),
            torch.from_numpy(np.ascontiguousarray(boxes)),
            torch.from_numpy(np.array(self._dataset.tags[index], dtype=bool)),
            torch.from_numpy(np.array(labels, dtype=np.int64)),
        )

    def _scaled(self, index: int) -> tuple[Image, tuple[int, int]]:
        """The scaled image, and height and width that it had."""
        if index in self._cached:
            return self._cached[index]
        image = self._dataset.image(index)
        found = scale_image(image, self._size), (image.shape[0], image.shape[1])
        if len(self._cached) < self._max_cached:
            self._cached[index] = found
        return found

    def blank(self) -> Sample:
        """A black image without proposals and tags, of index -1."""
        return Sample(
            -1,
            torch.zeros(3, self._size, self._size, dtype=torch.uint8),
            torch.zeros(0, 4),
            torch.zeros(len(self._dataset.class_names), dtype=torch.bool),
            torch.zeros(0, dtype=torch.int64),
        )


def scale_image(image: Image, size: int) -> Image:
    """An image scaled to ``size`` x ``size`` pixels (bilinear, smoothed where it shrinks)."""
    if image.shape[:2] == (size, size):
        return image
    scaled = PillowImage.fromarray(image).resize((size, size), PillowImage.Resampling.BILINEAR)
    return np.asarray(scaled)


def scale_boxes(boxes: np.ndarray, shape: tuple[int, int], size: int) -> np.ndarray:
    """Boxes (P, 4) of an image of ``shape`` (H, W) after it was scaled to ``size`` pixels."""
    height, width = shape
    factors = np.array([size / width, size / height] * 2)
    return (boxes * factors).astype(np.float32)


def epoch_order(n_images: int, seed: int, epoch: int) -> Ints:
    """Order of the images in an epoch, a permutation of 0..N-1."""
    return np.random.default_rng([_ORDER, seed, epoch]).permutation(n_images)


def is_mirrored(seed: int, epoch: int, index: int) -> bool:
    """Whether an image is mirrored in an epoch: a fair coin."""
    return bool(np.random.default_rng([_FLIP, seed, epoch, index]).integers(2))


@dataclass(frozen=True)
class Step:
    """Images of this process in one step, and their weight (see :class:`Batch`)."""

    index: Ints
    weight: float


def epoch_steps(order: Ints, batch_size: int, rank: int = 0, n_processes: int = 1) -> list[Step]:
    """What process ``rank`` does in each step of an epoch.

    A step takes the next ``batch_size * n_processes`` images of ``order``, the first share for
    process 0. The last step has what is left, shared evenly, so that every image counts once
    and the average of the processes' weighted gradients is that of one process with all images.
    """
    steps = []
    total = batch_size * n_processes
    for begin in range(0, len(order), total):
        images = order[begin : begin + total]
        shares = np.array_split(images, n_processes)
        mine = shares[rank]
        weight = len(mine) * n_processes / len(images)
        steps.append(Step(mine, weight))
    return steps


def batches(
    samples: Samples,
    steps: Sequence[Step],
    *,
    seed: int,
    epoch: int,
    flip: bool,
    workers: int = 0,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """The batches of some steps of an epoch.

    Where a step has no image, or all were left out, its batch is one blank image of weight 0.
    """
    keys = [
        [(int(i), flip and is_mirrored(seed, epoch, int(i))) for i in step.index] for step in steps
    ]
    loader = DataLoader(
        samples,
        batch_sampler=keys,
        num_workers=workers,
        collate_fn=_without_none,
        pin_memory=pin_memory,
    )
    for step, found in zip(steps, loader, strict=True):
        yield collate(found, step.weight) if found else collate([samples.blank()], 0.0)


def _without_none(samples: list[Sample | None]) -> list[Sample]:
    return [sample for sample in samples if sample is not None]


def collate(samples: Sequence[Sample], weight: float = 1.0) -> Batch:
    """One batch of at least one sample."""
    return Batch(
        torch.tensor([sample.index for sample in samples]),
        torch.stack([sample.image for sample in samples]),
        [sample.boxes for sample in samples],
        torch.stack([sample.tags for sample in samples]),
        torch.cat([sample.labels for sample in samples]),
        weight,
    )
