"""Files of labels: written, read and joined with their proposals; what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pycocotools")

from liid_cut import multiway_cut
from liid_cut.files import write_result
from liid_cut.npz import read_arrays, write_arrays
from liid_mil.extraction_files import Extraction
from liid_mil.label_files import read_labels
from liid_mil.labelling import Labelling
from liid_mil.proposals.store import ProposalStore
from mil.labelled import CLASS_NAMES
from mil.small_run import IDS, SETTINGS, labels_of_run, make_run, store_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Extraction, Labelling]:
    folder = tmp_path_factory.mktemp("made")
    return folder, *make_run(folder)


def test_labels_and_the_certificate(made: tuple[Path, Extraction, Labelling]) -> None:
    folder, extraction, labelling = made
    file = read_labels(labels_of_run(folder))
    np.testing.assert_array_equal(file.labels, labelling.labels)
    assert file.image_ids == IDS
    assert file.class_names == CLASS_NAMES
    result = labelling.result
    assert file.cut is not None
    assert {**file.cut, "version": ""} == {
        "version": "",
        "status": "optimal",
        "cost": result.cost,
        "lower_bound": result.lower_bound,
        "gap": result.gap,
        "n_components": result.n_components,
        "warnings": result.diagnostics["warnings"],
        "settings": SETTINGS,
    }
    store = ProposalStore(store_folder(folder))
    labels, scores = file.of_store(store)
    assert labels.tolist() == [*labelling.labels.tolist(), *[0] * 8]
    assert scores.tolist() == [*labelling.scores.tolist(), *[0] * 8]
    assert len(extraction) == 16


def test_labels_without_the_graph(made: tuple[Path, Extraction, Labelling]) -> None:
    folder, _, labelling = made
    file = read_labels(labels_of_run(folder), without_graph=True)
    np.testing.assert_array_equal(file.labels, labelling.labels_without_graph)
    np.testing.assert_array_equal(file.scores, labelling.scores_without_graph)
    assert file.cut is None


def test_results_of_a_cut(made: tuple[Path, Extraction, Labelling], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    result = multiway_cut(rng.dirichlet(np.ones(4), 24), rng.random((24, 5)))
    write_result(tmp_path / "result.npz", result)
    file = read_labels(tmp_path / "result.npz")
    store = ProposalStore(store_folder(made[0]))
    labels, scores = file.of_store(store)
    np.testing.assert_array_equal(labels, result.labels)
    np.testing.assert_array_equal(scores, store.scores)
    assert file.cut is not None
    assert file.cut["status"] == "optimal"
    with pytest.raises(ValueError, match="a result of a cut has no labels without the graph"):
        read_labels(tmp_path / "result.npz", without_graph=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros(3)}, r"damaged: scores is float64 \(3,\)"),
        ({"labels": np.zeros(16)}, r"damaged: labels is float64 \(16,\)"),
        ({"boxes": np.zeros((16, 4), "M8[s]")}, r"damaged: boxes is datetime64\[s\] \(16, 4\)"),
        ({"boxes": np.zeros(16)}, r"damaged: boxes is float64 \(16,\)"),
        ({"rows": np.zeros(16, int)}, "damaged: rows must rise"),
        ({"rows": np.arange(16) - 1}, "damaged: rows must rise"),
        ({"labels": np.array(1)}, r"damaged: labels is int64 \(\)"),
        ({"image_ids": np.array("a")}, r"damaged: image_ids has shape \(\)"),
        ({"class_names": np.zeros((1, 2))}, r"damaged: class_names has shape \(1, 2\)"),
        ({"facts": np.array("{")}, "damaged facts: "),
        ({"facts": np.array("[]")}, "damaged facts: not a JSON object"),
        ({"boxes": None}, "boxes missing; found "),
    ],
)
def test_damaged_files(
    made: tuple[Path, Extraction, Labelling], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    arrays = read_arrays(labels_of_run(made[0])) | changes
    path = tmp_path / "labels.npz"
    write_arrays(path, {name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=rf"labels\.npz: {message}"):
        read_labels(path)


def test_without_facts(made: tuple[Path, Extraction, Labelling], tmp_path: Path) -> None:
    arrays = read_arrays(labels_of_run(made[0]))
    del arrays["facts"]
    write_arrays(tmp_path / "labels.npz", arrays)
    assert read_labels(tmp_path / "labels.npz").cut is None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("image_ids", lambda ids: np.append(ids, "x"), "labels of other images than those of"),
        ("boxes", lambda boxes: boxes + 1, "labels of other boxes than those of"),
        ("rows", lambda rows: rows + 20, r"36 labels, but .* has 24 proposals"),
    ],
)
def test_labels_of_other_proposals(
    made: tuple[Path, Extraction, Labelling], tmp_path: Path, name: str, change: Any, message: str
) -> None:
    arrays = read_arrays(labels_of_run(made[0]))
    arrays[name] = change(arrays[name])
    write_arrays(tmp_path / "labels.npz", arrays)
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path / "labels.npz").of_store(ProposalStore(store_folder(made[0])))
