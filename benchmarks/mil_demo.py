"""``liid-mil demo`` for several seeds: whether each stage beats the last.

``python -m benchmarks.mil_demo --seeds 0,1,2 -o DIR`` prints a line for each seed and method, and
the means. Seeds from 100 on were used to choose the demo's settings; report others.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import astuple
from pathlib import Path

import numpy as np

from liid_mil.commands import METHODS
from liid_mil.demo import N_IMAGES, run_demo


def main() -> None:
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--images", type=int, default=N_IMAGES)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()

    rows: dict[str, list[tuple[float, ...]]] = {method: [] for method in METHODS}
    print("| seed | method | accuracy | AP50 | AP75 | ABO | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for seed in map(int, arguments.seeds.split(",")):
        start = time.process_time()
        folder = arguments.output / f"seed-{seed}"
        found = run_demo(folder, seed=seed, n_images=arguments.images)
        seconds = time.process_time() - start
        for method, name in METHODS.items():
            values = astuple(found.metrics[method])[:4]
            rows[method].append(values)
            print(_line(str(seed), name, values, f"{seconds:.0f}"), flush=True)
    for method, name in METHODS.items():
        print(_line("mean", name, tuple(np.mean(rows[method], axis=0)), ""))


def _line(seed: str, name: str, values: tuple[float, ...], seconds: str) -> str:
    cells = " | ".join(f"{100 * value:.1f}" for value in values)
    return f"| {seed} | {name} | {cells} | {seconds} |"


if __name__ == "__main__":
    main()
