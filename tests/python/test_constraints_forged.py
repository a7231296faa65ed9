"""Certificates of constraints: they pass as they are, forged ones do not; and on disk."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constrained import links, tagged_images
from instances import instance
from reference import assert_rejected, assert_same_tree

from liid_cut import MultiwayCutResult, Verification, cli, verify
from liid_cut.constraints import pieces
from liid_cut.files import read_result, write_result

INST, COVERAGE = tagged_images(6, 1)
CANNOT = links(36, 8, 1)
LOOSE, TAGS = tagged_images(6, 1, delta=0.2)
GIVEN: dict[str, Any] = {"coverage": COVERAGE, "cannot_link": CANNOT, "must_link": [[0, 1]]}


@pytest.fixture(scope="module")
def solved() -> MultiwayCutResult:
    """A result with prices, trees of several leaves and pieces of components."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGE", 6)
        patch.setattr(pieces, "_PIECE", 4)
        patch.setattr(pieces, "CROWD", 0)
        result = INST.solve(**GIVEN)
    assert result.status == "optimal"
    return result


@pytest.fixture
def result(solved: MultiwayCutResult) -> MultiwayCutResult:
    return MultiwayCutResult(copy.deepcopy(dict(solved)))


@pytest.fixture(scope="module")
def solved_relaxed() -> MultiwayCutResult:
    """A result whose certificate rules labels out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGE", 6)
        result = LOOSE.solve(coverage=TAGS)
    assert result.status == "optimal"
    return result


@pytest.fixture
def relaxed(solved_relaxed: MultiwayCutResult) -> MultiwayCutResult:
    return MultiwayCutResult(copy.deepcopy(dict(solved_relaxed)))


def checked(result: Any, **other: Any) -> Verification:
    return verify(result, INST.probs, INST.graph, **(GIVEN | other))


def checked_relaxed(result: Any, exact: bool = False) -> Verification:
    return verify(result, LOOSE.probs, LOOSE.graph, coverage=TAGS, exact=exact)


def test_it_holds_as_it_is(result: MultiwayCutResult) -> None:
    verification = checked(result)
    assert verification, verification.problems
    assert verification.optimal
    certificate = result.certificate
    assert len(certificate["price_rows"]) > 3
    assert (certificate["tree"][:, 0] == 0).any()  # a branch
    assert len(certificate["block_starts"]) > 3


# ---- labels that break a constraint


@pytest.mark.parametrize("name", ["must_link", "cannot_link", "coverage"])
def test_labels_that_break_a_constraint(result: MultiwayCutResult, name: str) -> None:
    plain = INST.solve(**{n: value for n, value in GIVEN.items() if n != name})
    turns = np.stack([np.arange(2, 35), np.arange(3, 36)], axis=1)
    same = plain.labels[turns[:, 0]] == plain.labels[turns[:, 1]]
    more = {
        "must_link": {"must_link": turns[~same][:1]},
        "cannot_link": {"cannot_link": turns[same][:1]},
        "coverage": {"coverage": (COVERAGE[0], ~COVERAGE[1])},
    }[name]
    verification = verify(plain, INST.probs, INST.graph, **(GIVEN | more))
    sentence = "no proposal of image" if name == "coverage" else r"\[\d+\] does not hold: nodes"
    assert_rejected(verification, f"{name}.*{sentence}")


def test_a_result_of_a_problem_without_constraints() -> None:
    plain = INST.solve()
    verification = verify(plain, INST.probs, INST.graph, cannot_link=CANNOT)
    assert_rejected(verification, "no dictionary with proofs")


def test_constraints_that_the_solve_did_not_have(result: MultiwayCutResult) -> None:
    assert_rejected(verify(result, INST.probs, INST.graph), "lower bound is claimed")


# ---- forged numbers


def forge(certificate: dict[str, Any], name: str, value: Any) -> None:
    certificate[name] = value(certificate[name]) if callable(value) else value


def first_leaf(tree: Any) -> int:
    return int(np.argmax(tree[:, 0] == 1))


def with_entry(column: int, value: int, kind: int) -> Any:
    """Change a column of the first entry of a kind."""

    def change(tree: Any) -> Any:
        tree = tree.copy()
        tree[int(np.argmax(tree[:, 0] == kind)), column] = value
        return tree

    return change


FORGED: dict[str, tuple[str, Any, str]] = {
    "prices negative": ("price_values", lambda v: -v, "price_values are not finite numbers >= 0"),
    "price nan": ("price_values", lambda v: v * np.nan, "price_values are not finite numbers"),
    "price inf": ("price_values", lambda v: v + np.inf, "price_values are not finite numbers"),
    "prices higher": ("price_values", lambda v: 3 * v, "lower bound is claimed"),
    "prices lower": ("price_values", lambda v: 0 * v, "lower bound is claimed"),
    "price too many": ("price_values", lambda v: np.r_[v, 1.0], "not one price for each"),
    "price twice": ("price_rows", lambda r: np.r_[r[:-1], r[0]], "not one price for each"),
    "price of nothing": ("price_rows", lambda r: r + 10**6, "a price belongs to no constraint"),
    "price before all": ("price_rows", lambda r: r - 10**6, "a price belongs to no constraint"),
    "prices of others": ("price_rows", lambda r: r + 1, "outside the blocks|lower bound"),
    "rows float": ("price_rows", lambda r: r + 0.0, "price_rows is no 1-dimensional array"),
    "block nodes twice": ("block_nodes", lambda n: n * 0, "blocks overlap"),
    "block nodes unknown": ("block_nodes", lambda n: n + 1000, "a node that does not exist"),
    "block nodes negative": ("block_nodes", lambda n: n - 1000, "a node that does not exist"),
    "block starts": ("block_starts", lambda s: s[:-1], "block_starts does not divide"),
    "block empty": ("block_starts", lambda s: np.r_[0, s], "block_starts does not divide"),
    "tree starts": ("tree_starts", lambda s: s[::-1].copy(), "tree_starts does not divide"),
    "one tree less": (
        "tree_starts",
        lambda s: np.delete(s, 1),
        "there is not one tree for each block",
    ),
    "a branch is a leaf": ("tree", with_entry(0, 1, 0), "does not reach all of its entries"),
    "a leaf is ruled out": ("tree", with_entry(0, 2, 1), "ruled out that no constraint rules out"),
    "an unknown kind": ("tree", with_entry(0, 7, 1), "an entry of kind 7"),
    "a node unknown": ("tree", with_entry(1, 99, 0), "a node or label that does not exist"),
    "a node negative": ("tree", with_entry(1, -1, 0), "a node or label that does not exist"),
    "a label unknown": ("tree", with_entry(2, 5, 0), "a node or label that does not exist"),
    "a child before": ("tree", with_entry(3, 0, 0), "an entry that is not later"),
    "a child too far": ("tree", with_entry(3, 10**6, 0), "an entry that is not later"),
    "tree narrow": ("tree", lambda t: t[:, :3], "tree has shape"),
    "messages zero": ("messages", lambda m: 0 * m, "lower bound is claimed"),
    "messages large": ("messages", lambda m: m + 9 * np.arange(m.shape[1]), "spread by"),
    "messages nan": ("messages", lambda m: m * np.nan, "a message is not finite"),
    "messages few": ("messages", lambda m: m[:-1], "messages of shape"),
    "messages of others": ("messages", lambda m: m[::-1].copy(), "spread by|lower bound"),
    "inner of no leaf": ("inner", np.array([[10**6, 0]]), "inner and inner_values differ"),
    "proofs none": ("proofs", None, "no dictionary with proofs"),
    **{
        f"{name} {value!r}": (name, value, "is no .-dimensional array")
        for name in ("tree", "messages", "block_nodes", "inner_values")
        for value in (None, [], "x", 3)
    },
}


@pytest.mark.parametrize("name", FORGED)
def test_forged(result: MultiwayCutResult, name: str) -> None:
    field, value, message = FORGED[name]
    forge(result.certificate, field, value)
    assert_rejected(checked(result), message)


def test_a_relaxation_holds_as_it_is(relaxed: MultiwayCutResult) -> None:
    for exact in (False, True):
        verification = checked_relaxed(relaxed, exact=exact)
        assert verification, verification.problems
        assert verification.optimal
    assert relaxed.certificate["ruled_out"].sum() > 10
    assert len(relaxed.certificate["relaxed_rows"]) > 3


def one_row(ruled_out: Any, value: bool) -> Any:
    """All labels of the first node that has lost some."""
    ruled_out = ruled_out.copy()
    ruled_out[int(np.argmax(ruled_out.any(axis=1)))] = value
    return ruled_out


FORGED_RELAXATION: dict[str, tuple[str, Any, str]] = {
    "prices negative": ("relaxed_values", lambda v: -v, "relaxed_values are not finite"),
    "prices nan": ("relaxed_values", lambda v: v * np.nan, "relaxed_values are not finite"),
    "prices higher": ("relaxed_values", lambda v: 3 * v, "lower bound is claimed"),
    "prices none": ("relaxed_values", lambda v: 0 * v, "lower bound is claimed"),
    "price too many": ("relaxed_values", lambda v: np.r_[v, 1.0], "not one price for each"),
    "price twice": ("relaxed_rows", lambda r: np.r_[r[:-1], r[0]], "not one price for each"),
    "price of nothing": ("relaxed_rows", lambda r: r + 10**6, "a price belongs to no constraint"),
    "price before all": ("relaxed_rows", lambda r: r - 10**6, "a price belongs to no constraint"),
    "messages zero": ("relaxed_messages", lambda m: 0 * m, "lower bound is claimed"),
    "messages large": ("relaxed_messages", lambda m: m + 9 * np.arange(m.shape[1]), "spread by"),
    "messages few": ("relaxed_messages", lambda m: m[:-1], "messages of shape"),
    "messages none": ("relaxed_messages", lambda m: m[:0], "messages of shape"),
    "nothing ruled out": ("ruled_out", lambda r: r & False, "malformed|lower bound is claimed"),
    "all ruled out": ("ruled_out", lambda r: r | True, "leave no labelling"),
    "a node without labels": ("ruled_out", lambda r: one_row(r, True), "leave no labelling"),
    "other nodes ruled out": ("ruled_out", lambda r: r[::-1].copy(), "malformed|lower bound"),
    "too few nodes": ("ruled_out", lambda r: r[:-1], "ruled_out has 35 rows for 36 nodes"),
    "no nodes": ("ruled_out", lambda r: r[:0], "a relaxation rules out nothing"),
    "narrow": ("ruled_out", lambda r: r[:, :3], "ruled_out has shape"),
    "numbers": ("ruled_out", lambda r: r + 0, "ruled_out is no 2-dimensional array"),
}


@pytest.mark.parametrize("name", FORGED_RELAXATION)
def test_forged_relaxation(relaxed: MultiwayCutResult, name: str) -> None:
    field, value, message = FORGED_RELAXATION[name]
    forge(relaxed.certificate, field, value)
    assert_rejected(checked_relaxed(relaxed), message)


def test_a_relaxed_price_over_components() -> None:
    inst = instance([[1, 0.9, 0.1], [1, 0.5, 0.1]], [], [])
    given: dict[str, Any] = {"coverage": ([0, 0], [[True, False]])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LARGE", 0)
        result = inst.solve(**given)
    assert len(result.certificate["relaxed_rows"])
    assert verify(result, inst.probs, inst.graph, **given)
    result.component_ids[:] = [0, 1]
    result.components = np.repeat(result.components, 2)
    result.components["cost"] = result.components["lower_bound"] = [1.1, 0.6]
    result.n_components = 2
    verification = verify(result, inst.probs, inst.graph, **given)
    assert_rejected(verification, "a constraint with a relaxed price reaches over two components")


@pytest.mark.parametrize("field", ["tree", "messages", "price_rows", "proofs", "ruled_out"])
def test_field_missing(result: MultiwayCutResult, field: str) -> None:
    del result.certificate[field]
    assert_rejected(checked(result), "certificate is malformed")


@pytest.mark.parametrize("value", [None, {}, [], 3, "x"])
def test_no_certificate(result: MultiwayCutResult, value: Any) -> None:
    result.certificate = value
    assert_rejected(checked(result), "no dictionary with proofs")


def test_multipliers_inside(result: MultiwayCutResult) -> None:
    certificate = result.certificate
    leaf = first_leaf(certificate["tree"])
    for inner, values, message in (
        ([[10**6, 0]], [1.0], "belong to no leaf"),
        ([[leaf, 10**6]], [1.0], "does not lie inside its block"),
        ([[leaf, -1]], [1.0], "does not lie inside its block"),
        ([[leaf, 0]], [-1.0], "inner_values are not finite numbers >= 0"),
        ([[leaf, 0], [leaf, 0]], [1.0, 1.0], "two multipliers at one leaf"),
    ):
        certificate["inner"], certificate["inner_values"] = np.array(inner), np.array(values)
        assert_rejected(checked(result), message)


def test_a_larger_bound_is_not_believed(result: MultiwayCutResult) -> None:
    i = int(np.argmax(result.components["stage"] == "constraints"))
    result.components["lower_bound"][i] += 0.1
    result.components["cost"][i] += 0.1
    result.update(cost=result.cost + 0.1, lower_bound=result.lower_bound + 0.1)
    result.update(fun=result.cost, mip_dual_bound=result.lower_bound)
    assert_rejected(checked(result), "cost is claimed to be|lower bound is claimed to be")


def test_components_that_do_not_hold_together() -> None:
    inst = instance([[1, 0.5]] * 3, [], [])
    result = inst.solve(must_link=[[0, 2]])
    assert result.component_ids.tolist() == [0, 1, 0]
    result.component_ids[:] = [0, 0, 1]
    verification = verify(result, inst.probs, inst.graph, must_link=[[0, 2]])
    assert_rejected(verification, "must-linked nodes are in different components")


def test_a_constraint_over_components() -> None:
    inst = instance([[1, 0.9], [1, 0.5]], [], [])
    given = {"coverage": ([0, 0], [[True]])}
    result = inst.solve(**given)
    assert result.component_ids.tolist() == [0, 0]
    result.component_ids[:] = [0, 1]
    result.components = np.repeat(result.components, 2)
    result.components["cost"] = result.components["lower_bound"] = [0.9 + 0.1, 0.5]
    result.n_components = 2
    verification = verify(result, inst.probs, inst.graph, **given)
    assert_rejected(verification, "a block or a constraint reaches over two components")


# ---- files


def test_files_keep_the_certificate(result: MultiwayCutResult, tmp_path: Path) -> None:
    write_result(tmp_path / "out.npz", result)
    again = read_result(tmp_path / "out.npz")
    assert_same_tree(again.certificate["proofs"], result.certificate["proofs"])
    for name, array in result.certificate.items():
        if name != "proofs":
            np.testing.assert_array_equal(again.certificate[name], array)
    assert checked(again).optimal


def test_a_file_without_a_part_of_the_certificate(
    result: MultiwayCutResult, tmp_path: Path
) -> None:
    write_result(tmp_path / "out.npz", result)
    with np.load(tmp_path / "out.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "constraint_tree"}
    np.savez(tmp_path / "out.npz", **arrays)
    with pytest.raises(ValueError, match="damaged result: 'tree'"):
        read_result(tmp_path / "out.npz")


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem, out = str(tmp_path / "in.npz"), str(tmp_path / "out.npz")
    ids, tags = COVERAGE
    labels = np.full(36, -1)
    labels[0] = 0
    arrays: dict[str, Any] = {
        "probs": INST.probs,
        "edges": INST.edges,
        "weights": INST.weights,
        "image_ids": ids,
        "image_tags": tags,
        "cannot_link": CANNOT,
        "must_link": np.array([[0, 1]]),
        "node_weights": np.ones(36),
        "labels": labels,
    }
    np.savez(problem, **arrays)
    assert cli.main(["solve", problem, "-o", out, "--coverage"]) == 0
    assert cli.main(["verify", problem, out]) == 0
    text = capsys.readouterr().out
    assert "constraints  allowed, cannot_link, coverage, labels, must_link, node_weights" in text

    np.savez(problem, **(arrays | {"image_tags": np.ones_like(tags)}))
    assert cli.main(["verify", problem, out]) == 1
    assert "coverage: no proposal of image" in capsys.readouterr().out

    for name in ("image_ids", "image_tags"):
        del arrays[name]
    np.savez(problem, **arrays)
    assert cli.main(["solve", problem, "-o", out, "--coverage"]) == 2
    assert "--coverage needs image_ids and image_tags" in capsys.readouterr().err


@pytest.mark.parametrize("exact", [False, True])
def test_a_link_between_enumerated_components_is_a_problem(exact: bool) -> None:
    inst = instance(np.eye(3)[[0, 1, 2, 0]], [[0, 1], [2, 3]], [0.5, 0.5])
    plain = inst.solve(method="brute_force")
    assert plain.n_components == 2
    checked = verify(plain, inst.probs, inst.graph, must_link=[[0, 3]], exact=exact)
    assert_rejected(checked, "must_link|certificate is malformed")


def test_ruled_out_labels_that_are_no_pairs(result: MultiwayCutResult) -> None:
    step = {"kind": "rule_out", "messages": None, "ruled_out": np.zeros((1, 3), int)}
    inner = step | {"children": [{"kind": "bound", "messages": None, "parts": [], "children": []}]}
    result.proofs = [{"nodes": np.array([0]), "edges": np.empty(0, int), "proof": inner}]
    assert_rejected(checked(result), "malformed")
