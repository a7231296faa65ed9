"""Log-sum-exp aggregation (Eq. 5): formula, limits, bounds, precision, degenerate bags."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from liid_mil.losses import LogSumExpPool, log_sum_exp_pool  # noqa: E402
from mil.losses.bags import bag, random_bags, slow_log_sum_exp  # noqa: E402


@pytest.mark.parametrize("r", [0.1, 1.0, 5.0, 50.0, -5.0])
@pytest.mark.parametrize("sizes", [[1], [9], [3, 0, 1, 5]])
def test_equals_the_formula(sizes: list[int], r: float) -> None:
    logits, image_index, _, _ = random_bags(sizes, 4, seed=3)
    probs = logits.softmax(1)
    pooled = log_sum_exp_pool(probs, image_index, len(sizes), r)
    assert pooled.shape == (len(sizes), 5)
    for i, size in enumerate(sizes):
        row = slow_log_sum_exp(bag(probs, image_index, i), r) if size > 0 else [0.0] * 5
        assert pooled[i].tolist() == pytest.approx(row, rel=1e-11)
    assert torch.equal(LogSumExpPool(r)(probs, image_index, len(sizes)), pooled)


def test_one_proposal_is_its_own_aggregate() -> None:
    probs = torch.tensor([[0.0, 1.0, 1e-30, 0.3]])
    assert torch.equal(log_sum_exp_pool(probs, torch.tensor([0]), 1), probs)


def test_lies_between_mean_and_maximum_and_reaches_both() -> None:
    probs = random_bags([50], 6, seed=4)[0].softmax(1)
    index = torch.zeros(50, dtype=torch.int64)
    mean, largest = probs.mean(0), probs.amax(0)
    for r in (0.01, 1.0, 5.0, 100.0):
        pooled = log_sum_exp_pool(probs, index, 1, r)[0]
        assert (mean < pooled).all()
        assert (pooled < largest).all()
    torch.testing.assert_close(log_sum_exp_pool(probs, index, 1, 1e-6)[0], mean, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        log_sum_exp_pool(probs, index, 1, 1e6)[0], largest, atol=1e-5, rtol=0
    )


def test_complement_is_the_pool_of_complements_with_negative_sharpness() -> None:
    logits, image_index, _, _ = random_bags([4, 7], 3, seed=6)
    probs = logits.softmax(1)
    torch.testing.assert_close(
        log_sum_exp_pool(1 - probs, image_index, 2, -5.0),
        1 - log_sum_exp_pool(probs, image_index, 2, 5.0),
        atol=1e-14,
        rtol=1e-12,
    )


@pytest.mark.parametrize("r", [5.0, 1e4])
def test_small_values_keep_their_relative_precision(r: float) -> None:
    # For r p << 1 the aggregate is the mean to first order; in single precision.
    probs = torch.tensor([[1e-30], [3e-30], [0.0]])
    pooled = log_sum_exp_pool(probs, torch.zeros(3, dtype=torch.int64), 1, r)
    assert pooled.item() == pytest.approx(4e-30 / 3, rel=1e-6)


def test_nothing_overflows() -> None:
    values = torch.tensor([[1e4], [-1e4], [0.0]], requires_grad=True)
    pooled = log_sum_exp_pool(values, torch.zeros(3, dtype=torch.int64), 1, 100.0)
    pooled.sum().backward()
    assert pooled.item() == pytest.approx(1e4 - 0.010986122886681098, abs=1e-3)  # log(3) / 100
    assert values.grad is not None
    assert values.grad.flatten().tolist() == pytest.approx([1.0, 0.0, 0.0], rel=1e-6)


@pytest.mark.parametrize("r", [5.0, -5.0, 300.0])
def test_derivative(r: float) -> None:
    logits, image_index, _, _ = random_bags([3, 0, 1, 4], 2, seed=7)
    probs = logits.softmax(1).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: log_sum_exp_pool(p, image_index, 4, r), (probs,))


def test_derivative_where_the_maximum_is_shared() -> None:
    values = torch.full((4, 1), 0.25, dtype=torch.float64, requires_grad=True)
    log_sum_exp_pool(values, torch.zeros(4, dtype=torch.int64), 1).sum().backward()
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [0.25] * 4


@pytest.mark.parametrize("r", [0.0, float("nan"), float("inf")])
def test_bad_sharpness(r: float) -> None:
    with pytest.raises(ValueError, match=rf"r is {r}; it must be finite and not 0"):
        log_sum_exp_pool(torch.zeros(1, 2), torch.tensor([0]), 1, r)


def test_bad_index() -> None:
    with pytest.raises(ValueError, match=r"image_index\[1\] is 3; images of the batch are 0 to 2"):
        log_sum_exp_pool(torch.zeros(2, 2), torch.tensor([0, 3]), 3)
