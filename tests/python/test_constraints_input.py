"""Bad constraints, one fault at a time, and sets of constraints that cannot be met."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from liid_cut import MultiwayCutProblem, make_problem, multiway_cut, verify
from liid_cut.constraints.inputs import restricted

PROBS = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
GRAPH = (np.array([[0, 1], [2, 3]]), np.array([0.5, 0.5]))
IDS = np.array([0, 0, 1, 1])
TAGS = np.array([[True, False], [True, True]])
ALLOWED = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1]], dtype=bool)


def given(**keywords: Any) -> MultiwayCutProblem:
    return make_problem(PROBS, graph=GRAPH, **keywords)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "labels short": ({"labels": [0, 1]}, "labels has shape (2,); probs has 4 rows: (4,)"),
    "labels float": ({"labels": [0.0] * 4}, "labels has dtype float64; it must be an integer"),
    "label 3": ({"labels": [0, 3, -1, -1]}, "labels[1] is 3; labels are 0 to 2, or -1"),
    "label -2": ({"labels": [0, -2, -1, -1]}, "labels[1] is -2; labels are 0 to 2, or -1"),
    "label ruled out": (
        {"labels": [2, -1, -1, -1], "allowed": ALLOWED},
        "labels[0] is 2, which allowed[0] rules out",
    ),
    "weights short": ({"node_weights": [1.0]}, "node_weights has shape (1,); probs has 4 rows"),
    "weight 0": ({"node_weights": [1, 1, 0, 1]}, "node_weights[2] is 0; every entry must be"),
    "weight nan": ({"node_weights": [1, np.nan, 1, 1]}, "node_weights[1] is nan; every entry"),
    "weights str": ({"node_weights": ["a"] * 4}, "node_weights has dtype <U1; it must be numeric"),
    "must 1-d": ({"must_link": [0, 1]}, "must_link has shape (2,); it must be (m, 2)"),
    "must out": ({"must_link": [[0, 4]]}, "must_link[0, 1] is 4; nodes are 0 to 3"),
    "must float": ({"must_link": [[0.0, 1.0]]}, "must_link has dtype float64; it must be an int"),
    "cannot out": ({"cannot_link": [[0, 1], [-1, 2]]}, "cannot_link[1, 0] is -1; nodes are 0 to 3"),
    "cannot self": ({"cannot_link": [[2, 2]]}, "cannot_link[0] is a node and itself, 2"),
    "coverage no pair": ({"coverage": IDS}, "coverage is a ndarray; it must be a pair"),
    "coverage columns": (
        {"coverage": (IDS, TAGS[:, :1])},
        "coverage: image_tags has 1 columns; probs has 3",
    ),
    "coverage ids": ({"coverage": (IDS[:3], TAGS)}, "coverage: image_ids has shape (3,)"),
    "coverage id out": ({"coverage": ([0, 0, 1, 2], TAGS)}, "image_ids[3] is 2; rows of image_ta"),
    "coverage tags": ({"coverage": (IDS, TAGS * 2)}, "image_tags[0, 0] is 2; allowed: 0, 1"),
    "extra edge out": (
        {"extra_edges": ([[0, 9]], [1.0])},
        "extra_edges: graph edges[0, 1] is 9; nodes are 0 to 3",
    ),
    "extra weight": ({"extra_edges": ([[0, 2]], [-1.0])}, "extra_edges: graph"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(fault: str) -> None:
    keywords, message = FAULTS[fault]
    with pytest.raises(ValueError, match=re.escape(message)):
        given(**keywords)


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("extra")])
def test_verify_finds_the_same_faults(fault: str) -> None:
    keywords, message = FAULTS[fault]
    result = multiway_cut(PROBS, graph=GRAPH)
    with pytest.raises(ValueError, match=re.escape(message)):
        verify(result, PROBS, GRAPH, **keywords)


CLASHES: dict[str, tuple[dict[str, Any], str]] = {
    "must and cannot": (
        {"must_link": [[0, 1], [1, 2]], "cannot_link": [[3, 0], [2, 0]]},
        "cannot_link[1] separates the nodes 2 and 0, which must_link joins",
    ),
    "must and labels": (
        {"must_link": [[1, 3]], "labels": [-1, 0, -1, 1]},
        "must_link joins the nodes 1, 3, which no label is allowed for in common",
    ),
    "cannot and labels": (
        {"cannot_link": [[1, 3]], "labels": [-1, 1, -1, 1]},
        "no label is left for node",
    ),
    "a tag that nobody may take": (
        {"coverage": (IDS, TAGS), "labels": [0, 0, -1, -1]},
        "coverage: image 0 has tag 1 (column 0 of image_tags), but none of its proposals can take",
    ),
    "more tags than proposals": (
        {"coverage": ([0, 1, 1, 1], [[1, 1], [0, 0]])},
        "no label is left for node 0: coverage and the allowed labels contradict each other",
    ),
    "two tags for one of two proposals": (
        {
            "coverage": ([0, 0, 0, 1], [[1, 1], [0, 0]]),
            "allowed": np.array([[1, 1, 1], [1, 0, 0], [1, 0, 0], [1, 1, 1]], dtype=bool),
        },
        "no label is left for node 0",
    ),
    "four nodes apart with three labels": (
        {"cannot_link": [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]},
        "cannot_link: no labelling keeps the 6 pairs of these 4 nodes (0, 1, 2, 3) apart",
    ),
    "tags and pairs": (
        {
            "coverage": ([0, 0, 0, 0], [[1, 1]]),
            "cannot_link": [[0, 1], [1, 2], [2, 0]],
            "allowed": np.array([[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1]], dtype=bool),
        },
        "cannot_link and coverage: no labelling keeps the 3 pairs",
    ),
}


@pytest.mark.parametrize("method", ["auto", "ckr", "brute_force"])
@pytest.mark.parametrize("clash", CLASHES)
def test_constraints_that_clash(clash: str, method: str) -> None:
    keywords, message = CLASHES[clash]
    with pytest.raises(ValueError, match=re.escape(message)):
        multiway_cut(PROBS, graph=GRAPH, method=method, **keywords)


def test_three_tags_for_two_of_many_proposals() -> None:
    probs = np.full((5, 4), 0.25)
    allowed = np.ones((5, 4), dtype=bool)
    allowed[2:, 1:] = False
    message = "coverage: the 2 proposals (nodes 0, 1) that may take the tags 1, 2, 3"
    with pytest.raises(ValueError, match=re.escape(message)):
        multiway_cut(
            probs,
            graph=(np.empty((0, 2), int), np.empty(0)),
            allowed=allowed,
            coverage=([0] * 5, [[1, 1, 1]]),
        )


@pytest.mark.parametrize("name", ["labels", "must_link", "coverage", "node_weights"])
def test_the_authors_preset_has_none(name: str) -> None:
    value = {"labels": [-1] * 4, "must_link": [[0, 1]], "coverage": (IDS, TAGS)}.get(
        name, [1.0] * 4
    )
    with pytest.raises(ValueError, match="preset 'authors' is the published script, which has no"):
        make_problem(PROBS, PROBS, preset="authors", **{name: value})


def test_input_is_left_alone() -> None:
    allowed, labels = ALLOWED.copy(), np.array([0, -1, -1, -1])
    mask = restricted(allowed, labels, PROBS.shape)
    np.testing.assert_array_equal(allowed, ALLOWED)
    assert mask is not None
    assert mask[0].tolist() == [True, False, False]


def test_known_labels_say_nothing_of_an_image() -> None:
    feats = np.array([[1.0, 0], [1, 0.1], [1, 0.2]])
    probs = PROBS[:3]
    allowed = np.ones((3, 3), dtype=bool)
    keywords = {"allowed": allowed, "shared_tags": True, "n_neighbors": 1}
    free = make_problem(probs, feats, **keywords)
    known = make_problem(probs, feats, labels=[0, -1, -1], **keywords)
    np.testing.assert_array_equal(free.edges, known.edges)
