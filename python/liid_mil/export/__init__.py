"""Writers of pseudo ground truth: what detectors and segmentation networks train on.

Each takes an iterable of :class:`liid_mil.data.types.ImageLabels`, one image at a time, as
:func:`liid_mil.assignment.assign` yields them, and gives back a :class:`Tally` of what it wrote.
A file or folder appears under its name when it is whole, or not at all.

====================  =============================================================================
:func:`write_coco`    one JSON file of COCO's instance annotations, masks as RLE
:func:`write_voc`     palette PNGs ``SegmentationClass`` and ``SegmentationObject``, and a list
:func:`write_yolo`    a text file of normalised polygons an image, and ``data.yaml``
:func:`export`        a folder in one of these formats with a :class:`DataCard`
====================  =============================================================================
"""

from liid_mil.export.coco import write_coco
from liid_mil.export.data_card import DataCard
from liid_mil.export.folders import FORMATS, export
from liid_mil.export.tally import Tally
from liid_mil.export.voc import write_voc
from liid_mil.export.yolo import write_yolo

__all__ = ["FORMATS", "DataCard", "Tally", "export", "write_coco", "write_voc", "write_yolo"]
