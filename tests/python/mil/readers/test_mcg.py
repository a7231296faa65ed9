"""MCG's files: variants of the layout, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from scipy.io import savemat

from benchmarks import proposal_files as files
from liid_mil.readers import read_proposals
from mil.readers.checks import check_same, example, read_one, refused


def cells(parts: list[Any]) -> np.ndarray:
    array = np.empty((len(parts), 1), dtype=object)
    array[:, 0] = [np.asarray(part) for part in parts]
    return array


SUPERPIXELS = np.array([[1, 1, 2, 0], [3, 1, 2, 2], [3, 3, 3, 4]], np.uint16)


def save(path: Path, **content: Any) -> Path:
    savemat(path / "a.mat", content)
    return path / "a.mat"


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
def test_numbers_of_any_type(tmp_path: Path, dtype: str) -> None:
    image = example()
    sets = cells([one.astype(dtype)[:, None] for one in image.sets])
    superpixels = image.superpixels.astype(dtype)
    path = save(tmp_path, superpixels=superpixels, labels=sets, scores=image.scores)
    check_same(read_one("mcg", path), image.masks, image.scores)


def test_a_struct(tmp_path: Path) -> None:
    image = example()
    sets = cells([one.astype(float) for one in image.sets])
    inside = {"superpixels": image.superpixels, "labels": sets, "scores": image.scores}
    path = save(tmp_path, candidates_mcg=inside, other="text")
    check_same(read_one("mcg", path), image.masks, image.scores)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float64])
def test_labels_as_a_table(tmp_path: Path, dtype: type) -> None:
    image = example()
    table = np.zeros((12, image.superpixels.max()), dtype=dtype)
    for i, one in enumerate(image.sets):
        table[i, one - 1] = 1
    path = save(tmp_path, superpixels=image.superpixels, labels=table)
    check_same(read_one("mcg", path), image.masks, None)


def test_empty_sets_and_superpixels_named_twice(tmp_path: Path) -> None:
    sets = cells([np.zeros((0, 0)), [[2.0, 2.0]], [[4.0, 1.0]], np.zeros((1, 0))])
    path = save(tmp_path, superpixels=SUPERPIXELS, labels=sets, scores=[1.0, 2, 3, 4])
    reader = read_proposals("mcg", path)
    (image,) = reader
    assert reader.n_empty == 2
    masks = np.stack([SUPERPIXELS == 2, np.isin(SUPERPIXELS, (1, 4))])
    check_same(image, masks, np.array([2.0, 3]))


def test_no_proposals(tmp_path: Path) -> None:
    path = save(tmp_path, superpixels=SUPERPIXELS, labels=np.zeros((0, 0)), scores=np.zeros((0, 0)))
    assert len(read_one("mcg", path).proposals) == 0


def test_boxes_and_their_own_scores(tmp_path: Path) -> None:
    boxes = np.array([[1, 2, 3, 4], [1, 1, 1, 1]], float)
    path = save(tmp_path, bboxes=boxes, bboxes_scores=np.array([[0.25], [0.5]]))
    image = read_one("mcg", path)
    assert image.size is None
    assert image.proposals.boxes.tolist() == [[0, 0, 1, 1], [1, 0, 4, 3]]
    assert image.proposals.scores.tolist() == [0.5, 0.25]


GOOD: dict[str, Any] = {
    "superpixels": SUPERPIXELS,
    "labels": cells([[[1.0, 3.0]], [[2.0]]]),
    "scores": np.array([0.5, 0.25]),
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": cells([[[1.0]], [[5.0]]])}, r"labels holds 5\.0; .* from 1 to 4"),
        ({"labels": cells([[[1.0]], [[0.0]]])}, r"labels holds 0\.0; .* from 1 to 4"),
        ({"labels": cells([[[1.5]], [[1.0]]])}, r"labels holds 1\.5; .* from 1 to 4"),
        ({"labels": cells([[[np.nan]], [[1.0]]])}, r"labels holds nan; .* from 1 to 4"),
        ({"labels": cells([[["a"]], [[1.0]]])}, "labels is neither an array of numbers nor cells"),
        ({"labels": np.full((2, 4), 2.0)}, "labels is neither cells nor a P x S table"),
        ({"labels": np.ones((2, 5))}, "labels holds 5; .* from 1 to 4"),
        ({"superpixels": -SUPERPIXELS.astype(int)}, "superpixels holds -1; .* from 0 to 12"),
        ({"superpixels": SUPERPIXELS * 1e9}, r"superpixels holds 1000000000.0; .* from 0 to 12"),
        ({"superpixels": SUPERPIXELS + 0.5}, r"superpixels holds 1\.5; .* from 0 to 12"),
        ({"superpixels": np.ones((2, 3, 4))}, r"superpixels is \(2, 3, 4\); it must be \(H, W\)"),
        ({"superpixels": np.ones((0, 3))}, r"superpixels is \(0, 3\); it must be \(H, W\)"),
        ({"superpixels": cells([[1.0]])}, "superpixels is a cell array"),
        ({"scores": np.array([1.0])}, "scores has 1 numbers for 2 labels"),
        ({"scores": np.array([1.0, np.nan])}, "proposal 1 of image 'a' has the score nan"),
        ({"scores": "text"}, "scores is neither an array of numbers nor cells"),
        ({"scores": np.array([1 + 2j, 1])}, r"damaged MATLAB file \(complex numbers\)"),
        ({"labels": None}, "needs superpixels and labels, or bboxes; it has superpixels, scores"),
        ({"labels": None, "bboxes": np.ones((2, 3))}, r"bboxes is \(2, 3\); it must be \(P, 4\)"),
        ({"labels": None, "boxes": cells([np.ones((2, 4))])}, "one image a file is read"),
        ({"labels": None, "bboxes": np.full((2, 4), np.inf)}, "proposal 0 .* must be finite"),
    ],
)
def test_what_is_wrong_in_them(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    content = {name: value for name, value in (GOOD | change).items() if value is not None}
    refused("mcg", save(tmp_path, **content), reason)
    refused("mcg", tmp_path / "a.mat", reason, top=1)


def test_version_4(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"scores": [1.0]}, format="4")
    refused("mcg", tmp_path / "a.mat", "is no MATLAB file of version 5 to 7.3")


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    files.write_mcg_hdf5(tmp_path / "a.mat", example())
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=r"MATLAB v7\.3 files need h5py: pip install h5py"):
        list(read_proposals("mcg", tmp_path / "a.mat"))
