"""Labels of all proposals of a dataset, again and again: what ``demo`` and ``ablate`` compare.

Input: the proposals of a dataset, a label and a score for each (concatenated image by image), and
the annotated objects. Steps: overlap of proposals and objects, true label of each proposal,
non-maximum suppression within image and class, precision and recall over the dataset.
Source: LIID, sections 5.3 (suppression at .4) and 6.1 (AP at .5 and .75, ABO).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import batched_nms
from liid_mil.assignment import NMS_IOU
from liid_mil.data.types import ImageDataset, Ints, Proposals, Truth
from liid_mil.metrics.best_overlap import BestOverlap
from liid_mil.metrics.label_accuracy import true_labels_of
from liid_mil.metrics.overlaps import Overlaps, ScoredImage, have_masks, overlaps
from liid_mil.metrics.region_ap import RegionAP


@dataclass(frozen=True)
class Metrics:
    """Quality of the proposals that are labelled as objects, all in [0, 1].

    Attributes
    ----------
    accuracy : share of all proposals, background ones too, whose label is the true one.
    ap50, ap75 : mean over classes of the average precision at IoU .5 and .75 (VOC's form), after
        suppression.
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
        ``"auto"``: of masks where all proposals and all truth have them, else of boxes.

    Attributes
    ----------
    true_labels : int64 (P,), all proposals image by image: class of the object of largest overlap
        where that is at least .5, else 0; -1 where the image has no annotated truth.

    Raises
    ------
    ValueError : lengths disagree, no image has an object that counts, or ``region`` needs masks
        that are missing.
    """

    def __init__(
        self, dataset: ImageDataset, proposals: Sequence[Proposals], region: str = "auto"
    ) -> None:
        if region not in ("box", "mask", "auto"):
            raise ValueError(f"region is {region!r}; it must be 'box', 'mask' or 'auto'")
        if len(proposals) != len(dataset):
            raise ValueError(f"there are proposals of {len(proposals)} images for {len(dataset)}")
        truths = [dataset.truth(i) for i in range(len(dataset))]
        if not any(truth is not None and not truth.difficult.all() for truth in truths):
            raise ValueError(
                "no image of the dataset has annotated objects to evaluate with (difficult ones "
                "do not count)"
            )
        candidates = [proposals[i] for i in range(len(dataset))]
        if region == "auto":
            known = have_masks(*candidates, *(truth for truth in truths if truth is not None))
            region = "mask" if known else "box"
        self._n_classes = len(dataset.class_names)
        self._images: list[_Image | None] = []
        true_labels = []
        for name, found, truth in zip(dataset.image_ids, candidates, truths, strict=True):
            if truth is None:
                self._images.append(None)
                true_labels.append(np.full(len(found), -1))
                continue
            both = overlaps(found.boxes, found.masks, truth, region, name)
            self._images.append(_Image(found.boxes, truth, both))
            true_labels.append(true_labels_of(both.iou, truth.labels))
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
        precision, best = RegionAP(self._n_classes), BestOverlap(self._n_classes)
        n_kept = 0
        for image, begin, end in zip(
            self._images, self.offsets[:-1], self.offsets[1:], strict=True
        ):
            if image is None:
                continue
            kept = nms(image.boxes, confidence[begin:end], given[begin:end])
            scored = ScoredImage(
                given[begin + kept],
                confidence[begin + kept],
                image.truth.labels,
                image.truth.difficult,
                image.overlaps.rows(kept),
            )
            precision.add(scored)
            best.add(scored)
            n_kept += len(kept)
        ap50, ap75 = precision.means().tolist()
        accuracy = float(np.mean(given[annotated] == self.true_labels[annotated]))
        return Metrics(accuracy, ap50, ap75, best.mean(), n_kept)

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


@dataclass(frozen=True)
class _Image:
    boxes: npt.NDArray[np.float32]
    truth: Truth
    overlaps: Overlaps  # (P, G)


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
    rows = np.flatnonzero(labels)
    return rows[batched_nms(boxes[rows], scores[rows], labels[rows], iou, n_jobs=1)]
