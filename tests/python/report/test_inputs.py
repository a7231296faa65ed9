"""Arguments of the report: one fault a test, the message matched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from liid_cut.report import ReportImage, write_report

from .samples import sample

DATA = sample()
BOX = np.array([[0.0, 0, 4, 4]])


def image(**changes: Any) -> ReportImage:
    return ReportImage(**{"image_id": "a", "nodes": [0], "boxes": BOX} | changes)


def path_of(**changes: Any) -> list[Any]:
    cut = {"delta": 1.0, "labels": np.zeros(48, int), "cost": 1, "lower_bound": 1}
    return [SimpleNamespace(**cut | {"status": "optimal"} | changes)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"probs": DATA.probs[:-1]},
            r"probs has shape \(47, 3\); the result belongs to one of \(48, 3\)",
        ),
        ({"allowed": np.ones((48, 3), bool)}, "allowed belongs to probs, which is missing"),
        ({"truth": np.zeros(47, int)}, r"truth has shape \(47,\); it must be \(48,\)"),
        ({"truth": np.full(48, 3)}, r"truth\[0\] is 3; it must be -1 \(unknown\) to 2"),
        ({"label_names": ["a", "b"]}, "label_names has 2 names; there must be 3"),
        ({"node_names": ["a"]}, "node_names has 1 names; there must be 48"),
        ({"margins": np.zeros(3)}, r"margins has shape \(3,\); it must be \(48,\)"),
        ({"margins": np.full(48, np.nan)}, r"margins\[0\] is nan"),
        ({"crops": np.zeros((48, 4, 4))}, "crops has shape .*, dtype float64; it must be uint8"),
        ({"crops": np.zeros((2, 4, 4), np.uint8)}, r"it must be uint8 \(48, h, w\)"),
        ({"images": [image(nodes=[48])]}, r"image 'a': nodes\[0\] is 48; nodes are 0 to 47"),
        ({"images": [image(), image(image_id="b")]}, "image 'b': node 0 was named before"),
        (
            {"images": [image(truth_boxes=BOX, truth_labels=[3])]},
            r"image 'a': truth_labels\[0\] is 3; labels are 0 to 2",
        ),
        ({"delta_path": path_of(labels=np.zeros(4, int))}, r"delta_path\[0\].labels has shape"),
        ({"delta_path": path_of(labels=np.full(48, 7))}, r"delta_path\[0\].labels\[0\] is 7"),
        ({"max_images": 0}, "max_images is 0"),
        ({"max_changes": -1}, "max_changes is -1"),
        ({"max_bytes": "many"}, "max_bytes is 'many'"),
    ],
)
def test_bad_values(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / "r.html", DATA.result, **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"truth": np.zeros(48)}, "truth has dtype float64; it must be integers"),
        ({"label_names": "abc"}, "label_names is a string"),
        ({"images": [DATA.boxes]}, "images holds a ndarray; it must hold ReportImage"),
    ],
)
def test_wrong_types(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        write_report(tmp_path / "r.html", DATA.result, **given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes": [0.5]}, "image 'a': nodes has shape .*, dtype float64; integers"),
        ({"nodes": [0, 1]}, r"image 'a': boxes has shape \(1, 4\); it must be \(2, 4\)"),
        ({"boxes": BOX[:, [2, 1, 0, 3]]}, r"image 'a': boxes\[0\] is \[4.0, 0.0, 0.0, 4.0\]"),
        ({"masks": []}, "image 'a': there are 0 masks for 1 nodes"),
        ({"truth_boxes": BOX}, "truth_boxes and truth_labels: one given, both are needed"),
        ({"truth_boxes": BOX, "truth_labels": []}, r"truth_boxes has shape \(1, 4\)"),
    ],
)
def test_bad_images(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image(**changes)


def test_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_report(tmp_path / "nowhere" / "r.html", DATA.result)
