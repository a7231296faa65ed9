"""The whole report against its parts, slow versions and pycocotools; its rules one by one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from liid_mil.data.types import ImageLabels, Truth
from liid_mil.metrics import Report, evaluate
from liid_mil.semantic import VOID
from mil.metrics.cases import N_CLASSES, mask_tools, random_pairs, rectangle, slow_region_metrics
from mil.metrics.coco_oracle import evaluated, mean_of_known

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NAMES = ("a", "b", "c")
BOX = np.array([[2, 2, 12, 12]], dtype=np.float32)


def one_object(**truth: object) -> tuple[ImageLabels, Truth]:
    """A perfect label of class 1."""
    codes = [rectangle(BOX[0])]
    settings = {"boxes": BOX, "labels": [1], "masks": codes, "difficult": [False]} | truth
    return ImageLabels("cat", (40, 40), BOX, [1], [0.5], codes), Truth(**settings)


@pytest.mark.parametrize("masks", [False, True], ids=["box", "mask"])
@pytest.mark.parametrize("seed", range(4))
def test_report_equals_slow_versions_and_pycocotools(seed: int, masks: bool) -> None:
    pairs = random_pairs(seed, masks)
    report = evaluate(iter(pairs), NAMES)
    assert report.region == ("mask" if masks else "box")
    assert (report.n_images, report.n_unannotated) == (11, 1)

    detections = []
    for i, (labels, truth) in enumerate(pairs):
        for j in range(len(labels) if truth is not None else 0):
            region = mask_tools.decode(labels.masks[j]) if masks else labels.boxes[j]
            detections.append((labels.scores[j], i, region, labels.boxes[j], labels.labels[j]))
    assert report.n_labelled == len(detections)
    slow = slow_region_metrics(detections, [truth for _, truth in pairs], masks)
    found = {name: getattr(report, name) for name in ("ap50", "ap75", "abo")}
    assert found == pytest.approx(slow)

    oracle = evaluated(pairs, masks)
    assert report.ap50_coco == pytest.approx(oracle.stats[1])
    assert report.ap75_coco == pytest.approx(oracle.stats[2])
    assert report.coco is not None
    assert report.coco["AP"] == pytest.approx(oracle.stats[0])
    precision = oracle.eval["precision"][0, :, :, 0, 2]
    for k, one in enumerate(report.classes[:2]):
        assert one.ap50_coco == pytest.approx(mean_of_known(precision[:, k]))
    assert np.isnan([report.classes[2].ap50, report.classes[2].ap50_coco]).all()


@pytest.mark.parametrize("seed", range(3))
def test_miou_and_confusion_are_scikit_learns(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    pairs = [(labels, truth) for labels, truth in random_pairs(seed, True) if truth is not None]
    true, given, true_labels, given_labels = [], [], [], []
    for labels, truth in pairs:
        maps = np.zeros((2, 40, 40), int)
        for j in np.argsort(-labels.scores, kind="stable")[::-1]:
            maps[0][mask_tools.decode(labels.masks[j]) > 0] = labels.labels[j]
        owners = [set() for _ in range(1600)]
        for j in range(len(truth)):
            inside = mask_tools.decode(truth.masks[j]).ravel() > 0
            for pixel in np.flatnonzero(inside):
                owners[pixel].add(VOID if truth.difficult[j] else truth.labels[j])
        classes = [one or {0} for one in owners]
        void = [len(one) > 1 or VOID in one for one in classes]
        maps[1] = np.reshape(
            [VOID if v else min(one) for v, one in zip(void, classes, strict=True)], (40, 40)
        )
        clear = maps[1] != VOID
        given.append(maps[0][clear])
        true.append(maps[1][clear])
        for j in range(len(labels)):
            best = [
                float(mask_tools.iou([labels.masks[j]], [mask], [0])[0, 0]) for mask in truth.masks
            ]
            hit = max(best, default=0) >= 0.5
            true_labels.append(truth.labels[int(np.argmax(best))] if hit else 0)
        given_labels += labels.labels.tolist()
    iou = metrics.jaccard_score(
        np.concatenate(true), np.concatenate(given), labels=range(4), average=None
    )
    report = evaluate(pairs, NAMES, coco=False)
    assert report.coco is None
    assert report.miou == pytest.approx(iou.mean())
    assert [one.iou for one in report.classes] == pytest.approx(iou[1:])
    expected = metrics.confusion_matrix(true_labels, given_labels, labels=range(4))
    np.testing.assert_array_equal(report.confusion, expected)
    assert report.label_accuracy == metrics.accuracy_score(true_labels, given_labels)


def test_perfect_labels() -> None:
    report = evaluate([one_object()], NAMES)
    shares = (
        report.label_accuracy,
        report.ap50,
        report.ap75,
        report.ap50_coco,
        report.ap75_coco,
        report.abo,
        report.miou,
        report.average_recall[1],
    )
    assert shares == (1,) * 8
    assert report.confusion == ((0, 0, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert report.classes[0].n_objects == report.classes[0].n_labelled == 1


def test_difficult_objects_count_neither_way() -> None:
    report = evaluate([one_object(difficult=[True])], NAMES)
    assert (report.n_objects, report.n_difficult, report.n_labelled) == (0, 1, 1)
    undefined = (report.ap50, report.ap50_coco, report.abo, report.average_recall[10])
    assert np.isnan(undefined).all()
    assert report.label_accuracy == 1
    assert report.miou == 1  # the background; the object is void


def test_images_without_labels_or_objects_count() -> None:
    none = np.zeros(0)
    empty = ImageLabels("no labels", (40, 40), none, none, none, None)
    labels, truth = one_object()
    nothing = Truth(none, none, None, none)
    report = evaluate([(empty, nothing), (empty, truth), (labels, nothing), (labels, truth)], NAMES)
    assert report.region == "mask"
    assert (report.n_images, report.n_objects, report.n_labelled) == (4, 2, 2)
    assert report.ap50 == pytest.approx(0.5 * 0.5)  # a miss, a hit; one object is not found
    assert report.confusion[0][1] == 1


def test_no_labels_at_all() -> None:
    none = np.zeros(0)
    _, truth = one_object()
    report = evaluate([(ImageLabels("i", (40, 40), none, none, none, None), truth)], NAMES)
    assert (report.ap50, report.ap50_coco, report.abo, report.average_recall[1]) == (0, 0, 0, 0)
    assert np.isnan(report.label_accuracy)
    assert report.classes[0].iou == 0


def test_maps_of_the_truth_may_be_given() -> None:
    pair = one_object()
    given = np.full((40, 40), VOID, np.uint8)
    given[2:7, 2:12] = 1  # the upper half of the object
    given[0] = 2
    report = evaluate([pair], NAMES, truth_maps={"cat": given}.get)
    assert report.classes[0].iou == 1
    assert report.classes[1].iou == 0
    assert evaluate([pair], NAMES, truth_maps=lambda name: None).miou == 1


def test_json_and_table() -> None:
    report = evaluate(random_pairs(0, True), NAMES)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["ap50"] == report.ap50
    assert found["classes"][2]["ap50"] is None
    assert found["average_recall"]["10"] == report.average_recall[10]
    table = report.table().splitlines()
    assert f"AP50 {100 * report.ap50:5.1f}" in table[2]
    assert table[-1].split()[:3] == ["c", "0", str(report.classes[2].n_labelled)]
    assert "-" in table[-1].split()
    assert "COCO" not in evaluate(random_pairs(0, True), NAMES, coco=False).table()


def test_auto_takes_boxes_where_masks_are_missing() -> None:
    labels, truth = one_object(masks=None)
    assert evaluate([(labels, truth)], NAMES).region == "box"
    assert np.isnan(evaluate([(labels, truth)], NAMES).miou)
    with pytest.raises(ValueError, match="the annotated objects of image cat have no masks"):
        evaluate([one_object(), (labels, truth)], NAMES)
    assert evaluate([one_object(), (labels, truth)], NAMES, region="box").ap50 == 1


def test_bad_input() -> None:
    labels, truth = one_object()
    with pytest.raises(ValueError, match="region is 'pixel'; it must be"):
        evaluate([(labels, truth)], NAMES, region="pixel")
    with pytest.raises(ValueError, match="none of the 2 images is annotated"):
        evaluate([(labels, None)] * 2, NAMES)
    with pytest.raises(ValueError, match=r"annotated classes of image 'cat' reach 5; .* 1 to 3"):
        evaluate([one_object(labels=[5])], NAMES)
    with pytest.raises(ValueError, match="the labels of image 'cat' reach 1; there are 1 to 0"):
        evaluate([(labels, truth)], ())
    with pytest.raises(ValueError, match=r"map of image 'cat' is \[3, 3\]; the image is \[40, 40"):
        evaluate([(labels, truth)], NAMES, truth_maps=lambda name: np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="map of image 'cat' has class 9; there are 0 to 3"):
        evaluate([(labels, truth)], NAMES, truth_maps=lambda name: np.full((40, 40), 9, np.uint8))


def test_a_report_is_the_same_twice() -> None:
    first, second = (evaluate(random_pairs(2, True), NAMES) for _ in range(2))
    assert isinstance(first, Report)
    assert first.to_dict() == second.to_dict()
    assert len(first.classes) == N_CLASSES
