"""Proofs in files: all kinds come back, damage is a ``ValueError`` that names the file."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hard_instances import NESTED, NESTED_WITH_CUTS, SMALL, with_chains
from instances import Instance, simplex_grid, star, triangle, union
from proof_steps import bound, branch, part, proof_of_the_triangle
from reference import assert_rejected, assert_same_bits, assert_same_tree, steps_of

from liid_cut import verify
from liid_cut.files import read_result, write_result
from liid_cut.npz import read_arrays
from liid_cut.proof_files import pack, unpack

SAVED: dict[str, Instance] = {
    "none": star(),
    "triangle": triangle(),
    "several": union(triangle(), star(), simplex_grid(3), triangle()),
    "trees": with_chains(SMALL, seed=0, probs=0.02),
    "nested": NESTED,
    "nested with cuts": NESTED_WITH_CUTS,
}


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("method", ["auto", "ckr"])
def test_file_comes_back(name: str, method: str, tmp_path: Path) -> None:
    inst = SAVED[name]
    result = inst.solve(method=method)
    write_result(tmp_path / "result.npz", result)
    again = read_result(tmp_path / "result.npz")
    assert_same_bits(again, result)
    verification = verify(again, inst.probs, inst.graph, allowed=inst.allowed)
    assert verification, verification.problems
    assert verification.optimal


@pytest.mark.parametrize(("name", "has_cuts"), [("nested", False), ("nested with cuts", True)])
def test_the_nested_ones_are_nested(name: str, has_cuts: bool) -> None:
    steps = steps_of(SAVED[name].solve().proofs)
    assert max(depth for depth, _ in steps) >= 3
    assert {step["kind"] for _, step in steps} == {"bound", "branch", "rule_out"}
    assert any(step.get("cuts") for _, step in steps) == has_cuts


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("method", ["auto", "ckr"])
def test_packed_proofs_are_json_and_flat_arrays(name: str, method: str) -> None:
    proofs = SAVED[name].solve(method=method).proofs
    before = copy.deepcopy(proofs)
    facts, arrays = pack(proofs)
    assert {key: (a.ndim, a.dtype.name) for key, a in arrays.items()} == {
        "proof_floats": (1, "float64"),
        "proof_ints": (1, "int64"),
    }
    assert_same_tree(unpack(json.loads(json.dumps(facts)), arrays), proofs)
    assert_same_tree(proofs, before)


def test_long_chains_of_branches() -> None:
    step = bound(np.zeros((3, 3)))
    for i in range(5000):
        step = branch(i % 3, 0, [bound(), step])
    proofs = [part([0, 1, 2], [0, 1, 2], step)]
    facts, arrays = pack(proofs)
    again = unpack(facts, arrays)
    steps = steps_of(again)
    assert len(steps) == 10_001
    assert [s["node"] for _, s in steps if "node" in s] == [
        s["node"] for _, s in steps_of(proofs) if "node" in s
    ]


# ---- damage

TRIANGLE = SAVED["triangle"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Top: part 0 proven by step 0, a rule-out of step 1, a bound with a part proven by step 2."""
    path = tmp_path / "result.npz"
    result = TRIANGLE.solve()
    result.proofs = proof_of_the_triangle()
    write_result(path, result)
    facts = json.loads(str(read_arrays(path)["facts"]))
    kinds = [step["kind"] for step in facts["proofs"]["steps"]]
    assert kinds == ["rule_out", "bound", "branch", "bound", "bound"]
    return path


def damage(path: Path, edit: Callable[[Any], object]) -> Path:
    """The file with the facts about its proofs edited."""
    arrays: dict[str, Any] = read_arrays(path)
    facts = json.loads(str(arrays["facts"]))
    edit(facts["proofs"])
    np.savez(path, **arrays | {"facts": np.array(json.dumps(facts))})
    return path


def put(index: int, name: str, value: Any) -> Callable[[Any], object]:
    return lambda proofs: proofs["steps"][index].update({name: value})


DAMAGED: dict[str, tuple[Callable[[Any], object], str]] = {
    "step unknown": (put(0, "children", [5]), "a proof names step 5"),
    "step negative": (put(0, "children", [-1]), "a proof names step -1"),
    "step in itself": (put(0, "children", [0]), "a proof names step 0"),
    "step before": (put(2, "children", [0, 1]), "a proof names step 0"),
    "step of no integer": (put(0, "children", ["a"]), ""),
    "children missing": (lambda p: p["steps"][0].pop("children"), "'children'"),
    "children of no list": (put(0, "children", 7), ""),
    "kind missing": (lambda p: p["steps"][0].pop("kind"), "'kind'"),
    "parts missing": (lambda p: p["steps"][1].pop("parts"), "'parts'"),
    "part before": (lambda p: p["steps"][1]["parts"][0].update(proof=1), "a proof names step 1"),
    "top part unknown": (lambda p: p["parts"][0].update(proof=99), "a proof names step 99"),
    "top part negative": (lambda p: p["parts"][0].update(proof=-1), "a proof names step -1"),
    "more floats": (put(0, "messages", [99, 3]), "proofs are cut short"),
    "more ints": (put(0, "ruled_out", [99, 2]), "proofs are cut short"),
    "negative shape": (put(0, "messages", [-1, 3]), r"an array of shape \[-1, 3\]"),
    "endless shape": (put(0, "messages", [float("inf"), 3]), r"an array of shape \[inf, 3\]"),
    "two negatives": (put(0, "messages", [-1, -3]), ""),
    "shape that wraps": (put(0, "messages", [2**62, 4]), ""),
    "shape of no integer": (put(0, "messages", [0.5]), ""),
    "shape of a string": (put(0, "messages", "three"), ""),
    "shape of null": (put(0, "messages", [None]), ""),
    "steps missing": (lambda p: p.pop("steps"), "'steps'"),
    "steps of no list": (lambda p: p.update(steps=3), ""),
    "a step of no object": (lambda p: p["steps"].__setitem__(0, 3), ""),
    "parts of no list": (lambda p: p.update(parts=None), ""),
    "a part of no object": (lambda p: p.update(parts=[3]), ""),
    "cuts of no list": (put(3, "cuts", 3), ""),
    "a cut of no object": (put(3, "cuts", [3]), ""),
    "cut without edges": (put(3, "cuts", [{"named": [0], "multiplier": 0.0}]), "'edges'"),
    "cut without names": (put(3, "cuts", [{"edges": [0], "multiplier": 0.0}]), "'named'"),
    "cut without multiplier": (put(3, "cuts", [{"edges": [0], "named": [0]}]), "'multiplier'"),
    "cut with too many edges": (
        put(3, "cuts", [{"edges": [99], "named": [0], "multiplier": 0.0}]),
        "proofs are cut short",
    ),
    "one step twice": (put(2, "children", [3, 3]), "step"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_facts(name: str, file: Path) -> None:
    edit, message = DAMAGED[name]
    with pytest.raises(ValueError, match=rf"result\.npz: damaged result: .*{message}"):
        read_result(damage(file, edit))


@pytest.mark.parametrize("proofs", [None, 3, "x", [], [[]], {}])
def test_facts_without_proofs(proofs: Any, file: Path) -> None:
    arrays: dict[str, Any] = read_arrays(file)
    facts = json.loads(str(arrays["facts"])) | {"proofs": proofs}
    np.savez(file, **arrays | {"facts": np.array(json.dumps(facts))})
    with pytest.raises(ValueError, match=r"result\.npz: damaged result: "):
        read_result(file)


@pytest.mark.parametrize("name", ["proof_floats", "proof_ints"])
@pytest.mark.parametrize("change", ["missing", "short", "2-d", "bytes"])
def test_damaged_arrays(name: str, change: str, file: Path) -> None:
    arrays: dict[str, Any] = read_arrays(file)
    array = arrays.pop(name)
    changed = {"short": array[:-1], "2-d": array[:, None], "bytes": array.astype("S4")}
    messages = {"missing": name, "short": "proofs are cut short"}
    np.savez(file, **arrays | ({name: changed[change]} if change in changed else {}))
    message = messages.get(change, "proofs are stored as shape")
    with pytest.raises(ValueError, match=rf"result\.npz: damaged result: .*{message}"):
        read_result(file)


@pytest.mark.parametrize(("name", "value"), [("node", 99), ("node", None), ("label", "a")])
def test_what_a_file_claims_is_for_verify(name: str, value: Any, file: Path) -> None:
    forged = read_result(damage(file, put(2, name, value)))
    assert_rejected(verify(forged, TRIANGLE.probs), "the certificate is malformed")
