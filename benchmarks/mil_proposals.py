"""Quality and cost of the embedded proposals: how well they cover annotated objects.

    python -m benchmarks.mil_proposals [--scenes N] [--voc FOLDER --classes A,B,... --images N]

For scenes, and for any dataset in VOC's layout, prints average best overlap (ABO) and recall at IoU
.5 and .75, of all candidates (at most 500) and of the 20 and 40 that HCP's selection takes, with
CPU milliseconds an image. Difficult objects are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from liid_mil.data.scenes import SceneDataset
from liid_mil.data.types import ImageDataset, Proposals
from liid_mil.data.voc import VOC_CLASSES, VocDataset
from liid_mil.proposals.boxes import box_iou
from liid_mil.proposals.masks import mask_iou
from liid_mil.proposals.segmentation import segment_proposals
from liid_mil.proposals.selection import select_proposals

NUMBERS = (20, 40)


def measure(name: str, dataset: ImageDataset, indices: Iterable[int]) -> None:
    """Print a table for some images of a dataset."""
    overlaps: dict[tuple[str, str], list[np.ndarray]] = {}
    cost = dict.fromkeys(("segment", *map(str, NUMBERS)), 0.0)
    n_images = n_candidates = 0

    def timed(what: str, call: Callable[[], Proposals]) -> Proposals:
        start = time.process_time()
        result = call()
        cost[what] += time.process_time() - start
        return result

    for i in indices:
        truth, image = dataset.truth(i), dataset.image(i)
        if truth is None:
            continue
        objects = np.flatnonzero(~truth.difficult)
        candidates = timed("segment", lambda image=image: segment_proposals(image))
        n_images, n_candidates = n_images + 1, n_candidates + len(candidates)
        chosen = {"all": candidates}
        for n in NUMBERS:
            chosen[str(n)] = timed(
                str(n),
                lambda n=n, many=candidates, size=image.shape[:2]: select_proposals(many, n, size),
            )
        for which, found in chosen.items():
            boxes = box_iou(truth.boxes[objects], found.boxes).max(axis=1)
            overlaps.setdefault((which, "box"), []).append(boxes)
            if truth.masks is not None and found.masks is not None:
                masks = mask_iou([truth.masks[g] for g in objects], found.masks)
                overlaps.setdefault((which, "mask"), []).append(masks.max(axis=1))
    print(f"\n{name}: {n_images} images, {n_candidates / n_images:.0f} candidates an image")
    print("CPU ms an image: " + ", ".join(f"{k} {1e3 * v / n_images:.0f}" for k, v in cost.items()))
    print("| proposals | overlap of | ABO | recall .5 | recall .75 |\n|---|---|---|---|---|")
    for (which, kind), parts in overlaps.items():
        best = np.concatenate(parts)
        shares = " | ".join(f"{(best >= t).mean():.3f}" for t in (0.5, 0.75))
        print(f"| {which} | {kind} | {best.mean():.3f} | {shares} |")


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scenes", type=int, default=100, metavar="N")
    parser.add_argument("--voc", type=Path, metavar="FOLDER")
    parser.add_argument("--classes", default=",".join(VOC_CLASSES))
    parser.add_argument("--images", type=int, default=40, metavar="N", help="of --voc")
    arguments = parser.parse_args()
    for size in (128, 224):
        scenes = SceneDataset(arguments.scenes, size=size, seed=7)
        measure(f"scenes, {size} pixels", scenes, range(len(scenes)))
    if arguments.voc is not None:
        dataset = VocDataset(arguments.voc, class_names=arguments.classes.split(","))
        step = max(1, len(dataset) // arguments.images)
        some = range(0, len(dataset), step)[: arguments.images]
        measure(str(arguments.voc.name), dataset, some)


if __name__ == "__main__":
    main()
