"""COCO's numbers: both libraries, and pycocotools fed as by its own files."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.data.types import ImageLabels, Truth
from liid_mil.metrics.coco_summary import NAMES, CocoSummary
from mil.metrics.cases import N_CLASSES, random_pairs
from mil.metrics.coco_oracle import evaluated

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def summary_of(pairs: list[tuple[ImageLabels, Truth | None]], masks: bool) -> CocoSummary:
    summary = CocoSummary(N_CLASSES, "mask" if masks else "box")
    for labels, truth in pairs:
        if truth is not None:
            summary.add(labels, truth)
    return summary


def enlarged(truth: Truth | None, labels: ImageLabels) -> tuple[ImageLabels, Truth | None]:
    """Four times as large, so that small, medium and large objects are there."""
    bigger = ImageLabels(
        labels.image_id, (160, 160), labels.boxes * 4, labels.labels, labels.scores, None
    )
    if truth is None:
        return bigger, None
    return bigger, Truth(truth.boxes * 4, truth.labels, None, truth.difficult)


@pytest.mark.parametrize("masks", [False, True], ids=["box", "mask"])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_those_of_both_libraries(seed: int, masks: bool) -> None:
    pairs = random_pairs(seed, masks)
    if not masks:
        pairs = [enlarged(truth, labels) for labels, truth in pairs]
    summary = summary_of(pairs, masks)
    plain = summary.result("pycocotools")
    expected = evaluated(pairs, masks).stats
    expected[expected < 0] = np.nan
    assert list(plain) == list(NAMES)
    assert list(plain.values()) == pytest.approx(expected.tolist(), nan_ok=True)
    assert plain["AP50"] > 0.1
    assert np.isnan(plain["AP_L"])  # nothing here is that large
    assert summary.result("pycocotools") == pytest.approx(plain, nan_ok=True)

    pytest.importorskip("faster_coco_eval")
    assert summary.result("faster-coco-eval") == pytest.approx(plain, nan_ok=True, abs=1e-12)
    assert summary.result() == pytest.approx(plain, nan_ok=True, abs=1e-12)


def test_areas_are_those_of_masks() -> None:
    pairs = random_pairs(0, masks=True)
    by_mask, by_box = (summary_of(pairs, masks) for masks in (True, False))
    assert by_mask.result()["AP50"] != by_box.result()["AP50"]


def test_no_label_at_all() -> None:
    none = np.zeros(0)
    empty = ImageLabels("i", (9, 9), none, none, none, None)
    truth = Truth([[0, 0, 5, 5]], [1], None, [False])
    for backend in ("pycocotools", None):
        found = summary_of([(empty, truth)], False).result(backend)
        assert (found["AP"], found["AR100"]) == (0, 0)


def test_unknown_backend() -> None:
    with pytest.raises(ValueError, match="backend is 'matlab'; it must be one of"):
        CocoSummary(1, "box").result("matlab")
