"""HCP's selection: the filter, the clusters, the best of each."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from liid_mil.data.types import Proposals
from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.selection import select_proposals

SIZE = (100, 100)


def proposals(boxes: list[list[float]], scores: list[float] | None = None) -> Proposals:
    values = np.linspace(2, 1, len(boxes)) if scores is None else np.array(scores)
    return Proposals(np.array(boxes, np.float32), None, values.astype(np.float32))


def jittered(n_groups: int, per_group: int, seed: int) -> tuple[Proposals, np.ndarray]:
    """Groups of boxes that overlap much within and not at all between, in random order."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.arange(n_groups).repeat(per_group))
    corner = np.stack([group % 4, group // 4], axis=1) * 25.0
    boxes = np.concatenate([corner, corner + 18], axis=1) + rng.uniform(0, 4, (len(group), 4))
    return proposals(boxes.tolist(), rng.random(len(group)).tolist()), group


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_each_group_is_taken(seed: int) -> None:
    many, group = jittered(8, 12, seed)
    few = select_proposals(many, 8, SIZE)
    best = [np.flatnonzero(group == g)[many.scores[group == g].argmax()] for g in range(8)]
    best = sorted(best, key=lambda i: -many.scores[i])
    np.testing.assert_array_equal(few.boxes, many.boxes[best])
    np.testing.assert_array_equal(few.scores, many.scores[best])


def test_selected_ones_cover_better_than_the_first_ones() -> None:
    many, _ = jittered(16, 20, seed=9)
    few = select_proposals(many, 20, SIZE)
    first = many[np.argsort(-many.scores)[:20]]
    covered = [box_iou(many.boxes, each.boxes).max(axis=1).mean() for each in (few, first)]
    assert covered[0] > covered[1] + 0.1


@pytest.mark.parametrize(
    "bad",
    [[0, 0, 5, 5], [0, 0, 99, 99], [0, 0, 80, 15], [0, 0, 15, 80]],
    ids=["tiny", "nearly all", "flat", "narrow"],
)
def test_tiny_and_extreme_boxes_are_discarded(bad: list[float]) -> None:
    kept = select_proposals(proposals([bad, [0, 0, 50, 50], [20, 20, 60, 60]]), 10, SIZE)
    assert kept.boxes.tolist() == [[0, 0, 50, 50], [20, 20, 60, 60]]


def test_limits_can_be_moved() -> None:
    tiny, flat = [0, 0, 2, 2], [0, 0, 80, 10]
    kept = select_proposals(
        proposals([tiny, flat]), 10, SIZE, min_area_share=0, max_aspect=9, max_area_share=1
    )
    assert len(kept) == 2


def test_an_image_keeps_proposals_even_if_none_passes() -> None:
    assert len(select_proposals(proposals([[0, 0, 2, 2], [0, 0, 100, 100]]), 5, SIZE)) == 2


def test_no_proposals() -> None:
    assert len(select_proposals(proposals([]), 5, SIZE)) == 0


def test_few_different_boxes_make_no_warning() -> None:
    same = proposals([[0, 0, 50, 50]] * 30 + [[50, 50, 90, 90]])
    assert len(select_proposals(same, 20, SIZE)) >= 2


def test_masks_stay_with_their_boxes() -> None:
    pytest.importorskip("pycocotools")
    from liid_mil.proposals.masks import boxes_of_masks
    from liid_mil.proposals.segmentation import segment_proposals

    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    many = segment_proposals(image.repeat(10, axis=0).repeat(10, axis=1))
    few = select_proposals(many, 20, (80, 80))
    assert len(few) <= 20 < len(many)
    assert few.masks is not None
    np.testing.assert_array_equal(boxes_of_masks(few.masks), few.boxes)


def test_threads_do_not_matter() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 60, (300, 2))
    many = proposals(np.concatenate([low, low + rng.uniform(10, 40, (300, 2))], axis=1).tolist())
    results = []
    for n_threads in (1, 2, 4):
        with threadpoolctl.threadpool_limits(n_threads):
            results.append(select_proposals(many, 20, SIZE).boxes.tobytes())
    assert len(set(results)) == 1


def test_bad_number() -> None:
    with pytest.raises(ValueError, match="n is 0; it must be at least 1"):
        select_proposals(proposals([[0, 0, 5, 5]]), 0, SIZE)
