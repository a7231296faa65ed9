"""Problem and result files: what is written comes back, every fault has its message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import assert_same_tree

from liid_cut import MultiwayCutResult, multiway_cut, verify
from liid_cut.files import ProblemFile, read_problem, read_result, write_problem, write_result
from liid_cut.npz import read_arrays

# Three nodes, each torn between two of three terminals; the LP's value is 3.75, the optimum 4, so
# the proof needs branching.
TRIANGLE = ProblemFile(
    np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]),
    edges=np.array([[0, 1], [0, 2], [1, 2]]),
    weights=np.full(3, 0.5),
)
PROBS = np.full((4, 3), 1 / 3)
FEATS = np.eye(4)


def solved(problem: ProblemFile = TRIANGLE, **settings: Any) -> MultiwayCutResult:
    return multiway_cut(
        problem.probs, problem.feats, graph=problem.graph, allowed=problem.allowed, **settings
    )


def rewritten(path: Path, **changes: Any) -> Path:
    """The npz file with arrays replaced, or removed where None."""
    arrays: dict[str, Any] = read_arrays(path) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.fixture
def result_file(tmp_path: Path) -> Path:
    write_result(tmp_path / "result.npz", solved())
    return tmp_path / "result.npz"


def test_result_comes_back_whole(tmp_path: Path) -> None:
    result = solved()
    result.settings = {"delta": 2.0}
    write_result(tmp_path / "result", result)
    again = read_result(tmp_path / "result")  # under exactly the name given
    assert set(again) == {*result, "version"}
    for name in ("labels", "cut_labels", "component_ids", "components", "edges", "weights", "x"):
        np.testing.assert_array_equal(again[name], result[name])
        assert again[name].dtype == result[name].dtype
    np.testing.assert_array_equal(again.messages, result.messages)
    assert (again.graph != result.graph).nnz == 0
    for name in ("cost", "lower_bound", "gap", "status", "success", "message", "settings"):
        assert again[name] == result[name]
    assert again.timings == result.timings
    assert again.diagnostics == result.diagnostics
    assert repr(again) == repr(result)


def test_proof_trees_come_back(result_file: Path) -> None:
    result, again = solved(), read_result(result_file)
    assert len(result.proofs) == len(again.proofs) == 1
    assert_same_tree(again.proofs, result.proofs)
    assert verify(again, TRIANGLE.probs, TRIANGLE.graph).optimal


def test_result_without_edges(tmp_path: Path) -> None:
    empty = ProblemFile(PROBS, edges=np.empty((0, 2), np.int32), weights=np.empty(0))
    write_result(tmp_path / "result.npz", solved(empty))
    assert verify(read_result(tmp_path / "result.npz"), PROBS, empty.graph).optimal


def test_authors_preset_keeps_both_labellings(tmp_path: Path) -> None:
    probs = np.random.default_rng(0).random((30, 3))
    allowed = np.ones((30, 3), dtype=bool)
    allowed[:15, 1] = allowed[15:, 2] = False
    problem = ProblemFile(probs, np.random.default_rng(1).random((30, 5)), allowed=allowed)
    result = solved(problem, preset="authors")
    write_result(tmp_path / "result.npz", result)
    again = read_result(tmp_path / "result.npz")
    assert again.preset == "authors"
    np.testing.assert_array_equal(again.cut_labels, result.cut_labels)
    np.testing.assert_array_equal(again.labels, result.labels)
    assert verify(again, probs, allowed=allowed)


def test_problem_comes_back(tmp_path: Path) -> None:
    for problem in (TRIANGLE, ProblemFile(PROBS, FEATS, allowed=np.ones((4, 3), dtype=bool))):
        write_problem(tmp_path / "problem.npz", problem, truth=np.arange(3))
        again = read_problem(tmp_path / "problem.npz")
        for name, array in vars(problem).items():
            np.testing.assert_array_equal(getattr(again, name), array)


def test_problem_in_short_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", P=PROBS, a=[0, 1], b=[1, 2], w=[0.5, 0.25], tags=[1])
    problem = read_problem(tmp_path / "p.npz")
    np.testing.assert_array_equal(problem.edges, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(problem.weights, [0.5, 0.25])
    assert problem.feats is None
    assert problem.allowed is None


def test_problem_with_image_tags(tmp_path: Path) -> None:
    tags = np.array([[True, False], [False, True]])
    np.savez(tmp_path / "p.npz", probs=PROBS, feats=FEATS, image_ids=[0, 0, 1, 1], image_tags=tags)
    np.testing.assert_array_equal(
        read_problem(tmp_path / "p.npz").allowed,
        np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]], dtype=bool),
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"feats": FEATS}, "probs missing; found feats; a problem file needs probs and either"),
        ({"probs": PROBS, "edges": [[0, 1]]}, "weights missing; found probs, edges; a problem"),
        ({"probs": PROBS}, "edges, weights missing; found probs;"),
        ({}, "found no array"),
        ({"P": PROBS, "a": [0], "b": [1]}, "w missing; found P, a, b;"),
        ({"P": PROBS, "a": [0, 1], "b": [1], "w": [1.0]}, r"a and b have shapes \(2,\) and \(1,\)"),
        ({"P": PROBS, "a": np.zeros(1, "M8[s]"), "b": [1], "w": [1.0]}, r"a and b are datetime64"),
        (
            {"probs": PROBS, "feats": FEATS, "edges": [[0, 1]], "weights": [1.0]},
            "holds both feats and edges",
        ),
        ({"probs": PROBS, "feats": FEATS, "image_ids": [0] * 4}, "image_tags missing"),
        (
            {"probs": PROBS, "feats": FEATS, "image_ids": [9] * 4, "image_tags": np.eye(2) > 0},
            r"image_ids\[0\] is 9; rows of image_tags are 0 to 1",
        ),
        (
            {"probs": PROBS, "feats": FEATS, "image_ids": [0], "image_tags": [0], "allowed": [1]},
            "holds both allowed and image_tags",
        ),
    ],
)
def test_incomplete_problem(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_problem(tmp_path / "p.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"messages": None}, "messages missing; found"),
        ({"labels": np.zeros(3)}, r"labels has shape \(3,\), dtype float64"),
        ({"components": np.zeros(1, dtype="f8,f8")}, "its format is not 'liid_cut result 1'"),
        ({"facts": np.array("{")}, "damaged result: "),
        ({"facts": np.array("[]")}, "damaged result: "),
        ({"facts": np.array('{"format": "x"}')}, "its format is not"),
        ({"edges": np.array([[0, 9]] * 3)}, "damaged result: "),
        ({"edges": np.zeros((3, 3), int)}, "damaged result: "),
        ({"proof_floats": None}, "damaged result: 'proof_floats'"),
        (
            {"proof_ints": np.zeros((99, 3), int)},
            r"proofs are stored as shape \(99, 3\), dtype int",
        ),
    ],
)
def test_damaged_result(result_file: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"result\.npz: .*{message}"):
        read_result(rewritten(result_file, **changes))


@pytest.mark.parametrize(
    ("diagnostics", "message"),
    [(0.5, "its diagnostics are 0.5"), ({"warnings": "a"}, "its warnings are 'a'")],
)
def test_damaged_diagnostics(result_file: Path, diagnostics: Any, message: str) -> None:
    facts = json.loads(str(read_arrays(result_file)["facts"])) | {"diagnostics": diagnostics}
    with pytest.raises(ValueError, match=f"damaged result: {message}"):
        read_result(rewritten(result_file, facts=np.array(json.dumps(facts))))
