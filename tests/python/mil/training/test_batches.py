"""Order, shares, scaling and mirroring of images with their bags."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.data.types import DatasetError, Proposals  # noqa: E402
from liid_mil.training.batches import (  # noqa: E402
    Samples,
    batches,
    collate,
    epoch_order,
    epoch_steps,
    is_mirrored,
    scale_boxes,
)

SIZE = 8


class Squares:
    """Black images of different shapes with one white square; image 2 may be damaged."""

    class_names = ("a", "b")

    def __init__(self, n: int = 5, damaged: int | None = None) -> None:
        self.image_ids = tuple(map(str, range(n)))
        self.tags = np.array([[i % 2 == 0, i % 3 == 0] for i in range(n)])
        self.damaged = damaged
        self.reads = 0

    def __len__(self) -> int:
        return len(self.image_ids)

    def image(self, i: int) -> np.ndarray:
        self.reads += 1
        if i == self.damaged:
            raise DatasetError(f"{i}.jpg", "truncated")
        image = np.zeros((16, 16 + 16 * (i % 2), 3), np.uint8)
        image[4:8, 2:6] = 255
        return image

    def truth(self, i: int) -> None:
        return None


def proposals_of(dataset: Squares) -> list[Proposals]:
    boxes = np.array([[2, 4, 6, 8], [0, 0, 16, 16]], np.float32)
    return [Proposals(boxes[: i % 3], None, np.ones(i % 3)) for i in range(len(dataset))]


def test_order_depends_on_seed_and_epoch_alone() -> None:
    orders = [epoch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    np.testing.assert_array_equal(epoch_order(50, 1, 0), orders[2])


def test_half_of_the_images_are_mirrored_drawn_anew_in_each_epoch() -> None:
    drawn = np.array([[is_mirrored(0, epoch, i) for i in range(200)] for epoch in range(5)])
    assert 0.45 < drawn.mean() < 0.55
    assert 0.4 < (drawn[0] != drawn[1]).mean() < 0.6


@pytest.mark.parametrize("n_processes", [1, 2, 3])
@pytest.mark.parametrize("n_images", [1, 7, 12])
def test_processes_share_every_step(n_images: int, n_processes: int) -> None:
    order = epoch_order(n_images, 0, 0)
    shares = [epoch_steps(order, 2, rank, n_processes) for rank in range(n_processes)]
    alone = epoch_steps(order, 2 * n_processes)
    assert {len(share) for share in shares} == {len(alone)}
    for t, step in enumerate(alone):
        parts = [share[t].index for share in shares]
        np.testing.assert_array_equal(np.concatenate(parts), step.index)
        # The processes' averaged weighted means are the mean over all images of the step.
        value = np.sin(step.index)
        means = [
            share[t].weight * np.sin(share[t].index).mean()
            for share in shares
            if len(share[t].index)
        ]
        assert sum(means) / n_processes == pytest.approx(value.mean())
        assert step.weight == 1


def test_scaled_image_and_boxes_agree() -> None:
    dataset = Squares()
    samples = Samples(dataset, SIZE, proposals_of(dataset))
    sample = samples[1, False]  # 16 high, 32 wide: halved and quartered
    assert sample is not None
    assert sample.image.shape == (3, SIZE, SIZE)
    np.testing.assert_allclose(sample.boxes, [[0.5, 2, 1.5, 4]])
    assert sample.boxes.dtype == torch.float32
    bright = sample.image[0].numpy() > 100
    assert bright.any(axis=1).nonzero()[0].tolist() == [2, 3]


def test_mirroring_moves_boxes_with_the_pixels() -> None:
    dataset = Squares()
    samples = Samples(dataset, SIZE, proposals_of(dataset))
    plain, mirrored = samples[2, False], samples[2, True]
    assert plain is not None
    assert mirrored is not None
    np.testing.assert_array_equal(mirrored.image.numpy(), plain.image.numpy()[:, :, ::-1])
    for box, image in ((plain.boxes[0], plain.image), (mirrored.boxes[0], mirrored.image)):
        x0, y0, x1, y1 = box.int().tolist()
        assert image[:, y0:y1, x0:x1].gt(100).all()
        assert image.gt(100).sum() == 3 * 2 * 2


def test_boxes_of_the_whole_image_stay_whole() -> None:
    boxes = scale_boxes(np.array([[0, 0, 33, 21]]), (21, 33), 64)
    np.testing.assert_allclose(boxes, [[0, 0, 64, 64]], rtol=1e-6)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_do_not_depend_on_workers(workers: int) -> None:
    dataset = Squares(7)
    labels = [np.arange(i % 3) for i in range(7)]
    samples = Samples(dataset, SIZE, proposals_of(dataset), labels)
    steps = epoch_steps(epoch_order(7, 3, 1), 3)
    found = list(batches(samples, steps, seed=3, epoch=1, flip=True, workers=workers))
    for step, batch in zip(steps, found, strict=True):
        expected = collate([samples[int(i), is_mirrored(3, 1, int(i))] for i in step.index])
        assert batch.index.tolist() == step.index.tolist()
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.tags, expected.tags)
        assert torch.equal(torch.cat(batch.boxes), torch.cat(expected.boxes))
        assert batch.labels.tolist() == [j for i in step.index for j in range(i % 3)]


def test_damaged_image_is_an_error_naming_the_file() -> None:
    with pytest.raises(DatasetError, match=r"2\.jpg: truncated"):
        Samples(Squares(damaged=2), SIZE)[2, False]


def test_damaged_image_is_left_out_if_asked(caplog: pytest.LogCaptureFixture) -> None:
    samples = Samples(Squares(damaged=2), SIZE, skip_damaged=True)
    steps = epoch_steps(np.array([0, 2, 1]), 2)
    with caplog.at_level(logging.WARNING):
        first, second = batches(samples, steps, seed=0, epoch=0, flip=False)
    assert first.index.tolist() == [0]
    assert second.index.tolist() == [1]
    assert [record.getMessage() for record in caplog.records] == ["left out: 2.jpg: truncated"]


@pytest.mark.parametrize("order", [[2], []], ids=["all left out", "no share"])
def test_a_step_without_images_has_a_blank_batch(order: list[int]) -> None:
    samples = Samples(Squares(damaged=2), SIZE, skip_damaged=True)
    (step,) = epoch_steps(np.array([0]), 1) if not order else epoch_steps(np.array(order), 1)
    if not order:
        (step,) = epoch_steps(np.array([0]), 1, rank=1, n_processes=2)
    (batch,) = batches(samples, [step], seed=0, epoch=0, flip=False)
    assert batch.weight == 0
    assert batch.index.tolist() == [-1]
    assert batch.images.shape == (1, 3, SIZE, SIZE)
    assert batch.tags.shape == (1, 2)
    assert [boxes.shape for boxes in batch.boxes] == [(0, 4)]


def test_images_are_read_once_where_they_are_kept() -> None:
    dataset = Squares()
    samples = Samples(dataset, SIZE, cache_gib=2.5 * 3 * SIZE**2 / 2**30)  # room for two
    first = [samples[i, False].image for i in (0, 1, 2)]
    again = [samples[i, False].image for i in (0, 1, 2)]
    assert dataset.reads == 4
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("name", ["proposals", "labels"])
def test_lengths_must_agree(name: str) -> None:
    arguments: dict[str, Any] = {name: []}
    with pytest.raises(ValueError, match=f"{name} has 0 items for 5 images"):
        Samples(Squares(), SIZE, **arguments)
