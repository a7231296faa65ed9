"""``python -m mil.run_until_extraction FOLDER``: a small run, alone or under ``torchrun``.

Leaves beside the folder how many images each process extracted, ``extracted-<rank>.txt``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

from liid_mil import extraction
from liid_mil.pipeline import Pipeline
from liid_mil.stages import learning
from mil.killed import config


def main(folder: str) -> None:
    torch.set_num_threads(1)
    learning._INFERENCE_BATCH = 2
    whole = extraction.shares

    def noted(*arguments: Any) -> Any:
        steps = whole(*arguments)
        path = Path(folder).with_name(f"extracted-{os.environ.get('RANK', '0')}.txt")
        path.write_text(str(sum(len(step.index) for step in steps)))
        return steps

    extraction.shares = noted
    try:
        Pipeline(config(), folder).run("extraction")
    finally:
        extraction.shares, learning._INFERENCE_BATCH = whole, 8


if __name__ == "__main__":
    main(*sys.argv[1:])
