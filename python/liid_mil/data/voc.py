"""The VOC devkit's layout: ImageSets, Annotations, JPEGImages, SegmentationClass and -Object.

Input: the folder that holds them (``VOCdevkit/VOC2012``) and a list of images. Output: a dataset
with tags from the annotations or from a tag file. VOC counts pixels from 1 and includes the right
and bottom ones: (xmin, ymin, xmax, ymax) becomes (xmin - 1, ymin - 1, xmax, ymax).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
import numpy.typing as npt

from liid_mil.data.files import ImageFiles, distinct, image_path, read_entries
from liid_mil.data.images import read_index_image
from liid_mil.data.tag_files import read_tags
from liid_mil.data.types import DatasetError, Truth
from liid_mil.proposals.masks import boxes_of_masks, encode_masks

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
_VOID = 255


class VocDataset(ImageFiles):
    """Images in the VOC devkit's layout. An :class:`~liid_mil.data.types.ImageDataset`.

    Parameters
    ----------
    root : folder with ``JPEGImages`` and ``Annotations``.
    images : a list of ``ImageSets``, such as ``"Main/trainval"`` or ``"Segmentation/val"``; a path
        to a text file with an id a line; or the ids, as from
        :func:`main_trainval_without_seg_val`.
    class_names : names of the classes 1..K; VOC's 20 by default.
    tag_file : ``.csv`` or ``.npz`` with tags (:mod:`liid_mil.data.tag_files`); by default the tags
        are the classes of all annotated objects, difficult ones included.
    on_error : ``"raise"``, or ``"skip"``: leave out, log and list in ``skipped`` the images whose
        annotation is damaged or whose files are missing. Pixels are read later.

    Raises
    ------
    DatasetError : a list, an annotation or the tag file is missing or damaged; names the file.
    """

    def __init__(
        self,
        root: str | Path,
        images: str | Path | Sequence[str] = "Main/trainval",
        *,
        class_names: Sequence[str] = VOC_CLASSES,
        tag_file: str | Path | None = None,
        on_error: str = "raise",
    ) -> None:
        self._root = Path(root)
        self._columns = {name: k for k, name in enumerate(class_names)}
        image_ids = _image_ids(self._root, images)
        tagged = None
        if tag_file is not None:
            _, names, tags = read_tags(tag_file, class_names)
            tagged = dict(zip(names, tags, strict=True))

        def read(name: str) -> tuple[Path, _Annotation | None]:
            path = image_path(self._root / "JPEGImages", name)
            annotation = self._root / "Annotations" / f"{name}.xml"
            if tagged is None:
                return path, _read_annotation(annotation, self._columns)
            if name not in tagged:
                raise DatasetError(str(tag_file), f"has no tags of image {name!r}")
            known = annotation.is_file()
            return path, _read_annotation(annotation, self._columns) if known else None

        entries, skipped = read_entries(image_ids, read, on_error)
        self._annotations = [annotation for _, annotation in entries.values()]
        tags = np.zeros((len(entries), len(self._columns)), dtype=np.bool_)
        for i, (name, (_, annotation)) in enumerate(entries.items()):
            if tagged is not None:
                tags[i] = tagged[name]
            elif annotation is not None:
                tags[i, annotation.labels - 1] = True
        paths = tuple(path for path, _ in entries.values())
        super().__init__(tuple(class_names), tuple(entries), tags, paths, skipped)

    @property
    def truth_paths(self) -> tuple[Path, ...]:
        """The files that :meth:`truth` depends on."""
        kinds = (
            ("Annotations", "xml"),
            ("SegmentationObject", "png"),
            ("SegmentationClass", "png"),
        )
        paths = (
            self._root / folder / f"{name}.{ending}"
            for name in self.image_ids
            for folder, ending in kinds
        )
        return tuple(path for path in paths if path.is_file())

    def truth(self, i: int) -> Truth | None:
        """Annotated objects of image i: with masks where it has segmentations, else boxes.

        None where a tag file gave the tags and there is no annotation. Raises
        :class:`DatasetError` for a damaged segmentation.
        """
        annotation = self._annotations[i]
        folders = ("SegmentationObject", "SegmentationClass")
        objects, classes = (self._root / f / f"{self.image_ids[i]}.png" for f in folders)
        if objects.is_file() and classes.is_file():
            return _segmented(objects, classes, len(self._columns), annotation)
        if annotation is None:
            return None
        return Truth(annotation.boxes, annotation.labels, None, annotation.difficult)

    def class_map(self, image_id: str) -> npt.NDArray[np.uint8] | None:
        """``SegmentationClass`` of an image, uint8 (H, W), 255 void; None where there is none.

        Raises :class:`DatasetError` for a damaged file.
        """
        path = self._root / "SegmentationClass" / f"{image_id}.png"
        return read_index_image(path) if path.is_file() else None


def main_trainval_without_seg_val(
    root: str | Path, without: Sequence[str] = ("val",)
) -> tuple[str, ...]:
    """Ids of *main trainval* that are in no segmentation list of ``without``, in order.

    The paper trains on main trainval without segmentation val, and for its ablations on main
    trainval without segmentation train and val (``without=("train", "val")``). Raises
    :class:`DatasetError` where a list is missing.
    """
    held_out = {name for part in without for name in _image_ids(Path(root), f"Segmentation/{part}")}
    return tuple(name for name in _image_ids(Path(root), "Main/trainval") if name not in held_out)


@dataclass(frozen=True, eq=False)
class _Annotation:
    boxes: np.ndarray  # float32 (G, 4)
    labels: np.ndarray  # int64 (G,)
    difficult: np.ndarray  # bool (G,)


def _image_ids(root: Path, images: str | Path | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(images, str | Path):
        return distinct(root, list(images))
    path = Path(images)
    if path.suffix != ".txt":
        path = root / "ImageSets" / f"{images}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DatasetError(path, "no such list of images") from None
    except (OSError, ValueError) as error:
        raise DatasetError(path, f"damaged list of images ({error})") from error
    # The lists of one class have a second column, which says whether it is there.
    return distinct(path, [line.split()[0] for line in lines if line.strip()])


def _parse_xml(path: Path) -> ElementTree.Element:
    """The root element. Document types, and so entities, are refused: no annotation has one."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: object) -> None:
        raise DatasetError(path, "declares a document type, which annotations never do")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except FileNotFoundError:
        raise DatasetError(path, "no such annotation") from None
    except (expat.ExpatError, OSError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(path, f"damaged XML ({error})") from error
    return builder.close()


def _read_annotation(path: Path, columns: dict[str, int]) -> _Annotation:
    document = _parse_xml(path)
    limits = [_number(path, document, f"size/{side}", np.inf) for side in ("width", "height")]
    if min(limits) <= 0:
        limits = [np.inf, np.inf]  # some tools write 0 for a size that they do not know
    boxes, labels, difficult = [], [], []
    for g, element in enumerate(document.findall("object")):
        name = (element.findtext("name") or "").strip()
        if name not in columns:
            raise DatasetError(path, f"object {g} is of class {name!r}; not in {tuple(columns)}")
        corners = [
            _number(path, element, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")
        ]
        box = [
            max(corners[0] - 1, 0),
            max(corners[1] - 1, 0),
            min(corners[2], limits[0]),
            min(corners[3], limits[1]),
        ]
        if not (box[0] < box[2] and box[1] < box[3]):
            raise DatasetError(path, f"object {g} has the box {corners}, in which no pixel lies")
        boxes.append(box)
        labels.append(columns[name] + 1)
        difficult.append(_number(path, element, "difficult", 0) != 0)
    return _Annotation(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(labels, dtype=np.int64),
        np.array(difficult, dtype=np.bool_),
    )


def _number(
    path: Path, element: ElementTree.Element, key: str, default: float | None = None
) -> float:
    text = element.findtext(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DatasetError(path, f"{key} is {text!r}; it must be a number")
    return value


def _segmented(
    objects: Path, classes: Path, n_classes: int, annotation: _Annotation | None
) -> Truth:
    """Objects of a pair of segmentations. Object g of the annotation has the index g + 1."""
    instances, labels_of_pixels = read_index_image(objects), read_index_image(classes)
    if instances.shape != labels_of_pixels.shape:
        raise DatasetError(
            classes, f"is {labels_of_pixels.shape}; SegmentationObject is {instances.shape}"
        )
    indices = [g for g in np.unique(instances).tolist() if g not in (0, _VOID)]
    labels = []
    for g in indices:
        counts = np.bincount(labels_of_pixels[instances == g], minlength=256)[1:_VOID]
        labels.append(int(counts.argmax()) + 1)
        if counts.max() == 0 or labels[-1] > n_classes:
            raise DatasetError(classes, f"has no class for object {g} of SegmentationObject")
    masks = encode_masks(
        np.array([instances == g for g in indices], dtype=np.bool_).reshape(
            len(indices), *instances.shape
        )
    )
    difficult = [
        annotation is not None
        and g <= len(annotation.labels)
        and annotation.labels[g - 1] == label
        and bool(annotation.difficult[g - 1])
        for g, label in zip(indices, labels, strict=True)
    ]
    return Truth(boxes_of_masks(masks), np.array(labels), masks, np.array(difficult))
