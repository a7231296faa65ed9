"""Extraction: what the network computes, in files that survive a kill; and labels from them."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liid_cut import MultiwayCutResult, multiway_cut, tags_to_allowed, verify  # noqa: E402
from liid_cut.npz import read_arrays  # noqa: E402
from liid_mil import extraction as extraction_module  # noqa: E402
from liid_mil.data.types import DatasetError  # noqa: E402
from liid_mil.extraction import ExtractionError, extract, open_extraction  # noqa: E402
from liid_mil.labelling import label, write_labelling  # noqa: E402
from liid_mil.models import MilNetwork  # noqa: E402
from liid_mil.training.config import Runtime  # noqa: E402
from liid_mil.training.networks import build_network  # noqa: E402
from mil.training.tiny import SIZE, K, TinyImages, tiny_config, tiny_proposals  # noqa: E402

N = 9


@pytest.fixture(scope="module")
def network() -> MilNetwork:
    network = build_network(tiny_config(seed=4), K).eval()
    torch.nn.init.normal_(network.classifier.weight, generator=torch.Generator().manual_seed(0))
    return network


def run(folder: Path, network: MilNetwork, **changes: Any) -> extraction_module.Extraction:
    settings: dict[str, Any] = {"image_size": SIZE, "batch_size": 2, "dtype": "float32"}
    return extract(network, TinyImages(N), tiny_proposals(N), folder, **(settings | changes))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_are_the_networks_outputs(tmp_path: Path, network: MilNetwork, dtype: str) -> None:
    found = run(tmp_path, network, dtype=dtype)
    data, proposals = TinyImages(N), tiny_proposals(N)
    row = 0
    tolerance = 1e-6 if dtype == "float32" else 1e-3
    for i in range(N):
        image = torch.from_numpy(data.image(i)).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            output = network(image, [torch.from_numpy(proposals[i].boxes)])
        rows = slice(row, row + len(proposals[i]))
        np.testing.assert_allclose(found.probs[rows], output.probs, atol=tolerance)
        np.testing.assert_allclose(found.feats[rows], output.feats, rtol=1e-3, atol=tolerance)
        assert (found.image_index[rows] == i).all()
        np.testing.assert_array_equal(found.boxes[rows], proposals[i].boxes)
        row = rows.stop
    assert len(found) == row
    assert isinstance(found.probs, np.memmap)
    assert found.probs.dtype == found.feats.dtype == dtype
    assert (found.class_names, found.image_ids) == (data.class_names, data.image_ids)
    np.testing.assert_array_equal(found.rows, np.arange(row))
    np.testing.assert_array_equal(found.allowed, tags_to_allowed(found.image_index, data.tags))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "feats.npy",
        "index.npz",
        "probs.npy",
    ]


def test_a_stopped_run_goes_on(
    tmp_path: Path, network: MilNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", network)
    monkeypatch.setattr(extraction_module, "_FLUSH_IMAGES", 2)
    read, images = TinyImages.image, []

    def stopping(self: TinyImages, i: int) -> np.ndarray:
        if i == 5 and 5 not in images:
            images.append(i)
            raise KeyboardInterrupt
        images.append(i)
        return read(self, i)

    monkeypatch.setattr(TinyImages, "image", stopping)
    folder = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        run(folder, network)
    with pytest.raises(ExtractionError, match="this extraction is not finished; run it again"):
        open_extraction(folder)
    assert json.loads((folder / "progress.json").read_text())["done"] == [[0, 4]]
    images[:] = [5]
    found = run(folder, network)
    assert images == [5, 4, 5, 6, 7, 8]
    for name in ("probs", "feats", "image_index", "boxes", "tags", "rows"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_a_finished_one_is_only_opened(
    tmp_path: Path, network: MilNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = np.array(run(tmp_path, network).probs)
    monkeypatch.setattr(TinyImages, "image", None)
    np.testing.assert_array_equal(run(tmp_path, network).probs, first)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("changed", ["dtype", "image_size", "network"])
def test_another_run_is_refused(
    tmp_path: Path, network: MilNetwork, changed: str, finished: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if finished:
        run(tmp_path, network)
    else:
        monkeypatch.setattr(
            extraction_module.ExtractionWriter, "finish", lambda self, dataset: 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            run(tmp_path, network)
    settings: dict[str, Any] = {}
    if changed == "network":
        network = build_network(tiny_config(seed=5), K)
    else:
        settings = {"dtype": {"dtype": "float16"}, "image_size": {"image_size": 64}}[changed]
    with pytest.raises(ExtractionError, match=f"belongs to an extraction with another {changed}"):
        run(tmp_path, network, **settings)


def test_damaged_images_are_left_out_if_asked(
    tmp_path: Path,
    network: MilNetwork,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = run(tmp_path / "whole", network)
    read = TinyImages.image

    def damaged(self: TinyImages, i: int) -> np.ndarray:
        if i in (2, 6, 7):  # 6 and 7 are a batch
            raise DatasetError(f"{i}.jpg", "truncated")
        return read(self, i)

    monkeypatch.setattr(TinyImages, "image", damaged)
    with pytest.raises(DatasetError, match=r"2\.jpg: truncated"):
        run(tmp_path / "raise", network)
    with caplog.at_level(logging.WARNING):
        found = run(tmp_path / "skip", network, runtime=Runtime(on_error="skip"))
    assert len(caplog.records) == 3
    kept = ~np.isin(whole.image_index, [2, 6, 7])
    np.testing.assert_array_equal(found.rows, np.flatnonzero(kept))
    for name in ("probs", "feats", "image_index", "boxes"):
        expected = getattr(whole, name)[kept]
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.tags, whole.tags)


def test_killed_while_it_finishes(
    tmp_path: Path, network: MilNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, replace_file = TinyImages.image, os.replace
    left: list[int] = [0]

    def damaged(self: TinyImages, i: int) -> np.ndarray:
        if i in (2, 6):
            raise DatasetError(f"{i}.jpg", "truncated")
        return read(self, i)

    def killed(source: Any, target: Any) -> None:
        if Path(target).suffix == ".npy":
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        replace_file(source, target)

    monkeypatch.setattr(TinyImages, "image", damaged)
    skip = Runtime(on_error="skip")
    whole = run(tmp_path / "whole", network, runtime=skip)
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", network, runtime=skip)
    left[0] = 1  # probs is shortened, feats is not
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", network, runtime=skip)
    left[0] = 1
    found = run(tmp_path / "a", network, runtime=skip)
    for name in ("probs", "feats", "image_index", "boxes", "rows"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_no_extraction_without_all_images(
    tmp_path: Path, network: MilNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction_module, "_compute", lambda *_: None)
    with pytest.raises(ExtractionError, match=f"{N} images are not done, the first 'image-0'"):
        run(tmp_path / "a", network)
    assert not (tmp_path / "a" / "index.npz").exists()


def test_no_proposal_at_all(tmp_path: Path, network: MilNetwork) -> None:
    nothing = [proposals[[]] for proposals in tiny_proposals(N)]
    found = extract(network, TinyImages(N), nothing, tmp_path, image_size=SIZE)
    assert found.probs.shape == (0, K + 1)
    assert found.feats.shape == (0, 6)


def test_too_large_for_half_precision(tmp_path: Path, network: MilNetwork) -> None:
    large = build_network(tiny_config(), K).eval()
    large.load_state_dict(network.state_dict())
    with torch.no_grad():
        large.backbone.layers[4].bias.fill_(1e5)
    with pytest.raises(ValueError, match="image 0: a value is not finite as float16; use dtype"):
        run(tmp_path, large, dtype="float16")


def test_damaged_files(tmp_path: Path, network: MilNetwork) -> None:
    run(tmp_path, network)
    probs = (tmp_path / "probs.npy").read_bytes()
    (tmp_path / "probs.npy").write_bytes(probs[:-8])
    with pytest.raises(ExtractionError, match=r"probs\.npy: damaged"):
        open_extraction(tmp_path)
    np.save(tmp_path / "probs.npy", np.ones((4, 4), np.float32))
    with pytest.raises(ExtractionError, match=r"probs\.npy: has shape \(4, 4\), dtype float32"):
        open_extraction(tmp_path)
    np.save(tmp_path / "probs.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(ExtractionError, match=r"probs\.npy: damaged"):
        open_extraction(tmp_path)
    (tmp_path / "index.npz").write_bytes(b"PK")
    with pytest.raises(ExtractionError, match=r"index\.npz: not an npz file"):
        open_extraction(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_extraction(tmp_path / "nowhere")


def test_bad_settings(tmp_path: Path, network: MilNetwork) -> None:
    with pytest.raises(ValueError, match="dtype is 'float64'; it must be 'float16' or 'float32'"):
        run(tmp_path, network, dtype="float64")
    with pytest.raises(ValueError, match="batch_size is 0; it must be at least 1"):
        run(tmp_path, network, batch_size=0)


def test_proposals_without_features_have_no_neighbours(
    tmp_path: Path, network: MilNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    found = run(tmp_path, network)
    silent = np.arange(len(found)) % 5 == 2
    feats = np.where(silent[:, None], 0, found.feats)
    with caplog.at_level(logging.WARNING):
        labelling = label(replace(found, feats=feats), delta=0.7, n_neighbors=2)
    assert f"{silent.sum()} proposals have no features" in caplog.text
    alone = labelling.labels[silent]
    np.testing.assert_array_equal(alone, labelling.labels_without_graph[silent])
    others = multiway_cut(
        found.probs[~silent],
        feats[~silent],
        allowed=found.allowed[~silent],
        delta=0.7,
        n_neighbors=2,
    )
    np.testing.assert_array_equal(labelling.labels[~silent], others.labels)


def cost_of(probs: np.ndarray, result: MultiwayCutResult, labels: np.ndarray) -> float:
    """Cost of a labelling, from its definition."""
    u, v = result.edges.T
    kept = probs[np.arange(len(probs)), labels].sum(dtype=np.float64)
    return probs.sum(dtype=np.float64) - kept + result.weights[labels[u] != labels[v]].sum()


def test_labels_are_those_of_the_cut(tmp_path: Path, network: MilNetwork) -> None:
    found = run(tmp_path, network)
    labelling = label(found, delta=0.7, symmetrize="union", n_neighbors=2)
    expected = multiway_cut(
        found.probs,
        found.feats,
        allowed=found.allowed,
        delta=0.7,
        symmetrize="union",
        n_neighbors=2,
    )
    np.testing.assert_array_equal(labelling.labels, expected.labels)
    assert verify(labelling.result, found.probs, allowed=found.allowed)
    rows = np.arange(len(found))
    best = np.where(found.allowed, found.probs, -1)
    np.testing.assert_array_equal(labelling.labels_without_graph, best.argmax(1))
    for u in rows:  # the cost of the whole cut, with one label changed
        others = [k for k in np.flatnonzero(found.allowed[u]) if k != labelling.labels[u]]
        dearer = [
            cost_of(found.probs, expected, np.where(rows == u, k, labelling.labels)) for k in others
        ]
        margin = min(dearer) - cost_of(found.probs, expected, labelling.labels)
        assert labelling.scores[u] == pytest.approx(margin, abs=1e-5)
        assert margin > -1e-9
    np.testing.assert_array_equal(labelling.scores_without_graph, best.max(1))
    assert (labelling.labels != labelling.labels_without_graph).any()
    without_edges = label(found, delta=0)
    np.testing.assert_array_equal(without_edges.labels, labelling.labels_without_graph)

    path = tmp_path / "labels.npz"
    write_labelling(path, found, labelling)
    arrays = read_arrays(path)
    np.testing.assert_array_equal(arrays["labels"], labelling.labels)
    np.testing.assert_array_equal(arrays["boxes"], found.boxes)
    assert arrays["class_names"].tolist() == list(found.class_names)
