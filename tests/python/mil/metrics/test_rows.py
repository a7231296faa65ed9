"""Rows gathered image by image, and what the whole evaluation keeps of an image."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

import numpy as np

from liid_mil.data.types import ImageLabels, Truth
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


def peak(repeats: int, coco: bool) -> int:
    """Bytes that evaluating ``repeats`` copies of some images takes at most."""
    images = (
        (replace(labels, boxes=labels.boxes.copy(), scores=labels.scores.copy()), truth)
        for _ in range(repeats)
        for labels, truth in annotated_pairs()
    )
    tracemalloc.start()
    evaluate(images, ("a", "b", "c"), coco=coco)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@cache
def annotated_pairs() -> list[tuple[ImageLabels, Truth]]:
    return [(labels, truth) for labels, truth in random_pairs(0, True) if truth is not None]


def test_an_image_leaves_only_its_scores_and_matches() -> None:
    # In a process of its own: threads that other tests left behind allocate, too.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        process.submit(peak, 1, True).result()  # imports and caches

        def growth(coco: bool) -> int:
            few, many = (process.submit(peak, repeats, coco).result() for repeats in (5, 30))
            return many - few

        # Of each label two times its class, score and outcomes, and what sorting makes of them.
        little = 120 * 25 * sum(len(labels) for labels, _ in annotated_pairs())
        assert growth(coco=False) < little
        assert growth(coco=True) > little  # COCO's libraries hold whole objects
