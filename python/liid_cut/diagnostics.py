"""What a user should know about a result beyond its cost."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.problem import MultiwayCutProblem

# Below this many nodes one large component, or one label for all, is nothing to warn about.
_LEAST_NODES = 100
_MOST = 0.5


class MultiwayCutWarning(UserWarning):
    """A result that is optimal but probably not what the user wants."""


def diagnose(
    problem: MultiwayCutProblem,
    labels: npt.NDArray[np.int32],
    component_ids: npt.NDArray[np.int32],
    components: npt.NDArray[Any],
) -> dict[str, Any]:
    """Facts about the graph and the labelling, and ``warnings``, a list of sentences.

    ``neighbors``: the report of the neighbour search (:class:`liid_cut.NeighborTable`).

    ``collapsed``: the largest component holds most nodes and its cheapest labelling is one constant
    label, although the nodes themselves prefer several.
    """
    facts: dict[str, Any] = {
        "closed_by": dict(sorted(Counter(components["stage"].tolist()).items())),
        "largest_component": 0,
        "largest_component_share": 0.0,
        "collapsed": False,
        "neighbors": problem.search,
        "delta": problem.delta_report,
        "warnings": [] if problem.search is None else list(problem.search["warnings"]),
    }
    if len(components) == 0:
        return facts

    largest = int(np.argmax(components["size"]))
    share = float(components["size"][largest]) / problem.n_nodes
    facts |= {"largest_component": largest, "largest_component_share": share}
    if share <= _MOST or problem.n_nodes < _LEAST_NODES:
        return facts

    facts["warnings"].append(
        f"one component holds {share:.0%} of the nodes; symmetrize='mutual' or fewer neighbours "
        "keep components small"
    )
    members = np.flatnonzero(component_ids == largest)
    label = labels[members[0]]
    if components["status"][largest] == "optimal" and (labels[members] == label).all():
        costs = problem.probs[members]
        if problem.allowed is not None:
            costs = np.where(problem.allowed[members], costs, -1)
        if (costs.argmax(axis=1) != label).any():
            facts["collapsed"] = True
            facts["warnings"].append(
                f"the optimum is the one label {label} for all {len(members)} nodes of the largest "
                "component: edges outweigh probs; lower delta (the edge weights), or use "
                "symmetrize='mutual' or fewer neighbours"
            )
    return facts
