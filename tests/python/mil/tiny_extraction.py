"""``python -m mil.tiny_extraction FOLDER [RANK]``: an extraction of tiny images, alone or not.

With RANK, that process ends itself by SIGKILL when it has read its third image. Every process
leaves the images that it read in ``FOLDER/read-<rank>.txt``.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from liid_mil import extraction
from liid_mil.models import MilNetwork
from liid_mil.training.networks import build_network
from mil.training.tiny import SIZE, K, TinyImages, tiny_config, tiny_proposals

N = 9


def tiny_network() -> MilNetwork:
    network = build_network(tiny_config(seed=4), K).eval()
    torch.nn.init.normal_(network.classifier.weight, generator=torch.Generator().manual_seed(0))
    return network


class Noted(TinyImages):
    """Images that leave their number in a file when they are read."""

    def __init__(self, folder: Path, kills: bool) -> None:
        super().__init__(N)
        self.path = folder / f"read-{os.environ.get('RANK', '0')}.txt"
        self.n_read, self.kills = 0, kills

    def image(self, i: int) -> np.ndarray:
        self.n_read += 1
        if self.kills and self.n_read == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        with self.path.open("a") as file:
            file.write(f"{i}\n")
        return super().image(i)


def main(folder: str, killed: str = "") -> None:
    torch.set_num_threads(1)
    extraction._FLUSH_IMAGES = 2
    images = Noted(Path(folder), killed == os.environ.get("RANK"))
    settings = {"image_size": SIZE, "batch_size": 2, "dtype": "float32"}
    extraction.extract(tiny_network(), images, tiny_proposals(N), Path(folder, "run"), **settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
