"""Whatever a result file holds: it is a damaged file, or ``verify`` says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instances import star, triangle, union

from liid_cut import verify
from liid_cut.files import read_result, write_result
from liid_cut.npz import read_arrays

INST = union(triangle(), star())
RESULT = INST.solve()
JUNK: list[Any] = [None, "x", -1, 1e300, float("nan"), float("inf"), [], [1, 2], [[]], {}, {"a": 1}]
NEEDED = ["cost", "lower_bound", "status", "success", "preset"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_result(tmp_path / "result.npz", RESULT)
    return tmp_path / "result.npz"


def assert_not_believed(path: Path) -> None:
    try:
        result = read_result(path)
    except ValueError as error:
        message = str(error)
    else:
        message = f"{path}: " + "".join(verify(result, INST.probs, INST.graph).problems)
    assert message.startswith(f"{path}: ")
    assert message != f"{path}: "


def facts_of(arrays: Any) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(str(arrays["facts"]))
    return facts


@pytest.mark.parametrize("name", NEEDED)
def test_fact_with_junk(name: str, file: Path) -> None:
    arrays: dict[str, Any] = read_arrays(file)
    for junk in JUNK:
        facts = facts_of(arrays) | {name: junk}
        np.savez(file, **arrays | {"facts": np.array(json.dumps(facts))})
        assert_not_believed(file)


@pytest.mark.parametrize("name", [*NEEDED, "proofs", "format", "n_components", "gap", "fun"])
def test_fact_missing(name: str, file: Path) -> None:
    arrays: dict[str, Any] = read_arrays(file)
    facts = facts_of(arrays)
    del facts[name]
    np.savez(file, **arrays | {"facts": np.array(json.dumps(facts))})
    assert_not_believed(file)


@pytest.mark.parametrize("name", ["labels", "cut_labels", "component_ids", "edges", "messages"])
@pytest.mark.parametrize("change", ["empty", "short", "long", "first", "int8", "large", "negative"])
def test_array_changed(name: str, change: str, file: Path) -> None:
    arrays: dict[str, Any] = read_arrays(file)
    array = arrays[name]
    if name == "messages" and change == "large":
        pytest.skip("is valid: a constant for all labels")
    arrays[name] = {
        "empty": array[:0],
        "short": array[:-1],
        "long": np.concatenate([array, array[:1]]),
        "first": array[..., :1] if array.ndim == 2 else array[:1],
        "int8": (array + 100).astype(np.int8),
        "large": array + np.full_like(array, 2**31 - 10),
        "negative": -array - 1,
    }[change]
    np.savez(file, **arrays)
    assert_not_believed(file)


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "null", "3", '"x"', "", '{"a":' * 50_000])
def test_facts_of_another_kind(text: str, file: Path) -> None:
    arrays: dict[str, Any] = read_arrays(file)
    np.savez(file, **arrays | {"facts": np.array(text)})
    with pytest.raises(ValueError, match=r"result\.npz: damaged result: "):
        read_result(file)
