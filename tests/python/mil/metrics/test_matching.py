"""Matching rules by hand, and against loops written out."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.metrics.matching import HIT, IGNORED, MISS, coco_outcomes, voc_outcomes

THRESHOLDS = (0.3, 0.5, 0.75, 1.0)


def random_overlap(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlaps with many ties, and which objects are difficult."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 9), rng.integers(1, 6)
    return rng.integers(0, 5, shape) / 4, rng.random(shape[1]) < 0.3


def slow_voc(overlap: np.ndarray, difficult: np.ndarray, threshold: float) -> list[int]:
    outcome, taken = [], set()
    for row in overlap.tolist():
        g = row.index(max(row))
        if row[g] < threshold:
            outcome.append(MISS)
        elif difficult[g]:
            outcome.append(IGNORED)
        else:
            outcome.append(MISS if g in taken else HIT)
            taken.add(g)
    return outcome


def slow_coco(overlap: np.ndarray, crowd: np.ndarray, threshold: float) -> list[int]:
    outcome, taken = [], set()
    for row in overlap.tolist():
        reached = [(value, g) for g, value in enumerate(row) if value >= min(threshold, 1 - 1e-10)]
        plain = [(value, g) for value, g in reached if not crowd[g] and g not in taken]
        if plain:
            taken.add(max(plain)[1])
            outcome.append(HIT)
        else:
            outcome.append(IGNORED if any(crowd[g] for _, g in reached) else MISS)
    return outcome


@pytest.mark.parametrize("seed", range(30))
def test_rules_equal_their_slow_versions(seed: int) -> None:
    overlap, difficult = random_overlap(seed)
    for rule, slow in ((voc_outcomes, slow_voc), (coco_outcomes, slow_coco)):
        expected = [slow(overlap, difficult, threshold) for threshold in THRESHOLDS]
        assert rule(overlap, difficult, THRESHOLDS).tolist() == expected


def test_a_second_hit_is_a_miss_and_a_difficult_object_is_ignored() -> None:
    overlap = np.array([[0.9, 0.0], [0.8, 0.0], [0.0, 0.7], [0.1, 0.2]])
    assert voc_outcomes(overlap, np.array([False, True]), [0.5]).tolist() == [[1, 0, -1, 0]]


def test_where_the_rules_differ() -> None:
    # The second proposal overlaps the first object most, but would also do for the other one.
    overlap = np.array([[0.9, 0.0], [0.8, 0.6]])
    assert voc_outcomes(overlap, np.zeros(2, bool), [0.5]).tolist() == [[HIT, MISS]]
    assert coco_outcomes(overlap, np.zeros(2, bool), [0.5]).tolist() == [[HIT, HIT]]


@pytest.mark.parametrize("rule", [voc_outcomes, coco_outcomes])
def test_nothing_to_match(rule) -> None:
    assert rule(np.zeros((3, 0)), np.zeros(0, bool), [0.5]).tolist() == [[MISS] * 3]
    assert rule(np.zeros((0, 3)), np.zeros(3, bool), [0.5]).shape == (1, 0)
