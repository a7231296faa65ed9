"""The coupling of blocks: which labelling each takes, and what the constraints across are worth.

Input: blocks with the labellings found so far (columns), and constraints across them. The linear
program that mixes columns of each block so that every constraint holds gives prices, the dual
values (Dantzig and Wolfe 1960); its integer version gives the cheapest labelling that these columns
allow. Both by HiGHS through SciPy, single-threaded: the same answer every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from liid_cut.constraints.blocks import Block, OutOfTime
from liid_cut.constraints.inputs import Ints
from liid_cut.constraints.reduced import Floats

_TOLERANCE = 1e-10  # the least that HiGHS takes
_INTEGRAL = 1e-6
_MOST_SEARCH_NODES = 2000
_LIMIT = 1  # SciPy's status where a limit struck
_LARGEST_COST = 1e15  # HiGHS takes 1e20 for infinite, and loses its way before


def scale_of(costs: Floats) -> float:
    """What to divide costs by before HiGHS sees them: 1, but for huge ones."""
    largest = float(np.abs(costs).max(initial=0.0))
    return largest if largest > _LARGEST_COST else 1.0


@dataclass
class Mixture:
    """A solution of the linear program.

    ``prices`` by constraint; ``worth`` (blocks,): a column is of use only if its cost less what it
    earns is below that of its block; ``weights``: of the columns of each block.
    """

    prices: dict[int, float]
    worth: Floats
    weights: list[Floats]


class Master:
    """The program of some blocks and constraints, number and sign."""

    def __init__(
        self, blocks: Sequence[Block], rows: dict[int, int], seconds: float = np.inf
    ) -> None:
        self.blocks, self.rows = blocks, rows
        self.options = {"time_limit": seconds} if np.isfinite(seconds) else {}
        index = {row: i for i, row in enumerate(rows)}
        sizes = [len(block.columns) for block in blocks]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.costs = np.concatenate([np.array(block.column_costs) for block in blocks])
        self.block_of = np.repeat(np.arange(len(blocks)), sizes)
        row_of: list[Ints] = []
        column_of: list[Ints] = []
        entries: list[Floats] = []
        for block, start in zip(blocks, self.starts, strict=False):
            for row, price in block.prices.items():
                taken = start + block.columns_taking(price)
                row_of.append(np.full(len(taken), index[row]))
                column_of.append(taken)
                entries.append(np.full(len(taken), float(price.sign)))
        none = np.empty(0, dtype=np.int64)
        n_columns = int(self.starts[-1])
        self.coupling = scipy.sparse.csr_array(
            (
                np.concatenate([*entries, np.empty(0)]),
                (np.concatenate([*row_of, none]), np.concatenate([*column_of, none])),
            ),
            shape=(len(rows), n_columns),
        )
        self.one_each = scipy.sparse.csr_array(
            (np.ones(n_columns), (self.block_of, np.arange(n_columns))),
            shape=(len(blocks), n_columns),
        )
        self.least = np.array(list(rows.values()), dtype=np.float64)

    def mix(self) -> Mixture:
        """Solve the linear program.

        Raises
        ------
        OutOfTime
        """
        options = self.options | {
            "dual_feasibility_tolerance": _TOLERANCE,
            "primal_feasibility_tolerance": _TOLERANCE,
        }
        scale = scale_of(self.costs)
        found = scipy.optimize.linprog(
            self.costs / scale,
            A_ub=-self.coupling if len(self.rows) else None,
            b_ub=-self.least if len(self.rows) else None,
            A_eq=self.one_each,
            b_eq=np.ones(len(self.blocks)),
            method="highs-ds",
            options=options,
        )
        if found.status == _LIMIT:
            raise OutOfTime("time_limit")
        if found.x is None:  # numbers that double arithmetic cannot hold together
            raise OutOfTime("unproven")
        duals = np.maximum(0.0, -found.ineqlin.marginals) if len(self.rows) else np.empty(0)
        return Mixture(
            dict(zip(self.rows, (scale * duals).tolist(), strict=True)),
            scale * found.eqlin.marginals,
            np.split(found.x, self.starts[1:-1]),
        )

    def choose(self) -> list[int] | None:
        """A column of each block: the cheapest that meet the constraints, if found."""
        constraints = [scipy.optimize.LinearConstraint(self.one_each, 1, 1)]
        if self.rows:
            constraints.append(scipy.optimize.LinearConstraint(self.coupling, self.least, np.inf))
        found = scipy.optimize.milp(
            self.costs / scale_of(self.costs),
            constraints=constraints,
            integrality=1,
            bounds=scipy.optimize.Bounds(0, 1),
            options=self.options | {"mip_rel_gap": 0.0, "node_limit": _MOST_SEARCH_NODES},
        )
        if found.x is None:
            return None
        return [int(np.argmax(part)) for part in np.split(found.x, self.starts[1:-1])]


def integral(weights: list[Floats]) -> list[int] | None:
    """The columns of a mixture that mixes nothing; None: it mixes."""
    if any(part.max() < 1 - _INTEGRAL for part in weights):
        return None
    return [int(np.argmax(part)) for part in weights]
