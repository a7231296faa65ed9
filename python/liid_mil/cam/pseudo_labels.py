"""Pseudo labels of proposals from their scores on the CAMs (Eq. 3 of LIID).

y = 0 (background)        if R[k] < eta for all classes k
    argmax_k R[k]         otherwise
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def pseudo_labels(scores: Tensor, eta: float = 0.75, tags: Tensor | None = None) -> Tensor:
    """Label each proposal by its best class, or as background (Eq. 3).

    Parameters
    ----------
    scores : (P, K) floats, R of :func:`proposal_scores`; column k-1 is class k.
    eta : threshold; scores of ``"mean+max"`` are in [0, 2]. A score equal to ``eta`` reaches it.
    tags : None, or bool (K,) of the image or (P, K): classes that may be chosen.

    Returns
    -------
    (P,) int64 in 0..K; ties go to the lower class.

    Raises
    ------
    ValueError : a shape or dtype that does not fit, a score that is not finite, ``eta`` not finite.
    """
    if not math.isfinite(eta):
        raise ValueError(f"eta is {eta}; it must be finite")
    if scores.ndim != 2 or scores.shape[1] < 1 or not scores.is_floating_point():
        raise ValueError(
            f"scores has shape {tuple(scores.shape)} and dtype {scores.dtype}; "
            "it must be (proposals, classes) of floats"
        )
    bad = ~scores.isfinite().all(1)
    if bad.any():
        raise ValueError(f"scores[{int(bad.nonzero()[0, 0])}] is not finite")
    if tags is not None:
        if tags.dtype != torch.bool or tags.shape not in (scores.shape, scores.shape[1:]):
            raise ValueError(
                f"tags has shape {tuple(tags.shape)} and dtype {tags.dtype}; it must be bool of "
                f"{tuple(scores.shape[1:])} or {tuple(scores.shape)}"
            )
        scores = scores.masked_fill(~tags, -torch.inf)
    best, label = scores.max(1)
    return torch.where(best >= eta, label + 1, 0)
