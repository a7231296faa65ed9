"""All metrics of pseudo labels in one pass over the images.

Input: labelled objects and truth, image by image. Output: a report. Kept in between: label, score
and matches of each object, and, for COCO's numbers, the objects themselves.
Rules: images without annotation (truth None) are left out and counted. Difficult objects and
crowds count neither as found nor as missed, and are void in maps. Means are over the classes that
have objects; a number that nothing defines is nan, null in JSON, a dash in tables.
Source: LIID, section 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from liid_mil.data.types import ImageLabels, Truth
from liid_mil.metrics.best_overlap import BestOverlap
from liid_mil.metrics.coco_summary import CocoSummary
from liid_mil.metrics.label_accuracy import Confusion, true_labels_of
from liid_mil.metrics.overlaps import REGIONS, ScoredImage, have_masks, overlaps
from liid_mil.metrics.recall import ProposalRecall
from liid_mil.metrics.region_ap import FORMS, RegionAP, mean_over_classes
from liid_mil.proposals.strips import strips_of
from liid_mil.semantic import VOID, SemanticMap, agreed, masks_for_map, semantic_map, surest

RECALL_AT = (1, 10, 100)
_Pairs: TypeAlias = Iterable[tuple[ImageLabels, Truth | None]]


@dataclass(frozen=True)
class ClassReport:
    """Metrics of one class, in [0, 1]; see :class:`Report`. nan where nothing defines them."""

    name: str
    n_objects: int
    n_labelled: int
    label_accuracy: float
    ap50: float
    ap75: float
    ap50_coco: float
    ap75_coco: float
    abo: float
    iou: float


@dataclass(frozen=True)
class Report:
    """Quality of pseudo labels, all shares in [0, 1]; nan where nothing defines a number.

    Attributes
    ----------
    region : ``"mask"`` or ``"box"``: what overlaps are of.
    n_images, n_unannotated : images with truth, which all numbers are of, and without.
    n_objects, n_difficult : annotated objects that count, and that do not.
    n_labelled : labelled objects.
    label_accuracy : share of labelled objects that have the class of the annotated object that
        they overlap most, by at least .5; by class: of those with its label.
    ap50, ap75 : region AP at IoU .5 and .75, matching and area of PASCAL VOC (and PRM).
    ap50_coco, ap75_coco : the same with COCO's matching and 101 points.
    abo : average best overlap of the objects with labelled ones of their class.
    miou : mean IoU of semantic maps over the background and all classes that occur in either map;
        nan for boxes.
    average_recall : AR@1, @10 and @100, whatever the labels.
    coco : COCO's twelve numbers by name, or None where they were not asked for.
    classes : metrics by class.
    confusion : (K+1, K+1) counts of labelled objects: rows are true, columns given labels, both
        with the background first.
    """

    region: str
    n_images: int
    n_unannotated: int
    n_objects: int
    n_difficult: int
    n_labelled: int
    label_accuracy: float
    ap50: float
    ap75: float
    ap50_coco: float
    ap75_coco: float
    abo: float
    miou: float
    average_recall: dict[int, float]
    coco: dict[str, float] | None
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it; nan becomes None."""
        found: dict[str, Any] = _without_nan(asdict(self))
        return found

    def table(self) -> str:
        """The report as lines of text, in percent."""
        ap = [f"{name} {_percent(value)}" for name, value in (self.coco or {}).items()]
        recall = [f"AR@{n} {_percent(value)}" for n, value in self.average_recall.items()]
        lines = [
            f"images    {self.n_images:,} annotated, {self.n_unannotated:,} not",
            f"objects   {self.n_objects:,} annotated ({self.n_difficult:,} difficult more), "
            f"{self.n_labelled:,} labelled; {self.region} overlaps",
            f"region    AP50 {_percent(self.ap50)}  AP75 {_percent(self.ap75)}  "
            f"ABO {_percent(self.abo)}",
            f"101 pts.  AP50 {_percent(self.ap50_coco)}  AP75 {_percent(self.ap75_coco)}",
            f"labels    accuracy {_percent(self.label_accuracy)}  mIoU {_percent(self.miou)}",
            f"recall    {'  '.join(recall)}",
            *([f"COCO      {'  '.join(ap[:6])}", f"          {'  '.join(ap[6:])}"] if ap else []),
        ]
        width = max(len(one.name) for one in self.classes)
        lines.append(f"{'':{width}}  objects  labelled  right   AP50   AP75    ABO    IoU")
        for one in self.classes:
            values = (one.label_accuracy, one.ap50, one.ap75, one.abo, one.iou)
            cells = "  ".join(_percent(value) for value in values)
            lines.append(f"{one.name:{width}}  {one.n_objects:7,}  {one.n_labelled:8,}  {cells}")
        return "\n".join(lines)


def evaluate(
    pairs: _Pairs,
    class_names: Sequence[str],
    *,
    region: str = "auto",
    coco: bool = True,
    truth_maps: Callable[[str], SemanticMap | None] | None = None,
) -> Report:
    """Evaluate labelled objects.

    Parameters
    ----------
    pairs : for each image its labelled objects (after suppression) and its truth, or None where
        nobody annotated it. Every image counts, those without a labelled object too.
    class_names : names of the classes 1..K.
    region : ``"mask"``, ``"box"``, or ``"auto"``: as the first image with objects on both sides
        has it.
    coco : whether COCO's twelve numbers are wanted, which hold all objects in memory.
    truth_maps : gives the semantic map of an image id, such as VOC's with void borders; where it
        gives None, and by default, the map is made of the truth's masks.

    Raises
    ------
    ValueError : no image is annotated, a label is above K, or an image lacks masks that the others
        have; the message names the image.
    """
    if region not in (*REGIONS, "auto"):
        raise ValueError(f"region is {region!r}; it must be 'mask', 'box' or 'auto'")
    if region == "auto":
        region, pairs = _with_region(pairs)
    gathered = _Gathered(
        region, class_names, CocoSummary(len(class_names), region) if coco else None
    )
    for labels, truth in pairs:
        if truth is None:
            gathered.n_unannotated += 1
        else:
            gathered.add(labels, truth, truth_maps(labels.image_id) if truth_maps else None)
    if gathered.n_images == 0:
        raise ValueError(f"none of the {gathered.n_unannotated} images is annotated")
    return gathered.report()


def _with_region(pairs: _Pairs) -> tuple[str, _Pairs]:
    """The region of the first image with objects on both sides, and all pairs."""
    rest = iter(pairs)
    seen: list[tuple[ImageLabels, Truth | None]] = []
    for labels, truth in rest:
        seen.append((labels, truth))
        if truth is not None and len(truth) > 0 and len(labels) > 0:
            break
    known = all(have_masks(*(side for side in pair if side is not None)) for pair in seen)
    return "mask" if known else "box", chain(seen, rest)


class _Gathered:
    """What has been counted so far."""

    def __init__(self, region: str, class_names: Sequence[str], coco: CocoSummary | None) -> None:
        n_classes = len(class_names)
        self.n_images = self.n_unannotated = 0
        self._region, self._class_names, self._coco = region, class_names, coco
        self._n_difficult = 0
        self._n_objects = np.zeros(n_classes, dtype=np.int64)
        self._voc, self._101 = (RegionAP(n_classes, form=form) for form in FORMS)
        self._best, self._recall = BestOverlap(n_classes), ProposalRecall()
        self._labels, self._pixels = Confusion(n_classes), Confusion(n_classes)

    def add(self, labels: ImageLabels, truth: Truth, given_map: SemanticMap | None) -> None:
        n_classes = len(self._class_names)
        name = labels.image_id
        for what, of_side in (("labels", labels.labels), ("annotated classes", truth.labels)):
            if (of_side > n_classes).any():
                raise ValueError(
                    f"the {what} of image {name!r} reach {of_side.max()}; there are 1 to "
                    f"{n_classes}"
                )
        both = overlaps(labels.boxes, labels.masks, truth, self._region, name)
        order = np.argsort(-labels.scores, kind="stable")
        scored = ScoredImage(
            labels.labels[order],
            labels.scores[order],
            truth.labels,
            truth.difficult,
            both.rows(order),
        )
        self.n_images += 1
        self._n_difficult += int(truth.difficult.sum())
        self._n_objects += np.bincount(truth.labels[~truth.difficult] - 1, minlength=n_classes)
        self._voc.add(scored)
        self._101.add(scored)
        self._best.add(scored)
        self._recall.add(scored.overlaps.crowd_iou, truth.difficult)
        self._labels.add(true_labels_of(both.iou, truth.labels), labels.labels)
        if self._region == "mask":
            self._add_maps(labels, truth, given_map)
        if self._coco is not None:
            self._coco.add(labels, truth)

    def _add_maps(self, labels: ImageLabels, truth: Truth, given_map: SemanticMap | None) -> None:
        """Count pixels by true and labelled class."""
        name = labels.image_id
        found = masks_for_map(labels, name)
        if given_map is None:
            # A strip of pixels at a time, which spares both maps.
            strips = strips_of([*found, *masks_for_map(truth, name)], labels.size)
            given = surest(strips.inside[: len(found)], labels.labels, labels.scores)
            true = agreed(strips.inside[len(found) :], truth.labels, truth.difficult)
            times = strips.lengths
        else:
            given, true = semantic_map(labels), given_map
            if given.shape != true.shape:
                raise ValueError(
                    f"the map of image {name!r} is {list(true.shape)}; the image is "
                    f"{list(given.shape)}"
                )
            times = np.ones(true.shape, dtype=np.int64)
        clear = true != VOID
        if true[clear].max(initial=0) > len(self._class_names):
            raise ValueError(
                f"the map of image {name!r} has class {true[clear].max()}; there are 0 to "
                f"{len(self._class_names)}"
            )
        self._pixels.add(true[clear], given[clear], times[clear])

    def report(self) -> Report:
        voc, coco_form = self._voc.per_class(), self._101.per_class()
        best, right = self._best.per_class(), self._labels.per_given_class()
        n_labelled = self._labels.counts.sum(axis=0)[1:]
        iou = self._pixels.iou()
        classes = tuple(
            ClassReport(
                name,
                int(self._n_objects[k]),
                int(n_labelled[k]),
                *(float(of_class[k]) for of_class in (right, *voc, *coco_form, best, iou[1:])),
            )
            for k, name in enumerate(self._class_names)
        )
        return Report(
            self._region,
            self.n_images,
            self.n_unannotated,
            int(self._n_objects.sum()),
            self._n_difficult,
            int(n_labelled.sum()),
            float(self._labels.accuracy()),
            *mean_over_classes(voc).tolist(),
            *mean_over_classes(coco_form).tolist(),
            self._best.mean(),
            float(mean_over_classes(iou)),
            {n: self._recall.average(n) for n in RECALL_AT},
            None if self._coco is None else self._coco.result(),
            classes,
            tuple(map(tuple, self._labels.counts.tolist())),
        )


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _percent(value: float) -> str:
    return f"{'-':>5}" if math.isnan(value) else f"{100 * value:5.1f}"
