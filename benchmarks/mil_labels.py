"""Speed and memory of pseudo ground truth: proposals read, suppressed, written and scored.

    python -m benchmarks.mil_labels [--images N] [--stages coco,score] [-o FILE.json]

A store of made-up proposals of 500 x 375 pixels, VOC's size, 20 an image with masks, is read in a
process of its own, image by image, on one core: labels are drawn (half background, else one of two
tags of the image), overlaps suppressed, and what is left is written in one format, or scored.
Printed are the CPU microseconds a proposal that each stage takes, proposals a second through all
of them, and the most memory that the process owned for N images and for 4 N: without pages of the
store's files, which are mapped and which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.proposal_files import made_up
from liid_mil.assignment import assign, images_of_store
from liid_mil.data.types import ImageLabels, Proposals, Truth
from liid_mil.export import write_coco, write_voc, write_yolo
from liid_mil.metrics import evaluate
from liid_mil.proposals.masks import boxes_of_masks, encode_masks
from liid_mil.proposals.store import ProposalStore, write_store

SIZE = (375, 500)
N_DISTINCT = 8
PER_IMAGE = 20
N_OBJECTS = 3
CLASS_NAMES = tuple(f"class {k}" for k in range(1, 21))
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
STAGES = {  # what is done with the objects: how overlaps are suppressed, and images for each of N
    "nothing": ("box", 1.0),
    "nothing, masks suppressed": ("mask", 1.0),
    "coco": ("box", 1.0),
    "voc": ("box", 0.2),
    "yolo": ("box", 0.04),
    "score": ("box", 1.0),
    "score with COCO's twelve": ("box", 0.2),
}
Item = TypeVar("Item")


class Clock:
    """CPU time spent in the iterables before this one."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items and take the time of each."""
        source = iter(items)
        while True:
            start = time.process_time()
            try:
                item = next(source)
            except StopIteration:
                return
            finally:
                self.seconds += time.process_time() - start
            yield item


def _pictures() -> list[Proposals]:
    found = []
    for seed in range(N_DISTINCT):
        picture = made_up(f"image{seed}", PER_IMAGE, SIZE, seed, 300)
        masks = encode_masks(picture.masks)
        found.append(Proposals(boxes_of_masks(masks), masks, picture.scores))
    return found


def _make_store(path: Path, n_images: int) -> ProposalStore:
    pictures = _pictures()
    names = [f"{i:06}" for i in range(n_images)]
    return write_store(path, names, ((pictures[i % N_DISTINCT], SIZE) for i in range(n_images)))


def _tags(i: int) -> np.ndarray[Any, Any]:
    return np.array([i % 20, (i * 7 + 3) % 20]) + 1


def _truths(pictures: list[Proposals], n_images: int) -> Iterator[Truth]:
    rows = np.arange(N_OBJECTS)
    for i in range(n_images):
        some = pictures[i % len(pictures)][rows]
        yield Truth(some.boxes, _tags(i)[rows % 2], some.masks, np.zeros(N_OBJECTS, bool))


class Memory:
    """Largest anonymous resident memory, looked at every 50 items."""

    def __init__(self) -> None:
        self.peak_mib = 0.0

    def on(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items."""
        for i, item in enumerate(items):
            if i % 50 == 0:
                self.look()
            yield item

    def look(self) -> None:
        """Take what is resident now into account."""
        status = Path("/proc/self/status").read_text()
        now = int(status.split("RssAnon:")[1].split()[0]) / 1024
        self.peak_mib = max(self.peak_mib, now)


def _child(stage: str, path: str, output: str) -> None:
    """Go through all stages in this process alone."""
    store = ProposalStore(path)
    rng = np.random.default_rng(0)
    image = np.repeat(np.arange(len(store)), PER_IMAGE)
    tags = np.array([_tags(i) for i in range(len(store))])
    labels = np.where(rng.random(len(image)) < 0.5, 0, tags[image, rng.integers(0, 2, len(image))])
    truths = _truths([store[i] for i in range(min(N_DISTINCT, len(store)))], len(store))
    reading, suppressing, memory = Clock(), Clock(), Memory()
    start = time.process_time()
    objects = suppressing.on(
        assign(
            reading.on(memory.on(images_of_store(store))),
            labels,
            rng.random(len(image)),
            suppress=STAGES[stage][0],
        )
    )
    n_objects = _finish(stage, objects, truths, Path(output))
    cpu_s = time.process_time() - start
    memory.look()
    facts = {
        "n": len(image),
        "n_objects": n_objects,
        "read_s": reading.seconds,
        "suppress_s": suppressing.seconds - reading.seconds,
        "last_s": cpu_s - suppressing.seconds,
        "peak_mib": memory.peak_mib,
    }
    print(json.dumps(facts))


def _finish(
    stage: str, objects: Iterable[ImageLabels], truths: Iterable[Truth], output: Path
) -> int:
    if stage == "coco":
        return write_coco(output, objects, CLASS_NAMES).n_objects
    if stage == "voc":
        return write_voc(output, objects, CLASS_NAMES).n_objects
    if stage == "yolo":
        return write_yolo(output, objects, CLASS_NAMES).n_objects
    if stage.startswith("score"):
        pairs = zip(objects, truths, strict=True)
        return evaluate(pairs, CLASS_NAMES, coco=stage != "score").n_labelled
    return sum(map(len, objects))


def _measure(stage: str, n_images: int, folder: Path) -> dict[str, float]:
    """Go through all stages in a process of its own; stores are kept in ``folder``."""
    store, output = folder / f"store-{n_images}", folder / "output"
    if not store.exists():
        _make_store(store, n_images)
    command = [sys.executable, "-m", "benchmarks.mil_labels", "--child", stage]
    result = subprocess.run(
        [*command, str(store), str(output)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **ONE_THREAD, "PYTHONWARNINGS": "ignore"},
    )
    subprocess.run(["rm", "-rf", str(output)], check=True)
    facts: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return facts


def main() -> None:
    """Parse the arguments and measure."""
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=5000, metavar="N")
    parser.add_argument("--stages", metavar="A,B", help=f"of {', '.join(STAGES)} (default: all)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    print("us a proposal:")
    print("| last stage | images | read | suppress | last | proposals / s | MiB | at 4 x |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for stage in arguments.stages.split(",") if arguments.stages else STAGES:
            n_images = max(1, int(arguments.images * STAGES[stage][1]))
            small, large = (_measure(stage, n, Path(name)) for n in (n_images, 4 * n_images))
            rows.append({"stage": stage, "n_images": n_images, **small, "large": large})
            costs = [1e6 * small[key] / small["n"] for key in ("read_s", "suppress_s", "last_s")]
            cells = " | ".join(f"{cost:.1f}" for cost in costs)
            print(
                f"| {stage} | {n_images:,} | {cells} | {1e6 / sum(costs):,.0f} | "
                f"{small['peak_mib']:.0f} | {large['peak_mib']:.0f} |",
                flush=True,
            )
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
