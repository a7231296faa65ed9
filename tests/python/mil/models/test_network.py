"""The MIL network (Eq. 2): its parts composed by hand, ragged bags, training, bad input."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from liid_mil.losses import LiidLoss  # noqa: E402
from liid_mil.models import MilNetwork, roi_align, roi_max_pool  # noqa: E402
from mil.models.small import SmallBackbone  # noqa: E402


def make(pooling: str = "max", n_classes: int = 3) -> MilNetwork:
    torch.manual_seed(0)
    return MilNetwork(SmallBackbone(), n_classes, pooling=pooling)


def batch() -> tuple[torch.Tensor, list[torch.Tensor]]:
    images = torch.rand(3, 3, 40, 48, generator=torch.Generator().manual_seed(1))
    boxes = [
        torch.tensor([[0.0, 0, 48, 40], [3, 5, 30, 20.5]]),
        torch.zeros(0, 4),
        torch.tensor([[10.0, 10, 11, 11], [-5, 20, 60, 35], [40, 32, 48, 40]]),
    ]
    return images, boxes


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_is_backbone_pooling_average_linear_softmax(pooling: str) -> None:
    network = make(pooling)
    images, boxes = batch()
    output = network(images, boxes)
    assert output.image_index.tolist() == [0, 0, 2, 2, 2]
    maps = network.backbone(images)
    row = 0
    for i, of_image in enumerate(boxes):
        for box in of_image:
            index = torch.tensor([i])
            if pooling == "max":
                inclusive = (box - torch.tensor([0, 0, 1, 1]))[None]
                bins = roi_max_pool(maps, inclusive, index, 7, 1 / 4)
            else:
                bins = roi_align(maps, box[None], index, 7, 1 / 4, sampling_ratio=2, aligned=True)
            feats = bins.mean((2, 3))[0]
            logits = network.classifier.weight @ feats + network.classifier.bias
            probs = logits.exp() / logits.exp().sum()
            torch.testing.assert_close(output.feats[row], feats)
            torch.testing.assert_close(output.logits[row], logits)
            torch.testing.assert_close(output.probs[row], probs)
            row += 1
    assert row == len(output.logits) == len(output.probs) == len(output.feats)
    assert output.logits.shape[1] == network.n_classes + 1 == 4
    assert output.feats.shape[1] == network.n_features == 16


def test_one_bin_of_the_whole_image_is_the_maximum_of_its_map() -> None:
    network = MilNetwork(SmallBackbone(), 2, roi_size=1)
    image = torch.rand(1, 3, 28, 20, generator=torch.Generator().manual_seed(2))
    output = network(image, [torch.tensor([[0.0, 0, 20, 28]])])
    assert torch.equal(output.feats, network.backbone(image).amax((2, 3)))


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_images_of_a_batch_do_not_see_each_other(pooling: str) -> None:
    network = make(pooling)
    images, boxes = batch()
    together = network(images, boxes)
    for i in (0, 2):
        alone = network(images[i : i + 1], boxes[i : i + 1])
        rows = together.image_index == i
        torch.testing.assert_close(together.feats[rows], alone.feats)
        torch.testing.assert_close(together.probs[rows], alone.probs)


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_a_batch_without_proposals_trains_nothing_and_does_not_fail(pooling: str) -> None:
    network = make(pooling)
    output = network(torch.rand(2, 3, 32, 32), [torch.zeros(0, 4)] * 2)
    assert output.probs.shape == (0, 4)
    loss = LiidLoss(3, 16)
    tags = torch.tensor([[True, False, True]] * 2)
    labels = torch.zeros(0, dtype=torch.int64)
    terms = loss(output.logits, output.feats, output.image_index, labels, tags)
    terms.total.backward()
    assert terms.total.item() == 0
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()


def test_mixed_precision_gives_single_precision_probabilities() -> None:
    network = make()
    images, boxes = batch()
    expected = network(images, boxes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(images, boxes)
    assert output.probs.dtype == output.feats.dtype == torch.float32
    torch.testing.assert_close(output.probs, expected.probs, atol=0.02, rtol=0)


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_learns_the_colours_of_boxes_from_tags_and_pseudo_labels(pooling: str) -> None:
    generator = torch.Generator().manual_seed(3)
    images = 0.3 + 0.1 * torch.rand(12, 3, 32, 32, generator=generator)
    tags = torch.zeros(12, 3, dtype=torch.bool)
    boxes, labels = [], []
    for i in range(12):
        k = i % 3
        x = 16 * (i % 2)
        images[i, k, 8:24, x : x + 16] = 1
        tags[i, k] = True
        boxes.append(torch.tensor([[x, 8.0, x + 16, 24], [16 - x, 8.0, 32 - x, 24]]))
        labels += [k + 1, 0]
    network = make(pooling)
    loss = LiidLoss(3, 16)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(60):
        output = network(images, boxes)
        terms = loss(output.logits, output.feats, output.image_index, torch.tensor(labels), tags)
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
    assert network(images, boxes).probs.argmax(1).tolist() == labels


IMAGES = torch.zeros(2, 3, 32, 48)
NONE = torch.zeros(0, 4)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([NONE], "boxes has 1 entries but images has 2"),
        ([NONE, torch.zeros(2, 5)], r"boxes\[1\] has shape \(2, 5\)"),
        ([NONE, torch.zeros(1, 4).long()], r"boxes\[1\] has .* dtype torch.int64; it must be"),
        ([torch.tensor([[0, 0, 9, float("inf")]]), NONE], r"boxes\[0\]\[0\] is \[.*inf\]; it must"),
        ([NONE, torch.tensor([[0.0, 0, 9, 9], [5, 5, 5, 9]])], r"boxes\[1\]\[1\] is \[5.0, 5.0"),
        ([torch.tensor([[48.0, 0, 60, 9]]), NONE], r"boxes\[0\]\[0\] .* image of 48 x 32 pixels"),
    ],
)
def test_bad_boxes(boxes: list[torch.Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()(IMAGES, boxes)


def test_no_images() -> None:
    with pytest.raises(ValueError, match="images has no image; a batch has at least one"):
        make()(torch.zeros(0, 3, 32, 32), [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 0}, "n_classes is 0; it must be at least 1"),
        ({"roi_size": 0}, "roi_size is 0; it must be at least 1"),
        ({"pooling": "mean"}, "pooling is 'mean'; it must be one of 'max', 'align'"),
    ],
)
def test_bad_settings(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MilNetwork(SmallBackbone(), **({"n_classes": 2} | options))
