"""A small problem whose nodes lie in drawn images, and its solution."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import MultiwayCutResult, multiway_cut
from liid_cut.report import ReportImage, write_report

NAMES = ["background", "cat", "dog"]
N_IMAGES, NODES_AN_IMAGE, SIDE = 6, 8, 96


@dataclass(frozen=True, eq=False)
class Sample:
    """48 nodes in 6 images, labels 0, 1, 2; every truth is known but that of node 0."""

    probs: npt.NDArray[Any]
    feats: npt.NDArray[Any]
    truth: npt.NDArray[Any]
    boxes: npt.NDArray[Any]
    result: MultiwayCutResult
    path: list[tuple[float, MultiwayCutResult]]

    def images(self, masks: bool = False, prefix: str = "photo") -> list[ReportImage]:
        return [
            ReportImage(
                f"{prefix}-{i}",
                np.arange(i * NODES_AN_IMAGE, (i + 1) * NODES_AN_IMAGE),
                self.boxes[i * NODES_AN_IMAGE : (i + 1) * NODES_AN_IMAGE],
                lambda i=i: picture(i),
                [disc(box) for box in self.boxes[i * NODES_AN_IMAGE : (i + 1) * NODES_AN_IMAGE]]
                if masks
                else None,
                self.boxes[i * NODES_AN_IMAGE : i * NODES_AN_IMAGE + 1],
                self.truth[i * NODES_AN_IMAGE : i * NODES_AN_IMAGE + 1].clip(0),
            )
            for i in range(N_IMAGES)
        ]


def sample(seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    n = N_IMAGES * NODES_AN_IMAGE
    kind = rng.integers(3, size=n)
    probs = rng.dirichlet(np.ones(3), n) + 0.35 * np.eye(3)[kind]
    feats = 2 * np.eye(3)[kind] + rng.random((n, 3))
    corner = rng.integers(0, SIDE // 2, (n, 2))
    boxes = np.concatenate([corner, corner + rng.integers(16, SIDE // 2, (n, 2))], axis=1)
    truth = kind.copy()
    truth[0] = -1
    path = [(d, multiway_cut(probs, feats, delta=d)) for d in (0.0, 0.2, 0.5, 2.0)]
    return Sample(probs, feats, truth, boxes.astype(float), path[2][1], path)


def picture(i: int) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    channels = [(rows * 2 + 40 * i) % 256, (columns * 2) % 256, (rows + columns) % 256]
    return np.stack(channels, axis=2).astype(np.uint8)


def disc(box: npt.NDArray[Any]) -> dict[str, Any]:
    from pycocotools import mask

    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = ((columns - x) / (box[2] - x)) ** 2 + ((rows - y) / (box[3] - y)) ** 2 <= 1
    code: dict[str, Any] = mask.encode(np.asfortranarray(inside.astype(np.uint8)))
    return code


def page_of(path: Path, result: MultiwayCutResult, **given: Any) -> tuple[str, dict[str, Any]]:
    """The page that is written, and the data that its script works on."""
    write_report(path, result, **given)
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return page, content
