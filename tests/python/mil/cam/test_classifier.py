"""The classifier behind the CAMs: its loss, its logits, and that it learns."""

from __future__ import annotations

from math import exp, log

import pytest

torch = pytest.importorskip("torch")

from liid_mil.cam import CamClassifier, class_activation_maps, multi_label_loss  # noqa: E402
from liid_mil.models import build_backbone  # noqa: E402
from mil.models.small import SmallBackbone  # noqa: E402


def test_loss_is_the_mean_of_binary_cross_entropies() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    tags = torch.rand(5, 3, generator=generator) < 0.5
    total = 0.0
    for row, present in zip(logits.tolist(), tags.tolist(), strict=True):
        for a, tag in zip(row, present, strict=True):
            p = 1 / (1 + exp(-a))
            total -= log(p) if tag else log(1 - p)
    assert multi_label_loss(logits, tags).item() == pytest.approx(total / 15, rel=1e-12)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: multi_label_loss(a, tags), (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_loss_is_finite_for_sure_and_wrong_logits(dtype: torch.dtype) -> None:
    logits = torch.tensor([[6e4, -6e4]], dtype=dtype, requires_grad=True)
    loss = multi_label_loss(logits, torch.tensor([[False, True]]))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(6e4, rel=1e-3)
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.5, -0.5]]


def test_logits_are_the_averaged_maps_plus_bias() -> None:
    model = CamClassifier(build_backbone("resnet18"), 4).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = model.backbone(images)
        maps = torch.einsum("bchw,kc->bkhw", features, model.classifier.weight)
        expected = maps.mean((2, 3)) + model.classifier.bias
        torch.testing.assert_close(model(images), expected)


def test_learns_colours_and_its_maps_find_them() -> None:
    # Each image has squares of none, one or both of two colours on grey noise.
    generator = torch.Generator().manual_seed(2)
    torch.manual_seed(3)
    images = 0.3 + 0.1 * torch.rand(32, 3, 32, 32, generator=generator)
    tags = torch.zeros(32, 2, dtype=torch.bool)
    windows = {}
    for i in range(32):
        for k in range(2):
            if i >> k & 1:
                tags[i, k] = True
                x, y = 16 * (i >> 2 & 1), 16 * k
                windows[i, k] = (slice(y // 4, y // 4 + 3), slice(x // 4, x // 4 + 3))
                images[i, 2 * k, y : y + 12, x : x + 12] = 1
    model = CamClassifier(SmallBackbone(), 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for _ in range(150):
        loss = multi_label_loss(model(images), tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert ((model(images) > 0) == tags).float().mean() > 0.9
    maps = class_activation_maps(model, images, tags)
    for (i, k), (rows, columns) in windows.items():
        assert maps[i, k, rows, columns].mean() > 3 * maps[i, k].mean()


@pytest.mark.parametrize(
    ("logits", "tags", "message"),
    [
        (torch.zeros(2), torch.ones(2, 1, dtype=torch.bool), r"logits has shape \(2,\)"),
        (torch.zeros(2, 3), torch.ones(2, 2, dtype=torch.bool), r"tags has shape \(2, 2\)"),
        (torch.zeros(2, 3), torch.ones(2, 3), "tags has dtype torch.float32; it must be"),
        (torch.zeros(2, 3), torch.ones(1, 3, dtype=torch.bool), "tags has 1 rows and logits 2"),
        (torch.zeros(0, 3), torch.ones(0, 3, dtype=torch.bool), "tags has 0 rows and logits 0"),
    ],
)
def test_bad_input(logits: torch.Tensor, tags: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        multi_label_loss(logits, tags)


def test_bad_number_of_classes() -> None:
    with pytest.raises(ValueError, match="n_classes is 0; it must be at least 1"):
        CamClassifier(build_backbone("resnet18"), 0)
