"""Networks: backbones, RoI pooling and the MIL network (section 4.1 of LIID)."""

from liid_mil.models.backbone import Backbone
from liid_mil.models.backbones import BACKBONES, build_backbone
from liid_mil.models.network import MilNetwork, MilOutput
from liid_mil.models.roi import roi_align, roi_max_pool

__all__ = [
    "BACKBONES",
    "Backbone",
    "MilNetwork",
    "MilOutput",
    "build_backbone",
    "roi_align",
    "roi_max_pool",
]
