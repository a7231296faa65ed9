"""RoI pooling: torchvision's values, slow loops, values by hand, derivatives, blocks, bad input."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")

from liid_mil.models import roi, roi_align, roi_max_pool  # noqa: E402
from mil.models.roi_reference import (  # noqa: E402
    TORCHVISION,
    random_case,
    reference_map,
    slow_align,
    slow_max_pool,
)

BOXES = torch.tensor(TORCHVISION["boxes"])
INDEX = torch.tensor(TORCHVISION["image_index"])
ZERO = torch.zeros(1, dtype=torch.int64)


@pytest.fixture(autouse=True)
def our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test our implementation also where torchvision is installed."""
    monkeypatch.setattr(roi, "_torchvision_ops", lambda: None)


@pytest.mark.parametrize("name", TORCHVISION["roi"])
def test_values_and_gradients_of_torchvision(name: str) -> None:
    features = reference_map().requires_grad_()
    if name == "max":
        pooled = roi_max_pool(features, BOXES, INDEX, (2, 3), 1 / 16)
    else:
        ratio, aligned = re.findall(r"=(\S+)", name)
        pooled = roi_align(
            features, BOXES, INDEX, (2, 3), 1 / 16,
            sampling_ratio=int(ratio), aligned=aligned == "True",
        )  # fmt: skip
    assert pooled.shape == (6, 2, 2, 3)
    expected = TORCHVISION["roi"][name]
    torch.testing.assert_close(
        pooled.detach().flatten(), torch.tensor(expected["values"]), atol=1e-5, rtol=0
    )
    weights = torch.arange(1, pooled.numel() + 1).view(pooled.shape)
    (pooled * weights).sum().backward()
    assert features.grad is not None
    torch.testing.assert_close(
        features.grad.flatten(), torch.tensor(expected["gradient"]), atol=1e-4, rtol=1e-5
    )


CASES = [((1, 2, 7, 9), 32), ((2, 3, 14, 10), 16), ((3, 1, 1, 1), 32), ((2, 1, 3, 40), 8)]


@pytest.mark.parametrize("size", [(7, 7), (1, 1), (2, 5)])
@pytest.mark.parametrize(("shape", "stride"), CASES)
def test_max_pool_equals_the_loops(
    shape: tuple[int, int, int, int], stride: int, size: tuple[int, int]
) -> None:
    features, boxes, image_index = random_case(shape, stride, 12, seed=size[1])
    pooled = roi_max_pool(features, boxes, image_index, size, 1 / stride)
    assert torch.equal(pooled, slow_max_pool(features, boxes, image_index, size, 1 / stride))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling_ratio", [-1, 0, 1, 3])
@pytest.mark.parametrize(("shape", "stride"), CASES)
def test_align_equals_the_loops(
    shape: tuple[int, int, int, int], stride: int, sampling_ratio: int, aligned: bool
) -> None:
    features, boxes, image_index = random_case(shape, stride, 6, seed=sampling_ratio)
    arguments = (features, boxes, image_index, (3, 2), 1 / stride)
    pooled = roi_align(*arguments, sampling_ratio=sampling_ratio, aligned=aligned)
    expected = slow_align(*arguments, sampling_ratio, aligned)
    torch.testing.assert_close(pooled, expected, atol=1e-5, rtol=0)


def test_max_pool_by_hand() -> None:
    #  0  1  2  3    The box of pixels 8..31 x 0..23 at scale 1/8: cells 1..4 x 0..3, of which
    #  4  5  6  7    column 4 and row 3 do not exist. Bins of 2 x 2 cells: rows 0-1 and 2,
    #  8  9 10 11    columns 1-2 and 3.
    features = torch.arange(12.0).view(1, 1, 3, 4)
    pooled = roi_max_pool(features, torch.tensor([[8.0, 0, 31, 23]]), ZERO, 2, 1 / 8)
    assert pooled.flatten().tolist() == [6, 7, 10, 11]


def test_corners_are_rounded_away_from_zero() -> None:
    # 12 / 8 = 1.5 -> 2, 20 / 8 = 2.5 -> 3 (not to the even 2); -4 / 8 = -0.5 -> -1.
    features = torch.arange(5.0).view(1, 1, 1, 5)
    boxes = torch.tensor([[12.0, 0, 20, 0], [-4.0, 0, 0, 0]])
    pooled = roi_max_pool(features, boxes, torch.zeros(2, dtype=torch.int64), (1, 2), 1 / 8)
    assert pooled.flatten().tolist() == [2, 3, 0, 0]


def test_a_bin_outside_the_map_is_zero_even_where_the_map_is_negative() -> None:
    features = torch.full((1, 1, 2, 2), -3.0, requires_grad=True)
    boxes = torch.tensor([[0.0, 0, 3, 1], [50, 50, 60, 60]])
    pooled = roi_max_pool(features, boxes, torch.zeros(2, dtype=torch.int64), (1, 2), 1.0)
    assert pooled.flatten().tolist() == [-3, 0, 0, 0]
    pooled.sum().backward()
    assert features.grad is not None
    assert features.grad.sum() == 1


def test_align_of_a_linear_map_is_its_value_at_the_centres_of_bins() -> None:
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    features = (5 * y + x)[None, None]
    boxes = torch.tensor([[1.0, 1, 3, 3]])
    centres = torch.tensor([1.25, 1.75, 2.25, 2.75])
    for aligned in (False, True):
        at = centres - 0.5 * aligned  # the centre of cell 0 is at 0.5 in pixels of the map
        pooled = roi_align(features, boxes, ZERO, 4, 1.0, aligned=aligned)
        torch.testing.assert_close(pooled[0, 0], 5 * at[:, None] + at)


def test_derivatives() -> None:
    features, boxes, image_index = random_case((2, 2, 5, 6), 8, 5, seed=1)
    features = features.double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda f: roi_max_pool(f, boxes, image_index, 3, 1 / 8), (features,), eps=1e-7
    )
    assert torch.autograd.gradcheck(
        lambda f: roi_align(f, boxes, image_index, 3, 1 / 8, aligned=True), (features,)
    )


def test_the_first_of_equal_maxima_takes_the_gradient() -> None:
    # Five cells a row of which the last two columns are equal and largest.
    features = torch.tensor([0.0, 1, 1, 3, 3]).expand(1, 1, 4, 5).clone().requires_grad_()
    roi_max_pool(features, torch.tensor([[0.0, 1, 4, 3]]), ZERO, 1, 1.0).sum().backward()
    assert features.grad is not None
    assert features.grad.nonzero().tolist() == [[0, 0, 1, 3]]


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_averaged_features_are_the_mean_over_bins_in_blocks_or_not(
    pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, boxes, image_index = random_case((3, 4, 9, 9), 16, 20, seed=2)
    arguments = (boxes, image_index, 7, 1 / 16)
    gradients = []
    results = []
    for n_values in (1 << 24, 4 * 49 * 6):  # one block; blocks of 6 boxes
        monkeypatch.setattr(roi, "_VALUES_PER_BLOCK", n_values)
        leaf = features.clone().requires_grad_()
        results.append(roi.average_roi_features(leaf, *arguments, pooling))
        (results[-1] * torch.arange(1, 81).view(20, 4)).sum().backward()
        gradients.append(leaf.grad)
    leaf = features.clone().requires_grad_()
    if pooling == "max":
        bins = roi_max_pool(leaf, *arguments)
    else:
        bins = roi_align(leaf, *arguments, sampling_ratio=2, aligned=True)
    expected = bins.mean((2, 3))
    (expected * torch.arange(1, 81).view(20, 4)).sum().backward()
    for result, gradient in zip(results, gradients, strict=True):
        torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(gradient, leaf.grad, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_half_precision_maps_are_pooled_in_single_precision(pooling: str) -> None:
    features, boxes, image_index = random_case((2, 3, 8, 8), 16, 9, seed=3)
    arguments = (boxes, image_index, 7, 1 / 16, pooling)
    half = features.to(torch.bfloat16)
    expected = roi.average_roi_features(half.float(), *arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(roi.average_roi_features(half, *arguments), expected)


@pytest.mark.parametrize("pooling", ["max", "align"])
def test_no_boxes(pooling: str) -> None:
    features = torch.ones(2, 3, 4, 4, requires_grad=True)
    none, index = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    assert roi_max_pool(features, none, index, 7, 1.0).shape == (0, 3, 7, 7)
    assert roi_align(features, none, index, 7, 1.0).shape == (0, 3, 7, 7)
    pooled = roi.average_roi_features(features, none, index, 7, 1.0, pooling)
    assert pooled.shape == (0, 3)
    pooled.sum().backward()  # the step of a batch without proposals does not fail


@pytest.fixture
def fake_torchvision(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, ...]]]:
    """A module torchvision.ops that records its calls."""
    calls: list[tuple[object, ...]] = []
    module = ModuleType("torchvision.ops")

    def record(name: str) -> None:
        def op(*arguments: object, **options: object) -> torch.Tensor:
            calls.append((name, *arguments, options))
            return torch.full((2, 3, 7, 7), 5.0)

        setattr(module, name, op)

    record("roi_pool")
    record("roi_align")
    monkeypatch.undo()  # of our_own
    monkeypatch.setitem(sys.modules, "torchvision.ops", module)
    roi._torchvision_ops.cache_clear()
    yield calls
    roi._torchvision_ops.cache_clear()


def test_torchvision_is_used_where_it_imports(fake_torchvision: list[tuple[object, ...]]) -> None:
    features = torch.zeros(4, 3, 8, 8)
    boxes, index = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]]), torch.tensor([3, 0])
    assert (roi_max_pool(features, boxes, index, 7, 0.5) == 5).all()
    assert (roi_align(features, boxes, index, 7, 0.5, sampling_ratio=2, aligned=True) == 5).all()
    pool, align = fake_torchvision
    rois = [[3.0, 1, 2, 3, 4], [0.0, 5, 6, 7, 8]]
    for call, name, options in (
        (pool, "roi_pool", {}),
        (align, "roi_align", {"sampling_ratio": 2, "aligned": True}),
    ):
        assert call[0] == name
        assert call[1] is features
        assert call[2].tolist() == rois
        assert call[3:] == ((7, 7), 0.5, options)


def test_a_torchvision_that_does_not_import_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    roi._torchvision_ops.cache_clear()
    assert roi._torchvision_ops() is None
    roi._torchvision_ops.cache_clear()


def test_equals_the_installed_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    ops = roi._torchvision_ops()
    if ops is None:
        pytest.skip("torchvision does not import here")
    monkeypatch.setattr(roi, "_torchvision_ops", lambda: None)
    features, boxes, image_index = random_case((2, 3, 14, 10), 16, 30, seed=4)
    rois = torch.cat([image_index[:, None].float(), boxes], 1)
    pooled = roi_max_pool(features, boxes, image_index, 7, 1 / 16)
    assert torch.equal(pooled, ops.roi_pool(features, rois, (7, 7), 1 / 16))
    for aligned in (False, True):
        torch.testing.assert_close(
            roi_align(features, boxes, image_index, 7, 1 / 16, aligned=aligned),
            ops.roi_align(features, rois, (7, 7), 1 / 16, aligned=aligned),
            atol=1e-5,
            rtol=0,
        )


@pytest.mark.parametrize("function", [roi_max_pool, roi_align])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": torch.zeros(3, 4, 4)}, r"features has shape \(3, 4, 4\) .* it must be"),
        ({"features": torch.zeros(1, 3, 4, 4).int()}, "features has .* dtype torch.int32"),
        ({"boxes": torch.zeros(1, 5)}, r"boxes has shape \(1, 5\) .* it must be \(proposals, 4\)"),
        ({"boxes": torch.zeros(1, 4).long()}, "boxes has .* dtype torch.int64; it must be"),
        ({"boxes": torch.full((1, 4), torch.nan)}, r"boxes\[0\] is \[nan, .* must be finite"),
        ({"image_index": torch.tensor([0, 0])}, r"image_index has shape \(2,\) .* \(1,\)"),
        ({"image_index": torch.tensor([1])}, r"image_index\[0\] is 1; images are 0 to 0"),
        ({"output_size": (7, 0)}, r"output_size is \(7, 0\); it must be at least 1"),
    ],
)
def test_bad_input(function, change: dict[str, object], message: str) -> None:  # type: ignore[no-untyped-def]
    arguments = {
        "features": torch.zeros(1, 3, 4, 4),
        "boxes": torch.zeros(1, 4),
        "image_index": ZERO,
        "output_size": 7,
        "spatial_scale": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        function(**(arguments | change))


def test_unknown_pooling() -> None:
    with pytest.raises(ValueError, match="pooling is 'mean'; it must be one of 'max', 'align'"):
        roi.average_roi_features(torch.zeros(1, 3, 4, 4), torch.zeros(1, 4), ZERO, 7, 1.0, "mean")
