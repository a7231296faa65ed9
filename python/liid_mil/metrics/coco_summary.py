"""COCO's twelve numbers, computed by faster-coco-eval where it is installed, else pycocotools.

Input: labelled objects and truth, image by image. Output: AP over IoU .5 to .95, at .5 and .75, of
small (below 32 x 32 pixels), medium and large (from 96 x 96 pixels on) objects, and average recall
with 1, 10 and 100 proposals an image and by size. Difficult objects are crowds.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from liid_mil.data.types import RLE, Boxes, ImageLabels, Truth
from liid_mil.proposals.boxes import box_areas
from liid_mil.proposals.masks import areas_of_masks

NAMES = (
    "AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L", "AR1", "AR10", "AR100", "AR_S", "AR_M", "AR_L",
)  # fmt: skip
BACKENDS = ("faster-coco-eval", "pycocotools")


class CocoSummary:
    """Gathers the objects of a dataset for COCO's evaluation.

    Both libraries want all of them at once: this holds about 1.5 KB and the mask's code for each.

    Parameters
    ----------
    n_classes : K.
    region : ``"mask"`` or ``"box"``.
    """

    def __init__(self, n_classes: int, region: str) -> None:
        self._region = region
        self._categories = [{"id": k, "name": str(k)} for k in range(1, n_classes + 1)]
        self._images: list[dict[str, Any]] = []
        self._objects: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []

    def add(self, labels: ImageLabels, truth: Truth) -> None:
        """Gather one image, whose masks are there where the region is ``"mask"``."""
        image = {"id": len(self._images) + 1}
        height, width = labels.size
        self._images.append({**image, "height": height, "width": width})
        for g, record in enumerate(_records(truth.boxes, truth.masks)):
            record |= {
                "id": len(self._objects) + 1,  # from 1 on: both take 0 for "none"
                "image_id": image["id"],
                "category_id": int(truth.labels[g]),
                "iscrowd": int(truth.difficult[g]),
            }
            self._objects.append(record)
        found_masks = labels.masks if self._region == "mask" else None
        for p, record in enumerate(_records(labels.boxes, found_masks)):
            record |= {
                "id": len(self._found) + 1,
                "image_id": image["id"],
                "category_id": int(labels.labels[p]),
                "iscrowd": 0,
                "score": float(labels.scores[p]),
            }
            self._found.append(record)

    def result(self, backend: str | None = None) -> dict[str, float]:
        """The numbers by :data:`NAMES`; nan where no object counts, as of a size that none has.

        backend : one of :data:`BACKENDS`; None: the first that is installed.

        Raises
        ------
        ValueError : another backend. ImportError : it is not installed.
        """
        coco, evaluation = _library(backend)
        kind = "segm" if self._region == "mask" else "bbox"
        with contextlib.redirect_stdout(io.StringIO()):  # both talk at every step
            evaluated = evaluation(
                self._indexed(coco, self._objects), self._indexed(coco, self._found), kind
            )
            evaluated.evaluate()
            evaluated.accumulate()
            evaluated.summarize()
        values = np.asarray(evaluated.stats, dtype=np.float64)[: len(NAMES)]
        values[values < 0] = np.nan
        return dict(zip(NAMES, values.tolist(), strict=True))

    def _indexed(self, coco: Any, records: list[dict[str, Any]]) -> Any:
        data = coco()
        # Copies, as both libraries write into records.
        data.dataset = {
            "images": [dict(image) for image in self._images],
            "categories": self._categories,
            "annotations": [dict(record) for record in records],
        }
        data.createIndex()
        return data


def _library(backend: str | None) -> tuple[Any, Any]:
    if backend not in (None, *BACKENDS):
        raise ValueError(f"backend is {backend!r}; it must be one of {BACKENDS}")
    if backend != "pycocotools":
        try:
            from faster_coco_eval import COCO, COCOeval_faster

            return COCO, COCOeval_faster
        except ImportError:
            if backend is not None:
                raise
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return COCO, COCOeval


def _records(boxes: Boxes, masks: list[RLE] | None) -> list[dict[str, Any]]:
    """What of an annotation its region says. The area is the mask's where there is one."""
    corners = boxes.astype(np.float64)
    xywh = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).tolist()
    if masks is None:
        areas = box_areas(boxes).tolist()
        return [{"bbox": box, "area": area} for box, area in zip(xywh, areas, strict=True)]
    areas = areas_of_masks(masks).tolist()
    return [
        {"bbox": box, "area": area, "segmentation": mask}
        for box, area, mask in zip(xywh, areas, masks, strict=True)
    ]
