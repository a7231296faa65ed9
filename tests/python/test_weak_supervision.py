"""The example: its label model on planted votes, its run on digits and on a file."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "weak_supervision.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weak_supervision", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["weak_supervision"] = module
    spec.loader.exec_module(module)
    return module


def planted(n: int, n_classes: int, accuracy: Any, seed: int) -> tuple[Any, Any]:
    """Independent votes of functions of known accuracy, a third of them abstaining; the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n)
    shape = (n, len(accuracy))
    wrong = (truth[:, None] + rng.integers(1, n_classes, shape)) % n_classes
    votes = np.where(rng.random(shape) < accuracy, truth[:, None], wrong)
    votes[rng.random(shape) < 1 / 3] = -1
    return votes, truth


def test_label_model_finds_accuracies(example: ModuleType) -> None:
    accuracy = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.35])
    votes, truth = planted(5000, 4, accuracy, seed=0)
    probs, found = example.label_model(votes, 4)
    np.testing.assert_allclose(found, accuracy, atol=0.05)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    right = (probs.argmax(axis=1) == truth).mean()
    assert right > (example.majority_vote(votes, 4) == truth).mean() + 0.01
    surest = np.argsort(-probs.max(axis=1))[:2500]
    assert (probs.argmax(axis=1) == truth)[surest].mean() > right + 0.05


def test_rows_without_votes_have_the_shares_of_classes(example: ModuleType) -> None:
    votes, _ = planted(1000, 3, [0.8, 0.8, 0.8], seed=1)
    votes[:5] = -1
    probs, _ = example.label_model(votes, 3)
    np.testing.assert_allclose(probs[:5], np.tile(probs.mean(axis=0), (5, 1)), atol=0.02)


def test_majority_vote(example: ModuleType) -> None:
    votes = np.array([[2, 2, 0], [-1, 1, -1], [1, 0, -1], [-1, -1, -1]])
    assert example.majority_vote(votes, 3).tolist() == [2, 1, 0, 0]


def test_run_on_digits(
    example: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setitem(sys.modules, "snorkel", None)  # takes seconds to train
    assert example.main(["--seeds", "1"]) == 0
    printed = capsys.readouterr().out
    shown = {
        name.strip(): float(value)
        for name, value in re.findall(r"^(\D+?)  +(0\.\d+)", printed, re.M)
    }
    assert {"majority vote", "label model", "label model, then the cut"} <= shown.keys()
    assert shown["label model, then the cut"] > shown["label model"] + 0.02
    assert "cut optimal" in printed


def test_run_on_own_votes(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "snorkel", None)
    votes, truth = planted(300, 3, [0.7] * 5, seed=2)
    feats = np.eye(3)[truth] + 0.3 * np.random.default_rng(0).normal(size=(300, 3))
    np.savez(tmp_path / "own.npz", votes=votes, feats=feats)
    arguments = ["--file", str(tmp_path / "own.npz"), "--output", str(tmp_path / "labels.npy")]
    assert example.main(arguments) == 0
    assert (np.load(tmp_path / "labels.npy") == truth).mean() > 0.9


def test_fashion_files_are_read(example: ModuleType) -> None:
    folder = Path("/usr/share/datasets/fashion-mnist")
    if not folder.is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    images, truth = example.fashion(folder)
    assert images.shape == (10_000, 28, 28)
    assert np.bincount(truth).tolist() == [1000] * 10
