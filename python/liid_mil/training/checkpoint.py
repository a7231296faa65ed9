"""Checkpoints: everything that a run needs to go on as if it had never stopped.

A checkpoint file holds plain tensors, numbers and strings: what kind of network it is, the
settings, the dataset's fingerprint, weights, optimizer, centres, random state, and the position
inside the epoch. It is written under another name, flushed to disk and renamed, so that a killed
run leaves the last whole checkpoint. It is read with ``weights_only=True``: no code in it is run.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from liid_mil.data.types import ImageDataset
from liid_mil.training.config import TrainingConfig

FORMAT = "liid_mil checkpoint 1"
_KEYS = ("format", "kind", "config", "data", "class_names", "epoch", "step", "model", "extra")


class CheckpointError(ValueError):
    """A checkpoint file is damaged, or does not belong to this run; the message names it."""


def save_checkpoint(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint in one step; an older file there is replaced at the end.

    Raises
    ------
    OSError : the folder is missing or cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else the new name may be lost with the power
    finally:
        os.close(folder)


def load_checkpoint(path: str | Path, kind: str | None = None) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Parameters
    ----------
    path : a file written by :func:`save_checkpoint`.
    kind : ``"cam"`` or ``"mil"``, the network that it must hold; None: any.

    Raises
    ------
    CheckpointError : the file is no checkpoint, is damaged, or holds another kind of network.
    OSError : it is missing or cannot be read.
    """
    with open(path, "rb") as file:
        # torch does not compare checksums, and would load flipped bits as weights.
        try:
            with zipfile.ZipFile(file) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise CheckpointError(f"{path}: damaged checkpoint: wrong checksum of {damaged}")
            file.seek(0)
            state = torch.load(file, map_location="cpu", weights_only=True)
        except zipfile.BadZipFile as error:
            raise CheckpointError(
                f"{path}: no checkpoint, or cut short: {_first_line(error)}"
            ) from None
        except (pickle.UnpicklingError, zlib.error, RuntimeError, EOFError, KeyError) as error:
            raise CheckpointError(f"{path}: damaged checkpoint: {_first_line(error)}") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of liid_mil (its format is not {FORMAT})")
    missing = [key for key in _KEYS if key not in state]
    if missing:
        raise CheckpointError(f"{path}: damaged checkpoint: {', '.join(missing)} missing")
    if kind is not None and state["kind"] != kind:
        raise CheckpointError(f"{path}: holds a {state['kind']} network; a {kind} one is needed")
    return state


def check_same_run(
    path: str | Path, state: Mapping[str, Any], config: TrainingConfig, data: str
) -> None:
    """Raise where a run with these settings and data cannot go on from a checkpoint.

    Raises
    ------
    CheckpointError : names the first setting that differs, with both values.
    """
    saved, wanted = state["config"], asdict(config)
    for name in sorted(set(saved) | set(wanted)):
        if saved.get(name) != wanted.get(name):
            raise CheckpointError(
                f"{path}: was made with {name}={saved.get(name)!r}, but now "
                f"{name}={wanted.get(name)!r}; use the same settings, or another folder"
            )
    if state["data"] != data:
        raise CheckpointError(
            f"{path}: was made with other images, tags, proposals or pseudo labels; "
            "use the same data, or another folder"
        )


def data_fingerprint(dataset: ImageDataset, *arrays: np.ndarray[Any, Any]) -> str:
    """Digest of the names and tags of a dataset's images, and of further arrays."""
    digest = hashlib.sha256(repr((dataset.class_names, dataset.image_ids)).encode())
    for array in (np.asarray(dataset.tags), *arrays):
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def weights_fingerprint(network: nn.Module) -> str:
    """Digest of the names and values of a network's weights."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
