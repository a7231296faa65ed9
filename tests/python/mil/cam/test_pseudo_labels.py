"""Pseudo labels (Eq. 3): the written-out rule, ties, the threshold, tags, bad input."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from liid_mil.cam import pseudo_labels  # noqa: E402


def slow_label(scores: list[float], eta: float) -> int:
    if all(score < eta for score in scores):
        return 0
    return 1 + scores.index(max(scores))


@pytest.mark.parametrize("eta", [0.0, 0.5, 0.75, 1.5, 2.0])
def test_equals_the_rule(eta: float) -> None:
    # Multiples of 1/4: ties, and scores equal to the threshold, are common.
    scores = torch.randint(0, 9, (300, 4), generator=torch.Generator().manual_seed(0)) / 4.0
    labels = pseudo_labels(scores, eta)
    assert labels.dtype == torch.int64
    assert labels.tolist() == [slow_label(row, eta) for row in scores.tolist()]


def test_paper_threshold_is_the_default() -> None:
    scores = torch.tensor([[0.7499, 0.2], [0.1, 0.75], [1.2, 1.2]])
    assert pseudo_labels(scores).tolist() == [0, 2, 1]


def test_classes_without_tag_are_not_chosen() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.8], [2.0, 0.1, 0.1], [0.0, 0.9, 0.9]])
    assert pseudo_labels(scores, tags=torch.tensor([False, True, True])).tolist() == [2, 0, 2]
    rows = torch.tensor([[False, False, True], [True, False, False], [False, False, False]])
    assert pseudo_labels(scores, tags=rows).tolist() == [3, 1, 0]


def test_no_proposals() -> None:
    assert pseudo_labels(torch.zeros(0, 3)).tolist() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3),), r"scores has shape \(3,\) and dtype torch.float32; it must be"),
        ((torch.zeros(3, 0),), r"scores has shape \(3, 0\)"),
        ((torch.tensor([[0.0], [float("nan")]]),), r"scores\[1\] is not finite"),
        ((torch.zeros(3, 2), float("nan")), "eta is nan; it must be finite"),
        (
            (torch.zeros(3, 2), 0.75, torch.ones(3, dtype=torch.bool)),
            r"tags has shape \(3,\) and dtype torch.bool; it must be bool of \(2,\) or \(3, 2\)",
        ),
        ((torch.zeros(3, 2), 0.75, torch.ones(2)), "dtype torch.float32; it must be bool"),
    ],
)
def test_bad_input(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pseudo_labels(*arguments)
