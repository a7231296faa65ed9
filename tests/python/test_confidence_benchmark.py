"""The scores of benchmarks.confidence on confidences whose quality is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from benchmarks import confidence as benchmark
from benchmarks.labelled_data import digits


def test_calibration_error() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.2, 1, 50_000)
    right = rng.random(50_000) < sure
    assert benchmark.calibration_error(sure, right) < 0.01
    assert benchmark.calibration_error(np.clip(sure - 0.2, 0, 1), right) == pytest.approx(
        0.2, abs=0.01
    )
    assert benchmark.calibration_error(np.ones(50_000), right) == pytest.approx(0.4, abs=0.01)


def test_accuracy_of_surest() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, True])
    assert benchmark.accuracy_of_surest(sure, right, 0.5) == 1
    assert benchmark.accuracy_of_surest(sure, right, 0.75) == pytest.approx(2 / 3)


def test_rows_that_were_shown_do_not_count() -> None:
    (data,) = digits([5])
    found = benchmark.measure([data], ("mutual", 3, 0.3), 10.0)
    assert len(found) == 6
    for name, ((accuracy, error, auroc, most, half),) in found.items():
        assert np.isnan(error) == ("margins" in name)
        assert 0.5 < auroc < 1
        assert accuracy <= most <= half or name == "`cut_margins`"
    rows = data.scored.sum() - benchmark.HELD_OUT
    accuracy = found["`label_distributions`"][0][0]
    assert accuracy * rows == pytest.approx(round(accuracy * rows))
