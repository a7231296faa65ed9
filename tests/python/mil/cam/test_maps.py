"""Class activation maps and scores on them: slow loops, laws, and maps worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.cam import CamClassifier, class_activation_maps, proposal_scores  # noqa: E402
from liid_mil.models import Backbone, build_backbone  # noqa: E402


class Averages(Backbone):
    """The colours of 4 x 4 squares of pixels."""

    def __init__(self) -> None:
        super().__init__(3, 4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(images, 4)


def colour_model(weights: list[list[float]]) -> CamClassifier:
    model = CamClassifier(Averages(), len(weights))
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(weights))
        model.classifier.bias.fill_(7.0)  # must not matter
    return model


def test_maps_equal_the_loop_over_cells() -> None:
    images = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    weights = [[1.0, -1.0, 0.0], [0.5, 0.5, -2.0], [-1.0, -1.0, -1.0]]
    maps = class_activation_maps(colour_model(weights), images)
    assert maps.shape == (2, 3, 3, 5)
    for b in range(2):
        for k in range(3):
            slow = torch.zeros(3, 5)
            for y in range(3):
                for x in range(5):
                    colour = images[b, :, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].mean((1, 2))
                    slow[y, x] = max(
                        0.0, sum(w * c for w, c in zip(weights[k], colour, strict=True))
                    )
            if slow.max() > 0:
                slow /= slow.max()
            torch.testing.assert_close(maps[b, k], slow)
    assert not maps[:, 2].any()  # nothing speaks for class 3


def test_maps_lie_in_0_1_and_reach_1_and_absent_classes_are_zero() -> None:
    model = CamClassifier(build_backbone("resnet18", stride=16), 6)
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    maps = class_activation_maps(model, images)
    assert maps.shape == (2, 6, 4, 6)
    assert (maps >= 0).all()
    largest = maps.amax((2, 3))
    assert ((largest == 1) | (largest == 0)).all()
    assert (largest == 1).any()
    tags = torch.tensor([[True] * 6, [False, True, False, False, True, False]])
    assert torch.equal(class_activation_maps(model, images, tags), maps * tags[:, :, None, None])


def test_maps_use_evaluation_mode_and_leave_the_model_as_it_was() -> None:
    model = CamClassifier(build_backbone("resnet18"), 2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    model.train()
    training = class_activation_maps(model, images)
    assert model.training
    assert model.backbone.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(class_activation_maps(model.eval(), images), training)
    assert not training.requires_grad


def slow_scores(pixels: torch.Tensor, inside: np.ndarray) -> list[tuple[float, float]]:
    """(mean, max) for every class over the pixels of one region."""
    scores = []
    for of_class in pixels.tolist():
        values = [
            of_class[y][x]
            for y in range(inside.shape[0])
            for x in range(inside.shape[1])
            if inside[y, x]
        ]
        scores.append((sum(values) / len(values), max(values)))
    return scores


@pytest.mark.parametrize("terms", ["mean+max", "mean", "max"])
@pytest.mark.parametrize("region", ["box", "mask", "rle"])
def test_scores_equal_the_loop_over_pixels(region: str, terms: str) -> None:
    rng = np.random.default_rng(3)
    # Cells of one pixel: no interpolation, so that the pixels are the cells.
    maps = torch.from_numpy(rng.random((4, 9, 13), dtype=np.float32))
    maps[2] = 0
    boxes = np.array([[0, 0, 13, 9], [2.3, 1.7, 6.2, 5.1], [12, 8, 13, 9], [-4, -4, 1, 20]], "f")
    inside = np.zeros((4, 9, 13), dtype=bool)
    for j, (x0, y0, x1, y1) in enumerate(
        [(0, 0, 13, 9), (2, 1, 7, 6), (12, 8, 13, 9), (0, 0, 1, 9)]
    ):
        inside[j, y0:y1, x0:x1] = True
    masks = None
    if region != "box":
        inside &= rng.random(inside.shape) < 0.7
        inside[2, 8, 12] = True
        masks = inside
    if region == "rle":
        coco_mask = pytest.importorskip("pycocotools.mask")
        masks = [coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in inside]
    scores = proposal_scores(maps, boxes, (9, 13), terms=terms, masks=masks)
    assert scores.dtype == torch.float32
    for j in range(4):
        for k, (mean, largest) in enumerate(slow_scores(maps, inside[j])):
            expected = {"mean+max": mean + largest, "mean": mean, "max": largest}[terms]
            assert scores[j, k].item() == pytest.approx(expected, rel=1e-5)


def test_maps_are_interpolated_between_the_centres_of_cells() -> None:
    # Cells 0 and 1 of 4 pixels: centres at 2 and 6; pixel 3, centre 3.5, is at 3/8 between them.
    maps = torch.tensor([[[0.0, 1.0]]])
    scores = proposal_scores(maps, torch.tensor([[x, 0.0, x + 1, 1] for x in range(8)]), (4, 8))
    expected = [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]
    torch.testing.assert_close(scores[:, 0] / 2, torch.tensor(expected))


def test_a_proposal_on_the_object_scores_higher_than_one_beside_it() -> None:
    image = torch.full((1, 3, 32, 32), 0.1)
    image[0, 0, 8:20, 12:24] = 1  # a red square
    maps = class_activation_maps(colour_model([[1.0, -0.5, -0.5], [-1.0, 1.0, 0.0]]), image)[0]
    boxes = torch.tensor([[12.0, 8, 24, 20], [0, 20, 12, 32], [0, 0, 32, 32]])
    scores = proposal_scores(maps, boxes, (32, 32))
    assert scores[0, 0] > 1.6
    assert scores[1, 0] < 0.2
    assert 1 < scores[2, 0] < scores[0, 0]
    assert not scores[:, 1].any()


def test_no_proposals_and_no_active_class() -> None:
    assert proposal_scores(torch.ones(3, 2, 2), torch.zeros(0, 4), (8, 8)).shape == (0, 3)
    assert not proposal_scores(torch.zeros(3, 2, 2), torch.tensor([[0.0, 0, 4, 4]]), (8, 8)).any()


MAPS = torch.ones(2, 2, 2)
BOXES = torch.tensor([[0.0, 0, 4, 4], [1, 1, 3, 3]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"terms": "sum"}, "terms is 'sum'; it must be one of 'mean.max', 'mean', 'max'"),
        ({"maps": torch.ones(2, 2)}, r"maps has shape \(2, 2\); it must be \(classes, h, w\)"),
        ({"boxes": torch.ones(4)}, r"boxes has shape \(4,\); it must be \(proposals, 4\)"),
        (
            {"boxes": torch.tensor([[0.0, 0, 4, 4], [8, 0, 9, 4]])},
            r"boxes\[1\] is \[8.0, 0.0, 9.0, 4.0\]; it must cover a pixel of the image of 8 x 6",
        ),
        ({"boxes": torch.tensor([[0.0, 0, float("nan"), 4]])}, r"boxes\[0\] is .* must cover"),
        ({"boxes": torch.tensor([[3.0, 0, 2, 4]])}, r"boxes\[0\] is .* must cover"),
        ({"masks": np.ones((1, 6, 8), dtype=bool)}, "masks has 1 entries but boxes has 2"),
        (
            {"masks": np.ones((2, 8, 6), dtype=bool)},
            r"masks\[0\] has shape \(8, 6\) .*; it must be bool of \(6, 8\)",
        ),
        ({"masks": np.ones((2, 6, 8))}, r"masks\[0\] has .* dtype torch.float64; it must be bool"),
        ({"masks": np.arange(2)[:, None, None] < np.ones((6, 8))}, r"masks\[1\] is empty"),
    ],
)
def test_bad_input(change: dict[str, object], message: str) -> None:
    arguments = {"maps": MAPS, "boxes": BOXES, "image_size": (6, 8)} | change
    with pytest.raises(ValueError, match=message):
        proposal_scores(**arguments)


def test_bad_tags_of_maps() -> None:
    model, images = colour_model([[1.0, 0.0, 0.0]]), torch.zeros(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"tags has shape \(2, 3\); it must be \(images, 1\)"):
        class_activation_maps(model, images, torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="tags has 1 rows but images has 2"):
        class_activation_maps(model, images, torch.ones(1, 1, dtype=torch.bool))
