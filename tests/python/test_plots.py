"""Figures: what is drawn, read back from the axes."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from liid_cut import MultiwayCutResult, multiway_cut, plots, statistics

matplotlib = pytest.importorskip("matplotlib", reason="figures need matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

RNG = np.random.default_rng(0)
PROBS = RNG.dirichlet(np.ones(4), 200)
FEATS = RNG.random((200, 3))
TRUTH = PROBS.argmax(axis=1)


@pytest.fixture(scope="module")
def result() -> MultiwayCutResult:
    return multiway_cut(PROBS, FEATS, delta=0.5)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def heights(axes: Any) -> list[list[float]]:
    return [[bar.get_height() for bar in container] for container in axes.containers]


def widths(axes: Any) -> list[list[float]]:
    return [[bar.get_width() for bar in container] for container in axes.containers]


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_components(result: MultiwayCutResult) -> None:
    axes = result.plot_components()
    classes = statistics.size_classes(result.components)
    expected = [[c.n_components for c in classes], [c.n_nodes for c in classes]]
    assert heights(axes) == expected
    assert [t.get_text() for t in axes.get_xticklabels()] == [c.name for c in classes]


def test_bounds(result: MultiwayCutResult) -> None:
    axes = result.plot_bounds()
    bounds, gaps = widths(axes)
    assert sum(bounds) == pytest.approx(result.lower_bound)
    assert sum(gaps) == pytest.approx(result.gap, abs=1e-9)
    names = [t.get_text().replace(" ", "_") for t in axes.get_yticklabels()]
    assert sorted(names) == sorted(result.diagnostics["closed_by"])
    for name, text in zip(names, texts(axes), strict=True):
        assert text.startswith(f" {result.diagnostics['closed_by'][name]} components")


def test_bounds_show_a_gap() -> None:
    triangle = np.array([[1.0, 1, 0], [1, 0, 1], [0, 1, 1]])
    found = multiway_cut(triangle, graph=([[0, 1], [0, 2], [1, 2]], [0.5] * 3), method="ckr")
    found.components["lower_bound"] = 3.75
    found.components["stage"] = "open"
    bounds, gaps = widths(plots.plot_bounds(found))
    assert (bounds, gaps) == ([3.75], [0.25])


def test_timings(result: MultiwayCutResult) -> None:
    axes = result.plot_timings()
    stages = {name: t for name, t in result.timings.items() if name != "total"}
    assert widths(axes)[0] == list(stages.values())
    assert [t.get_text() for t in axes.get_yticklabels()] == list(stages)


def test_labels(result: MultiwayCutResult) -> None:
    axes = result.plot_labels(PROBS, ["a", "b", "c", "d"])
    assert heights(axes) == [
        np.bincount(TRUTH, minlength=4).tolist(),
        np.bincount(result.labels, minlength=4).tolist(),
    ]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c", "d"]


def test_confusion(result: MultiwayCutResult) -> None:
    truth = TRUTH.copy()
    truth[:100] = -1
    axes = result.plot_confusion(truth)
    counts = statistics.confusion(truth, result.labels, 4)
    assert counts.sum() == 100
    shares = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares * counts.sum(axis=1, keepdims=True), counts)
    assert texts(axes) == [str(c) for c in counts.ravel() if c]
    assert axes.get_title() == f"accuracy {np.trace(counts) / 100:.1%}"


def test_confusion_of_plain_labels() -> None:
    axes = plots.plot_confusion(np.array([0, 2]), np.array([0, 1]))
    assert np.asarray(axes.images[0].get_array()).shape == (3, 3)


def test_delta_path_with_truth() -> None:
    path = [(d, multiway_cut(PROBS, FEATS, delta=d)) for d in (0.1, 1.0, 5.0)]
    axes = plots.plot_delta_path(path, truth=TRUTH, probs=PROBS)
    cut, before = axes.lines[1], axes.lines[0]
    np.testing.assert_array_equal(cut.get_xdata(), [0.1, 1, 5])
    np.testing.assert_allclose(cut.get_ydata(), [(r.labels == TRUTH).mean() for _, r in path])
    assert set(before.get_ydata()) == {1.0}
    assert axes.get_xscale() == "log"


def test_delta_path_without_truth() -> None:
    path = [(d, multiway_cut(PROBS, FEATS, delta=d)) for d in (0.0, 1.0)]
    axes = plots.plot_delta_path(path)
    changed = float((path[1][1].labels != path[0][1].labels).mean())
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0, changed])
    assert axes.get_xscale() == "linear"


def test_completion_offers_figures(result: MultiwayCutResult) -> None:
    assert {"labels", "plot_bounds", "plot_confusion"} <= set(dir(result))


def test_given_axes_are_drawn_into(result: MultiwayCutResult) -> None:
    _, axes = pyplot.subplots()
    for draw in (result.plot_components, result.plot_bounds, result.plot_timings):
        assert draw(axes) is axes
    assert len(pyplot.get_fignums()) == 1


def test_vector_files_keep_their_text(result: MultiwayCutResult) -> None:
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        buffer = io.StringIO()
        result.plot_bounds().figure.savefig(buffer, format="svg")
    assert "lower bound" in buffer.getvalue()
    assert "<image" not in buffer.getvalue()


@pytest.mark.parametrize("draw", ["plot_labels", "plot_confusion"])
def test_wrong_number_of_names(result: MultiwayCutResult, draw: str) -> None:
    given = PROBS if draw == "plot_labels" else TRUTH
    with pytest.raises(ValueError, match="label_names has 2 names; there must be 4"):
        getattr(result, draw)(given, ["a", "b"])


def test_empty_path() -> None:
    with pytest.raises(ValueError, match="path is empty"):
        plots.plot_delta_path([])


def test_matplotlib_is_imported_late() -> None:
    code = (
        "import sys, liid_cut, liid_cut.plots, liid_cut.report; print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"
