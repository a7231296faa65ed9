"""The exact check of a result under constraints; see :mod:`liid_cut.exact_checker`.

The links are worked into the problem as in :mod:`.reduced`, whose structure knows no weights; the
weights of joined nodes and edges are added up in integers, and the certificate is counted so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from liid_cut.constraints.checker import ConstrainedChecker
from liid_cut.constraints.inputs import Ints
from liid_cut.constraints.reduced import Reduced
from liid_cut.exact import INFINITE, ExactScope, Unit, group_sums
from liid_cut.exact_checker import ExactChecker


@dataclass(frozen=True)
class ExactReduced(Reduced):
    """The reduced problem with ``probs`` and ``weights`` as integers in ``unit``."""

    unit: Unit = field(default_factory=lambda: Unit(0))

    @property
    def infinite(self) -> Any:
        """The cost of a label that is not allowed."""
        return INFINITE

    def zeros(self, n: int) -> Any:
        """Room for n sums."""
        return np.zeros(n, dtype=object)

    def scope(self, n_nodes: int, ends: Any, weights: Any) -> ExactScope:
        """Nodes and edges that a proof is about, numbered from 0."""
        return ExactScope(np.arange(n_nodes), np.arange(len(ends)), ends, weights, self.unit)

    def costs(self, nodes: Ints) -> Any:
        """Costs (nodes, K+1) of the labels; INFINITE where not allowed."""
        rows = self.probs[nodes]
        return np.where(self.allowed[nodes], rows.sum(axis=1, keepdims=True) - rows, INFINITE)

    def leave(self, costs: Any, rows: Ints, edges: Ints, sign: Any, messages: Any) -> None:
        """Add the messages of edges that leave a block to the costs of its nodes."""
        signs = sign.astype(np.int64).astype(object)[:, None]
        np.add.at(costs, rows, signs * np.minimum(messages, self.weights[edges, None]))

    def messages(self, messages: Any) -> Any:
        """Messages (m', K+1) of the edges from those (m, K+1) of the problem's edges."""
        counted = self.scope(0, self.edges[:0], self.weights[:0]).numbers(messages)
        kept = np.flatnonzero(self.edge_of >= 0)
        signs = self.sign[kept].astype(np.int64).astype(object)[:, None]
        return group_sums(self.edge_of[kept], signs * counted[kept], len(self.edges))


class ExactConstrainedChecker(ConstrainedChecker, ExactChecker):
    """The claims of a result on a problem with constraints, in integers."""

    @cached_property
    def problem(self) -> ExactReduced:
        """The problem with the links worked in."""
        reduced = vars(super().problem)
        kept = np.flatnonzero(reduced["edge_of"] >= 0)
        probs, weights = self.unit.count(self.probs), self.unit.count(self.weights[kept])
        joined = {
            "probs": group_sums(reduced["group"], probs, len(reduced["allowed"])),
            "weights": group_sums(reduced["edge_of"][kept], weights, len(reduced["edges"])),
        }
        return ExactReduced(**reduced | joined, unit=self.unit)

    def always_cut(self) -> Any:
        """Weights, by component, of the edges between nodes that must differ."""
        cut = np.flatnonzero(self.problem.always_cut)
        return self.per_component(self.unit.count(self.weights[cut]), self.edges[cut, 0])
