"""What the Python fuzzers share: bytes as numbers, a tally, and the loop of atheris.

Run as ``python tests/fuzz/fuzz_api.py [libFuzzer's flags] [CORPUS_FOLDER]``; see
``benchmarks/fuzzing.py``.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

tally: Counter[str] = Counter()
_TOLD_EVERY = 500

_NEAR_TIES = [0, 0.1, 0.2, 0.3, 0.1 + 0.2, 1 / 3, 2 / 3, 0.7, 1 - 2**-52, 1, 1 + 2**-52, 2, 3]
_EXTREMES = [0, -0.0, 5e-324, 1e-300, 1e-30, 1e-9, 1e-3, 1, 3, 1e9, 1e17, 1e30, 1e100, 1e300]
_BYTES = np.arange(256)
# What a byte weighs, by kind: the kinds of tests/fuzz/bytes.hpp.
WEIGHTS = np.stack(
    [
        0.25 * (_BYTES % 9),
        _BYTES % 2,
        _BYTES / 255,
        np.array(_NEAR_TIES)[_BYTES % len(_NEAR_TIES)],
        10.0 ** (_BYTES % 25 - 12),
        np.array(_EXTREMES)[_BYTES % len(_EXTREMES)],
    ]
)


class Bytes:
    """The input as a stream of numbers; zeros past its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def next(self) -> int:
        """The next byte."""
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def integer(self, low: int, high: int) -> int:
        """One of low..high."""
        return low + self.next() % (high - low + 1)

    def choice(self, values: Any) -> Any:
        """One of some values."""
        return values[self.next() % len(values)]

    def array(self, n: int) -> Any:
        """The next n bytes, int64."""
        raw = self.data[self.at : self.at + n].ljust(n, b"\0")
        self.at += n
        return np.frombuffer(raw, dtype=np.uint8).astype(np.int64)

    def weights(self, kind: int, n: int) -> Any:
        """The next n bytes as weights of a kind."""
        return WEIGHTS[kind][self.array(n)]

    def weight_kind(self) -> int:
        """A row of WEIGHTS."""
        return self.integer(0, len(WEIGHTS) - 1)

    def rest(self) -> bytes:
        """What is left."""
        rest = self.data[self.at :]
        self.at = len(self.data)
        return rest


def instrumented(*packages: str) -> AbstractContextManager[Any]:
    """Imports inside report their coverage; without atheris, which the tests do not need, not."""
    try:
        import atheris
    except ImportError:
        return nullcontext()
    context: AbstractContextManager[Any] = atheris.instrument_imports(include=list(packages))
    return context


def require(condition: Any, why: str) -> None:
    """End the run where something is wrong; the fuzzer keeps the input."""
    if not condition:
        raise AssertionError(why)


def fuzz(one_input: Callable[[bytes], None]) -> None:
    """Hand inputs to ``one_input`` as the command line says."""
    import atheris

    # libFuzzer ends the process without a word to Python: what was counted is told as it grows.
    calls = itertools.count(1)

    def counted(data: bytes) -> None:
        one_input(data)
        if next(calls) % _TOLD_EVERY == 0:
            print("TALLY", json.dumps(tally), file=sys.stderr, flush=True)

    atheris.Setup(sys.argv, counted)
    atheris.Fuzz()
