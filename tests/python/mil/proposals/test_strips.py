"""Strips against decoded masks."""

from __future__ import annotations

import numpy as np
import pytest

from liid_mil.proposals.masks import encode_masks
from liid_mil.proposals.strips import strips_of


@pytest.mark.parametrize("n", [1, 3, 300])
def test_strips_are_the_pixels_of_masks(n: int) -> None:
    rng = np.random.default_rng(n)
    masks = rng.random((n, 11, 7)) < rng.uniform(0, 1, (n, 1, 1))
    masks[0] = True
    masks[n // 2] = False
    strips = strips_of(encode_masks(masks), (11, 7))
    assert strips.lengths.sum() == 77
    for i in range(n):
        np.testing.assert_array_equal(strips.pixels(strips.inside[i]), masks[i])


def test_runs_without_a_pixel_change_nothing() -> None:
    # 2 background, 3 object, 0 background, 1 object; pycocotools writes no such code.
    strips = strips_of([{"size": [3, 2], "counts": b"230N"}], (3, 2))
    assert strips.pixels(strips.inside[0]).ravel(order="F").tolist() == [False] * 2 + [True] * 4


def test_no_mask_is_one_strip() -> None:
    strips = strips_of([], (3, 4))
    assert strips.lengths.tolist() == [12]
    assert strips.inside.shape == (0, 1)


def test_bad_masks() -> None:
    code = encode_masks(np.ones((1, 3, 4), bool))[0]
    with pytest.raises(ValueError, match=r"masks\[1\] has size \[3, 4\]; the image has \[4, 3\]"):
        strips_of([encode_masks(np.ones((1, 4, 3), bool))[0], code], (4, 3))
    with pytest.raises(ValueError, match=r"masks\[1\] has a damaged run-length code"):
        strips_of([code, {"size": [3, 4], "counts": b"0"}], (3, 4))
