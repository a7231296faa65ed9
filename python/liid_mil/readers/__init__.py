"""Readers of object proposals: what others have made, as one form, image by image, never unpickled.

:func:`read_proposals` yields :class:`~liid_mil.data.types.ImageProposals`: boxes xyxy in pixels
from 0, right and bottom exclusive; masks as COCO run-length encodings; best first.
:func:`liid_mil.importing.import_proposals` puts them into a store.

=============  ================================  ==============================  =================
format         files                             boxes                           scores
=============  ================================  ==============================  =================
``mcg``        ``.mat`` an image, or a folder    of the masks; ``bboxes``        ``scores``,
               of them: ``superpixels``,         (y1, x1, y2, x2 from 1, both    ``bboxes_scores``
               ``labels`` (cells or table),      ends included) where there are
               or ``bboxes``; v5, v7, v7.3       no superpixels
``sam``        ``.json`` an image, or a folder:  of the masks; ``bbox`` (x, y,   ``predicted_iou``
               SA-1B's objects with ``image``    w, h) where there are none      (``stability_
               and ``annotations``, or the                                       score``, ``score``)
               list of annotations
``prm``        ``.json`` an image, or a folder:  of the masks                    none
               list of ``data``, ``shape``
``coco``       one ``.json``: list of results    of the masks; ``bbox`` (x, y,   ``score``
               with ``image_id``                 w, h) where there are none
``label-maps`` ``.png`` an image, or a folder;   of the masks                    none
               8 or 16 bits, 0: no proposal
``voc``        as ``label-maps``; 255: void;     of the masks                    none
               or the folder above
               ``SegmentationObject``
``authors``    one ``.npz`` or ``.json``, see    ``boxes`` (x0, y0, x1, y1       ``scores``
               :mod:`~liid_mil.readers.authors`  from 0, exclusive), or of the
                                                 masks
``auto``       any of these, by the contents
=============  ================================  ==============================  =================

All scores of an image or none must be there; where there are none, each is 1 (so the order of the
file stays) or, with ``missing_scores="area"``, the share of the image. Of a folder all files with
the format's ending are read, in sub-folders, too, by rising name; image ids are the paths in the
folder without the ending. Files may be hostile: a :class:`~liid_mil.data.types.DatasetError` names
the file and what is wrong in it, and nothing is unpacked beyond :class:`Limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from liid_mil.data.types import DatasetError, ImageProposals
from liid_mil.readers.detection import format_of
from liid_mil.readers.reading import Limits, Reading, Size

__all__ = ["FORMATS", "Limits", "ProposalReader", "read_proposals"]

_READERS = {
    "mcg": "mcg.read_mcg",
    "sam": "sam.read_sam",
    "prm": "prm.read_prm",
    "coco": "coco_results.read_coco",
    "label-maps": "label_maps.read_label_maps",
    "voc": "label_maps.read_voc",
    "authors": "authors.read_authors",
}
FORMATS = ("auto", *_READERS)


class ProposalReader:
    """Iterates once over the proposals of files, an image at a time.

    format : what is read. skipped : image id -> why its proposals were left out, so far.
    n_empty : proposals without a pixel, left out so far.
    """

    def __init__(self, format: str, path: Path, reading: Reading) -> None:
        self.format = format
        self.skipped = reading.skipped
        self._path = path
        self._reading = reading
        self._seen: set[str] = set()
        module, name = _READERS[format].split(".")
        read = getattr(import_module(f"{__name__}.{module}"), name)
        self._images: Iterator[ImageProposals] = read(path, reading)

    @property
    def n_empty(self) -> int:
        """Proposals without a pixel, left out so far."""
        return self._reading.n_empty

    def __iter__(self) -> ProposalReader:
        return self

    def __next__(self) -> ImageProposals:
        """The next image. Raises :class:`DatasetError`, also where an image comes twice."""
        image = next(self._images)
        if image.image_id in self._seen:
            raise DatasetError(self._path, f"has proposals of image {image.image_id!r} twice")
        self._seen.add(image.image_id)
        return image


def read_proposals(
    format: str,
    path: str | Path,
    *,
    limits: Limits | None = None,
    missing_scores: str = "one",
    top: int | None = None,
    on_error: str = "raise",
    sizes: Mapping[str, Size] | Callable[[str], Size | None] | None = None,
) -> ProposalReader:
    """Read proposals of a file or folder, image by image.

    Parameters
    ----------
    format : one of ``FORMATS``; the table is in :mod:`liid_mil.readers`. ``"auto"``: by the
        contents; a folder's by its first file.
    path : a file or a folder.
    limits : what one image may take; default :class:`Limits`.
    missing_scores : ``"one"`` or ``"area"``, the scores where the files have none.
    top : keep at most so many proposals of an image, those of the highest scores; None: all.
    on_error : ``"raise"``, or ``"skip"``: leave out images whose file or records are damaged, and
        list them in the reader's ``skipped``. A file of several images that is damaged as a whole
        always raises.
    sizes : height and width of images by their ids, where the files do not tell or may be wrong.
        Boxes are cut at them, and masks of another size are refused.

    Returns
    -------
    An iterator over :class:`~liid_mil.data.types.ImageProposals`. Images whose proposals all lack
    a pixel come with none.

    Raises
    ------
    ValueError : a setting that is not allowed.
    DatasetError : here or while iterating: a file is missing, damaged, a pickle, or beyond
        ``limits``; names the file and the record.
    ImportError : a MATLAB v7.3 file, and h5py is not installed.
    """
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}; it must be one of {FORMATS}")
    size_of = sizes.get if isinstance(sizes, Mapping) else sizes
    reading = Reading(limits or Limits(), missing_scores, top, on_error, size_of)
    path = Path(path)
    if format == "auto":
        format = format_of(path)
    return ProposalReader(format, path, reading)
