"""Digests of what a run reads: images, tags, annotated objects, and files that settings name.

A file's digest is that of its bytes. Those of files that did not change since (same size and time
of change) are taken from ``hashes.json`` in the run's folder, so that only a first run reads
everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from liid_cut.npz import replacing
from liid_mil.data.types import ImageDataset

FORMAT = "liid_mil hashes 1"


class FileHashes:
    """SHA-256 of files, remembered in the file ``path`` by name, size and time of change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        self._changed = False
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            if state["format"] == FORMAT:
                self._known = state["files"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # a cache: what is not there is computed again

    def of(self, path: Path) -> str:
        """Digest of one file. Raises ``OSError`` where it cannot be read."""
        state, name = path.stat(), str(path.resolve())
        known = self._known.get(name)
        if known is not None and known[:2] == [state.st_size, state.st_mtime_ns]:
            return str(known[2])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._known[name] = [state.st_size, state.st_mtime_ns, digest]
        self._changed = True
        return digest

    def of_all(self, paths: Iterable[Path]) -> str:
        """Digest of the contents of files, in this order; a folder counts as its files."""
        digest = hashlib.sha256()
        for path in paths:
            inside = sorted(path.rglob("*")) if path.is_dir() else [path]
            for one in inside:
                if one.is_file():
                    name = str(one.relative_to(path))
                    digest.update(f"{name} {self.of(one)}\n".encode())
        return digest.hexdigest()

    def save(self) -> None:
        """Remember what was computed."""
        if self._changed:
            with replacing(self._path) as file:
                file.write(json.dumps({"format": FORMAT, "files": self._known}).encode())
            self._changed = False


def digest_of(value: Any) -> str:
    """Digest of what JSON holds."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def images_digest(dataset: ImageDataset, hashes: FileHashes) -> str:
    """Digest of the images: of their names, and of the files where they lie in files."""
    files = hashes.of_all(getattr(dataset, "paths", ()))
    return digest_of([list(dataset.image_ids), files])


def tags_digest(dataset: ImageDataset) -> str:
    """Digest of the classes and of each image's tags."""
    tags = np.ascontiguousarray(dataset.tags, dtype=np.bool_)
    return digest_of([list(dataset.class_names), hashlib.sha256(tags.tobytes()).hexdigest()])


def truth_digest(dataset: ImageDataset, hashes: FileHashes) -> str:
    """Digest of the files with annotated objects; of datasets without files, that of the names."""
    return digest_of([list(dataset.image_ids), hashes.of_all(getattr(dataset, "truth_paths", ()))])
