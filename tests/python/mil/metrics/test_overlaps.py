"""Overlaps of boxes and masks, plain and with crowds, against counted pixels."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.data.types import Truth
from liid_mil.metrics.overlaps import overlaps
from mil.metrics.cases import mask_tools, random_boxes, random_pairs, rectangle, slow_iou

# pycocotools 2.0.11 is not yet written for NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("region", ["box", "mask"])
def test_overlaps_count_pixels(region: str) -> None:
    n_crowds = 0
    for labels, truth in random_pairs(1, masks=True):
        if truth is None:
            continue
        both = overlaps(labels.boxes, labels.masks, truth, region, "i")
        for p in range(len(labels)):
            for g in range(len(truth)):
                one, other = labels.boxes[p], truth.boxes[g]
                if region == "mask":
                    one = mask_tools.decode(labels.masks[p])
                    other = mask_tools.decode(truth.masks[g])
                iou = slow_iou(one, other)
                assert both.iou[p, g] == pytest.approx(iou)
                if truth.difficult[g]:
                    n_crowds += 1
                    area = one.sum() if region == "mask" else (one[2:] - one[:2]).prod()
                    other_area = other.sum() if region == "mask" else (other[2:] - other[:2]).prod()
                    iou = iou * (area + other_area) / (1 + iou) / area  # the intersection of it
                assert both.crowd_iou[p, g] == pytest.approx(iou)
    assert n_crowds > 10


def test_more_masks_than_a_byte_counts() -> None:
    boxes = random_boxes(np.random.default_rng(0), 300)
    codes = [rectangle(box) for box in boxes]
    truth = Truth(boxes[-2:], [1, 2], codes[-2:], [False, True])
    both = overlaps(boxes, codes, truth, "mask", "i")
    assert both.iou[298, 0] == both.iou[299, 1] == both.crowd_iou[299, 1] == 1
    assert both.iou.shape == both.crowd_iou.shape == (300, 2)


def test_missing_and_wrong_masks() -> None:
    box = np.array([[0, 0, 4, 4]], dtype=np.float32)
    code, small = [rectangle(box[0])], [rectangle(box[0], 20)]
    truth = Truth(box, [1], code, [False])
    with pytest.raises(ValueError, match="the proposals of image cat have no masks"):
        overlaps(box, None, truth, "mask", "cat")
    with pytest.raises(ValueError, match="the annotated objects of image cat have no masks"):
        overlaps(box, code, Truth(box, [1], None, [False]), "mask", "cat")
    with pytest.raises(ValueError, match=r"image 'cat' has masks of sizes \[\(20, 20\), \(40, 40"):
        overlaps(box, small, truth, "mask", "cat")
