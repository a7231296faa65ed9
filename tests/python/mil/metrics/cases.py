"""Random labelled objects and truth, and their metrics from the definitions, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from liid_mil.data.types import ImageLabels, Truth

mask_tools = pytest.importorskip("pycocotools.mask")

N_CLASSES = 3
SIZE = 40


def random_boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    corner = rng.integers(0, 24, (n, 2))
    return np.hstack([corner, corner + rng.integers(2, 16, (n, 2))]).astype(np.float32)


def rectangle(box: np.ndarray, size: int = 40) -> dict:
    """The mask of a box without its lower right quarter."""
    x0, y0, x1, y1 = box.astype(int)
    mask = np.zeros((size, size), np.uint8, order="F")
    mask[y0:y1, x0:x1] = 1
    mask[(y0 + y1) // 2 : y1, (x0 + x1) // 2 : x1] = 0
    return mask_tools.encode(mask)


def slow_iou(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two boxes (or, 2-d, masks) by counting pixels."""
    grids = []
    for region in (a, b):
        if region.ndim == 2:
            grids.append(region.astype(bool))
        else:
            grid = np.zeros((64, 64), bool)
            x0, y0, x1, y1 = region.astype(int)
            grid[y0:y1, x0:x1] = True
            grids.append(grid)
    return (grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum()


def slow_region_metrics(
    detections: list[tuple], truths: list[Truth | None], masks: bool
) -> dict[str, float]:
    """AP50, AP75 (VOC) and ABO of detections (score, image, region, box, label)."""
    result = {}
    best_overlaps: dict[int, list[float]] = {}
    precisions: dict[float, list[float]] = {0.5: [], 0.75: []}
    for k in range(1, N_CLASSES + 1):
        objects = []  # (image, region, difficult)
        for i, truth in enumerate(truths):
            for g in range(len(truth) if truth else 0):
                if truth.labels[g] == k:
                    region = mask_tools.decode(truth.masks[g]) if masks else truth.boxes[g]
                    objects.append((i, region, truth.difficult[g]))
        mine = sorted((d for d in detections if d[4] == k), key=lambda d: -d[0])
        counted = [o for o in objects if not o[2]]
        if not counted:
            continue
        best_overlaps[k] = [
            max((slow_iou(d[2], o[1]) for d in mine if d[1] == o[0]), default=0.0) for o in counted
        ]
        for threshold, per_class in precisions.items():
            used: set[int] = set()
            true_positive, false_positive, curve = 0, 0, [(0.0, 0.0)]
            for d in mine:
                here = [(slow_iou(d[2], o[1]), g) for g, o in enumerate(objects) if o[0] == d[1]]
                overlap, g = max(here, key=lambda pair: pair[0], default=(0.0, -1))
                if overlap >= threshold and objects[g][2]:
                    continue
                if overlap >= threshold and g not in used:
                    used.add(g)
                    true_positive += 1
                else:
                    false_positive += 1
                curve.append(
                    (true_positive / len(counted), true_positive / (true_positive + false_positive))
                )
            area = 0.0
            for (before, _), (recall, _) in itertools.pairwise(curve):
                best = max(p for r, p in curve if r >= recall)
                area += (recall - before) * best
            per_class.append(area)
    result["ap50"] = np.mean(precisions[0.5])
    result["ap75"] = np.mean(precisions[0.75])
    result["abo"] = np.mean([np.mean(overlaps) for overlaps in best_overlaps.values()])
    return result


def random_pairs(
    seed: int, masks: bool, n_images: int = 12
) -> list[tuple[ImageLabels, Truth | None]]:
    """Labelled objects near the true ones, with few distinct scores; image 3 is not annotated."""
    rng = np.random.default_rng(seed)
    pairs: list[tuple[ImageLabels, Truth | None]] = []
    for i in range(n_images):
        objects = random_boxes(rng, int(rng.integers(0, 6)))
        classes = rng.integers(1, N_CLASSES, len(objects))  # the last class has no object
        near = rng.integers(0, len(objects), 8) if len(objects) else np.zeros(0, int)
        found = np.vstack(
            [objects[near] + rng.integers(-1, 2, (len(near), 4)), random_boxes(rng, 3)]
        )
        found[:, :2] = np.maximum(found[:, :2], 0)
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        right = np.concatenate([classes[near], np.zeros(3, int)])
        guess = rng.integers(1, N_CLASSES + 1, len(found))
        labels = np.where((right > 0) & (rng.random(len(found)) < 0.7), right, guess)
        rows = rng.permutation(len(found))[: int(rng.integers(0, len(found) + 1))]
        scores = rng.integers(1, 20, len(rows)) / 20
        codes = [rectangle(box) for box in found[rows]] if masks else None
        truth = Truth(
            objects,
            classes,
            [rectangle(box) for box in objects] if masks else None,
            rng.random(len(objects)) < 0.2,
        )
        given = ImageLabels(f"image-{i}", (SIZE, SIZE), found[rows], labels[rows], scores, codes)
        pairs.append((given, None if i == 3 else truth))
    return pairs
