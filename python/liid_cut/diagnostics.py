"""What a user should know about a result beyond its cost.

A cut *collapses* when edges outweigh the terminals: the cheapest labelling is proven, and useless.
The signs, of labels against what the nodes prefer by themselves (their largest terminal weight), of
all nodes and of a component that holds most of them:

- labels die out: those that have lost nine tenths of the nodes that prefer them had, together, at
  least a tenth of all nodes;
- few labels are left: the effective number of labels, exp(entropy of their shares), is less than a
  quarter of that of the preferences;
- that component is all but constant, with a label that most there do not prefer.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.components import component_table
from liid_cut.problem import MultiwayCutProblem

Counts = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int32]

# Below this many nodes one large component, or one label for all, is nothing to warn about.
_LEAST_NODES = 100
_MOST = 0.5
# A label that fewer nodes prefer may well be a mistake of the classifier that the graph mends.
_LEAST_PREFERRED = 10
_LOST_SHARE = 0.9
_LOST_NODES = 0.1
_FEW_LABELS = 0.25
_CONSTANT = 0.95


class MultiwayCutWarning(UserWarning):
    """A result that is optimal but probably not what the user wants."""


def diagnose(
    problem: MultiwayCutProblem,
    labels: npt.NDArray[np.int32],
    component_ids: npt.NDArray[np.int32],
    components: npt.NDArray[Any],
    preferences: tuple[npt.NDArray[Any], npt.NDArray[np.bool_]] | None = None,
) -> dict[str, Any]:
    """Facts about the graph and the labelling, and ``warnings``, a list of sentences.

    ``neighbors``: the report of the neighbour search (:class:`liid_cut.NeighborTable`).
    ``delta``: how delta was chosen (:class:`liid_cut.MultiwayCutProblem`).
    ``collapsed``: whether edges outweigh the terminals, as the head of this file says; then the
    last warning tells how it shows and which settings mend it.
    ``lost_labels``: those that died out.
    ``preferences``: of the problem's nodes, where they are known (:func:`preferences_of`).
    """
    facts: dict[str, Any] = {
        "closed_by": dict(sorted(Counter(components["stage"].tolist()).items())),
        "largest_component": 0,
        "largest_component_share": 0.0,
        "collapsed": False,
        "lost_labels": [],
        "neighbors": problem.search,
        "delta": problem.delta_report,
        "warnings": [] if problem.search is None else list(problem.search["warnings"]),
    }
    if len(components) == 0:
        return facts

    largest = int(np.argmax(components["size"]))
    share = float(components["size"][largest]) / problem.n_nodes
    facts |= {"largest_component": largest, "largest_component_share": share}
    if problem.n_nodes < _LEAST_NODES:
        return facts
    if preferences is None:
        preferences = preferences_of(problem.probs, problem.allowed)
    preferred, decided = preferences
    facts["lost_labels"] = _lost_labels(preferred[decided], labels[decided])[2].tolist()
    sign = None
    if share > _MOST:
        members = decided & (component_ids == largest)
        sign = _constant_label(preferred[members], labels[members]) or _fewer_labels(
            preferred[members], labels[members], "nodes of the largest component"
        )
    sign = sign or _fewer_labels(preferred[decided], labels[decided], "nodes")
    proven = (components["status"] == "optimal").all()
    if share > _MOST and (sign is not None or not proven):
        facts["warnings"].append(
            f"one component holds {share:.0%} of the nodes; symmetrize='mutual' or fewer "
            "neighbours keep components small"
        )
    if sign is not None:
        facts["collapsed"] = True
        labelling = "optimum" if proven else "best labelling so far"
        facts["warnings"].append(f"the {labelling} {sign}: edges outweigh probs; {_cure(problem)}")
    return facts


def diagnose_constrained(
    problem: MultiwayCutProblem, raw: dict[str, Any], components: npt.NDArray[Any]
) -> dict[str, Any]:
    """:func:`diagnose` on the components of the graph; ``closed_by`` counts those of the result.

    ``constraints``: how many there are, how many the plain cut breaks, what keeping them costs
    (``extra_cost``, over the cheapest cut with the must-links alone that pays for every edge
    between separated nodes, whether it cuts it or not), and the size of the search.
    """
    assert problem.constraints is not None
    of_graph = component_table(raw["graph_components"])
    facts = diagnose(problem, raw["labels"], raw["graph_component_ids"], of_graph)
    facts["closed_by"] = dict(sorted(Counter(components["stage"].tolist()).items()))
    facts["constraints"] = raw["constraint_facts"]
    facts["warnings"] = [*problem.constraints.warnings, *facts["warnings"]]
    return facts


def preferences_of(
    weights: npt.NDArray[Any], allowed: npt.NDArray[np.bool_] | None
) -> tuple[Counts, npt.NDArray[np.bool_]]:
    """Each node's label of largest weight among those allowed, and whether it has a preference."""
    if allowed is None:
        allowed = np.ones(weights.shape, dtype=bool)
    preferred = np.where(allowed, weights, -1).argmax(axis=1)
    largest = weights[np.arange(len(weights)), preferred]
    least = weights.min(axis=1, initial=np.inf, where=allowed)
    return preferred, (largest > least) | (allowed.sum(axis=1) == 1)


def _lost_labels(preferred: Counts, labels: Labels) -> tuple[Counts, Counts, Counts]:
    """Nodes that prefer each label, nodes that have it, and the labels that died out."""
    n_labels = int(max(preferred.max(initial=0), labels.max(initial=0))) + 1
    wanted, got = (np.bincount(x, minlength=n_labels) for x in (preferred, labels))
    lost = (wanted >= _LEAST_PREFERRED) & (got <= (1 - _LOST_SHARE) * wanted)
    return wanted, got, np.flatnonzero(lost)


def _effective_labels(counts: Counts) -> float:
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _constant_label(preferred: Counts, labels: Labels) -> str | None:
    """The sentence's middle if one label has all but taken a component that does not want it."""
    if len(labels) == 0:
        return None
    counts = np.bincount(labels)
    label = int(counts.argmax())
    if counts[label] < _CONSTANT * len(labels) or (preferred == label).mean() > _MOST:
        return None
    some = "all" if counts[label] == len(labels) else "all but"
    rest = "" if some == "all" else f" {len(labels) - counts[label]} of the"
    return f"is the one label {label} for {some}{rest} {len(labels)} nodes of the largest component"


def _fewer_labels(preferred: Counts, labels: Labels, nodes: str) -> str | None:
    """The sentence's middle if labels died out, or few are left."""
    wanted, got, lost = _lost_labels(preferred, labels)
    total = max(int(wanted.sum()), 1)
    most = int(got.argmax())
    taken = f"label {most} took {got[most] / total:.0%}, preferred by {wanted[most] / total:.0%}"
    if wanted[lost].sum() >= _LOST_NODES * total:
        names = ", ".join(map(str, lost[:10])) + (", ..." if len(lost) > 10 else "")
        which = f"label {names}" if len(lost) == 1 else f"{len(lost)} labels ({names})"
        part = wanted[lost].sum() / total
        return f"all but loses {which} that {part:.0%} of the {nodes} prefer, and {taken}"
    before, after = _effective_labels(wanted), _effective_labels(got)
    if after < _FEW_LABELS * before:
        return f"has effectively {after:.1f} labels where the {nodes} prefer {before:.1f}; {taken}"
    return None


def _cure(problem: MultiwayCutProblem) -> str:
    chosen_by = problem.delta_report.get("chosen_by")
    if problem.search is None and problem.graph_scale == 1 and problem.delta == 1:
        lower = "lower delta (the edge weights; delta='auto' finds a factor for them)"
    elif chosen_by == "auto":
        lower = f"lower delta (now {problem.delta:.3g}, by delta='auto')"
    else:
        lower = f"lower delta (now {problem.delta:.3g}; delta='auto' estimates one)"
    return f"{lower}, or use symmetrize='mutual' or fewer neighbours"
