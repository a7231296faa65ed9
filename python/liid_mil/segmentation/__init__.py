"""A small semantic segmentation head in plain torch, to train on pseudo labels."""

from liid_mil.segmentation.network import SegmentationHead
from liid_mil.segmentation.training import SegmentationConfig, predict_maps, train_segmentation

__all__ = ["SegmentationConfig", "SegmentationHead", "predict_maps", "train_segmentation"]
