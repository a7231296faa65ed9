"""What the tests of all readers share: a made-up image, and a comparison with its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.proposal_files import MadeUp, made_up
from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.proposals.masks import decode_masks
from liid_mil.readers import read_proposals

SIZE = (37, 53)


def example(image_id: str = "img", n: int = 12, seed: int = 0) -> MadeUp:
    return made_up(image_id, n, SIZE, seed, n_superpixels=30)


def read_one(format: str, path: Path, **more: Any) -> ImageProposals:
    (image,) = read_proposals(format, path, **more)
    return image


def check_same(image: ImageProposals, masks: np.ndarray, scores: np.ndarray | None) -> None:
    """Masks (where read), boxes and scores are those given; without scores, in their order."""
    order = np.arange(len(masks)) if scores is None else np.argsort(-scores, kind="stable")
    expected = np.ones(len(masks)) if scores is None else scores[order]
    np.testing.assert_array_equal(image.proposals.scores, expected.astype(np.float32))
    if image.proposals.masks is not None:
        assert image.size == masks.shape[1:]
        np.testing.assert_array_equal(decode_masks(image.proposals.masks), masks[order])
    for mask, box in zip(masks[order], image.proposals.boxes, strict=True):
        y, x = np.nonzero(mask)
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def refused(format: str, path: Path, reason: str, **more: Any) -> None:
    """Reading ends with an error that names the file and gives the reason."""
    with pytest.raises(DatasetError, match=reason) as caught:
        list(read_proposals(format, path, **more))
    assert caught.value.path.is_relative_to(path)
