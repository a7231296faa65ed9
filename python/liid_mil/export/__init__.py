"""Writers of pseudo ground truth: what detectors and segmentation networks train on.

Each takes an iterable of :class:`liid_mil.data.types.ImageLabels`, one image at a time, as
:func:`liid_mil.assignment.assign` yields them, and gives back a :class:`Tally` of what it wrote.
A file or folder appears under its name when it is whole, or not at all.
"""

from liid_mil.export.coco import write_coco
from liid_mil.export.tally import Tally

__all__ = ["Tally", "write_coco"]
