"""The Python fuzzers (tests/fuzz) on their kept inputs and some more; nox -s fuzz searches.

An input that showed a fault stays among the kept ones.
"""

from __future__ import annotations

import importlib
import random
import sys
import warnings
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"


@pytest.mark.parametrize("target", ["api", "files", "readers"])
def test_fuzzer(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if target == "readers":
        pytest.importorskip("h5py")
        pytest.importorskip("pycocotools")
    monkeypatch.syspath_prepend(str(FUZZ))
    monkeypatch.setitem(sys.modules, "atheris", None)
    fuzzer = importlib.import_module(f"fuzz_{target}")
    numbers = random.Random(1)
    inputs = [numbers.randbytes(numbers.randint(8, 80)) for _ in range(150)]
    kept = [bytes.fromhex(line) for line in (FUZZ / "corpus" / f"{target}.hex").read_text().split()]
    assert kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in [*kept, *inputs]:
            fuzzer.one_input(data)
