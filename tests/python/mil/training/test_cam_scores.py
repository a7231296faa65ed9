"""CAM scores of a dataset: those of its images one by one, and kept for the next time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_mil.cam import (  # noqa: E402
    CamClassifier,
    class_activation_maps,
    proposal_scores,
    pseudo_labels,
)
from liid_mil.data.types import Proposals  # noqa: E402
from liid_mil.proposals.masks import encode_masks  # noqa: E402
from liid_mil.training.cam_scores import cam_scores, pseudo_labels_of  # noqa: E402
from liid_mil.training.config import CamConfig  # noqa: E402
from liid_mil.training.networks import build_classifier  # noqa: E402
from mil.training.tiny import SIZE, K, TinyImages, tiny_proposals  # noqa: E402

N = 5


@pytest.fixture(scope="module")
def classifier() -> CamClassifier:
    classifier = build_classifier(CamConfig(backbone="tiny", output_stride=8), K)
    torch.nn.init.normal_(classifier.classifier.weight)
    return classifier.eval()


def with_masks() -> list[Proposals]:
    """Every proposal's mask is the left half of its box."""
    found = []
    for of_image in tiny_proposals(N):
        masks = np.zeros((len(of_image), SIZE, SIZE), bool)
        for mask, (x0, y0, x1, y1) in zip(masks, of_image.boxes.astype(int), strict=True):
            mask[y0:y1, x0 : (x0 + x1) // 2] = True
        found.append(Proposals(of_image.boxes, encode_masks(masks), of_image.scores))
    return found


@pytest.mark.parametrize("region", ["box", "mask"])
@pytest.mark.parametrize("terms", ["mean+max", "mean"])
def test_scores_of_images_one_by_one(classifier: CamClassifier, terms: str, region: str) -> None:
    data, proposals = TinyImages(N), with_masks()
    found = cam_scores(
        classifier, data, proposals, image_size=SIZE, terms=terms, region=region, batch_size=3
    )
    assert sum(scores.sum() for scores in found) > 0
    for i in range(N):
        image = torch.from_numpy(data.image(i)).permute(2, 0, 1)[None].float() / 255
        maps = class_activation_maps(classifier, image, torch.from_numpy(data.tags[i][None]))[0]
        masks = proposals[i].masks if region == "mask" else None
        if len(proposals[i]):
            expected = proposal_scores(
                maps, proposals[i].boxes, (SIZE, SIZE), terms=terms, masks=masks
            )
            np.testing.assert_allclose(found[i], expected, atol=1e-5)
        assert found[i].shape == (len(proposals[i]), K)
        assert (found[i][:, ~data.tags[i]] == 0).all()


def test_pseudo_labels_stay_within_the_tags(classifier: CamClassifier) -> None:
    rng = np.random.default_rng(0)
    scores = [rng.random((n, K)).astype(np.float32) for n in (4, 0, 2)]
    tags = np.array([[True, False, True], [True, True, True], [False, False, False]])
    found = pseudo_labels_of(scores, tags, eta=0.4)
    assert [len(labels) for labels in found] == [4, 0, 2]
    assert found[2].tolist() == [0, 0]
    for labels, of_image, present in zip(found, scores, tags, strict=True):
        expected = pseudo_labels(torch.from_numpy(of_image), 0.4, torch.from_numpy(present))
        assert labels.tolist() == expected.tolist()


def test_cache(classifier: CamClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.npz"

    def scores(**changes: Any) -> list[np.ndarray]:
        settings: dict[str, Any] = {"image_size": SIZE, "cache": path} | changes
        return cam_scores(classifier, TinyImages(N), tiny_proposals(N), **settings)

    first = scores()
    other = scores(terms="max")  # replaces the file
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    for a, b in zip(scores(), first, strict=True):
        np.testing.assert_array_equal(a, b)
    monkeypatch.setattr(TinyImages, "image", None)
    for a, b in zip(scores(), first, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(TypeError, match="not callable"):
        scores(terms="mean")


def test_masks_are_needed_for_mask_pooling(classifier: CamClassifier) -> None:
    with pytest.raises(ValueError, match="the proposals of image image-0 have no masks"):
        cam_scores(classifier, TinyImages(N), tiny_proposals(N), image_size=SIZE, region="mask")
    with pytest.raises(ValueError, match="region is 'circle'; it must be 'box' or 'mask'"):
        cam_scores(classifier, TinyImages(N), [], image_size=SIZE, region="circle")
