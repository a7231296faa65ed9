"""CAM scores of all proposals of a dataset, and the pseudo labels they give (LIID, Eq. 3).

Input: a trained CAM classifier, a dataset and its proposals. Output: R (P_i, K) of each image,
computed once, from unmirrored images, before the MIL network is trained; thresholds then make
pseudo labels of it. Only classes among the image's tags are considered: every class map is
normalised to [0, 1], so that one of an absent class peaks at 1 as well.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from liid_cut.npz import read_arrays, require, write_arrays
from liid_mil.cam import CamClassifier, class_activation_maps, proposal_scores, pseudo_labels
from liid_mil.data.types import Bools, Floats, ImageDataset, Ints, Proposals
from liid_mil.training.batches import Samples, batches, epoch_steps
from liid_mil.training.checkpoint import data_fingerprint, weights_fingerprint
from liid_mil.training.config import Runtime
from liid_mil.training.distributed import processes


def cam_scores(
    classifier: CamClassifier,
    dataset: ImageDataset,
    proposals: Sequence[Proposals],
    *,
    image_size: int,
    terms: str = "mean+max",
    region: str = "box",
    batch_size: int = 8,
    runtime: Runtime | None = None,
    cache: str | Path | None = None,
) -> list[Floats]:
    """Scores R of all proposals (section 4.2.1).

    Parameters
    ----------
    classifier : of :func:`liid_mil.training.loop.train_cam`.
    dataset, proposals : N images and their proposals.
    image_size : pixels, as in training.
    terms, region : as in :class:`liid_mil.training.config.MilConfig`.
    batch_size : images at a time.
    cache : npz file, or None: scores are written there, and read from there where it holds those
        of the same classifier, data and settings.

    Returns
    -------
    N arrays float32 (P_i, K), 0 for classes that are not among the image's tags, and for images
    that are damaged where ``runtime.on_error`` is ``"skip"``.

    Raises
    ------
    DatasetError : an image is damaged, and ``runtime.on_error`` is ``"raise"``.
    ValueError : ``region`` is ``"mask"`` and proposals have no masks.
    """
    if region not in ("box", "mask"):
        raise ValueError(f"region is {region!r}; it must be 'box' or 'mask'")
    sizes = [len(proposals[i]) for i in range(len(dataset))]
    fingerprint = ""
    if cache is not None:
        boxes = [proposals[i].boxes for i in range(len(dataset))]
        parts = (weights_fingerprint(classifier), data_fingerprint(dataset, *boxes))
        fingerprint = " ".join([*parts, str(image_size), terms, region])
        found = _read(Path(cache), fingerprint, sizes)
        if found is not None:
            return found
    scores = _compute(
        classifier, dataset, proposals, image_size, terms, region, batch_size, runtime or Runtime()
    )
    if cache is not None:
        flat = np.concatenate(scores)
        write_arrays(cache, {"scores": flat, "fingerprint": np.array(fingerprint)})
    return scores


def pseudo_labels_of(scores: Sequence[Floats], tags: Bools, eta: float = 0.75) -> list[Ints]:
    """Pseudo label of every proposal (Eq. 3), within its image's tags.

    Parameters
    ----------
    scores : N arrays R (P_i, K), of :func:`cam_scores`.
    tags : bool (N, K).
    eta : proposals with all scores below are background.

    Returns
    -------
    N arrays int64 (P_i,) in 0..K.
    """
    found = []
    for of_image, present in zip(scores, tags, strict=True):
        given = torch.from_numpy(np.repeat(present[None], len(of_image), axis=0))
        found.append(pseudo_labels(torch.from_numpy(of_image), eta, given).numpy())
    return found


def _compute(
    classifier: CamClassifier,
    dataset: ImageDataset,
    proposals: Sequence[Proposals],
    image_size: int,
    terms: str,
    region: str,
    batch_size: int,
    runtime: Runtime,
) -> list[Floats]:
    samples = Samples(dataset, image_size, proposals, skip_damaged=runtime.on_error == "skip")
    scores = [
        np.zeros((len(proposals[i]), len(dataset.class_names)), np.float32)
        for i in range(len(dataset))
    ]
    steps = epoch_steps(np.arange(len(dataset)), batch_size)
    with processes(runtime.device) as world:
        classifier.to(world.device)
        found = batches(samples, steps, seed=0, epoch=0, flip=False, workers=runtime.workers)
        bar = tqdm(
            found,
            desc="class activation maps",
            total=len(steps),
            file=sys.stderr,
            disable=not runtime.progress,
        )
        for batch in bar:
            here = batch.to(world.device)
            maps = class_activation_maps(classifier, here.images, here.tags).cpu()
            for i, of_image, boxes in zip(batch.index.tolist(), maps, batch.boxes, strict=True):
                if len(boxes) == 0:
                    continue
                if region == "box":
                    found_scores = proposal_scores(
                        of_image, boxes, (image_size, image_size), terms=terms
                    )
                else:
                    own = proposals[i]
                    if own.masks is None:
                        raise ValueError(
                            f"region is 'mask', but the proposals of image "
                            f"{dataset.image_ids[i]} have no masks"
                        )
                    height, width = own.masks[0]["size"]
                    found_scores = proposal_scores(
                        of_image, own.boxes, (height, width), terms=terms, masks=own.masks
                    )
                scores[i] = found_scores.numpy()
        classifier.cpu()
    return scores


def _read(path: Path, fingerprint: str, sizes: Sequence[int]) -> list[Floats] | None:
    """Scores of a cache file; None where there is none, or one of something else."""
    if not path.exists():
        return None
    arrays = read_arrays(path)
    require(path, arrays, ("scores", "fingerprint"), "a file of CAM scores has both")
    if str(arrays["fingerprint"]) != fingerprint:
        return None
    return np.split(arrays["scores"], np.cumsum(sizes)[:-1])
