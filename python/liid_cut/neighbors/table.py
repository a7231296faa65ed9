"""What a neighbour search returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from liid_cut.neighbors.rows import Floats, Ints


class RecallWarning(UserWarning):
    """A search found fewer of the nearest neighbours than it was asked to."""


@dataclass(frozen=True)
class NeighborTable:
    """Nearest other rows of every row; `delta` and `symmetrize` act on it without a new search.

    Pass it as ``neighbors=`` to :func:`liid_cut.multiway_cut` or :func:`liid_cut.build_graph`.

    Attributes
    ----------
    ids : (n, k) int64, nearest first, the lower row first at equal similarity; -1 where a row has
        fewer neighbours.
    similarities : (n, k) float64, cosines in [-1, 1]; -inf where the id is -1.
    report : dict; how the table was made:

        - ``requested``, ``method``: the setting, and the method that was used;
        - ``reason``: why this method and how it went;
        - ``recall``: share of the true neighbours found, measured on ``recall_queries`` rows that
          were searched exactly, with a 95 % ``recall_interval``; or 1 where ``proven`` is True;
          None for neighbours that the user brought;
        - ``target_recall``; ``warnings``, a list of sentences.
    """

    ids: Ints
    similarities: Floats
    report: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)
