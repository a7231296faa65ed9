"""How good labelled proposals are: label accuracy, region AP and average best overlap.

Input: the proposals of a dataset, a label and a score for each (concatenated image by image), and
the annotated objects. Steps: overlap of proposals and objects, true label of each proposal,
non-maximum suppression within image and class, precision and recall over the dataset.
Source: LIID, sections 5.3 (suppression at .4) and 6.1 (AP at .5 and .75, ABO); PASCAL VOC's
development kit (matching, difficult objects, area under the curve).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_mil.data.types import Bools, ImageDataset, Ints, Proposals, Truth
from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.masks import mask_iou

NMS_IOU = 0.4
FOREGROUND_IOU = 0.5
Overlap = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """Quality of the proposals that are labelled as objects, all in [0, 1].

    Attributes
    ----------
    accuracy : share of all proposals, background ones too, whose label is the true one.
    ap50, ap75 : mean over classes of the average precision at IoU .5 and .75, after suppression.
    abo : mean over classes of the average best overlap: that of each object with the proposals
        labelled with its class, after suppression.
    n_kept : labelled proposals after suppression.
    """

    accuracy: float
    ap50: float
    ap75: float
    abo: float
    n_kept: int


class ProposalEvaluator:
    """Evaluates labels of the same proposals again and again; overlaps are computed once.

    Parameters
    ----------
    dataset : N images; those without annotated truth are left out.
    proposals : N items.
    region : ``"box"``: overlaps of boxes; ``"mask"``: of masks (region AP, the paper's);
        ``"auto"``: masks where proposals and truth have them.

    Attributes
    ----------
    true_labels : int64 (P,), all proposals image by image: class of the object of largest overlap
        where that is at least .5, else 0; -1 where the image has no annotated truth.

    Raises
    ------
    ValueError : lengths disagree, no image has truth, or ``region`` needs masks that are missing.
    """

    def __init__(
        self, dataset: ImageDataset, proposals: Sequence[Proposals], region: str = "auto"
    ) -> None:
        if region not in ("box", "mask", "auto"):
            raise ValueError(f"region is {region!r}; it must be 'box', 'mask' or 'auto'")
        if len(proposals) != len(dataset):
            raise ValueError(f"there are proposals of {len(proposals)} images for {len(dataset)}")
        self._n_classes = len(dataset.class_names)
        self._images: list[_Image | None] = []
        true_labels = []
        for i in range(len(dataset)):
            truth, candidates = dataset.truth(i), proposals[i]
            if truth is None:
                self._images.append(None)
                true_labels.append(np.full(len(candidates), -1))
                continue
            overlap = _overlap(candidates, truth, region, dataset.image_ids[i])
            self._images.append(_Image(candidates.boxes, truth.labels, truth.difficult, overlap))
            true_labels.append(true_labels_of(overlap, truth.labels))
        if all(image is None for image in self._images):
            raise ValueError("no image of the dataset has annotated objects to evaluate with")
        self.offsets: Ints = np.cumsum([0, *map(len, true_labels)])
        self.true_labels: Ints = np.concatenate(true_labels).astype(np.int64)

    def evaluate(self, labels: npt.ArrayLike, scores: npt.ArrayLike) -> Metrics:
        """Metrics of one labelling.

        Parameters
        ----------
        labels : (P,) integers 0..K.
        scores : (P,) confidence in the label, higher is better.

        Raises
        ------
        ValueError : wrong length, label out of range, or a score that is not finite.
        """
        given, confidence = self._checked(labels, scores)
        annotated = self.true_labels >= 0
        kept = self._suppressed(given, confidence)
        return Metrics(
            accuracy=float(np.mean(given[annotated] == self.true_labels[annotated])),
            ap50=self._mean_ap(given, confidence, kept, 0.5),
            ap75=self._mean_ap(given, confidence, kept, 0.75),
            abo=self._best_overlap(given, kept),
            n_kept=sum(map(len, kept)),
        )

    def _checked(
        self, labels: npt.ArrayLike, scores: npt.ArrayLike
    ) -> tuple[Ints, npt.NDArray[np.float64]]:
        given = np.asarray(labels)
        confidence = np.asarray(scores, dtype=np.float64)
        for name, array in (("labels", given), ("scores", confidence)):
            if array.shape != self.true_labels.shape:
                raise ValueError(f"{name} has shape {array.shape}, not {self.true_labels.shape}")
        if given.dtype.kind not in "iu":
            raise ValueError(f"labels has dtype {given.dtype}; it must be integers")
        bad = (given < 0) | (given > self._n_classes)
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(f"labels[{row}] is {given[row]}; allowed: 0 to {self._n_classes}")
        if not np.isfinite(confidence).all():
            row = int(np.argmin(np.isfinite(confidence)))
            raise ValueError(f"scores[{row}] is {confidence[row]}; every score must be finite")
        return given.astype(np.int64), confidence

    def _suppressed(self, labels: Ints, scores: npt.NDArray[np.float64]) -> list[Ints]:
        """Kept proposals of each image, as rows within the image; none without truth."""
        kept = []
        for image, begin, end in zip(
            self._images, self.offsets[:-1], self.offsets[1:], strict=True
        ):
            if image is None:
                kept.append(np.zeros(0, dtype=np.int64))
            else:
                kept.append(nms(image.boxes, scores[begin:end], labels[begin:end], iou=NMS_IOU))
        return kept

    def _mean_ap(
        self, labels: Ints, scores: npt.NDArray[np.float64], kept: list[Ints], min_iou: float
    ) -> float:
        per_class = []
        for k in range(1, self._n_classes + 1):
            n_objects = 0
            found_scores: list[float] = []
            hits: list[bool] = []
            for image, rows, begin in zip(self._images, kept, self.offsets[:-1], strict=True):
                if image is None:
                    continue
                objects = np.flatnonzero(image.labels == k)
                n_objects += int((~image.difficult[objects]).sum())
                rows = rows[labels[begin + rows] == k]  # best first
                overlap = image.overlap[np.ix_(rows, objects)]
                outcome = match(overlap, image.difficult[objects], min_iou)
                found_scores += scores[begin + rows][outcome != IGNORED].tolist()
                hits += (outcome[outcome != IGNORED] == HIT).tolist()
            if n_objects > 0:
                per_class.append(average_precision(found_scores, hits, n_objects))
        return float(np.mean(per_class)) if per_class else 0.0

    def _best_overlap(self, labels: Ints, kept: list[Ints]) -> float:
        best: list[list[float]] = [[] for _ in range(self._n_classes)]
        for image, rows, begin in zip(self._images, kept, self.offsets[:-1], strict=True):
            if image is None:
                continue
            for g in np.flatnonzero(~image.difficult):
                k = image.labels[g]
                same = rows[labels[begin + rows] == k]
                best[k - 1].append(float(image.overlap[same, g].max(initial=0.0)))
        return float(np.mean([np.mean(one) for one in best if one])) if any(best) else 0.0


@dataclass(frozen=True)
class _Image:
    boxes: npt.NDArray[np.float32]
    labels: Ints
    difficult: Bools
    overlap: Overlap  # (P, G)


def true_labels_of(overlap: Overlap, labels: Ints) -> Ints:
    """True label of each proposal: the best overlapping object's where that is >= .5, else 0.

    overlap : (P, G) in [0, 1]; labels : (G,). Of equal overlaps the first object counts.
    """
    if overlap.shape[1] == 0:
        return np.zeros(len(overlap), dtype=np.int64)
    best = overlap.argmax(axis=1)
    return np.where(overlap.max(axis=1) >= FOREGROUND_IOU, labels[best], 0)


def nms(boxes: Any, scores: Any, labels: Any, *, iou: float = NMS_IOU) -> Ints:
    """Greedy non-maximum suppression within each class of one image; the background is dropped.

    Parameters
    ----------
    boxes : (P, 4) xyxy.
    scores : (P,); of equal scores the first proposal counts.
    labels : (P,) integers, 0 the background.
    iou : a proposal is dropped where its IoU with a kept one of its class is above this.

    Returns
    -------
    Kept rows, int64, best score first.
    """
    boxes, scores, labels = np.asarray(boxes), np.asarray(scores), np.asarray(labels)
    overlap = box_iou(boxes, boxes)
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        same = [other for other in kept if labels[other] == labels[row]]
        if labels[row] != 0 and not (overlap[row, same] > iou).any():
            kept.append(int(row))
    return np.array(kept, dtype=np.int64)


MISS, HIT, IGNORED = 0, 1, -1


def match(overlap: Overlap, difficult: Bools, min_iou: float) -> Ints:
    """Outcome of each detection of one class in one image, as VOC's development kit counts.

    A detection belongs to the object that it overlaps most. It is a HIT where that overlap is at
    least ``min_iou`` and no better detection took the object; IGNORED where the object is
    difficult; else a MISS.

    overlap : (D, G), detections best first. Returns int64 (D,).
    """
    outcome = np.full(len(overlap), MISS, dtype=np.int64)
    taken = np.zeros(overlap.shape[1], dtype=bool)
    for d, row in enumerate(overlap):
        if len(row) == 0 or row.max() < min_iou:
            continue
        g = int(row.argmax())
        if difficult[g]:
            outcome[d] = IGNORED
        elif not taken[g]:
            taken[g] = True
            outcome[d] = HIT
    return outcome


def average_precision(scores: Sequence[float], hits: Sequence[bool], n_objects: int) -> float:
    """Area under the precision-recall curve, precision made non-increasing (VOC from 2010 on).

    scores, hits : of all detections of a class; of equal scores the first counts first.
    n_objects : objects to be found, at least 1.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    hit = np.asarray(hits, dtype=bool)[order]
    found = np.cumsum(hit)
    precision = found / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit].sum() / n_objects)  # recall grows by 1/n at each hit, else not


def _overlap(candidates: Proposals, truth: Truth, region: str, image_id: str) -> Overlap:
    if region == "mask" and (candidates.masks is None or truth.masks is None):
        lacking = "proposals" if candidates.masks is None else "annotated objects"
        raise ValueError(f"region is 'mask', but the {lacking} of image {image_id} have no masks")
    if region == "box" or candidates.masks is None or truth.masks is None:
        return box_iou(candidates.boxes, truth.boxes)
    return mask_iou(candidates.masks, truth.masks)
