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
3. *Marginals.* Mean field of the Potts model with those likelihoods p and coupling b / 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from liid_cut.weights import LOG_FLOOR, Allowed

Floats = npt.NDArray[Any]

# Of the pseudo-likelihood's coupling, the share that is ascribed to the labels; see above.
LABELS_SHARE = 0.5
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


def fit_coupling(p: Floats, graph: sp.csr_array, allowed: Allowed | None) -> float:
    """The coupling b >= 0 of step 1; 0 for a graph without edges or a single label."""
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    connected = degrees > 0
    if not connected.any() or p.shape[1] < 2:
        return 0.0
    pull = (graph @ p)[connected]
    own = p[connected]
    prior = np.log(np.maximum(p.mean(axis=0), LOG_FLOOR))
    forbidden = None if allowed is None else ~allowed[connected]

    def loss(b: float) -> float:
        scores = prior + b * pull
        if forbidden is not None:
            scores[forbidden] = -np.inf
        logs = log_softmax(scores, axis=1)
        if forbidden is not None:
            logs[forbidden] = 0.0
        return -float(np.einsum("uk,uk->", own, logs))

    strongest = _STRONGEST / float(degrees[connected].mean())
    found = minimize_scalar(
        loss, bounds=(0.0, strongest), method="bounded", options={"xatol": 1e-4 * strongest}
    )
    return float(found.x)


def marginals(p: Floats, graph: sp.csr_array, coupling: float, allowed: Allowed | None) -> Floats:
    """Mean-field marginals q (n, K+1), all nodes at once, each step taken half."""
    logs = np.log(np.maximum(p, LOG_FLOOR))
    if allowed is not None:
        logs[~allowed] = -np.inf
    q = p
    for _ in range(_SWEEPS):
        new = graph @ q
        new *= coupling
        new += logs
        new = 0.5 * (softmax(new, axis=1) + q)
        change = float(np.abs(new - q).max(initial=0.0))
        q = new
        if change < _STILL:
            break
    return q
