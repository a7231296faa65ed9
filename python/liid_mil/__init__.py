"""Multiple-instance learning on object proposals: from image tags to the input of the cut.

The companion of :mod:`liid_cut` (extra ``mil``) for the rest of LIID: from images with image-level
tags alone to class probabilities and features of proposals, and from the cut to pseudo instance
masks. Nothing of it is implemented yet.
"""
