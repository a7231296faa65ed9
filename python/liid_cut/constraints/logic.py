"""What constraints imply about single labels, and which of them a labelling meets.

Both kinds of constraints are about literals, pairs of a node and a label: *tags*, of whose literals
one at least is taken, and *pairs* of nodes that never take the same label. Unit propagation rules
out labels until nothing follows any more: a node with one label left takes that label from the
nodes that it must not share it with; a tag with one literal left gets it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Logic:
    """Constraints on nodes 0..n-1.

    Attributes
    ----------
    pairs : (b, 2) int64, nodes of different labels.
    labels : (J,) int64, the label of each tag.
    nodes, of : (L,) int64, the nodes of the literals, and the tag that each belongs to, ascending.
    """

    pairs: Ints
    labels: Ints
    nodes: Ints
    of: Ints

    @property
    def literal_labels(self) -> Ints:
        """(L,) int64, the label of each literal."""
        return self.labels[self.of]

    def broken_pairs(self, labels: npt.NDArray[np.integer]) -> Ints:
        """Pairs whose nodes share a label."""
        same = labels[self.pairs[:, 0]] == labels[self.pairs[:, 1]]
        return np.flatnonzero(same)

    def broken_tags(self, labels: npt.NDArray[np.integer]) -> Ints:
        """Tags that no node takes."""
        taken = labels[self.nodes] == self.literal_labels
        return np.flatnonzero(np.bincount(self.of[taken], minlength=len(self.labels)) == 0)

    def propagate(self, allowed: Bools) -> tuple[str, int] | None:
        """Rule out, in ``allowed`` (n, K+1), what cannot be; a contradiction, if there is one.

        That is ("node", u) for a node without any label left, ("tag", j) for a tag that no node can
        take.
        """
        literal_labels = self.literal_labels
        while True:
            before = int(allowed.sum())
            count = allowed.sum(axis=1)
            if (count == 0).any():
                return "node", int(np.argmin(count))
            if len(self.pairs):
                single = count == 1
                for a, b in (self.pairs.T, self.pairs.T[::-1]):
                    decided = single[a]
                    allowed[b[decided], allowed[a[decided]].argmax(axis=1)] = False
            if len(self.labels):
                alive = allowed[self.nodes, literal_labels]
                left = np.bincount(self.of[alive], minlength=len(self.labels))
                if (left == 0).any():
                    return "tag", int(np.argmin(left))
                last = alive & (left[self.of] == 1)
                only = np.zeros((int(last.sum()), allowed.shape[1]), dtype=bool)
                only[np.arange(len(only)), literal_labels[last]] = True
                np.logical_and.at(allowed, self.nodes[last], only)
            if int(allowed.sum()) == before:
                return None
