"""L_Att (Eq. 4): the written-out formula, derivatives, saturation, degenerate bags, bad input."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from liid_mil.losses import AttentionLoss, attention_loss  # noqa: E402
from mil.losses.bags import bag, random_bags, slow_attention_loss  # noqa: E402


@pytest.mark.parametrize("n_classes", [1, 2, 20])
@pytest.mark.parametrize("sizes", [[1], [7], [3, 1, 5], [2, 0, 4], [0, 0, 1]])
def test_equals_the_formula(sizes: list[int], n_classes: int) -> None:
    logits, image_index, labels, _ = random_bags(sizes, n_classes, seed=len(sizes))
    probs = logits.softmax(1)
    expected = [
        slow_attention_loss(bag(probs, image_index, i), labels[image_index == i].tolist())
        for i, size in enumerate(sizes)
        if size > 0
    ]
    loss = attention_loss(logits, image_index, labels, len(sizes))
    assert loss.item() == pytest.approx(sum(expected) / len(sizes), rel=1e-12)
    assert AttentionLoss()(logits, image_index, labels, len(sizes)).item() == loss.item()


def test_a_value_by_hand() -> None:
    # p = (1/2, 1/4, 1/4), pseudo label 0: log 1/2 + (log 3/4 + log 3/4) / 2.
    logits = torch.tensor([[2.0, 1.0, 1.0]]).double().log()
    loss = attention_loss(logits, torch.tensor([0]), torch.tensor([0]), 1)
    assert loss.item() == pytest.approx(0.6931471805599453 + 0.2876820724517809, rel=1e-14)


def test_derivative() -> None:
    logits, image_index, labels, _ = random_bags([3, 0, 4], 3, seed=5)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: attention_loss(a, image_index, labels, 3), (logits,))


def test_two_equal_largest_logits_have_the_derivative_of_the_formula() -> None:
    logits = torch.tensor([[1.0, 1.0, -2.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    logits.requires_grad_()
    index, labels = torch.zeros(2, dtype=torch.int64), torch.tensor([1, 2])
    assert torch.autograd.gradcheck(lambda a: attention_loss(a, index, labels, 1), (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [30.0, 1e3, 6e4])
def test_probabilities_zero_and_one_have_finite_loss_and_gradient(
    size: float, dtype: torch.dtype
) -> None:
    # Row 0 is sure and right; row 1 is sure of label 2 but its pseudo label is 0.
    logits = torch.tensor([[size, 0, 0], [0, 0, size]], dtype=dtype, requires_grad=True)
    labels = torch.tensor([0, 0])
    loss = attention_loss(logits, torch.tensor([0, 1]), labels, 2)
    # Row 1: log p_0 = -size, log(1 - p_1) = -e^-size, log(1 - p_2) = log 2 - size; K = 2.
    expected = (size + (size - 0.6931471805599453) / 2) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    # Row 1: (-1, 0, 1) of log p_0, (-1/4, -1/4, 1/2) of log(1 - p_2) / 2; the mean of two images.
    torch.testing.assert_close(
        logits.grad[1].double(), torch.tensor([-0.625, -0.125, 0.75]).double(), atol=1e-3, rtol=0
    )


def test_half_precision_logits_give_a_single_precision_loss() -> None:
    logits, image_index, labels, _ = random_bags([4], 3, seed=1)
    for dtype in (torch.float16, torch.bfloat16):
        half = logits.to(dtype)
        loss = attention_loss(half, image_index, labels, 1)
        assert loss.dtype == torch.float32
        assert loss.item() == attention_loss(half.float(), image_index, labels, 1).item()


def test_no_proposals_at_all_is_zero_with_zero_gradient() -> None:
    logits = torch.zeros(0, 4, requires_grad=True)
    none = torch.zeros(0, dtype=torch.int64)
    loss = attention_loss(logits, none, none, 2)
    loss.backward()
    assert loss.item() == 0


def test_order_of_proposals_does_not_matter() -> None:
    logits, image_index, labels, _ = random_bags([5, 6], 4, seed=2)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    moved = attention_loss(logits[order], image_index[order], labels[order], 2)
    assert moved.item() == pytest.approx(
        attention_loss(logits, image_index, labels, 2).item(), rel=1e-14
    )


ROWS = torch.zeros(3, 4)
INDEX = torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": torch.zeros(3)}, r"logits has shape \(3,\); it must be \(proposals, columns\)"),
        ({"logits": torch.zeros(3, 1)}, r"logits has shape \(3, 1\); it needs at least 2 columns"),
        ({"logits": ROWS.long()}, "logits has dtype torch.int64; it must be a floating-point"),
        ({"image_index": INDEX[:2]}, r"image_index has shape \(2,\); it must be \(3,\)"),
        ({"image_index": INDEX.int()}, "image_index has dtype torch.int32; it must be torch.int64"),
        (
            {"image_index": torch.tensor([0, 1, 2])},
            r"image_index\[2\] is 2; images of the batch are 0 to 1",
        ),
        ({"pseudo_labels": torch.tensor([0, 4, 9])}, r"pseudo_labels\[1\] is 4; labels are 0 to 3"),
        ({"pseudo_labels": torch.tensor([-1, 0, 0])}, r"pseudo_labels\[0\] is -1; labels are"),
        ({"n_images": 0}, "n_images is 0; a batch has at least one image"),
    ],
)
def test_bad_input(change: dict[str, object], message: str) -> None:
    arguments = {"logits": ROWS, "image_index": INDEX, "pseudo_labels": INDEX, "n_images": 2}
    with pytest.raises(ValueError, match=message):
        attention_loss(**(arguments | change))


def test_not_a_tensor() -> None:
    with pytest.raises(TypeError, match=r"logits is list; it must be a torch\.Tensor"):
        attention_loss([[0.0, 0.0]], INDEX[:1], INDEX[:1], 1)
