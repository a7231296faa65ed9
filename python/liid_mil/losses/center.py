"""L_Cent: features against the centre of their predicted label (Eq. 7 and 8 of LIID).

    y_j = argmax_k p_j[k],    L_Cent = 1/|S| sum_j [ 1 - cos(f_j, c[y_j]) ]
    c[y_j] <- c[y_j] + theta (f_j - c[y_j])    for j = 1, ..., |S|, one after the other

Centres are a buffer, not parameters: the loss has no gradient through them, only Eq. 8 moves them,
after the loss of the step was taken. m features of one label in a row come to c <- a c + b with
a = (1-theta)^m and b = theta sum_t (1-theta)^(m-t) f_t, which is how whole batches, and the batches
of all processes in the order of their rank, are applied exactly and at once.
"""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor, nn

from liid_mil.losses.bags import as_logits, as_precise, check_bags, check_indices, mean_over_images


def center_loss(
    feats: Tensor, labels: Tensor, centers: Tensor, image_index: Tensor, n_images: int
) -> Tensor:
    """L_Cent (Eq. 7) for given labels, the mean over the images of a batch.

    Parameters
    ----------
    feats : (P, d) floats, one row a proposal.
    labels : (P,) int64 in 0..K, the label of largest probability of each proposal.
    centers : (K+1, d) floats; taken as constants.
    image_index : (P,) int64, the image of each proposal, 0..n_images-1, in any order.
    n_images : images in the batch; one without proposals contributes 0 to the mean.

    Returns
    -------
    scalar Tensor in [0, 2]. A zero feature and a zero centre (a label not met yet) have cosine 0,
    so loss 1, and no gradient.

    Raises
    ------
    ValueError : a shape, dtype or index out of range; names the argument and the first bad row.
    """
    feats, centers = as_precise("feats", feats), as_precise("centers", centers.detach())
    if feats.shape[1] != centers.shape[1]:
        raise ValueError(
            f"feats has {feats.shape[1]} columns but centers has {centers.shape[1]}; "
            "both must agree"
        )
    check_bags(image_index, len(feats), n_images)
    check_indices("labels", labels, len(feats), len(centers), "labels")
    cosines = _cosines(feats, centers[labels])
    return mean_over_images(1 - cosines, image_index, n_images)


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of each row of ``a`` with that of ``b``; 0, with gradient 0, where one is zero."""
    squares = (a * a).sum(1) * (b * b).sum(1)
    defined = squares > 0
    # The root has no derivative at 0: replaced before it is taken, not after.
    norms = torch.where(defined, squares, 1.0).sqrt()
    return torch.where(defined, (a * b).sum(1) / norms, 0.0)


def center_step(
    feats: Tensor, labels: Tensor, n_labels: int, theta: float
) -> tuple[Tensor, Tensor]:
    """Eq. 8 for a whole batch: the new centres are ``decay[:, None] * centers + shift``.

    Parameters
    ----------
    feats : (P, d) floats; labels : (P,) int64 in 0..n_labels-1; rows are applied in their order.
    theta : update rate in [0, 1].

    Returns
    -------
    decay (n_labels,) and shift (n_labels, d); 1 and 0 for labels that do not occur.
    """
    counts = torch.bincount(labels, minlength=n_labels)
    # How many later rows have the same label: each of them shrinks this row's share once.
    order = torch.argsort(labels, stable=True)
    ends = counts.cumsum(0)[labels[order]]
    later = torch.empty_like(order)
    later[order] = ends - 1 - torch.arange(len(order), device=order.device)
    rate = torch.tensor(1 - theta, dtype=feats.dtype, device=feats.device)
    shares = theta * rate**later
    shift = feats.new_zeros(n_labels, feats.shape[1]).index_add(0, labels, shares[:, None] * feats)
    return rate**counts, shift


class CenterLoss(nn.Module):
    """L_Cent with its centres (Eq. 7, 8).

    Centres start at zero. The cosine does not see lengths, so that from the first feature of a
    label on its centre has the direction of the weighted mean of the features met; no random
    start has to fade out at rate theta.

    In training mode every call returns the loss for the centres as they are and then moves them;
    with ``torch.distributed`` initialised, by the proposals of all processes in the order of rank
    (one all-gather of (K+1) x (d+1) numbers), so that all processes keep the same centres. Every
    process must then make the same number of calls.

    Parameters
    ----------
    n_classes : K, without the background.
    n_features : d.
    theta : update rate of Eq. 8, in [0, 1].

    Attributes
    ----------
    centers : (K+1, d) float32 buffer, saved in the state dict.
    """

    centers: Tensor

    def __init__(self, n_classes: int, n_features: int, theta: float = 0.01) -> None:
        super().__init__()
        if not 0 <= theta <= 1:
            raise ValueError(f"theta is {theta}; it must be in [0, 1]")
        self.theta = theta
        self.register_buffer("centers", torch.zeros(n_classes + 1, n_features))

    def forward(self, feats: Tensor, logits: Tensor, image_index: Tensor, n_images: int) -> Tensor:
        """L_Cent for labels predicted by ``logits`` (P, K+1); ties go to the lower label.

        Other arguments and errors as in :func:`center_loss`.
        """
        logits = as_logits(logits)
        if logits.shape[1] != len(self.centers):
            raise ValueError(
                f"logits has {logits.shape[1]} columns but there are {len(self.centers)} centres"
            )
        labels = logits.detach().argmax(1)
        loss = center_loss(feats, labels, self.centers, image_index, n_images)
        if self.training:
            self.update(feats, labels)
        return loss

    @torch.no_grad()
    def update(self, feats: Tensor, labels: Tensor) -> None:
        """Move the centres by the rows of ``feats`` (P, d) in their order (Eq. 8)."""
        feats = feats.to(self.centers.dtype)
        decay, shift = center_step(feats, labels, len(self.centers), self.theta)
        for a, b in _of_all_processes(decay, shift):
            self.centers.mul_(a[:, None]).add_(b)

    def extra_repr(self) -> str:
        """Sizes and rate, shown when the module is printed."""
        n_labels, n_features = self.centers.shape
        return f"n_classes={n_labels - 1}, n_features={n_features}, theta={self.theta}"


def _of_all_processes(decay: Tensor, shift: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The steps of all processes in the order of rank; just this one without a process group."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [(decay, shift)]
    own = torch.cat([decay[:, None], shift], 1)
    steps = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(steps, own)
    return [(step[:, 0], step[:, 1:]) for step in steps]
