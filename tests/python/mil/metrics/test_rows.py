"""Rows gathered image by image, and what the whole evaluation keeps of an image."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np

from liid_mil.metrics import evaluate
from liid_mil.metrics.rows import Rows
from mil.metrics.cases import random_pairs


def test_rows_are_concatenated() -> None:
    rows = Rows(np.float32, 2)
    assert rows.array().shape == (0, 2)
    parts = [np.arange(4.0).reshape(2, 2), np.zeros((0, 2)), np.array([[7, 8]])]
    for part in parts:
        rows.extend(part)
    np.testing.assert_array_equal(rows.array(), np.concatenate(parts))
    rows.extend(np.ones((1, 2)))  # reading does not end it
    assert rows.array().shape == (4, 2)
    assert rows.array().dtype == np.float32


def test_an_image_leaves_only_its_scores_and_matches() -> None:
    pairs = [(labels, truth) for labels, truth in random_pairs(0, True) if truth is not None]
    n_labelled = sum(len(labels) for labels, _ in pairs)

    def peak(repeats: int, coco: bool) -> int:
        images = (
            (replace(labels, boxes=labels.boxes.copy(), scores=labels.scores.copy()), truth)
            for _ in range(repeats)
            for labels, truth in pairs
        )
        tracemalloc.start()
        evaluate(images, ("a", "b", "c"), coco=coco)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1, True)  # imports and caches
    # Of each label two times its class, score and outcomes, and what sorting makes of them.
    few = 120 * 25 * n_labelled
    assert peak(30, False) - peak(5, False) < few
    assert peak(30, True) - peak(5, True) > few  # COCO's libraries hold whole objects
