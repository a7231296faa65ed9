"""A labelled run without training: COCO images, proposals, and the cut of random probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from liid_mil.config import CocoData, DataConfig, PipelineConfig
from liid_mil.export import write_coco
from liid_mil.extraction_files import Extraction
from liid_mil.labelling import Labelling, label, write_labelling
from liid_mil.pipeline import Pipeline, labels_file, open_run
from liid_mil.proposals.store import write_store
from liid_mil.stages.cutting import LABELS
from mil.labelled import CLASS_NAMES, SIZE, image_labels, image_proposals

IDS = ("7", "12", "30", "31")
CATEGORY_IDS = (3, 17, 90)
SKIPPED = "30"
SETTINGS = {"delta": 0.1, "n_neighbors": 3}


def store_folder(folder: Path) -> Path:
    """Where the proposals of the run in ``folder`` lie."""
    return open_run(folder / "run").output("proposals").path / "store"


def labels_of_run(folder: Path) -> Path:
    """The file of labels of the run in ``folder``."""
    return labels_file(open_run(folder / "run"))


def write_proposals(run: Pipeline, pairs: list[Any]) -> None:
    """Write proposals as if the run had made them."""
    output = run.output("proposals")
    output.prepare()
    with output.making(len(IDS)):
        write_store(output.path / "store", IDS, pairs, skipped={SKIPPED: "damaged"})


def make_run(folder: Path) -> tuple[Extraction, Labelling]:
    """Write images, annotations, ``run/config.yaml``, proposals and labels.

    Image 30 was skipped when proposals were made; of image 31 nothing was extracted.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for name in IDS:
        blank = Image.fromarray(np.zeros((*SIZE, 3), np.uint8))
        blank.save(folder / "images" / f"{int(name):06}.jpg")
    annotated = [image_labels(rng, name, 3) for name in IDS]
    write_coco(
        folder / "instances.json",
        annotated,
        CLASS_NAMES,
        category_ids=CATEGORY_IDS,
        numeric_ids=True,
        file_name=lambda name: f"{int(name):06}.jpg",
    )
    source = CocoData(annotations=folder / "instances.json", images=folder / "images")
    config = PipelineConfig(data=DataConfig(coco=source))
    run = Pipeline(config, folder / "run")
    run.save_config()
    dataset = run.dataset

    proposals = [image_proposals(rng, name, 0 if name == SKIPPED else 8) for name in IDS]
    pairs = [
        (image.proposals, (0, 0) if image.image_id == SKIPPED else SIZE) for image in proposals
    ]
    write_proposals(run, pairs)

    n = 16
    probs = rng.dirichlet(np.ones(4), n).astype(np.float32)
    extraction = Extraction(
        probs,
        rng.random((n, 5)).astype(np.float32),
        np.arange(n),
        np.repeat([0, 1], 8),
        np.concatenate([image.proposals.boxes for image in proposals[:2]]),
        dataset.tags,
        dataset.image_ids,
        dataset.class_names,
    )
    labelling = label(extraction, **SETTINGS)
    output = run.output("cut")
    output.prepare()
    with output.making(n):
        write_labelling(output.path / LABELS, extraction, labelling, SETTINGS)
    return extraction, labelling
