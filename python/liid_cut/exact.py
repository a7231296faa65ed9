"""Exact arithmetic for checks of results: every float64 is an integer times a power of two.

Input: arrays of float64. Output: arrays of Python integers, in units of one power of two that is
fine enough for all weights of a problem, so that sums and differences are exact; and
:class:`ExactScope`, in which proofs are counted so. Dual messages and multipliers may be chosen
freely: what is finer in them than the unit is rounded away first, and messages that rounding made a
little too large for their edge are cut to what it allows. Any such choice proves a bound, and that
bound is then exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.proofs import ROUNDING, Malformed, Scope

_MANTISSA_BITS = 53
# Messages keep so many bits below the largest weight.
_BITS_OF_MESSAGES = 160
_ROUNDING = Fraction(ROUNDING)


class Infinite:
    """The cost of a label that is not allowed: larger than every integer."""

    def __add__(self, _: Any) -> Infinite:
        return self

    __radd__ = __sub__ = __add__

    def __lt__(self, _: Any) -> bool:
        return False

    def __le__(self, other: Any) -> bool:
        return other is self

    def __gt__(self, other: Any) -> bool:
        return other is not self

    def __ge__(self, _: Any) -> bool:
        return True

    def __float__(self) -> float:
        return float("inf")


INFINITE: Any = Infinite()


@dataclass(frozen=True)
class Unit:
    """Integers k that stand for ``k * 2**-shift``."""

    shift: int

    @classmethod
    def of(cls, arrays: Iterable[npt.NDArray[np.floating[Any]]]) -> Unit:
        """A unit of which every number in ``arrays`` is a multiple."""
        least, most = [], []
        for array in arrays:
            exponents = np.frexp(np.asarray(array, dtype=np.float64)[np.asarray(array) != 0])[1]
            if exponents.size:
                least.append(int(exponents.min()))
                most.append(int(exponents.max()))
        if not least:
            return cls(0)
        return cls(max(_MANTISSA_BITS - min(least), _BITS_OF_MESSAGES - max(most)))

    def count(self, values: Any) -> Any:
        """Finite floats as an array of integers of this unit; what is finer is rounded down."""
        mantissas, exponents = np.frexp(np.asarray(values, dtype=np.float64))
        integers = np.ldexp(mantissas, _MANTISSA_BITS).astype(np.int64).astype(object)
        by = exponents.astype(np.int64) - _MANTISSA_BITS + self.shift
        finer = integers >> np.maximum(-by, 0).astype(object)
        return np.asarray(finer << np.maximum(by, 0).astype(object), dtype=object)

    def fraction(self, count: Any) -> Fraction:
        """What an integer stands for."""
        return Fraction(count) / Fraction(2) ** self.shift


def group_sums(groups: npt.NDArray[Any], values: Any, n: int) -> Any:
    """Sums of rows by group, for groups 0 to n-1."""
    sums = np.zeros((n, *values.shape[1:]), dtype=object)
    np.add.at(sums, groups, values)
    return sums


@dataclass(frozen=True)
class ExactScope(Scope):
    """A scope that counts in integers; ``weights`` are in ``unit``."""

    unit: Unit = field(default_factory=lambda: Unit(0))

    @property
    def infinite(self) -> Any:
        """The cost of a label that is not left."""
        return INFINITE

    def numbers(self, values: Any) -> Any:
        """Finite numbers of a proof in this scope's unit."""
        values = np.asarray(values, dtype=np.float64)
        if not np.isfinite(values).all():
            raise Malformed("a message is not finite")
        return self.unit.count(values)

    def gained(self, cuts: Any) -> Any:
        """What cuts add to the bound."""
        return 2 * sum(self.numbers([cut["multiplier"] for cut in cuts]).tolist())

    def total(self, terms: Any) -> Any:
        """Sum of terms; a node without any label left makes it infinite."""
        return sum(np.asarray(terms, dtype=object).tolist())

    def with_messages(self, costs: Any, messages: Any, cuts: Any = ()) -> Any:
        """Costs (nodes, K+1) plus messages (edges, K+1), less what the cuts take; all checked.

        Where cuts take more of an edge than its weight, by rounding, its first end pays for that.
        """
        costs, free = costs.copy(), self.weights.copy()
        for cut in cuts:
            columns, named, rounded = self.checked_cut(cut, costs.shape[1])
            multiplier = self.numbers(rounded)[()]
            costs[named, np.arange(costs.shape[1])] -= 2 * multiplier
            free[columns] -= multiplier
        short = np.flatnonzero(free < 0)
        np.add.at(costs, self.ends[short, 0], free[short, None])
        free[short] = 0
        return costs + self.sums_of_messages(self.checked_messages(messages, free, costs.shape[1]))

    def checked_messages(self, messages: Any, free: Any, n_labels: int) -> Any:
        """Messages whose smallest is 0 on every edge, and that spread by at most ``free``."""
        if messages.shape != (len(self.edges), n_labels):
            raise Malformed(f"messages of shape {messages.shape} for {len(self.edges)} edges")
        messages = messages - messages.min(axis=1, keepdims=True)
        rounding = self.weights * _ROUNDING.numerator // _ROUNDING.denominator
        self.check_spread(messages.max(axis=1), free, rounding + 1)  # 1: to this unit
        return np.minimum(messages, free[:, None])

    def shown(self, number: Any) -> float:
        """A number as messages show it."""
        return float(self.unit.fraction(number))

    def sums_of_messages(self, messages: Any) -> Any:
        """What messages (edges, K+1) add to the costs (nodes, K+1)."""
        n = len(self.nodes)
        sums = group_sums(self.ends[:, 0], messages, n)
        np.subtract.at(sums, self.ends[:, 1], messages)
        return sums
