"""What the downstream benchmark trains on and how it sums up."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.mil_downstream import (  # noqa: E402
    Kept,
    least_score,
    miou,
    summary,
    training_map,
    true_map,
)
from liid_mil.data.scenes import SceneDataset  # noqa: E402
from liid_mil.data.types import ImageLabels  # noqa: E402
from liid_mil.proposals.masks import boxes_of_masks, encode_masks  # noqa: E402
from liid_mil.semantic import VOID  # noqa: E402


def test_unsure_objects_are_void_where_no_sure_one_is() -> None:
    masks = np.zeros((2, 2, 6), bool)
    masks[0, :, 1:4] = True
    masks[1, :, 3:5] = True
    codes = encode_masks(masks)
    objects = ImageLabels("i", (2, 6), boxes_of_masks(codes), [1, 2], [0.9, 0.2], codes)
    assert training_map(objects, 0.5)[0].tolist() == [0, 1, 1, 1, VOID, 0]
    assert training_map(objects, 0.2)[0].tolist() == [0, 1, 1, 1, 2, 0]
    assert training_map(objects, 2.0)[0].tolist() == [0, VOID, VOID, VOID, VOID, 0]


def test_the_least_score_keeps_a_share() -> None:
    none, box = np.zeros(0), np.tile([0, 0, 1, 1], (4, 1))
    objects = [
        ImageLabels("a", (2, 2), box, [1] * 4, [0.4, 0.3, 0.2, 0.1], None),
        ImageLabels("b", (2, 2), none, none, none, None),
    ]
    assert least_score(objects, 1.0) == pytest.approx(0.1)
    assert least_score(objects, 0.5) == pytest.approx(0.25)


def test_true_maps_are_perfect() -> None:
    scenes = SceneDataset(3, n_classes=3, size=48)
    kept = Kept(scenes, 2)
    assert (len(kept), kept.image_ids) == (2, scenes.image_ids[:2])
    np.testing.assert_array_equal(kept.image(1), scenes.image(1))
    maps = [true_map(kept, i) for i in range(2)]
    assert VOID not in np.unique(maps)
    assert miou(kept, maps) == 1
    assert miou(kept, [np.zeros_like(one) for one in maps]) < 0.5


def test_summary_compares_seed_by_seed() -> None:
    rows = [
        {"seed": seed, "method": method, "miou": value + seed / 10}
        for seed in (0, 1, 2)
        for method, value in (("without graph", 0.2), ("graph of all", 0.25 + 0.01 * seed))
    ]
    lines = summary(rows)
    assert lines[0] == "3 seeds"
    # Differences .05, .06, .07: mean .06, t(2) 4.303 times .01 / sqrt(3)
    assert lines[-1].startswith("| graph of all | 36.0 ± 27.3 | 6.0 ± 2.5 |")
