"""From files of proposals to a store: match their images to a dataset's, and write.

Input: what :mod:`liid_mil.readers` reads, and images. Output: a
:class:`~liid_mil.proposals.store.ProposalStore` in the dataset's order, and what did not match.
Images are written as they come and put in order afterwards, so that memory does not grow with
their number; the store takes twice its disk space on the way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from liid_mil.data.files import distinct, image_path
from liid_mil.data.images import read_image_size
from liid_mil.data.types import DatasetError, ImageDataset, Proposals
from liid_mil.proposals.selection import select_proposals
from liid_mil.proposals.store import ProposalStore, write_store
from liid_mil.readers import Limits, ProposalReader, read_proposals
from liid_mil.readers.files import stem
from liid_mil.readers.reading import Size


@dataclass(frozen=True)
class ImportReport:
    """What came in, and what did not.

    format : what was read. n_images, n_proposals : in the store. n_empty : proposals without a
    pixel. missing : images of the dataset of which the files have no proposals. unknown : how many
    images of the files the dataset does not have. skipped : image id -> reason, all images of the
    store without proposals for a reason: missing and damaged ones.
    """

    format: str
    n_images: int
    n_proposals: int
    n_empty: int = 0
    missing: tuple[str, ...] = ()
    unknown: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


def import_proposals(
    format: str,
    path: str | Path,
    output: str | Path,
    *,
    dataset: ImageDataset | None = None,
    image_dir: str | Path | None = None,
    top: int | None = None,
    select: int | None = None,
    allow_missing: bool = False,
    limits: Limits | None = None,
    missing_scores: str = "one",
    on_error: str = "raise",
    progress: bool | None = None,
) -> tuple[ProposalStore, ImportReport]:
    """Read proposals and store them in the folder ``output``.

    Parameters
    ----------
    format, path, limits, missing_scores, top : as of :func:`~liid_mil.readers.read_proposals`.
    dataset : the store gets its images, in its order. A name in the files matches an image's id or
        its file, each with or without its ending, where that is the same for no other image. Sizes
        must be those of the images, and boxes are cut at them.
    image_dir : without a dataset, the folder of the images, for files that do not tell sizes. The
        store gets the images of the files, in their order.
    select : keep that many of an image, chosen as
        :func:`~liid_mil.proposals.selection.select_proposals` does after ``top``.
    allow_missing : store images of which the files have no proposals without any; else that is an
        error.
    on_error : ``"raise"``, or ``"skip"``: images whose file or records are damaged get no proposals
        and are listed in ``skipped``.
    progress : whether to show a progress bar; None: where the error stream is a terminal.

    Raises
    ------
    FileExistsError : ``output`` exists.
    ValueError : a setting that is not allowed, no image of the files is the dataset's, or some of
        the dataset's are missing and that is not allowed.
    DatasetError : a file is missing, damaged, or does not tell the size of its image.
    """
    output = Path(output)
    if output.exists():
        raise FileExistsError(f"{output} exists; remove it or choose another path")
    if select is not None and select < 1:
        raise ValueError(f"select is {select}; it must be at least 1, or None")
    sizes = _Sizes(dataset, None if image_dir is None else Path(image_dir))
    reader = read_proposals(
        format,
        path,
        limits=limits,
        missing_scores=missing_scores,
        top=top,
        on_error=on_error,
        sizes=sizes,
    )
    settings = {
        "imported": reader.format,
        "source": Path(path).name,
        "missing_scores": missing_scores,
        "top": top,
        "select": select,
    }
    names: list[str] = []
    unknown: list[str] = []

    def images() -> Iterator[tuple[Proposals, Size]]:
        total = None if dataset is None else len(dataset)
        hidden = None if progress is None else not progress
        for image in tqdm(reader, desc="import", unit="image", total=total, disable=hidden):
            name = sizes.image_id(image.image_id)
            if name is None:
                unknown.append(image.image_id)
                continue
            if image.size is None:
                raise DatasetError(
                    path,
                    f"does not tell the size of image {image.image_id!r}; name the images' source",
                )
            names.append(name)
            yield _selected(image.proposals, select, image.size), image.size

    if dataset is None:
        store = write_store(output, names, images(), settings=settings, skipped=reader.skipped)
        return store, _report(reader, store, (), 0)
    spool = output.with_name(f".{output.name}.{os.getpid()}.import")
    shutil.rmtree(spool, ignore_errors=True)
    try:
        unordered = write_store(spool, names, images(), skipped=reader.skipped)
        skipped, missing = _skipped(path, dataset, names, reader, sizes)
        if not names:
            raise ValueError(
                f"{path}: none of its {len(unknown)} images is one of the dataset's "
                f"{len(dataset)}; its first is {next(iter(unknown), None)!r}, the dataset's "
                f"{next(iter(dataset.image_ids), None)!r}"
            )
        if missing and not allow_missing:
            raise ValueError(
                f"{path} has no proposals of {len(missing)} of {len(dataset)} images, the first of "
                f"them {missing[0]!r}; allow that (allow_missing, --allow-missing), or use fewer "
                "images"
            )
        store = write_store(
            output,
            dataset.image_ids,
            _in_order(unordered, dataset),
            settings=settings,
            skipped=skipped,
        )
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    return store, _report(reader, store, missing, len(unknown))


class _Sizes:
    """Which image of the dataset a name in the files means, and its size."""

    def __init__(self, dataset: ImageDataset | None, image_dir: Path | None) -> None:
        self._dataset = dataset
        self._image_dir = image_dir
        self._indices: dict[str, int] = {}
        if dataset is None:
            return
        files = getattr(dataset, "paths", None)
        several: set[str] = set()
        for i, name in enumerate(dataset.image_ids):
            names = {stem(name), name.rpartition("/")[2]}
            if files is not None:
                names |= {files[i].name, files[i].stem}
            several |= {other for other in names if other in self._indices}
            self._indices |= dict.fromkeys(names, i)
        for other in several:
            del self._indices[other]
        self._indices |= {name: i for i, name in enumerate(dataset.image_ids)}

    def image_id(self, name: str) -> str | None:
        """The image's id; None where the dataset has no such image."""
        if self._dataset is None:
            return name
        i = self._indices.get(name)
        return None if i is None else self._dataset.image_ids[i]

    def __call__(self, name: str) -> Size | None:
        """Height and width of an image, None where unknown."""
        if self._dataset is None:
            if self._image_dir is None:
                return None
            return read_image_size(image_path(self._image_dir, name))
        i = self._indices.get(name)
        if i is None:
            return None
        files = getattr(self._dataset, "paths", None)
        if files is not None:
            return read_image_size(files[i])
        height, width = self._dataset.image(i).shape[:2]
        return height, width


def _selected(proposals: Proposals, select: int | None, size: Size) -> Proposals:
    if select is None or len(proposals) == 0:
        return proposals
    return select_proposals(proposals, select, size)


def _skipped(
    path: str | Path,
    dataset: ImageDataset,
    names: list[str],
    reader: ProposalReader,
    sizes: _Sizes,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Why images of the dataset have no proposals, and which are not in the files at all."""
    damaged = {sizes.image_id(name): reason for name, reason in reader.skipped.items()}
    seen = set(distinct(Path(path), names))
    missing = [name for name in dataset.image_ids if name not in seen and name not in damaged]
    reasons = {name: damaged[name] for name in dataset.image_ids if name in damaged}
    reasons |= dict.fromkeys(missing, f"{Path(path).name} has no proposals of it")
    return reasons, tuple(missing)


def _in_order(unordered: ProposalStore, dataset: ImageDataset) -> Iterator[tuple[Proposals, Size]]:
    places = {name: i for i, name in enumerate(unordered.image_ids)}
    nothing = Proposals(np.zeros((0, 4), np.float32), None, np.zeros(0, np.float32))
    for name in dataset.image_ids:
        if name in places:
            yield unordered[places[name]], unordered.image_size(places[name])
        else:
            yield nothing, (0, 0)


def _report(
    reader: ProposalReader, store: ProposalStore, missing: tuple[str, ...], unknown: int
) -> ImportReport:
    return ImportReport(
        reader.format,
        len(store),
        store.n_proposals,
        reader.n_empty,
        missing,
        unknown,
        dict(store.skipped),
    )
