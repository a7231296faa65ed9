"""Metrics of labelled proposals against versions written out slowly, and by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from liid_mil.data.types import Proposals, Truth
from liid_mil.metrics import ProposalEvaluator, nms
from mil.metrics.cases import (
    N_CLASSES,
    mask_tools,
    random_boxes,
    rectangle,
    slow_iou,
    slow_region_metrics,
)

# pycocotools 2.0.11 is not yet written for NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@dataclass
class Annotated:
    """A dataset that has nothing but truth."""

    truths: list[Truth | None]
    class_names: tuple[str, ...] = ("a", "b", "c")
    image_ids: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.image_ids = tuple(f"image-{i}" for i in range(len(self.truths)))

    @property
    def tags(self) -> np.ndarray:
        raise AssertionError("evaluation needs no tags")

    def __len__(self) -> int:
        return len(self.truths)

    def image(self, i: int) -> np.ndarray:
        raise AssertionError("evaluation needs no pixels")

    def truth(self, i: int) -> Truth | None:
        return self.truths[i]


def random_data(seed: int, masks: bool) -> tuple[Annotated, list[Proposals]]:
    rng = np.random.default_rng(seed)
    truths: list[Truth | None] = []
    proposals = []
    for _ in range(12):
        boxes = random_boxes(rng, int(rng.integers(0, 5)))
        found = random_boxes(rng, int(rng.integers(0, 9)))
        near = boxes[rng.integers(0, len(boxes), 6)] if len(boxes) else boxes
        found = np.vstack([found, near + rng.integers(-1, 2, near.shape) * [1, 1, 1, 1]])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        found = np.maximum(found, [0, 0, 1, 1]).astype(np.float32)
        proposals.append(
            Proposals(
                found, [rectangle(box) for box in found] if masks else None, np.ones(len(found))
            )
        )
        truths.append(
            Truth(
                boxes,
                rng.integers(1, N_CLASSES + 1, len(boxes)),
                [rectangle(box) for box in boxes] if masks else None,
                rng.random(len(boxes)) < 0.2,
            )
        )
    truths[3] = None  # nobody annotated it
    return Annotated(truths), proposals


def slow_metrics(
    data: Annotated, proposals: list[Proposals], labels: np.ndarray, scores: np.ndarray, masks: bool
) -> dict[str, float]:
    """Everything from its definition, one proposal and one object at a time."""
    detections = []  # (score, image, region, box, label)
    right, count, row = 0, 0, 0
    for i, candidates in enumerate(proposals):
        truth = data.truth(i)
        chosen: list[tuple] = []
        for j in range(len(candidates)):
            region = mask_tools.decode(candidates.masks[j]) if masks else candidates.boxes[j]
            chosen.append((scores[row], i, region, candidates.boxes[j], labels[row]))
            row += 1
            if truth is None:
                continue
            best, label = 0.5, 0
            for g in range(len(truth)):
                other = mask_tools.decode(truth.masks[g]) if masks else truth.boxes[g]
                overlap = slow_iou(region, other)
                if overlap > best or (overlap == best and label == 0):
                    best, label = overlap, truth.labels[g]
            count += 1
            right += label == chosen[-1][4]
        if truth is None:
            continue
        kept: list[tuple] = []
        for one in sorted(chosen, key=lambda one: -one[0]):
            rivals = [other for other in kept if other[4] == one[4]]
            if one[4] > 0 and all(slow_iou(one[3], other[3]) <= 0.4 for other in rivals):
                kept.append(one)
        detections += kept

    result = {"accuracy": right / count, "n_kept": len(detections)}
    result |= slow_region_metrics(detections, data.truths, masks)
    return result


@pytest.mark.parametrize("masks", [False, True], ids=["box", "mask"])
@pytest.mark.parametrize("seed", range(4))
def test_metrics_equal_their_slow_version(seed: int, masks: bool) -> None:
    data, proposals = random_data(seed, masks)
    evaluator = ProposalEvaluator(data, proposals)
    rng = np.random.default_rng(seed + 100)
    # Mostly right labels, as a fully random labelling has an AP of nearly 0.
    labels = np.where(
        rng.random(len(evaluator.true_labels)) < 0.7,
        np.maximum(evaluator.true_labels, 0),
        rng.integers(0, N_CLASSES + 1, len(evaluator.true_labels)),
    )
    scores = rng.permutation(len(labels)) / len(labels)
    metrics = vars(evaluator.evaluate(labels, scores))
    expected = slow_metrics(data, proposals, labels, scores, masks)
    assert expected["ap50"] > 0.1
    assert metrics == pytest.approx(expected)


def test_true_labels_are_perfect() -> None:
    truth = Truth(
        np.array([[0, 0, 10, 10], [20, 20, 30, 30]]), np.array([1, 2]), None, np.zeros(2, bool)
    )
    proposals = Proposals(np.vstack([truth.boxes, [[0, 20, 10, 30]]]), None, np.ones(3))
    evaluator = ProposalEvaluator(Annotated([truth]), [proposals])
    assert evaluator.true_labels.tolist() == [1, 2, 0]
    metrics = evaluator.evaluate(evaluator.true_labels, np.ones(3))
    assert (metrics.accuracy, metrics.ap50, metrics.ap75, metrics.abo) == (1, 1, 1, 1)
    assert metrics.n_kept == 2
    nothing = evaluator.evaluate(np.zeros(3, int), np.ones(3))
    assert (nothing.ap50, nothing.ap75, nothing.abo, nothing.n_kept) == (0, 0, 0, 0)
    assert nothing.accuracy == pytest.approx(1 / 3)


def test_nms_keeps_other_classes_and_drops_background() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [0, 0, 10, 10]])
    kept = nms(boxes, [0.5, 0.9, 0.8, 1.0], [1, 1, 2, 0])
    assert kept.tolist() == [1, 2]


def test_nms_keeps_an_overlap_of_just_the_threshold() -> None:
    boxes = np.array([[0, 0, 7, 1], [3, 0, 10, 1]])  # 4 of 10 pixels
    assert nms(boxes, [2, 1], [1, 1], iou=0.4).tolist() == [0, 1]
    assert nms(boxes, [2, 1], [1, 1], iou=0.39).tolist() == [0]


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 4], [1, 1], r"labels\[1\] is 4; allowed: 0 to 3"),
        ([0, -1], [1, 1], r"labels\[1\] is -1; allowed: 0 to 3"),
        ([0.0, 1.0], [1, 1], "labels has dtype float64; it must be integers"),
        ([0], [1, 1], r"labels has shape \(1,\), not \(2,\)"),
        ([0, 1], [1], r"scores has shape \(1,\), not \(2,\)"),
        ([0, 1], [1, np.nan], r"scores\[1\] is nan; every score must be finite"),
    ],
)
def test_bad_labels(labels: list, scores: list, message: str) -> None:
    truth = Truth(np.array([[0, 0, 5, 5]]), np.array([1]), None, np.zeros(1, bool))
    proposals = Proposals(np.array([[0, 0, 5, 5], [5, 5, 9, 9]]), None, np.ones(2))
    evaluator = ProposalEvaluator(Annotated([truth]), [proposals])
    with pytest.raises(ValueError, match=message):
        evaluator.evaluate(labels, scores)


def test_bad_data() -> None:
    truth = Truth(np.array([[0, 0, 5, 5]]), np.array([1]), None, np.zeros(1, bool))
    proposals = Proposals(np.array([[0, 0, 5, 5]]), None, np.ones(1))
    with pytest.raises(ValueError, match="region is 'pixel'; it must be"):
        ProposalEvaluator(Annotated([truth]), [proposals], "pixel")
    with pytest.raises(ValueError, match="the proposals of image image-0 have no masks"):
        ProposalEvaluator(Annotated([truth]), [proposals], "mask")
    with pytest.raises(ValueError, match="proposals of 2 images for 1"):
        ProposalEvaluator(Annotated([truth]), [proposals, proposals])
    with pytest.raises(ValueError, match="no image of the dataset has annotated objects"):
        ProposalEvaluator(Annotated([None]), [proposals])
