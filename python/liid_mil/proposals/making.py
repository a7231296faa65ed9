"""Makes the proposals of a dataset, in one process or several, and stores them.

Input: a dataset. Output: a :class:`~liid_mil.proposals.store.ProposalStore`. Steps for each image:
segment, then select. Images are done in chunks; each finished chunk is a small store in the folder
``<path>.partial``, so that a run that was killed goes on where it was. The bytes of the result do
not depend on the number of processes, nor on whether it was made at one go.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from liid_mil.data.types import DatasetError, ImageDataset, Proposals
from liid_mil.proposals.segmentation import segment_proposals
from liid_mil.proposals.selection import select_proposals
from liid_mil.proposals.store import ProposalStore, write_store

logger = logging.getLogger(__name__)

ON_ERROR = ("raise", "skip")
_IMAGES_PER_CHUNK = 32
# To be changed with anything that changes the proposals, so that no run mixes two methods.
_METHOD = "felzenszwalb, selective search, HCP; 1"


def make_proposals(
    dataset: ImageDataset,
    path: str | Path,
    n: int = 20,
    *,
    max_proposals: int = 500,
    n_jobs: int = 1,
    progress: bool | None = None,
    on_error: str = "raise",
) -> ProposalStore:
    """Make proposals of every image, and store them in the folder ``path``.

    A store that is there already is returned if it holds just these images, made with these
    settings. With ``n_jobs`` above 1 the dataset is sent to processes that are spawned: a script
    needs its ``if __name__ == "__main__":``.

    Parameters
    ----------
    dataset : N images.
    path : the store's folder; ``<path>.partial`` is used on the way and removed.
    n : proposals an image, at most; selected from ``max_proposals`` as
        :func:`~liid_mil.proposals.selection.select_proposals` does.
    max_proposals : candidates an image.
    n_jobs : processes; -1 for one a core.
    progress : whether to show a progress bar; None: where the error stream is a terminal.
    on_error : ``"raise"``, or ``"skip"``: an image that cannot be read gets no proposals, is logged
        and is listed in the store's ``skipped``.

    Raises
    ------
    ValueError : a setting out of range, or ``path`` holds other proposals.
    DatasetError : an image, or a file of the store at ``path``, is damaged; the message names it.
    """
    for name, value in (("n", n), ("max_proposals", max_proposals)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    if n_jobs == 0 or n_jobs < -1:
        raise ValueError(f"n_jobs is {n_jobs}; it must be at least 1, or -1 for one a core")
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r}; it must be one of {ON_ERROR}")
    path = Path(path)
    settings = {"method": _METHOD, "n": n, "max_proposals": max_proposals}
    partial = path.with_name(path.name + ".partial")
    if path.exists():
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed at its very end
        store = ProposalStore(path)
        store.check(dataset)
        if store.settings != settings:
            raise ValueError(
                f"{path} holds proposals made with {store.settings}, not {settings}; remove it or "
                "choose another path"
            )
        if store.skipped and on_error == "raise":
            name, reason = next(iter(store.skipped.items()))
            raise ValueError(
                f"{path} lacks the proposals of {len(store.skipped)} images, the first of them "
                f"{name} ({reason}); remove it or allow that with on_error='skip'"
            )
        return store
    partial.mkdir(parents=True, exist_ok=True)
    job = _Job(dataset, partial, settings, on_error == "skip")
    missing = [chunk for chunk in job.chunks() if not job.is_done(chunk)]
    n_processes = min(len(missing), (os.cpu_count() or 1) if n_jobs == -1 else n_jobs)
    n_left = sum(len(job.images(chunk)) for chunk in missing)
    with tqdm(
        total=len(dataset),
        initial=len(dataset) - n_left,
        desc="proposals",
        unit="image",
        disable=None if progress is None else not progress,
    ) as bar:
        for chunk in _run(job, missing, n_processes):
            bar.update(len(job.images(chunk)))
    stores = [ProposalStore(job.folder(chunk)) for chunk in job.chunks()]
    store = write_store(
        path,
        dataset.image_ids,
        ((part[i], part.image_size(i)) for part in stores for i in range(len(part))),
        settings=settings,
        skipped={name: reason for part in stores for name, reason in part.skipped.items()},
    )
    shutil.rmtree(partial)
    return store


@dataclass(frozen=True, eq=False)
class _Job:
    """What a worker needs to know; chunk c is the images from ``c * _IMAGES_PER_CHUNK`` on."""

    dataset: ImageDataset
    partial: Path
    settings: dict[str, Any]
    skips: bool

    def chunks(self) -> range:
        return range(-(-len(self.dataset) // _IMAGES_PER_CHUNK))

    def images(self, chunk: int) -> range:
        start = chunk * _IMAGES_PER_CHUNK
        return range(start, min(start + _IMAGES_PER_CHUNK, len(self.dataset)))

    def image_ids(self, chunk: int) -> tuple[str, ...]:
        return tuple(self.dataset.image_ids[i] for i in self.images(chunk))

    def folder(self, chunk: int) -> Path:
        return self.partial / f"{chunk:06d}"

    def is_done(self, chunk: int) -> bool:
        """Whether an earlier run finished the chunk; what it left otherwise is removed."""
        folder = self.folder(chunk)
        if not folder.exists():
            return False
        try:
            store = ProposalStore(folder)
            if store.settings != self.settings or store.image_ids != self.image_ids(chunk):
                reason = "made with other settings or of other images"
            elif store.skipped and not self.skips:
                reason = "made without some images"
            else:
                return True
        except DatasetError as error:
            reason = str(error)
        logger.warning("%s is made again: %s", folder, reason)
        shutil.rmtree(folder)
        return False

    def make(self, chunk: int) -> int:
        made: list[tuple[Proposals, tuple[int, int]]] = []
        skipped: dict[str, str] = {}
        for i in self.images(chunk):
            try:
                image = self.dataset.image(i)
            except DatasetError as error:
                if not self.skips:
                    raise
                skipped[self.dataset.image_ids[i]] = str(error)
                made.append((_NO_PROPOSALS, (0, 0)))
                continue
            size = image.shape[0], image.shape[1]
            candidates = segment_proposals(image, self.settings["max_proposals"])
            made.append((select_proposals(candidates, self.settings["n"], size), size))
        write_store(
            self.folder(chunk),
            self.image_ids(chunk),
            made,
            settings=self.settings,
            skipped=skipped,
        )
        for reason in skipped.values():
            logger.warning("skipped: %s", reason)
        return chunk


_NO_PROPOSALS = Proposals(np.zeros((0, 4), np.float32), None, np.zeros(0, np.float32))
_job: _Job | None = None


def _run(job: _Job, chunks: list[int], n_processes: int) -> Iterator[int]:
    """Make the chunks; yields each when it is done."""
    if n_processes <= 1:
        yield from map(job.make, chunks)
        return
    with ProcessPoolExecutor(
        n_processes, multiprocessing.get_context("spawn"), _start_worker, (job,)
    ) as pool:
        try:
            for future in as_completed([pool.submit(_work, chunk) for chunk in chunks]):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start_worker(job: _Job) -> None:
    global _job
    _job = job


def _work(chunk: int) -> int:
    assert _job is not None
    return _job.make(chunk)
