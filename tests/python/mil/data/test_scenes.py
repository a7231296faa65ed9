"""Scenes: seeded per image, tags and truth exact, settings obeyed, splits apart."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skimage")
pytest.importorskip("sklearn")
pytest.importorskip("pycocotools")

from liid_mil.data import scene_objects
from liid_mil.data.scene_backgrounds import PHOTOGRAPHS, background, photographs
from liid_mil.data.scenes import SceneDataset
from liid_mil.data.types import DatasetError
from liid_mil.proposals.masks import boxes_of_masks, decode_masks

N = 40


@pytest.fixture(scope="module")
def scenes() -> SceneDataset:
    return SceneDataset(N, size=(80, 112))


def test_shapes(scenes: SceneDataset) -> None:
    assert len(scenes) == len(scenes.image_ids) == len(set(scenes.image_ids)) == N
    assert scenes.tags.shape == (N, 10)
    assert len(scenes.class_names) == 10
    assert scenes.image(0).shape == (80, 112, 3)
    assert scenes.image(0).dtype == np.uint8


def test_an_image_depends_on_the_settings_and_its_index_alone(scenes: SceneDataset) -> None:
    last_first = [scenes.image(i) for i in reversed(range(N))][::-1]
    longer = SceneDataset(N + 5, size=(80, 112))
    copied = pickle.loads(pickle.dumps(scenes))
    for i in range(N):
        expected = scenes.image(i)
        for other in (last_first[i], longer.image(i), copied.image(i)):
            np.testing.assert_array_equal(other, expected)
        assert scenes.truth(i).masks == longer.truth(i).masks
    np.testing.assert_array_equal(longer.tags[:N], scenes.tags)
    assert longer.image_ids[:N] == scenes.image_ids


@pytest.mark.parametrize("changed", [{"seed": 1}, {"split": "val"}, {"min_visible": 0.6}])
def test_other_settings_give_other_images_and_ids(changed: dict[str, Any]) -> None:
    plain, other = SceneDataset(8), SceneDataset(8, **changed)
    assert not set(plain.image_ids) & set(other.image_ids)
    assert any((plain.image(i) != other.image(i)).any() for i in range(8))


def test_tags_are_the_labels_of_the_truth(scenes: SceneDataset) -> None:
    for i in range(N):
        labels = scenes.truth(i).labels
        np.testing.assert_array_equal(np.flatnonzero(scenes.tags[i]) + 1, np.unique(labels))


def test_masks_are_disjoint_and_boxes_are_theirs(scenes: SceneDataset) -> None:
    for i in range(N):
        truth = scenes.truth(i)
        assert truth.masks is not None
        assert decode_masks(truth.masks).sum(axis=0).max() == 1
        np.testing.assert_array_equal(truth.boxes, boxes_of_masks(truth.masks))


def test_objects_stand_out_from_what_lies_around_them(scenes: SceneDataset) -> None:
    # An empty or misplaced mask would have the same colours on both sides of its outline.
    from scipy.ndimage import binary_dilation

    distances = []
    for i in range(N):
        image, truth = scenes.image(i).astype(float), scenes.truth(i)
        for mask in decode_masks(truth.masks or []):
            around = binary_dilation(mask, iterations=4) & ~binary_dilation(mask)
            distances.append(np.linalg.norm(image[mask].mean(axis=0) - image[around].mean(axis=0)))
    assert np.quantile(distances, 0.1) > 40


def test_every_object_stays_visible() -> None:
    crowded = SceneDataset(25, size=96, n_objects=(5, 5), n_clutter=(2, 4), min_visible=0.6)
    for i in range(25):
        items, owner = crowded._place(i)
        assert sum(item.label > 0 for item in items) == 5
        for u, item in enumerate(items):
            if item.label > 0:
                assert (owner == u).sum() >= 0.6 * item.area


def test_hidden_objects_are_difficult() -> None:
    crowded = SceneDataset(25, size=96, n_objects=(4, 4), n_clutter=(4, 4), min_visible=0.3)
    flags = []
    for i in range(25):
        items, owner = crowded._place(i)
        shown = [(owner == u).sum() / t.area for u, t in enumerate(items) if t.label > 0]
        np.testing.assert_array_equal(crowded.truth(i).difficult, np.array(shown) < 2 / 3)
        flags.extend(crowded.truth(i).difficult)
    assert 0.05 < np.mean(flags) < 0.7


def test_numbers_and_sizes_of_objects() -> None:
    dataset = SceneDataset(30, size=100, n_objects=(2, 3), n_clutter=(0, 0), scale=(0.3, 0.4))
    counts = [len(dataset.truth(i)) for i in range(30)]
    assert set(counts) == {2, 3}
    for i in range(30):
        items, _ = dataset._place(i)
        assert all(item.label > 0 for item in items)
        truth = dataset.truth(i)
        whole = ~truth.difficult
        # Digits fill their square in height, clothes in one direction; turns add a little.
        sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).max(axis=1)[whole]
        assert (sides <= 0.4 * 100 * 1.4).all()


def test_fewer_classes() -> None:
    dataset = SceneDataset(60, n_classes=3)
    assert dataset.class_names == ("zero", "one", "two")
    assert dataset.tags.shape == (60, 3)
    assert dataset.tags.any(axis=0).all()


def test_classes_are_balanced() -> None:
    share = SceneDataset(4000).tags.mean(axis=0)
    np.testing.assert_allclose(share, share.mean(), rtol=0.12)


def test_hues_follow_the_class_where_asked() -> None:
    from skimage.color import rgb2hsv

    def spread(hue_spread: float) -> float:
        dataset = SceneDataset(40, n_classes=1, hue_spread=hue_spread, n_clutter=(0, 0))
        hues = []
        for i in range(40):
            mask = decode_masks(dataset.truth(i).masks or [])[0]
            hues.append(np.median(rgb2hsv(dataset.image(i))[mask], axis=0)[0])
        turns = np.exp(2j * np.pi * np.array(hues))
        return 1 - abs(turns.mean())  # circular variance

    assert spread(0.0) < 0.05
    assert spread(1.0) > 0.4


def test_splits_share_neither_pictures_nor_photographs() -> None:
    train, val = scene_objects.digits("train"), scene_objects.digits("val")
    assert len(train.labels) + len(val.labels) == 1797
    seen = {picture.tobytes() for picture in train.opacity}
    assert not any(picture.tobytes() in seen for picture in val.opacity)
    assert set(train.labels) == set(val.labels) == set(range(10))
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["val"])


@pytest.mark.parametrize("split", ["train", "val"])
def test_photographs_are_in_scikit_images_wheel(split: str) -> None:
    from importlib.metadata import files

    shipped = {file.name for file in files("scikit-image") or []}
    assert set(PHOTOGRAPHS[split]) <= shipped
    assert len(photographs(split)) == len(PHOTOGRAPHS[split])


@pytest.mark.parametrize("size", [(32, 32), (50, 200), (600, 900)])
def test_backgrounds_have_the_wanted_size(size: tuple[int, int]) -> None:
    for seed in range(4):
        pixels = background("val", *size, np.random.default_rng(seed))
        assert pixels.shape == (*size, 3)
        assert pixels.min() >= 0
        assert pixels.max() <= 255
        assert pixels.std() > 1


def test_no_room() -> None:
    dataset = SceneDataset(1, size=32, n_objects=(20, 20), scale=(1, 1), min_visible=0.9)
    with pytest.raises(RuntimeError, match="no room for 20 objects at scale"):
        dataset.image(0)


def test_an_index_beyond_the_end(scenes: SceneDataset) -> None:
    for i in (N, -1):
        with pytest.raises(IndexError, match=f"image {i} of {N}"):
            scenes.image(i)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_images": -1}, "n_images is -1; it must lie in 0 to"),
        ({"n_classes": 11}, "n_classes is 11; it must lie in 1 to 10"),
        ({"size": 31}, "size is 31; it must lie in 32 to 2048"),
        ({"size": (64, 4096)}, "size is 4096; it must lie in 32 to 2048"),
        ({"seed": -1}, "seed is -1; it must lie in 0 to"),
        ({"split": "test"}, r"split is 'test'; it must be one of \['train', 'val'\]"),
        ({"objects": "cats"}, r"objects is 'cats'; it must be one of \['digits', 'fashion'\]"),
        ({"n_objects": (0, 2)}, "n_objects is 0; it must lie in 1 to 20"),
        (
            {"n_objects": (3, 2)},
            r"n_objects is \(3, 2\); its second number must not be",
        ),
        ({"n_clutter": (-1, 2)}, "n_clutter is -1; it must lie in 0 to 100"),
        ({"scale": (0.0, 0.5)}, "scale is 0.0; it must lie in 0.05 to 1"),
        ({"min_visible": 1.0}, "min_visible is 1.0; it must lie in 0.01 to 0.9"),
        ({"hue_spread": 2.0}, "hue_spread is 2.0; it must lie in 0.0 to 1.0"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SceneDataset(**{"n_images": 3, **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_images": 2.5}, "n_images is 2.5; it must be an integer"),
        ({"seed": True}, "seed is True; it must be an integer"),
        ({"size": "large"}, "size is 'large'; it must be an integer"),
        ({"n_objects": 3}, "n_objects is 3; it must be a pair of numbers"),
        ({"scale": (0.1, 0.2, 0.3)}, r"scale is \(0.1, 0.2, 0.3\); it must be a pair"),
        ({"hue_spread": "wide"}, "hue_spread is 'wide'; it must be a number"),
    ],
)
def test_settings_of_a_wrong_type(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        SceneDataset(**{"n_images": 3, **settings})


def test_lists_do_for_pairs_and_numpys_numbers_for_numbers() -> None:
    one = SceneDataset(2, size=(64, 48), n_objects=(1, 2), scale=(0.3, 1.0), seed=3)
    two = SceneDataset(
        np.int64(2),
        size=[64, 48],
        n_objects=[1, np.int32(2)],
        scale=[np.float64(0.3), 1],
        seed=np.int64(3),
    )
    assert one.image_ids == two.image_ids


def test_fashion_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(scene_objects, "FASHION_FOLDER", tmp_path)
    scene_objects.fashion.cache_clear()
    message = r"train-images-idx3-ubyte\.gz: no such file; .* package dataset-fashion-mnist"
    with pytest.raises(DatasetError, match=message):
        SceneDataset(3, objects="fashion")
