"""Measures liid_mil's network: images a second, and the memory of a training step on a large bag.

    python -m benchmarks.mil_throughput [--backbone resnet50] [--size 448] [--images 20]

Rows: training (one image a step, SGD with momentum, all three losses, batch normalisation frozen,
as with pretrained weights) and extraction, with 20 proposals an image; and one training step on a
bag of 2,000. Each row runs in a process of its own, on the CPU and, where there is one, on a CUDA
device, there with mixed precision and channels last. Images are noise and weights random, neither
of which changes the time; reading and decoding files is not measured.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from typing import NamedTuple

import torch

from liid_mil.losses import LiidLoss
from liid_mil.models import MilNetwork, build_backbone

N_CLASSES = 20
WARM_UP = 2
HEADER = ["device", "what", "proposals", "images/s", "wall s/image", "CPU s/image", "peak MiB"]


class Row(NamedTuple):
    """What one process measures."""

    device: str
    task: str
    n_proposals: int
    n_images: int
    backbone: str
    size: int
    stride: int
    pooling: str
    n_threads: int


def random_boxes(n: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Boxes (n, 4) of at least 16 pixels a side inside the image."""
    sides = 16 + torch.rand(n, 2, generator=generator) * (size - 16)
    corners = torch.rand(n, 2, generator=generator) * (size - sides)
    return torch.cat([corners, corners + sides], 1)


def measure(row: Row) -> list[str]:
    """One row of the table."""
    if row.n_threads > 0:
        torch.set_num_threads(row.n_threads)
    device = torch.device(row.device)
    cuda = device.type == "cuda"
    generator = torch.Generator().manual_seed(0)
    backbone = build_backbone(row.backbone, stride=row.stride, freeze_batch_norm=True)
    network = MilNetwork(backbone, N_CLASSES, pooling=row.pooling).to(device)
    if cuda:
        network = network.to(memory_format=torch.channels_last)
    loss = LiidLoss(N_CLASSES, network.n_features).to(device)
    optimizer = torch.optim.SGD(
        [p for p in network.parameters() if p.requires_grad],
        lr=5e-4,
        momentum=0.9,
        weight_decay=1e-4,
    )
    scaler = torch.amp.GradScaler(device.type, enabled=cuda)
    image = torch.rand(1, 3, row.size, row.size, generator=generator).to(device)
    boxes = [random_boxes(row.n_proposals, row.size, generator).to(device)]
    tags = (torch.arange(N_CLASSES) < 2)[None].to(device)
    labels = torch.randint(0, 3, (row.n_proposals,), generator=generator).to(device)
    network.train(row.task == "train")

    def step() -> None:
        with torch.autocast(device.type, dtype=torch.float16, enabled=cuda):
            output = network(image, boxes)
        if row.task == "extract":
            output.probs.cpu(), output.feats.cpu()
            return
        terms = loss(output.logits, output.feats, output.image_index, labels, tags)
        optimizer.zero_grad()
        scaler.scale(terms.total).backward()
        scaler.step(optimizer)
        scaler.update()

    with torch.inference_mode(row.task == "extract"):
        for _ in range(WARM_UP):
            step()
        if cuda:
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(row.n_images):
            step()
        if cuda:
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if cuda:
        peak = torch.cuda.max_memory_reserved() / 2**20
    return [
        row.device,
        row.task,
        str(row.n_proposals),
        f"{row.n_images / wall:.2f}",
        f"{wall / row.n_images:.4f}",
        f"{cpu / row.n_images:.4f}",
        f"{peak:.0f}",
    ]


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--size", type=int, default=448, help="pixels a side")
    parser.add_argument("--stride", type=int, default=32)
    parser.add_argument("--pooling", default="max", choices=["max", "align"])
    parser.add_argument("--proposals", type=int, default=20)
    parser.add_argument("--bag", type=int, default=2000, help="proposals of the large bag")
    parser.add_argument("--images", type=int, default=20, help="images a row")
    parser.add_argument("--threads", type=int, default=0, help="of torch on the CPU; 0: all cores")
    options = parser.parse_args()

    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    print(
        f"{options.backbone}, {options.size} px, stride {options.stride}, "
        f"{options.pooling} pooling, torch {torch.__version__}\n"
    )
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    tasks = [
        ("train", options.proposals, options.images),
        ("extract", options.proposals, options.images),
        ("train", options.bag, 1),
    ]
    context = multiprocessing.get_context("spawn")
    for device in devices:
        for task, n_proposals, n_images in tasks:
            row = Row(
                device,
                task,
                n_proposals,
                n_images,
                options.backbone,
                options.size,
                options.stride,
                options.pooling,
                options.threads,
            )
            with context.Pool(1) as pool:
                print("| " + " | ".join(pool.apply(measure, (row,))) + " |", flush=True)


if __name__ == "__main__":
    main()
