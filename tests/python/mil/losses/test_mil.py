"""L_MIL (Eq. 6): the written-out formula, derivatives, saturation, degenerate bags, bad input."""

from __future__ import annotations

from math import log

import pytest

torch = pytest.importorskip("torch")

from liid_mil.losses import MilLoss, log_sum_exp_pool, mil_loss  # noqa: E402
from mil.losses.bags import bag, random_bags, slow_mil_loss  # noqa: E402


@pytest.mark.parametrize("r", [1.0, 5.0])
@pytest.mark.parametrize("n_classes", [2, 20])
@pytest.mark.parametrize("sizes", [[1], [7], [3, 1, 5], [2, 0, 4]])
def test_equals_the_formula(sizes: list[int], n_classes: int, r: float) -> None:
    logits, image_index, _, tags = random_bags(sizes, n_classes, seed=len(sizes))
    tags[:, -1] = False
    expected = [
        slow_mil_loss(bag(logits.softmax(1), image_index, i), tags[i].tolist(), r)
        for i, size in enumerate(sizes)
        if size > 0
    ]
    loss = mil_loss(logits, image_index, tags, r)
    assert loss.item() == pytest.approx(sum(expected) / len(sizes), rel=1e-12)
    assert MilLoss(r)(logits, image_index, tags).item() == loss.item()


def test_both_sums_are_divided_by_the_number_of_absent_labels() -> None:
    # One proposal, Z = p = (.5, .2, .2, .1); tags {1}: |Y| = 2 but both divide by |Y'| = 2 of 3;
    # tags {1, 2}: |Y'| = 1.
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1]], dtype=torch.float64).log()
    index = torch.tensor([0])
    one = mil_loss(logits, index, torch.tensor([[True, False, False]]))
    assert one.item() == pytest.approx(-(log(0.5) + log(0.2) + log(0.8) + log(0.9)) / 2, rel=1e-12)
    two = mil_loss(logits, index, torch.tensor([[True, True, False]]))
    assert two.item() == pytest.approx(-(log(0.5) + 2 * log(0.2) + log(0.9)), rel=1e-12)


def test_an_image_with_all_tags_has_the_first_sum_alone_undivided() -> None:
    logits, image_index, _, _ = random_bags([6], 3, seed=2)
    z = log_sum_exp_pool(logits.softmax(1), image_index, 1)
    loss = mil_loss(logits, image_index, torch.ones(1, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(-z.log().sum().item(), rel=1e-12)


def test_an_image_without_tags_still_has_the_background() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64).log()
    loss = mil_loss(logits, torch.tensor([0]), torch.zeros(1, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx(-(log(0.5) + log(0.7) + log(0.8)) / 2, rel=1e-12)


def test_derivative() -> None:
    logits, image_index, _, tags = random_bags([3, 0, 4, 1], 3, seed=5)
    tags[2] = True
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: mil_loss(a, image_index, tags), (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [20.0, 60.0, 1e3, 6e4])
def test_probabilities_zero_and_one_have_finite_loss_and_gradient(
    size: float, dtype: torch.dtype
) -> None:
    # All proposals are sure of class 1, which the image does not have; class 2 and 0 it has.
    logits = torch.tensor([[0.0, size, 0.0]] * 3, dtype=dtype, requires_grad=True)
    loss = mil_loss(logits, torch.zeros(3, dtype=torch.int64), torch.tensor([[False, True]]))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    # -log p_0 - log p_2 - log(1 - p_1), up to the documented clamp at the smallest normal number.
    most = -log(torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).tiny)
    terms = [size, size, size - log(2)]
    assert loss.item() == pytest.approx(sum(min(t, most) for t in terms), rel=1e-5)
    if size < most:
        # (-1, 1, 0) + (0, 1, -1) + (-1/2, 1, -1/2), shared by three equal proposals.
        expected = torch.tensor([-0.5, 1.0, -0.5]).double()
        torch.testing.assert_close(logits.grad[0].double(), expected, atol=1e-3, rtol=0)


def test_an_image_without_proposals_contributes_zero() -> None:
    logits, image_index, _, tags = random_bags([4, 0], 3, seed=3)
    tags[:] = torch.tensor([True, False, False])
    both = mil_loss(logits, image_index, tags)
    assert both.item() == pytest.approx(mil_loss(logits, image_index, tags[:1]).item() / 2)
    none = torch.zeros(0, 4, requires_grad=True)
    loss = mil_loss(none, torch.zeros(0, dtype=torch.int64), tags)
    loss.backward()
    assert loss.item() == 0


def test_half_precision_logits_give_a_single_precision_loss() -> None:
    logits, image_index, _, tags = random_bags([4], 3, seed=1)
    half = logits.to(torch.bfloat16)
    loss = mil_loss(half, image_index, tags)
    assert loss.dtype == torch.float32
    assert loss.item() == mil_loss(half.float(), image_index, tags).item()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": torch.zeros(2, 1)}, r"logits has shape \(2, 1\); it needs at least 2 columns"),
        ({"image_index": torch.tensor([0, 1])}, r"image_index\[1\] is 1; images .* are 0 to 0"),
        (
            {"tags": torch.ones(1, 4, dtype=torch.bool)},
            r"tags has shape \(1, 4\); it must be \(images, 3\), without a column",
        ),
        ({"tags": torch.ones(3, dtype=torch.bool)}, r"tags has shape \(3,\); it must be"),
        ({"tags": torch.ones(1, 3)}, r"tags has dtype torch.float32; it must be torch.bool"),
        ({"tags": torch.ones(0, 3, dtype=torch.bool)}, "n_images is 0; a batch has at least one"),
        ({"r": -1.0}, "r is -1.0; it must be > 0"),
    ],
)
def test_bad_input(change: dict[str, object], message: str) -> None:
    arguments = {
        "logits": torch.zeros(2, 4),
        "image_index": torch.zeros(2, dtype=torch.int64),
        "tags": torch.ones(1, 3, dtype=torch.bool),
    }
    with pytest.raises(ValueError, match=message):
        mil_loss(**(arguments | change))


def test_bad_sharpness_of_the_module() -> None:
    with pytest.raises(ValueError, match="r is 0; it must be > 0"):
        MilLoss(0)
