"""Runs along the rows as codes down the columns, against the pixels."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.proposals.masks import encode_masks
from liid_mil.readers.row_runs import codes_of_row_runs


@pytest.mark.parametrize("seed", range(60))
def test_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(1, 12, 2))
    masks = rng.random((6, height, width)) < rng.choice([0.1, 0.5, 0.9, 1.0])
    masks[2] = False
    if seed % 3 == 0:
        masks = np.sort(masks, axis=seed % 2 + 1)
    starts, ends, owners = [], [], []
    for i, mask in enumerate(masks):
        changes = np.flatnonzero(np.diff(mask.ravel().astype(int), prepend=0, append=0))
        starts += changes[::2].tolist()
        ends += changes[1::2].tolist()
        owners += [i] * (len(changes) // 2)
    arrays = [np.array(each, dtype=np.int64) for each in (starts, ends, owners)]
    codes = codes_of_row_runs(*arrays, 6, (height, width), lambda n: None)
    assert codes == [mask["counts"] for mask in encode_masks(masks)]


def test_too_many_changes_are_told_before() -> None:
    def stop(n: int) -> None:
        if n > 1000:
            raise ValueError(f"{n} changes")

    rows = np.arange(0, 1000, 2)
    with pytest.raises(ValueError, match="1000000 changes"):
        codes_of_row_runs(rows * 1000, rows * 1000 + 1000, rows * 0, 1, (1000, 1000), stop)
