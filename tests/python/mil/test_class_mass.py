"""Class mass: the expected number of objects, the scale that gives it, and graphs across images."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from liid_cut import verify
from liid_mil.class_mass import expected_objects, matching_scale, scaled
from liid_mil.extraction_files import Extraction
from liid_mil.labelling import label

N_IMAGES, PER_IMAGE, K = 12, 6, 3


@pytest.fixture(scope="module")
def extraction() -> Extraction:
    rng = np.random.default_rng(4)
    n = N_IMAGES * PER_IMAGE
    tags = rng.random((N_IMAGES, K)) < 0.5
    return Extraction(
        rng.dirichlet([3.0, 1.0, 1.0, 1.0], n).astype(np.float32),
        rng.random((n, 4)).astype(np.float32),
        np.arange(n),
        np.repeat(np.arange(N_IMAGES), PER_IMAGE),
        np.tile(np.array([0, 0, 2, 2], np.float32), (n, 1)),
        tags,
        tuple(map(str, range(N_IMAGES))),
        ("a", "b", "c"),
    )


def test_expected_objects_by_hand() -> None:
    probs = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    allowed = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 0], [1, 0, 0]], dtype=bool)
    assert expected_objects(probs, allowed) == pytest.approx(0.5 + 0.5 + 0.0 + 0.0)


def test_only_the_background_is_scaled() -> None:
    probs = np.array([[0.5, 0.25], [0.125, 1.0]])
    assert scaled(probs, 1.0) is probs
    np.testing.assert_array_equal(scaled(probs, 2.0), [[1.0, 0.25], [0.25, 1.0]])
    assert probs[0, 0] == 0.5


@pytest.mark.parametrize("target", [0, 7, 40, 99, 100])
def test_the_scale_that_gives_a_number(target: int) -> None:
    limits = np.exp(np.linspace(-4, 4, 100))  # node i is an object below its limit
    cut: Any = lambda factor: SimpleNamespace(labels=(factor < limits).astype(int))  # noqa: E731
    factor = matching_scale(cut, target)
    assert (factor < limits).sum() == target


@pytest.mark.parametrize("delta", [0.0, 0.2, "auto"])
def test_labels_have_the_expected_mass(extraction: Extraction, delta: float | str) -> None:
    plain = label(extraction, delta=delta)
    found = label(extraction, delta=delta, background_scale="expected")
    expected = expected_objects(extraction.probs, extraction.allowed)
    distance = abs((found.labels > 0).sum() - expected)
    assert distance <= abs((plain.labels > 0).sum() - expected)
    assert distance <= 3
    weights = scaled(extraction.probs, found.background_scale)
    assert verify(found.result, weights, allowed=extraction.allowed)
    np.testing.assert_array_equal(found.labels_without_graph, plain.labels_without_graph)
    given = label(extraction, delta=found.result.delta, background_scale=found.background_scale)
    np.testing.assert_array_equal(given.labels, found.labels)
    assert plain.background_scale == 1.0


def test_edges_across_images(extraction: Extraction) -> None:
    ends = extraction.image_index[label(extraction, delta=0.2).result.edges]
    assert (ends[:, 0] == ends[:, 1]).any()
    found = label(extraction, delta=0.2, across_images=True)
    ends = extraction.image_index[found.result.edges]
    assert len(ends) > 0
    assert (ends[:, 0] != ends[:, 1]).all()
    assert verify(found.result, extraction.probs, allowed=extraction.allowed)


def test_coverage(extraction: Extraction) -> None:
    allowed = {"delta": 0.2, "n_neighbors": 2}
    plain, covered = label(extraction, **allowed), label(extraction, coverage=True, **allowed)

    def lacking(labels: np.ndarray) -> int:
        found = np.zeros((N_IMAGES, K + 1), dtype=bool)
        found[extraction.image_index, labels] = True
        return int((extraction.tags & ~found[:, 1:]).sum())

    assert lacking(plain.labels) > 0
    assert lacking(covered.labels) == 0
    assert covered.result.cost > plain.result.cost


@pytest.mark.parametrize("scale", ["much", 0.0, -1.0, np.nan, np.inf])
def test_scales_that_are_not_allowed(extraction: Extraction, scale: float | str) -> None:
    with pytest.raises(ValueError, match=r"background_scale is .*; it must be a positive number"):
        label(extraction, background_scale=scale)
