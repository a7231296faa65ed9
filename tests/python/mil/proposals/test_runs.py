"""Run-length codes of many masks at once, against pycocotools and a reader of single letters."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from liid_mil.proposals.masks import encode_masks
from liid_mil.proposals.runs import are_run_length_codes, read_runs


def runs_letter_by_letter(code: bytes) -> list[int] | None:
    """The runs of a code by its definition; None where it is damaged."""
    runs: list[int] = []
    value = shift = 0
    for byte in code:
        digit = byte - 48
        if not 0 <= digit < 64 or shift > 30:
            return None
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            if runs[-1] < 0:
                return None
            value = shift = 0
    return runs if shift == 0 else None


def random_masks(n: int, height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    masks = rng.random((n, height, width)) < rng.uniform(0.05, 0.95, (n, 1, 1))
    masks[:, 0, 0] |= ~masks.any(axis=(1, 2))
    return masks


@pytest.mark.parametrize("seed", range(20))
def test_runs_areas_and_boxes_are_those_of_the_pixels(seed: int) -> None:
    height, width = (int(n) for n in np.random.default_rng(seed).integers(1, 40, 2))
    masks = random_masks(5, height, width, seed)
    codes = [mask["counts"] for mask in encode_masks(masks)]
    runs = read_runs(codes)
    assert not runs.damaged.any()
    parts = np.split(runs.lengths, runs.offsets[1:-1])
    assert [part.tolist() for part in parts] == [runs_letter_by_letter(code) for code in codes]
    assert runs.n_pixels.tolist() == [height * width] * 5
    np.testing.assert_array_equal(runs.areas, masks.sum(axis=(1, 2)))
    for mask, box in zip(masks, runs.boxes(height), strict=True):
        y, x = np.nonzero(mask)
        np.testing.assert_array_equal(box, [x.min(), y.min(), x.max() + 1, y.max() + 1])


def test_runs_without_a_pixel_do_not_count_for_the_box() -> None:
    # background 5, object 0, background 6, object 1, of 3 x 4 pixels
    runs = read_runs([b"5061"])
    assert runs.lengths.tolist() == [5, 0, 6, 1]
    assert runs.boxes(3).tolist() == [[3, 2, 4, 3]]


def test_no_codes() -> None:
    runs = read_runs([])
    assert (len(runs.areas), runs.boxes(5).shape) == (0, (0, 4))
    assert are_run_length_codes([], 7).shape == (0,)


def test_whole_codes_are_known_by_their_number_of_pixels() -> None:
    for seed in range(50):
        height, width = np.random.default_rng(seed).integers(1, 40, 2)
        code = encode_masks(random_masks(1, height, width, seed))[0]["counts"]
        codes = [code, code[:-1], code]
        assert are_run_length_codes(codes, height * width).tolist() == [True, False, True]
        assert not are_run_length_codes(codes, height * width + 1).any()


@pytest.mark.parametrize("code", [b"", b"\xff\xff", b"ooo", b"0", b"09999999999", b"\x00", b"O"])
def test_damaged_codes_are_known(code: bytes) -> None:
    assert are_run_length_codes([b"ToR1", code, b"ToR1"], 100).tolist()[1] is False


def test_any_letters_are_judged_as_letter_by_letter() -> None:
    rng = np.random.default_rng(0)
    n_good = 0
    for _ in range(300):
        codes = [bytes(rng.integers(46, 114, n, dtype=np.uint8)) for n in rng.integers(0, 9, 20)]
        codes += [b"%d%d%d" % tuple(rng.integers(0, 10, 3)), b"ooooooo0", b"oooooooo0"]
        expected = [runs_letter_by_letter(code) for code in codes]
        found = read_runs(codes)
        assert found.damaged.tolist() == [runs is None for runs in expected]
        for i in np.flatnonzero(~found.damaged):
            assert found.lengths[found.offsets[i] : found.offsets[i + 1]].tolist() == expected[i]
            n_good += 1
    assert n_good > 1000
