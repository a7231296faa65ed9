"""L_Cent and its centres (Eq. 7, 8): slow loops, derivatives, zero vectors, several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from liid_mil.losses import CenterLoss, center_loss, center_step  # noqa: E402
from mil.losses.bags import bag, random_bags, slow_center_loss, slow_center_update  # noqa: E402


def random_feats(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("sizes", [[1], [7], [3, 1, 5], [2, 0, 4]])
def test_loss_equals_the_formula(sizes: list[int]) -> None:
    logits, image_index, _, _ = random_bags(sizes, 3, seed=1)
    probs, feats = logits.softmax(1), random_feats(sum(sizes), 6, seed=2)
    centers = random_feats(4, 6, seed=3)
    expected = [
        slow_center_loss(bag(feats, image_index, i), bag(probs, image_index, i), centers.tolist())
        for i, size in enumerate(sizes)
        if size > 0
    ]
    loss = center_loss(feats, probs.argmax(1), centers, image_index, len(sizes))
    assert loss.item() == pytest.approx(sum(expected) / len(sizes), rel=1e-12)
    module = CenterLoss(3, 6).double().eval()
    module.centers.copy_(centers)
    assert module(feats, logits, image_index, len(sizes)).item() == loss.item()


@pytest.mark.parametrize("theta", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("n", [0, 1, 2, 60])
def test_update_equals_the_loop_over_proposals(n: int, theta: float) -> None:
    labels = torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(n))
    feats, centers = random_feats(n, 5, seed=4), random_feats(5, 5, seed=5)
    decay, shift = center_step(feats, labels, 5, theta)
    expected = slow_center_update(feats.tolist(), labels.tolist(), centers.tolist(), theta)
    torch.testing.assert_close(
        decay[:, None] * centers + shift, torch.tensor(expected, dtype=torch.float64)
    )


def test_the_order_of_proposals_matters() -> None:
    feats = torch.eye(2)
    labels = torch.zeros(2, dtype=torch.int64)
    forward, backward = (
        center_step(feats, labels, 1, 0.5),
        center_step(feats.flip(0), labels, 1, 0.5),
    )
    assert forward[1].tolist() == [[0.25, 0.5]]
    assert backward[1].tolist() == [[0.5, 0.25]]


def test_training_takes_the_loss_first_and_then_moves_the_centres() -> None:
    logits, image_index, _, _ = random_bags([4, 2], 3, seed=6)
    feats = random_feats(6, 5, seed=7)
    module = CenterLoss(3, 5, theta=0.2).double()
    start = random_feats(4, 5, seed=8)
    module.centers.copy_(start)
    labels = logits.argmax(1)
    for _ in range(2):
        before = module.centers.clone()
        loss = module(feats, logits, image_index, 2)
        assert loss.item() == center_loss(feats, labels, before, image_index, 2).item()
        expected = slow_center_update(feats.tolist(), labels.tolist(), before.tolist(), 0.2)
        torch.testing.assert_close(module.centers.tolist(), expected)
    module.eval()
    before = module.centers.clone()
    module(feats, logits, image_index, 2)
    assert torch.equal(module.centers, before)


def test_ties_of_probability_go_to_the_lower_label() -> None:
    module = CenterLoss(2, 3, theta=0.5)
    module(torch.ones(1, 3), torch.tensor([[0.0, 2.0, 2.0]]), torch.tensor([0]), 1)
    assert module.centers.tolist() == [[0.0] * 3, [0.5] * 3, [0.0] * 3]


def test_derivative_by_features_only() -> None:
    _, image_index, labels, _ = random_bags([3, 0, 4], 3, seed=9)
    feats = random_feats(7, 5, seed=10).requires_grad_()
    centers = random_feats(4, 5, seed=11).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f: center_loss(f, labels, centers, image_index, 3), (feats,)
    )
    center_loss(feats, labels, centers, image_index, 3).backward()
    assert centers.grad is None


def test_zero_features_and_zero_centres_have_loss_one_and_no_gradient() -> None:
    feats = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    centers = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    index = torch.zeros(3, dtype=torch.int64)
    loss = center_loss(feats, torch.tensor([0, 1, 0]), centers, index, 1)
    assert loss.item() == pytest.approx((1 + 1 + 0.4) / 3)
    loss.backward()
    assert feats.grad is not None
    assert feats.grad[:2].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert feats.grad[2].abs().sum() > 0


def test_from_the_first_feature_on_a_centre_has_its_direction() -> None:
    module = CenterLoss(1, 2)
    arguments = (torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0]), 1)
    assert module(*arguments).item() == 1
    assert module(*arguments).item() == pytest.approx(0, abs=1e-6)
    assert "centers" in module.state_dict()
    assert list(module.parameters()) == []


def test_no_proposals() -> None:
    module = CenterLoss(2, 3)
    none = torch.zeros(0, dtype=torch.int64)
    assert module(torch.zeros(0, 3), torch.zeros(0, 3), none, 1).item() == 0
    assert not module.centers.any()


def _train(rank: int, folder: str) -> None:
    """One process of two: its share of the batch, then the centres it ended with."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    module = CenterLoss(3, 5, theta=0.2)
    for step in range(3):
        logits, image_index, _, _ = random_bags([2 + rank, rank], 3, seed=10 * step + rank)
        feats = random_feats(len(logits), 5, seed=10 * step + rank).float()
        module(feats, logits.float(), image_index, 2)
    torch.save(module.centers, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_keep_the_centres_of_one_that_sees_all_proposals(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_train, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(first, second)
    centers = [[0.0] * 5] * 4
    for step in range(3):
        for rank in (0, 1):
            logits, _, _, _ = random_bags([2 + rank, rank], 3, seed=10 * step + rank)
            feats = random_feats(len(logits), 5, seed=10 * step + rank).tolist()
            centers = slow_center_update(feats, logits.argmax(1).tolist(), centers, 0.2)
    torch.testing.assert_close(first, torch.tensor(centers))


ROWS = torch.zeros(2, 3)
INDEX = torch.zeros(2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feats": torch.zeros(2, 4)}, "feats has 4 columns but centers has 3; both must agree"),
        ({"labels": torch.tensor([0, 5])}, r"labels\[1\] is 5; labels are 0 to 4"),
        ({"image_index": torch.tensor([7, 0])}, r"image_index\[0\] is 7; images of the batch"),
    ],
)
def test_bad_input(change: dict[str, object], message: str) -> None:
    arguments = {
        "feats": ROWS, "labels": INDEX, "centers": torch.zeros(5, 3), "image_index": INDEX,
        "n_images": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        center_loss(**(arguments | change))


def test_logits_of_another_number_of_classes() -> None:
    with pytest.raises(ValueError, match="logits has 4 columns but there are 3 centres"):
        CenterLoss(2, 3)(ROWS, torch.zeros(2, 4), INDEX, 1)


@pytest.mark.parametrize("theta", [-0.1, 1.5, float("nan")])
def test_bad_rate(theta: float) -> None:
    with pytest.raises(ValueError, match=rf"theta is {theta}; it must be in \[0, 1\]"):
        CenterLoss(2, 3, theta=theta)
