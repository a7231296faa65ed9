"""Faults on purpose: what happens when memory, time, disk, numbers or threads misbehave.

python -m benchmarks.faults            # writes FAULTS.md and results/faults.json
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# The instances of the Python tests, which are small and reach every stage.
TESTS = Path(__file__).resolve().parents[2] / "tests" / "python"
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))


@dataclass
class Row:
    """One kind of fault: how often it was tried, what happened, and what must not happen."""

    part: str
    fault: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def tried(self) -> int:
        """How many faults there were."""
        return sum(self.outcomes.values())
