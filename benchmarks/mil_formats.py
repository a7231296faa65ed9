"""Speed and memory of everything between files of proposals and files of labels.

    python -m benchmarks.mil_formats read [--proposals N] [--formats mcg,sam] [-o FILE.json]

``read``: writes made-up proposals of 500 x 375 pixels, VOC's size, in each format, and reads them
in a process of its own: CPU microseconds a proposal, proposals a second, and the largest resident
memory for N proposals and for 4 N. Files of a few images are written and named many times over.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import proposal_files as files

SIZE = (375, 500)
N_DISTINCT = 4
LABEL_MAP_PROPOSALS = 20  # of an image: a label map cannot hold many


def read(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Measure the readers; returns a row a format."""
    rows = []
    print("| format | proposals an image | CPU us a proposal | proposals / s | peak MiB | at 4 x |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in arguments.formats.split(",") if arguments.formats else LAYOUTS:
        per_image = LABEL_MAP_PROPOSALS if LAYOUTS[name][0] in ("label-maps", "voc") else 500
        n_images = max(1, arguments.proposals // per_image)
        with tempfile.TemporaryDirectory() as folder:
            small = _measure(name, Path(folder), n_images, per_image)
            large = _measure(name, Path(folder), 4 * n_images, per_image)
        row = {"format": name, "n_per_image": per_image, **small, "large": large}
        rows.append(row)
        cost = small["cpu_s"] / small["n"]
        print(
            f"| {name} | {per_image} | {1e6 * cost:.1f} | {1 / cost:,.0f} | "
            f"{small['peak_mib']:.0f} | {large['peak_mib']:.0f} |",
            flush=True,
        )
    return rows


def _measure(name: str, folder: Path, n_images: int, per_image: int) -> dict[str, float]:
    path = folder / f"{name}-{n_images}"
    format, write = LAYOUTS[name]
    path = write(path, n_images, per_image)
    command = [sys.executable, "-m", "benchmarks.mil_formats", "--child", format, str(path)]
    result = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **ONE_THREAD}
    )
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    facts: dict[str, float] = json.loads(result.stdout)
    return facts


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _child(format: str, path: str) -> None:
    """Read in this process alone; the first image also pays for what is imported on demand."""
    from liid_mil.readers import read_proposals

    reader = read_proposals(format, path)
    first = len(next(reader).proposals)
    start = time.process_time()
    n = sum(len(image.proposals) for image in reader)
    cpu_s = time.process_time() - start
    # Not getrusage: its maximum begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"n": n, "n_first": first, "cpu_s": cpu_s, "peak_mib": peak}))


def _images(per_image: int) -> list[files.MadeUp]:
    if per_image not in _CACHE:
        _CACHE[per_image] = [
            files.made_up(f"image{i}", per_image, SIZE, i, 300) for i in range(N_DISTINCT)
        ]
    return _CACHE[per_image]


_CACHE: dict[int, list[files.MadeUp]] = {}


def _folder_of(
    ending: str, write: Callable[[Path, files.MadeUp], None]
) -> Callable[[Path, int, int], Path]:
    """A writer of a folder with a file an image; most are copies of the first ones."""

    def write_all(path: Path, n_images: int, per_image: int) -> Path:
        path.mkdir()
        for i in range(n_images):
            target = path / f"{i:06}{ending}"
            if i < N_DISTINCT:
                write(target, _images(per_image)[i])
            else:
                os.link(path / f"{i % N_DISTINCT:06}{ending}", target)
        return path

    return write_all


def _coco(masks: bool, shuffled: bool = False) -> Callable[[Path, int, int], Path]:
    def write_all(path: Path, n_images: int, per_image: int) -> Path:
        made = [files.coco_records(image, masks=masks) for image in _images(per_image)]
        texts = [[json.dumps(record) for record in records] for records in made]
        order = [(i, j) for i in range(n_images) for j in range(per_image)]
        if shuffled:
            order = [(i, j) for j in range(per_image) for i in range(n_images)]
        with path.open("w") as file:
            for k, (i, j) in enumerate(order):
                old = f'"image{i % N_DISTINCT}"'
                text = texts[i % N_DISTINCT][j].replace(old, str(i), 1)
                file.write(("[" if k == 0 else ", ") + text)
            file.write("]")
        return path

    return write_all


def _arrays(path: Path, n_images: int, per_image: int) -> Path:
    import numpy as np

    once = path.with_suffix(".npz")
    files.write_arrays(once, _images(per_image))
    with np.load(once) as archive:
        arrays = dict(archive)
    times = -(-n_images // N_DISTINCT)
    many = {name: np.concatenate([array] * times) for name, array in arrays.items()}
    for name in ("offsets", "mask_offsets"):
        lengths = np.concatenate([np.diff(arrays[name])] * times)
        many[name] = np.concatenate([[0], np.cumsum(lengths)])
    many["image_ids"] = np.array([f"{i:06}" for i in range(len(many["sizes"]))])
    np.savez(once, **many)
    return once


LAYOUTS: dict[str, tuple[str, Callable[[Path, int, int], Path]]] = {
    "mcg v7": ("mcg", _folder_of(".mat", files.write_mcg)),
    "mcg v7.3": ("mcg", _folder_of(".mat", files.write_mcg_hdf5)),
    "mcg boxes": ("mcg", _folder_of(".mat", files.write_mcg_boxes)),
    "sam": ("sam", _folder_of(".json", partial(files.write_sam, as_list=True))),
    "prm": ("prm", _folder_of(".json", files.write_prm)),
    "coco sorted": ("coco", _coco(masks=True)),
    "coco shuffled": ("coco", _coco(masks=True, shuffled=True)),
    "coco boxes": ("coco", _coco(masks=False)),
    "label maps": ("label-maps", _folder_of(".png", files.write_label_map)),
    "authors npz": ("authors", _arrays),
}
PARTS = {"read": read}


def main() -> None:
    """Parse the arguments and measure."""
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--proposals", type=int, default=100_000, metavar="N")
    parser.add_argument("--formats", metavar="A,B", help=f"of read: {', '.join(LAYOUTS)}")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    rows = PARTS[arguments.part](arguments)
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
