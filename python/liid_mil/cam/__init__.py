"""Class activation maps and the pseudo labels that they give (section 4.2.1 of LIID)."""

from liid_mil.cam.classifier import CamClassifier, multi_label_loss
from liid_mil.cam.maps import class_activation_maps, proposal_scores
from liid_mil.cam.pseudo_labels import pseudo_labels

__all__ = [
    "CamClassifier",
    "class_activation_maps",
    "multi_label_loss",
    "proposal_scores",
    "pseudo_labels",
]
