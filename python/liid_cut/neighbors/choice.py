"""Which methods ``neighbors="auto"`` tries, from n and d alone.

Never from the clock: the same input takes the same method on any machine. The planner
(`liid_cut.planning`) asks the same function before anything is read.
"""

from __future__ import annotations

# Multiply-adds, of which a core does about 10^11 a second: up to these "auto" takes its time.
_EXACT_UP_TO = 1e12
_CERTIFIED_UP_TO = 2e13
_CERTIFIED_WIDTH = 300


def automatic_methods(n: int, d: int) -> tuple[str, ...]:
    """Methods in the order in which they are tried for features (n, d).

    ``"exact"`` is final. ``"certified"`` gives up, at the price of a sample, where its bounds would
    save too little. ``"pca"`` gives up where its recall stays below target; then ``"certified"``
    and ``"exact"`` follow, however long they take.
    """
    pairs = n**2 / 2
    if pairs * d <= _EXACT_UP_TO:
        return ("exact",)
    if pairs * min(_CERTIFIED_WIDTH, d) > _CERTIFIED_UP_TO:
        return ("pca",)
    return ("certified", "exact") if pairs * d <= _CERTIFIED_UP_TO else ("certified", "pca")
