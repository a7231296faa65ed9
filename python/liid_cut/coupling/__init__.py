"""How strongly neighbours pull: ``delta="auto"`` (evidence.py, estimate.py) and ``delta_path``."""

from liid_cut.coupling.estimate import DeltaEstimate, estimate_delta

__all__ = ["DeltaEstimate", "estimate_delta"]
