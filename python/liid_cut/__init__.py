"""Provably optimal multi-way cuts of nearest-neighbour graphs.

The one call most users make::

    result = multiway_cut(probs, feats)

labels n proposals from their class probabilities and features: it builds the top-3 cosine
nearest-neighbour graph, and finds the labelling whose multi-way cut is provably cheapest
(Liu et al., "Leveraging Instance-, Image- and Dataset-Level Information for Weakly Supervised
Instance Segmentation", TPAMI 2020, section 5).
"""

from typing import TYPE_CHECKING, Any

from liid_cut import _interpreter  # noqa: F401 - first: it may refuse the import
from liid_cut._core import __version__
from liid_cut.api import multiway_cut, solve
from liid_cut.boxes import batched_mask_nms, batched_nms, mask_areas
from liid_cut.ckr import ckr_model
from liid_cut.confidence import cut_margins, fit_temperature, label_distributions
from liid_cut.coupling.path import DeltaPath, DeltaPathPoint, delta_path
from liid_cut.diagnostics import MultiwayCutWarning
from liid_cut.gco import cut_general_graph
from liid_cut.graph import build_graph
from liid_cut.min_marginals import MinMarginals, min_marginals
from liid_cut.neighbors import NeighborTable, RecallWarning, find_neighbors
from liid_cut.planning import RunPlan, plan_run
from liid_cut.problem import MultiwayCutProblem, make_problem
from liid_cut.progress import Progress
from liid_cut.tags import tags_to_allowed
from liid_cut.verify import Verification, verify

if TYPE_CHECKING:
    from liid_cut.estimator import MultiwayCutClassifier as MultiwayCutClassifier
    from liid_cut.result import MultiwayCutResult as MultiwayCutResult

__all__ = [
    "DeltaPath",
    "DeltaPathPoint",
    "MinMarginals",
    "MultiwayCutProblem",
    "MultiwayCutResult",
    "MultiwayCutWarning",
    "NeighborTable",
    "Progress",
    "RecallWarning",
    "RunPlan",
    "Verification",
    "__version__",
    "batched_mask_nms",
    "batched_nms",
    "build_graph",
    "ckr_model",
    "cut_general_graph",
    "cut_margins",
    "delta_path",
    "find_neighbors",
    "fit_temperature",
    "label_distributions",
    "make_problem",
    "mask_areas",
    "min_marginals",
    "multiway_cut",
    "plan_run",
    "solve",
    "tags_to_allowed",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import what needs scikit-learn or SciPy's optimisers when it is asked for."""
    if name == "MultiwayCutResult":
        from liid_cut.result import MultiwayCutResult

        return MultiwayCutResult
    if name != "MultiwayCutClassifier":
        raise AttributeError(f"module 'liid_cut' has no attribute {name!r}")
    try:
        from liid_cut.estimator import MultiwayCutClassifier
    except ImportError as error:
        raise ImportError(
            f"{name} needs scikit-learn >= 1.6 (pip install 'liid-cut[sklearn]'): {error}"
        ) from error
    return MultiwayCutClassifier


def __dir__() -> list[str]:
    """Names for completion, those that are imported when asked for too."""
    return sorted({*globals(), *__all__, "MultiwayCutClassifier"})
