"""pycocotools as the oracle: data as its files have it, its own way of loading results."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from liid_mil.data.types import ImageLabels, Truth
from mil.metrics.cases import N_CLASSES, SIZE, mask_tools

coco_tools = pytest.importorskip("pycocotools.coco")
coco_evaluation = pytest.importorskip("pycocotools.cocoeval")


def evaluated(pairs: list[tuple[ImageLabels, Truth | None]], masks: bool, **params: Any) -> Any:
    """A COCOeval after accumulation; ``params`` are set on its parameters."""
    images, annotations, results = [], [], []
    for i, (labels, truth) in enumerate(pairs):
        if truth is None:
            continue
        images.append({"id": i, "height": SIZE, "width": SIZE})
        for side, records in ((truth, annotations), (labels, results)):
            for j in range(len(side)):
                x0, y0, x1, y1 = side.boxes[j].astype(float).tolist()
                record = {
                    "id": len(records) + 1,
                    "image_id": i,
                    "category_id": int(side.labels[j]),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                }
                if masks:
                    record["segmentation"] = dict(side.masks[j])
                if side is truth:
                    area = (x1 - x0) * (y1 - y0)
                    record["area"] = float(mask_tools.area(side.masks[j])) if masks else area
                    record["iscrowd"] = int(truth.difficult[j])
                else:
                    record["score"] = float(labels.scores[j])
                    if masks:
                        del record["bbox"]  # results of masks have none
                records.append(record)
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco_tools.COCO()
        data.dataset = {
            "info": {},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": k, "name": str(k)} for k in range(1, N_CLASSES + 1)],
        }
        data.createIndex()
        found = data.loadRes(results)
        evaluation = coco_evaluation.COCOeval(data, found, "segm" if masks else "bbox")
        for name, value in params.items():
            setattr(evaluation.params, name, value)
        evaluation.evaluate()
        evaluation.accumulate()
        if not params:
            evaluation.summarize()
    return evaluation


def mean_of_known(values: np.ndarray) -> float:
    return float(values[values > -1].mean())
