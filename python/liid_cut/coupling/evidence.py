"""What probabilities and graph alone say about a labelling: no true label is needed.

Input: probabilities p (n, K+1), symmetric weights W (n, n). Output: the Potts coupling b that W
supports, and marginals q (n, K+1) of the labels given p and the neighbours.

1. *Coupling.* Maximum pseudo-likelihood (Besag, "Statistical analysis of non-lattice data", The
   Statistician 1975) of a Potts prior under the soft labels: the b at which the neighbours'
   probabilities predict each node's own best,
   ``max_b sum_u sum_k p[u,k] log softmax_k(log m_k + b (W p)[u,k])``, m the mean of p.
2. *What of it is due to the labels.* Neighbours agree because they share a label, and because a
   classifier errs alike on like features; from p and W alone the two cannot be told apart. So b is
   the most that the labels' own coupling can be and 0 the least: the middle, b / 2, is used.
3. *Known labels.* Where some are, the share of b is the one at which the neighbours foretell them
   best, among powers of 2, by likelihood times a prior around the middle. (Image tags sharpen p; as
   evidence for the share they misled: on generated proposals it came out too large.)
4. *Marginals.* Mean field of the Potts model with likelihoods p and that share of b.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from liid_cut.runs.checkpoint import Checkpoint
from liid_cut.weights import LOG_FLOOR, Allowed

Floats = npt.NDArray[Any]

# Of the pseudo-likelihood's coupling, the share that is ascribed to the labels; see above.
LABELS_SHARE = 0.5
_SHARES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# A label may be known wrongly: none counts as less probable than this.
_MISTAKE = 1e-3
# No weighted degree times coupling above this: beyond it a node does what its neighbours say.
_STRONGEST = 64.0
_SWEEPS = 100
_STILL = 1e-3


def as_probabilities(probs: Floats, allowed: Allowed | None) -> Floats:
    """Rows that sum to 1 over the allowed labels; a row without any weight there is uniform."""
    p = np.array(probs, dtype=np.float64)
    p /= np.maximum(p.max(axis=1, keepdims=True, initial=0.0), np.finfo(np.float64).tiny)
    if allowed is not None:
        p *= allowed
    nothing = ~p.any(axis=1)
    p[nothing] = 1.0 if allowed is None else allowed[nothing]
    p /= p.sum(axis=1, keepdims=True)
    return p


def fit_coupling(p: Floats, graph: scipy.sparse.csr_array, allowed: Allowed | None) -> float:
    """The coupling b >= 0 of step 1; 0 for a graph without edges or a single label."""
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    connected = degrees > 0
    if not connected.any() or p.shape[1] < 2:
        return 0.0
    predicted = _Predicted.of(p, graph, allowed, connected)
    strongest = _STRONGEST / float(degrees[connected].mean())
    found = scipy.optimize.minimize_scalar(
        lambda b: -predicted.log_likelihood(b),
        bounds=(0.0, strongest),
        method="bounded",
        options={"xatol": 1e-4 * strongest},
    )
    return float(found.x)


def log_pseudo_likelihood(
    p: Floats, graph: scipy.sparse.csr_array, coupling: float, allowed: Allowed | None
) -> float:
    """How well each node's probabilities are predicted by its neighbours': step 1's sum, a node.

    Graphs of the same nodes are comparable by it: the one of the largest value has the neighbours
    that tell most.
    """
    if len(p) == 0:
        return 0.0
    every = np.ones(len(p), dtype=bool)
    return _Predicted.of(p, graph, allowed, every).log_likelihood(coupling) / len(p)


class _Predicted(NamedTuple):
    """Some nodes, and what their neighbours' probabilities say of them."""

    own: Floats
    pull: Floats
    prior: Floats
    forbidden: npt.NDArray[np.bool_] | None

    @classmethod
    def of(
        cls,
        p: Floats,
        graph: scipy.sparse.csr_array,
        allowed: Allowed | None,
        nodes: npt.NDArray[np.bool_],
    ) -> _Predicted:
        # A label's mean is over the nodes that may take it: under image tags few may take most.
        takers = len(p) if allowed is None else np.maximum(allowed.sum(axis=0), 1)
        prior = np.log(np.maximum(p.sum(axis=0) / takers, LOG_FLOOR))
        forbidden = None if allowed is None else ~allowed[nodes]
        return cls(p[nodes], (graph @ p)[nodes], prior, forbidden)

    def log_likelihood(self, coupling: float) -> float:
        scores = self.prior + coupling * self.pull
        if self.forbidden is not None:
            scores[self.forbidden] = -np.inf
        logs = scipy.special.log_softmax(scores, axis=1)
        if self.forbidden is not None:
            logs[self.forbidden] = 0.0
        return float(np.einsum("uk,uk->", self.own, logs))


def marginals(
    p: Floats,
    graph: scipy.sparse.csr_array,
    coupling: float,
    allowed: Allowed | None,
    steps: Checkpoint | None = None,
) -> Floats:
    """Mean-field marginals q (n, K+1), all nodes at once, each step taken half."""
    sweeps = (steps or Checkpoint()).passed(f"marginals at {coupling!r}")
    logs = np.log(np.maximum(p, LOG_FLOOR))
    if allowed is not None:
        logs[~allowed] = -np.inf
    q = p if sweeps.found is None else sweeps.found["q"]
    for sweep in range(sweeps.done, _SWEEPS):
        new = graph @ q
        new *= coupling
        new += logs
        new = 0.5 * (scipy.special.softmax(new, axis=1) + q)
        change = float(np.abs(new - q).max(initial=0.0))
        q = new
        if change < _STILL:
            break
        sweeps.save(sweep + 1, lambda: {"q": q})  # noqa: B023  (called at once)
    sweeps.save(_SWEEPS, lambda: {"q": q}, now=True)  # a later run does not sweep again
    return q


def told_labels(graph: scipy.sparse.csr_array, allowed: Allowed | None) -> npt.NDArray[np.bool_]:
    """Nodes (n,) with an edge whose label alone is allowed, of several that other nodes may take.

    Where image tags leave the background alone it is no surprise: all nodes may take it.
    """
    if allowed is None:
        return np.zeros(graph.shape[0], dtype=bool)
    connected = np.asarray(graph.sum(axis=1)).ravel() > 0
    common = np.asarray(allowed.all(axis=0))
    return np.asarray((allowed.sum(axis=1) == 1) & connected & ~common[allowed.argmax(axis=1)])


def fit_share(
    probs: Floats,
    graph: scipy.sparse.csr_array,
    coupling: float,
    allowed: Allowed | None,
    steps: Checkpoint | None = None,
) -> tuple[float, int]:
    """The share of step 3, and the number of known labels that it rests on; with 0, the middle.

    The node is predicted without its own probabilities: a classifier may have learnt that label.
    """
    told = told_labels(graph, allowed)
    if allowed is None or coupling == 0 or not told.any():
        return LABELS_SHARE, 0
    labels = allowed.argmax(axis=1)
    known = allowed.sum(axis=1) == 1
    p = as_probabilities(probs, np.where(known[:, None], True, allowed))
    prior = np.log(np.maximum(p.mean(axis=0), LOG_FLOOR))
    p[known] = 1 / p.shape[1]
    rows, truth = graph[told], labels[told]

    def evidence(share: float) -> float:
        scores = prior + share * coupling * (rows @ marginals(p, graph, share * coupling, None))
        right = scipy.special.softmax(scores, axis=1)[np.arange(len(truth)), truth]
        away = math.log2(share / LABELS_SHARE)
        return float(np.log(np.maximum(right, _MISTAKE)).sum()) - away**2 / 2

    keep = steps or Checkpoint()
    found = {s: keep.value(f"evidence for {s}", functools.partial(evidence, s)) for s in _SHARES}
    return max(_SHARES, key=found.__getitem__), int(told.sum())
