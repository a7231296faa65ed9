"""Losses of the MIL network (section 4.2 of LIID), one file an equation."""

from liid_mil.losses.aggregation import LogSumExpPool, log_sum_exp_pool
from liid_mil.losses.attention import AttentionLoss, attention_loss
from liid_mil.losses.center import CenterLoss, center_loss, center_step
from liid_mil.losses.mil import MilLoss, mil_loss
from liid_mil.losses.total import LiidLoss, LossTerms, LossWeights

__all__ = [
    "AttentionLoss",
    "CenterLoss",
    "LiidLoss",
    "LogSumExpPool",
    "LossTerms",
    "LossWeights",
    "MilLoss",
    "attention_loss",
    "center_loss",
    "center_step",
    "log_sum_exp_pool",
    "mil_loss",
]
