"""The total loss (Eq. 9): the weighted sum, the mean over images, training end to end."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from liid_mil.losses import (  # noqa: E402
    LiidLoss,
    LossWeights,
    attention_loss,
    center_loss,
    mil_loss,
)
from mil.losses.bags import random_bags  # noqa: E402


def feats_of(n: int) -> torch.Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(n), dtype=torch.float64)


def test_the_papers_weights_are_the_defaults() -> None:
    assert LossWeights() == LossWeights(alpha=0.5, beta=0.5, gamma=0.1)
    loss = LiidLoss(3, 6)
    assert (loss.weights, loss.center.theta, loss.mil.r) == (LossWeights(), 0.01, 5.0)


def test_total_is_the_weighted_sum_of_the_three_losses() -> None:
    logits, image_index, labels, tags = random_bags([3, 0, 5], 3, seed=1)
    feats, centers = feats_of(8), feats_of(4)
    module = LiidLoss(3, 6, LossWeights(0.3, 0.7, 0.2), r=4.0).double()
    module.center.centers.copy_(centers)
    terms = module(logits, feats, image_index, labels, tags)
    assert terms.attention.item() == attention_loss(logits, image_index, labels, 3).item()
    assert terms.mil.item() == mil_loss(logits, image_index, tags, r=4.0).item()
    expected = center_loss(feats, logits.argmax(1), centers, image_index, 3)
    assert terms.center.item() == expected.item()
    total = 0.3 * terms.attention + 0.7 * terms.mil + 0.2 * terms.center
    assert terms.total.item() == pytest.approx(total.item(), rel=1e-14)


def test_a_batch_is_the_mean_of_its_images() -> None:
    sizes = [3, 0, 5, 1]
    logits, image_index, labels, tags = random_bags(sizes, 3, seed=2)
    feats = feats_of(9)
    module = LiidLoss(3, 6).double().eval()
    module.center.centers.copy_(feats_of(4))
    batch = module(logits, feats, image_index, labels, tags)
    single = []
    for i in range(len(sizes)):
        rows = image_index == i
        zeros = torch.zeros(int(rows.sum()), dtype=torch.int64)
        single.append(module(logits[rows], feats[rows], zeros, labels[rows], tags[i : i + 1]))
    for name in batch._fields:
        mean = sum(getattr(terms, name).item() for terms in single) / len(sizes)
        assert getattr(batch, name).item() == pytest.approx(mean, rel=1e-12)


def test_derivative() -> None:
    logits, image_index, labels, tags = random_bags([3, 4], 2, seed=3)
    module = LiidLoss(2, 6).double().eval()
    module.center.centers.copy_(feats_of(3))
    inputs = (logits.requires_grad_(), feats_of(7).requires_grad_())
    assert torch.autograd.gradcheck(
        lambda a, f: module(a, f, image_index, labels, tags).total, inputs
    )


def test_a_weight_of_zero_takes_the_loss_out_of_the_gradient() -> None:
    logits, image_index, labels, tags = random_bags([5], 2, seed=4)
    feats = feats_of(5).requires_grad_()
    module = LiidLoss(2, 6, LossWeights(gamma=0.0)).double()
    module.center.centers.copy_(feats_of(3))
    module(logits, feats, image_index, labels, tags).total.backward()
    assert feats.grad is not None
    assert not feats.grad.any()


def test_losses_stay_in_single_precision_under_autocast() -> None:
    logits, image_index, labels, tags = random_bags([5, 2], 3, seed=5)
    logits, feats = logits.float(), feats_of(7).float()
    module = LiidLoss(3, 6).eval()
    module.center.centers.copy_(feats_of(4))
    plain = module(logits, feats, image_index, labels, tags)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = module(logits, feats, image_index, labels, tags)
    assert [term.dtype for term in mixed] == [torch.float32] * 4
    torch.testing.assert_close(mixed, plain, rtol=1e-6, atol=0)


def test_gradient_descent_on_free_logits_and_features_learns_tags_and_pseudo_labels() -> None:
    _, image_index, labels, tags = random_bags([10] * 6, 3, seed=6)
    tags[:] = False
    for row, image in zip(labels.tolist(), image_index.tolist(), strict=True):
        if row > 0:
            tags[image, row - 1] = True
    generator = torch.Generator().manual_seed(7)
    logits = torch.zeros(60, 4, requires_grad=True)
    feats = torch.randn(60, 6, generator=generator).requires_grad_()
    module = LiidLoss(3, 6, theta=0.05)
    optimizer = torch.optim.SGD([logits, feats], lr=20.0)
    history = []
    for _ in range(100):
        terms = module(logits, feats, image_index, labels, tags)
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        history.append(terms.total.item())
    assert history[-1] < 0.3 * history[0]
    assert torch.equal(logits.argmax(1), labels)


@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_bad_weight(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} is {value}; it must be finite and >= 0"):
        LossWeights(**{name: value})
