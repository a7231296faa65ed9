"""The page as text: self-contained, safe, repeatable, bounded in size, with the right figures."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from liid_cut import MultiwayCutWarning, multiway_cut

from .samples import NAMES, Sample, page_of, sample

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


@pytest.fixture(scope="module")
def data() -> Sample:
    return sample()


class Elements(html.parser.HTMLParser):
    """Start tags with attributes, and the text of each element that opens inside them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in {"meta", "input", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(page: str) -> str:
    body = page[page.index("<main") : page.index('<script type="application/json"')]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def everything(data: Sample) -> dict[str, Any]:
    pytest.importorskip("PIL", reason="pictures need Pillow")
    return {
        "probs": data.probs,
        "images": data.images(),
        "truth": data.truth,
        "label_names": NAMES,
        "delta_path": data.path,
        "margins": np.linspace(0, 1, 48),
        "facts": {"AP50": 0.25},
    }


def test_elements_are_closed(tmp_path: Path, data: Sample) -> None:
    page, _ = page_of(tmp_path / "r.html", data.result, **everything(data))
    elements = Elements(page)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [a["href"] for tag, a in elements.tags if tag == "a"]
    assert {target[1:] for target in targets if target} <= set(ids)


def test_nothing_is_fetched_and_only_our_script_runs(tmp_path: Path, data: Sample) -> None:
    page, _ = page_of(tmp_path / "r.html", data.result, **everything(data))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#x27;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for name, pattern in (
        ("style-src", "<style>(.*?)</style>"),
        ("script-src", "<script>(.*?)</script>"),
    ):
        (content,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    for tag, attributes in Elements(page).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert "style" not in attributes  # the policy forbids it
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/")), (tag, value)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_text_from_files_is_never_markup(tmp_path: Path, data: Sample) -> None:
    given = everything(data) | {
        "images": data.images(prefix=HOSTILE),
        "label_names": [HOSTILE, "a" + HOSTILE, "b" + HOSTILE],
        "node_names": [f"{HOSTILE}{u}" for u in range(48)],
        "facts": {HOSTILE: HOSTILE},
        "title": HOSTILE,
    }
    result = data.result.copy()
    result = type(data.result)(result | {"settings": {HOSTILE: HOSTILE}})
    result.diagnostics = result.diagnostics | {"warnings": [HOSTILE]}
    page, content = page_of(tmp_path / "r.html", result, **given)
    assert "<img" not in page
    assert "<script>alert" not in page
    tags = Elements(page).tags
    assert sum(tag == "script" for tag, _ in tags) == 2
    assert not any(tag == "img" for tag, _ in tags)
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert content["labels"][0] == HOSTILE
    assert content["images"][0]["id"].startswith(HOSTILE)


def test_same_input_same_bytes(tmp_path: Path, data: Sample) -> None:
    first, _ = page_of(tmp_path / "a.html", data.result, **everything(data))
    again, _ = page_of(tmp_path / "b.html", data.result, **everything(data))
    assert first == again


def test_headline_and_tables(tmp_path: Path, data: Sample) -> None:
    page, content = page_of(tmp_path / "r.html", data.result, **everything(data))
    text = text_of(page)
    result, known = data.result, data.truth >= 0
    before, after = data.probs.argmax(axis=1), np.asarray(result)
    assert "proven optimal" in text
    assert f"Cost {result.cost:,.6g}" in text
    assert f"Changed labels {(before != after).sum()}" in text
    for labels in (before, after):
        assert f"{(labels == data.truth)[known].mean():.1%}" in text
    assert "AP50 0.25" in text
    for k, name in enumerate(NAMES):
        old, new = (before == k).sum(), (after == k).sum()
        change = f"+{new - old}" if new > old else f"{new - old}".replace("-", "\N{MINUS SIGN}")
        assert f"{name} {old} {new} {change}" in text
    for stage, n in result.diagnostics["closed_by"].items():
        size = result.components["size"][result.components["stage"] == stage].sum()
        assert re.search(rf"{stage.split('_')[0]}[^\d]* {n} {size} ", text)
    assert [step["delta"] for step in content["steps"]] == [0, 0.2, 0.5, 2]


def test_what_the_script_gets(tmp_path: Path, data: Sample) -> None:
    _, content = page_of(tmp_path / "r.html", data.result, **everything(data))
    nodes, after = content["nodes"], np.asarray(data.result)
    assert nodes["id"] == list(range(48))
    assert nodes["after"] == after.tolist()
    assert nodes["before"] == data.probs.argmax(axis=1).tolist()
    assert nodes["truth"] == data.truth.tolist()
    for step, (_, cut) in zip(content["steps"], data.path, strict=True):
        assert step["labels"] == np.asarray(cut).tolist()
        assert step["differs"] == (np.asarray(cut) != after).sum()
    assert sorted(image["id"] for image in content["images"]) == [f"photo-{i}" for i in range(6)]
    changed = (data.probs.argmax(axis=1) != after).reshape(6, 8).sum(axis=1)
    order = [int(image["id"][-1]) for image in content["images"]]
    assert (np.diff(changed[order]) <= 0).all()
    assert all(image["src"].startswith("data:image/") for image in content["images"])
    graph = data.result.graph.toarray()
    for change in content["changes"]:
        u = change["i"]
        assert change["degree"] == np.count_nonzero(graph[u])
        np.testing.assert_allclose(change["w"], graph[u, change["near"]], rtol=1e-5)


def test_without_probs_and_pictures(tmp_path: Path, data: Sample) -> None:
    page, content = page_of(tmp_path / "r.html", data.result)
    assert content["changes"] == content["images"] == []
    assert 'id="viewer"' not in page
    assert "Accuracy" not in page
    assert "Component sizes" in page


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_results(tmp_path: Path, n: int) -> None:
    graph = (np.empty((0, 2), int), np.empty(0))
    result = multiway_cut(np.ones((n, 2)), graph=graph)
    page, content = page_of(tmp_path / "r.html", result, probs=np.ones((n, 2)))
    assert content["n"] == n
    assert Elements(page).open == []


def test_masks_become_outlines(tmp_path: Path, data: Sample) -> None:
    pytest.importorskip("pycocotools", reason="masks need pycocotools")
    images = data.images(masks=True)
    _, content = page_of(tmp_path / "r.html", data.result, probs=data.probs, images=images)
    for image in content["images"]:
        assert all(re.fullmatch(r"(M[\d. L]+Z)+", path) for path in image["paths"])


def test_broken_mask_is_named(tmp_path: Path, data: Sample) -> None:
    pytest.importorskip("pycocotools", reason="masks need pycocotools")
    images = data.images(masks=True)
    masks = list(images[2].masks or [])
    masks[5] = {"size": masks[5]["size"], "counts": masks[5]["counts"][:-2]}
    object.__setattr__(images[2], "masks", masks)
    with pytest.raises(ValueError, match="image 'photo-2': mask of node 21: a mask is no run-leng"):
        page_of(tmp_path / "r.html", data.result, probs=data.probs, images=images)


def test_limits_and_what_they_leave_out(tmp_path: Path, data: Sample) -> None:
    given = everything(data) | {"max_images": 2, "max_changes": 1}
    page, content = page_of(tmp_path / "r.html", data.result, **given)
    assert len(content["images"]) == 2
    assert "2 of 6 images are shown" in page
    n_changed = (data.probs.argmax(axis=1) != np.asarray(data.result)).sum()
    in_images = {place for image in content["images"] for place in image["nodes"]}
    listed = {change["i"] for change in content["changes"]}
    assert len(listed - in_images) <= 1
    assert len(listed) < n_changed
    assert f"{len(listed)} of {n_changed} changed nodes are listed" in page


def test_bytes_of_pictures_are_bounded(tmp_path: Path, data: Sample) -> None:
    page, _ = page_of(tmp_path / "r.html", data.result, **everything(data) | {"max_bytes": "2 kB"})
    total = sum(map(len, re.findall(r'data:image/[^"]+', page)))
    assert 1000 < total <= 2000
    assert "shown without their picture" in page


def test_each_image_is_loaded_once(tmp_path: Path, data: Sample) -> None:
    pytest.importorskip("PIL", reason="pictures need Pillow")
    loaded = []
    images = data.images()
    for i, image in enumerate(images):
        load = image.load
        object.__setattr__(image, "load", lambda i=i, load=load: (loaded.append(i), load())[1])
    page_of(tmp_path / "r.html", data.result, probs=data.probs, images=images, max_images=1)
    assert len(loaded) == len(set(loaded)) >= 1


def test_damaged_image_costs_its_picture_only(tmp_path: Path, data: Sample) -> None:
    pytest.importorskip("PIL", reason="pictures need Pillow")

    def damaged() -> Any:
        raise ValueError("cut short")

    images = data.images()
    object.__setattr__(images[3], "load", damaged)
    page, content = page_of(tmp_path / "r.html", data.result, probs=data.probs, images=images)
    assert "Image &#x27;photo-3&#x27; could not be loaded: cut short" in page
    assert [image["id"] for image in content["images"] if image["src"] is None] == ["photo-3"]


def test_warnings_name_the_setting(tmp_path: Path) -> None:
    data = sample()
    fewer = type(data.result)(data.result)
    fewer.diagnostics = fewer.diagnostics | {"lost_labels": [2]}
    page, _ = page_of(tmp_path / "r.html", fewer, probs=data.probs, label_names=NAMES)
    assert "Hardly a node is left with label &#x27;dog&#x27;" in page
    assert "lower delta" in page
    graph = sp.csr_array(np.triu(np.ones((480, 480)), 1))
    probs = np.tile(data.probs, (10, 1))
    with pytest.warns(MultiwayCutWarning):
        stuck = multiway_cut(probs, graph=graph + graph.T)
    page, _ = page_of(tmp_path / "r.html", stuck, probs=probs, label_names=NAMES)
    assert "edges outweigh probs" in page
    loose = multiway_cut(data.probs, data.feats, delta=1e-9)
    page, _ = page_of(tmp_path / "r.html", loose, probs=data.probs)
    assert "raise delta" in page
    page, _ = page_of(tmp_path / "r.html", loose, probs=data.probs[::-1])
    assert "do not give the cost of this result" in page
    loose.status = "time_limit"
    page, _ = page_of(tmp_path / "r.html", loose)
    assert "raise time_limit" in page
    page, _ = page_of(tmp_path / "r.html", data.result, probs=data.probs)
    assert "Warning" not in page


def test_margins_and_whether_sure_labels_are_right(tmp_path: Path, data: Sample) -> None:
    margins = np.repeat([0.1, 0.4, np.inf], 16)
    given = {"probs": data.probs, "truth": data.truth, "margins": margins}
    page, content = page_of(tmp_path / "r.html", data.result, **given)
    right = np.asarray(data.result) == data.truth
    text = text_of(page)
    for name, rows in (("no other label allowed", slice(32, 48)), ("0.4", slice(16, 32))):
        assert re.search(rf"{name} 16 {right[rows].mean():.1%}", text)
    nodes = content["nodes"]
    expected = [None if np.isinf(margins[u]) else margins[u] for u in nodes["id"]]
    assert nodes["margin"] == expected
    assert None in expected
    page, _ = page_of(tmp_path / "r.html", data.result, margins=np.full(48, np.inf))
    assert 'id="confidence"' not in page


def test_many_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probs = rng.random((400, 200))
    truth = probs.argmax(axis=1)
    truth[:50] = (truth[:50] + 1) % 200
    result = multiway_cut(probs, rng.random((400, 3)))
    page, _ = page_of(tmp_path / "r.html", result, probs=probs, truth=truth)
    assert "the 120 most frequent of 200 labels" in page
    assert "Most frequent confusions after the cut" in page


def test_large_result_makes_a_small_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    probs = rng.random((n, 3))
    edges = np.stack([np.arange(n - 1), np.arange(1, n)], axis=1)[np.arange(n - 1) % 5 < 3]
    result = multiway_cut(probs, graph=(edges, rng.random(len(edges))))
    path = tmp_path / "r.html"
    page, content = page_of(path, result, probs=probs, truth=probs.argmax(axis=1))
    assert path.stat().st_size < 1_000_000
    assert len(content["changes"]) == 1000
    savings = [change["saving"] for change in content["changes"]]
    assert savings == sorted(savings, reverse=True)
    n_changed = (probs.argmax(axis=1) != np.asarray(result)).sum()
    assert n_changed > 10_000
    assert f"1,000 of {n_changed:,} changed nodes are listed" in page
