"""``delta="auto"``: the delta of highest expected accuracy, raised as long as it does no harm.

Input: probabilities, terminal weights, the graph at delta 1. Output: delta and the curve that it
was chosen from.

1. Marginals q of the labels from probabilities and graph (evidence.py).
2. The score of a labelling x is ``mean_u q[u, x_u]``, the share of right labels to be expected.
3. Cuts at powers of the square root of 2, from a first guess uphill until the score falls. They use
   the core's quick method (reductions, dual ascent and expansion moves, once), which is
   deterministic and searches nothing.
4. Doubled as long as the cut recovers hidden labels that are as good as known (recovery.py).

The first guess makes an edge as strong against the terminal weights as the coupling is against log
probabilities. Chosen values lie on the fixed grid ``2 ** (j / 2)``, so that rounding errors (the
order of the nodes) do not change them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.coupling.evidence import (
    Floats,
    as_probabilities,
    fit_coupling,
    fit_share,
    log_pseudo_likelihood,
    marginals,
    told_labels,
)
from liid_cut.coupling.recovery import Hidden, hide
from liid_cut.graph import Edges, Weights, to_csr
from liid_cut.inputs import Matrix, as_n_threads
from liid_cut.npz import Arrays
from liid_cut.runs.checkpoint import Checkpoint
from liid_cut.runs.run import Run
from liid_cut.runs.store import fingerprints
from liid_cut.weights import LOG_FLOOR, Allowed

_MOST_CUTS = 12
_MOST_RAISES = 6
_LARGEST_STEP = 64  # |j|: delta between 2^-32 and 2^32


@dataclass(frozen=True)
class DeltaEstimate:
    """A chosen delta and why.

    Attributes
    ----------
    delta : the chosen value.
    coupling : Potts coupling by maximum pseudo-likelihood, in units of the edge weights.
    share : of it that is ascribed to the labels; ``n_told``, the number of known labels that it
        rests on.
    expected_argmax : score of the labels without a graph (the largest probability).
    log_pseudo_likelihood : how well neighbours foretell a node's probabilities, mean over nodes;
        compare graphs of the same nodes by it, of several ``n_neighbors`` say: larger is better.
    curve : one entry for each cut of step 3, by delta: ``delta``, ``expected_accuracy``,
        ``changed`` (share of nodes whose label is not that of their largest probability),
        ``cut_edges`` (share).
    recovery : one entry for each cut of step 4, by delta: ``delta``, ``recovered`` (share of the
        hidden labels). Empty where too few labels are as good as known.
    """

    delta: float
    coupling: float
    share: float
    n_told: int
    expected_argmax: float
    log_pseudo_likelihood: float
    curve: list[dict[str, float]]
    recovery: list[dict[str, float]]

    def report(self) -> dict[str, Any]:
        """As it stands in ``diagnostics["delta"]``."""
        return {"chosen_by": "auto", **vars(self)}


def estimate_delta(
    probs: Matrix,
    terminal_weights: Matrix,
    edges: Edges,
    weights: Weights,
    allowed: Allowed | None = None,
    *,
    n_jobs: int | None = None,
    run: Run | None = None,
) -> DeltaEstimate:
    """Choose delta for a graph whose ``weights`` are those at delta 1; parameters are checked.

    The steps are kept in the ``run``, if there is one, and in the end the estimate.
    """
    arrays = (probs, terminal_weights, edges, weights, allowed)
    store = None if run is None else run.stage("delta", **_key(*arrays))
    steps = Checkpoint(store)
    found = Checkpoint(store).value(
        "estimate", lambda: vars(_estimate(*arrays, n_jobs=n_jobs, steps=steps))
    )
    steps.clear()
    return DeltaEstimate(**found)


def _estimate(
    probs: Matrix,
    terminal_weights: Matrix,
    edges: Edges,
    weights: Weights,
    allowed: Allowed | None,
    *,
    n_jobs: int | None,
    steps: Checkpoint,
) -> DeltaEstimate:
    p = as_probabilities(probs, allowed)
    graph = to_csr(len(p), edges, weights)
    coupling = steps.value("coupling", lambda: fit_coupling(p, graph, allowed))
    share, n_told = fit_share(probs, graph, coupling, allowed, steps)
    q = marginals(p, graph, share * coupling, allowed, steps)
    nodes = np.arange(len(p))
    argmax = p.argmax(axis=1) if p.size else np.zeros(len(p), dtype=np.int64)

    def score(labels: npt.NDArray[Any]) -> float:
        return float(q[nodes, labels].mean()) if len(labels) else 0.0

    quick_cut = _quick_cuts(n_jobs, steps)

    def cut(j: int, terminals: Matrix, mask: Allowed | None) -> npt.NDArray[Any]:
        return quick_cut(terminals, edges, weights * _delta(j), mask)

    curve: dict[int, dict[str, float]] = {}

    def expected(j: int) -> float:
        if j not in curve:
            labels = cut(j, terminal_weights, allowed)
            ends = labels[edges]
            curve[j] = {
                "delta": _delta(j),
                "expected_accuracy": score(labels),
                "changed": float((labels != argmax).mean()) if len(labels) else 0.0,
                "cut_edges": float((ends[:, 0] != ends[:, 1]).mean()) if len(ends) else 0.0,
            }
        return curve[j]["expected_accuracy"]

    recovery: list[dict[str, float]] = []
    if len(edges):
        first = _first_step(p, terminal_weights, share * coupling)
        best = _climb(expected, first, score(argmax), curve)
        told, connected = told_labels(graph, allowed), np.diff(graph.indptr) > 0
        hidden = hide(p, terminal_weights, allowed, told, connected)
        if hidden is not None:
            best = _raise(cut, best, hidden, recovery)
    else:
        best, curve[0] = 0, {"delta": 1.0, "expected_accuracy": score(argmax)}
    return DeltaEstimate(
        delta=_delta(best),
        coupling=coupling,
        share=share,
        n_told=n_told,
        expected_argmax=score(argmax),
        log_pseudo_likelihood=log_pseudo_likelihood(p, graph, coupling, allowed),
        curve=[curve[j] for j in sorted(curve)],
        recovery=recovery,
    )


def _key(probs: Matrix, terminal_weights: Matrix, *graph: Any) -> dict[str, Any]:
    """What the estimate depends on."""
    edges, weights, allowed = graph
    return fingerprints(
        probs=probs,
        terminal_weights=None if terminal_weights is probs else terminal_weights,
        edges=edges,
        weights=weights,
        allowed=allowed,
    )


def _quick_cuts(n_jobs: int | None, steps: Checkpoint) -> Callable[..., npt.NDArray[Any]]:
    """Labels by the core's quick method; the i-th call of a run is the i-th of any other."""
    calls = itertools.count()

    settings: dict[str, Any] = {
        "method": "quick",
        "time_limit_s": np.inf,
        "n_threads": as_n_threads(n_jobs),
        "progress": None,
    }

    def labels(*arrays: Any) -> Arrays:
        return {"labels": _core.solve(*arrays, **settings)["labels"]}

    return lambda *arrays: steps.keep(f"cut {next(calls)}", lambda: labels(*arrays))["labels"]


def _delta(j: int) -> float:
    return float(2.0 ** (j / 2))


def _first_step(p: Floats, terminal_weights: Matrix, coupling: float) -> int:
    """Index of the delta that is to terminal weights what the coupling is to log probabilities."""
    logs = np.log(np.maximum(p, LOG_FLOOR))
    margin_of_logs = _mean_margin(logs)
    margin = _mean_margin(np.asarray(terminal_weights, dtype=np.float64))
    guess = coupling * margin / margin_of_logs if margin_of_logs > 0 else 0.0
    if not guess > 0:
        return 0
    return int(np.clip(round(2 * math.log2(guess)), -_LARGEST_STEP, _LARGEST_STEP))


def _mean_margin(table: Floats) -> float:
    """Mean of the largest less the second largest entry of a row."""
    if table.shape[1] < 2:
        return 0.0
    top = np.partition(table, -2, axis=1)[:, -2:]
    return float((top[:, 1] - top[:, 0]).mean())


def _climb(
    cut: Callable[[int], float], first: int, expected_argmax: float, curve: dict[int, Any]
) -> int:
    """Index of the highest score: doubling or halving delta while it rises, then between.

    Starts low, for cuts are the easier the smaller delta is; and goes lower as long as cuts are
    worse than no graph at all. Of equal scores the smaller delta.
    """
    best = first - 2
    if cut(best) >= expected_argmax and cut(first) > cut(best):
        best = first
        while len(curve) < _MOST_CUTS - 2 and cut(best + 2) > cut(best):
            best += 2
    else:
        while len(curve) < _MOST_CUTS - 2 and (
            cut(best) < expected_argmax or cut(best - 2) > cut(best)
        ):
            best -= 2
    return max((best - 1, best, best + 1), key=lambda j: (cut(j), -j))


def _raise(
    cut: Callable[[int, Matrix, Allowed | None], npt.NDArray[Any]],
    best: int,
    hidden: Hidden,
    recovery: list[dict[str, float]],
) -> int:
    """Index of the largest delta, doubled from ``best``, that recovers hidden labels as well.

    Of deltas with the same labels the smallest.
    """

    def look(j: int) -> tuple[npt.NDArray[Any], int]:
        labels = cut(j, hidden.terminal_weights, hidden.allowed)
        count = hidden.recovered(labels)
        recovery.append({"delta": _delta(j), "recovered": count / len(hidden.rows)})
        return labels, count

    labels, before = look(best)
    for j in range(best + 2, best + 2 * _MOST_RAISES + 1, 2):
        raised, count = look(j)
        if not hidden.as_well(count, before):
            break
        if not np.array_equal(raised, labels):
            best, labels = j, raised
    return best
