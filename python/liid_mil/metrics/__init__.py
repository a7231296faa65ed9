"""How good pseudo labels are: region AP, ABO, mIoU, COCO's numbers, recall, label accuracy."""

from liid_mil.metrics.evaluation import ClassReport, Report, evaluate
from liid_mil.metrics.proposal_evaluator import Metrics, ProposalEvaluator, nms
from liid_mil.metrics.recall import ProposalRecall

__all__ = [
    "ClassReport",
    "Metrics",
    "ProposalEvaluator",
    "ProposalRecall",
    "Report",
    "evaluate",
    "nms",
]
