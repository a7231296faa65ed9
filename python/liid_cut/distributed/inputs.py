"""What a user passes, as sources that every worker can read; checked by units, block by block.

An ``.npy`` file, and a ``np.memmap`` of a whole file, stay where they are. An array in memory is
written to the run's folder by the client, other kinds (`liid_cut.distributed.readers`) by units.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut import _core
from liid_cut.constraints.inputs import restricted, weighted
from liid_cut.distributed.ranges import ranges, row_starts, starts_of
from liid_cut.distributed.readers import DaskReader, Reader, as_reader
from liid_cut.distributed.run import Run
from liid_cut.distributed.sources import (
    BlocksSource,
    FileSource,
    Ints,
    Source,
    block_name,
    file_source,
)
from liid_cut.distributed.units import Unit
from liid_cut.inputs import as_array, as_float_matrix, check_float_matrix
from liid_cut.npz import Arrays, replacing
from liid_cut.runs.store import ROWS_PER_FINGERPRINT, Store, fingerprint
from liid_cut.weights import as_terminal_weights

Bools = npt.NDArray[np.bool_]

_INDEX = re.compile(r"\b(probs|allowed|labels|node_weights)\[(\d+)")
_ROWS_AT_ONCE = 1 << 14


def as_matrix_source(run: Run, name: str, value: Any) -> Source:
    """A matrix of floats in native byte order, in files.

    Raises
    ------
    ValueError : shape or type is wrong; the message names the argument.
    OSError : it cannot be read.
    """
    reader = _reader_of(name, value)
    if reader is None:
        return _written(run, name, as_float_matrix(name, value))
    check_float_matrix(name, reader.shape, reader.dtype)
    dtype = _float_dtype(reader.dtype)
    if isinstance(reader, FileSource) and reader.dtype == dtype:
        return reader
    return _staged(run, name, reader, dtype)


def as_allowed_source(run: Run, value: Any, shape: tuple[int, ...]) -> Source:
    """The labels that are allowed, (n, K+1) bool, in files; `check_terminals` checks its rows."""
    reader = _reader_of("allowed", value)
    array = as_array("allowed", value) if reader is None else None
    whole: Any = array if reader is None else reader
    of_shape, dtype = whole.shape, np.dtype(whole.dtype)
    if tuple(of_shape) != shape:
        raise ValueError(f"allowed has shape {of_shape}; probs has {shape}, both must agree")
    if dtype != np.bool_:
        raise ValueError(f"allowed has dtype {dtype}; it must be bool")
    if array is not None:
        return _written(run, "allowed", array)
    return reader if isinstance(reader, FileSource) else _staged(run, "allowed", reader, dtype)


def _reader_of(name: str, value: Any) -> Reader | FileSource | None:
    """What reads an argument where it is; None: it is in memory."""
    reader = as_reader(name, value)
    if reader is not None:
        return reader
    if isinstance(value, str | os.PathLike):
        try:
            return FileSource.of_npy(Path(value))
        except ValueError as error:
            raise ValueError(f"{name}: {value} is no .npy file of numbers: {error}") from None
    return FileSource.of_whole(value) if isinstance(value, np.memmap) else None


def _float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64) if dtype.kind in "iub" else np.dtype(dtype.newbyteorder("="))


def _written(run: Run, name: str, array: npt.NDArray[Any]) -> FileSource:
    """An array in memory as a file of the run, named by what it holds: none is ever changed."""
    digest = str(fingerprint(array)).rpartition(" ")[2]
    path = run.store("inputs", {}).folder / f"{name}-{digest}.npy"
    with replacing(path) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
    return FileSource.of_npy(path)


def _staged(run: Run, name: str, reader: Any, dtype: np.dtype[Any]) -> BlocksSource:
    """Rows of a reader, written by units; anew in each run, for the input may have changed."""
    n, d = reader.shape
    starts = row_starts(n, max(8, dtype.itemsize) * d)
    store = run.store("inputs", {})
    units = []
    for i, (begin, end) in enumerate(ranges(starts)):
        # A dask array is computed by the engine, others are read by the unit.
        lazy = (reader.block(begin, end),) if isinstance(reader, DaskReader) else ()
        source = None if lazy else reader
        arguments = (name, dtype, source, begin, end)
        units.append(Unit(block_name(name, i), _stage, arguments, store, inputs=lazy, fresh=True))
    run.do(units)
    return BlocksSource(store, name, name, starts, dtype, (d,))


def _stage(
    name: str, dtype: np.dtype[Any], reader: Any, begin: int, end: int, computed: Any = None
) -> Arrays:
    rows = computed if reader is None else reader.read(begin, end)
    return {name: np.ascontiguousarray(rows, dtype=dtype)}


# ---- probabilities and what restricts or weighs labels


@dataclass(frozen=True)
class Terminals:
    """Rows of the problem that the core cuts, made from sources when they are asked for.

    Attributes
    ----------
    probs, allowed : sources (n, K+1), or None.
    labels, node_weights : sources (n,), or None.
    kind, temperature : as ``terminal_weights`` and ``temperature`` of
        :func:`liid_cut.multiway_cut`.
    """

    probs: Source
    allowed: Source | None
    labels: Source | None
    node_weights: Source | None
    kind: str
    temperature: float

    @property
    def shape(self) -> tuple[int, int]:
        """(n, K+1)."""
        n, n_labels = self.probs.shape
        return n, n_labels

    def raw(self, ids: Ints) -> tuple[npt.NDArray[Any], Bools | None]:
        """Probabilities of some nodes, and the labels that these may take."""
        probs = self.probs.take(ids)
        allowed = None if self.allowed is None else self.allowed.take(ids)
        labels = None if self.labels is None else self.labels.take(ids)
        mask = restricted(allowed, labels, probs.shape)
        if mask is None and self.is_restricted:
            mask = np.ones(probs.shape, dtype=bool)
        return probs, mask

    @property
    def is_restricted(self) -> bool:
        """Whether there are labels that some node may not take."""
        return self.allowed is not None or self.labels is not None

    def weights(self, probs: npt.NDArray[Any], mask: Bools | None, ids: Ints) -> npt.NDArray[Any]:
        """Terminal weights of nodes, from what :meth:`raw` gave."""
        made = as_terminal_weights(probs, self.kind, self.temperature, mask)
        return weighted(made, None if self.node_weights is None else self.node_weights.take(ids))


def check_terminals(
    run: Run, terminals: Terminals, *, zero_rows: bool
) -> tuple[dict[str, str], Ints]:
    """Check every row; fingerprints of the sources, and rows of probabilities that are all zero.

    Raises
    ------
    ValueError : the first bad row, as :func:`liid_cut.multiway_cut` says it.
    """
    n = terminals.shape[0]
    parts = run.do(
        Unit(f"check-{begin}", _check_terminals, (terminals, zero_rows, run.keeps, begin, end))
        for begin, end in ranges(starts_of(n, ROWS_PER_FINGERPRINT))
    )
    _raise_first(parts)
    sources = {"probs": terminals.probs}
    if terminals.allowed is not None:
        sources["allowed"] = terminals.allowed
    prints = {
        name: _united_fingerprint(source, [part[name] for part in parts])
        for name, source in sources.items()
    }
    return prints, np.concatenate([np.empty(0, np.int64), *(part["zeros"] for part in parts)])


def _check_terminals(
    terminals: Terminals, zero_rows: bool, digested: bool, begin: int, end: int
) -> Arrays:
    digests = {name: hashlib.blake2b(digest_size=16) for name in ("probs", "allowed")}
    found: Arrays = {}
    zeros = [np.empty(0, np.int64)]
    for start in range(begin, end, _ROWS_AT_ONCE):
        ids = np.arange(start, min(start + _ROWS_AT_ONCE, end))
        probs = terminals.probs.read(start, int(ids[-1]) + 1)
        try:
            _core.check_probs(probs, zero_rows)
            terminals.weights(*terminals.raw(ids), ids)
        except ValueError as error:
            found["error"] = np.array(_shifted(str(error), start))
            break
        zeros.append(ids[~probs.any(axis=1)])
        if digested:
            digests["probs"].update(np.ascontiguousarray(probs).data)
            if terminals.allowed is not None:
                allowed = terminals.allowed.read(start, int(ids[-1]) + 1)
                digests["allowed"].update(np.ascontiguousarray(allowed).data)
    found["zeros"] = np.concatenate(zeros)
    return found | {
        name: np.frombuffer(digest.digest(), np.uint8) for name, digest in digests.items()
    }


def _shifted(message: str, by: int) -> str:
    """A message on a row of a block, with the row's number in the whole."""
    return _INDEX.sub(lambda match: f"{match[1]}[{int(match[2]) + by}", message)


# ---- features


def measure_features(
    run: Run, feats: Source
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint64], str]:
    """Lengths (n,) and fingerprints (n,) of all rows, and the fingerprint of the whole.

    Raises
    ------
    ValueError : the first entry that is not finite.
    """
    n = int(feats.shape[0])
    parts = run.do(
        Unit(f"measure-{begin}", _measure, (feats, run.keeps, begin, end))
        for begin, end in ranges(starts_of(n, ROWS_PER_FINGERPRINT))
    )
    _raise_first(parts)
    lengths = [np.empty(0), *(part["lengths"] for part in parts)]
    prints = [np.empty(0, np.uint64), *(part["fingerprints"] for part in parts)]
    digest = _united_fingerprint(feats, [part["digest"] for part in parts])
    return np.concatenate(lengths), np.concatenate(prints), digest


def _measure(feats: Source, digested: bool, begin: int, end: int) -> Arrays:
    digest = hashlib.blake2b(digest_size=16)
    lengths, prints = [], []
    step = max(1, row_starts(1 << 30, feats.shape[1] * 8)[1])
    for start in range(begin, end, step):
        block = feats.read(start, min(start + step, end))
        rows = _core.CosineRows(block)
        rows.measure(0, len(block))
        lengths.append(rows.lengths())
        prints.append(rows.fingerprints())
        bad = np.flatnonzero(np.isnan(lengths[-1]))
        if bad.size:
            row = int(bad[0])
            column = int(np.argmin(np.isfinite(block[row])))
            where = f"feats[{start + row}, {column}] is {block[row, column]}"
            return {"error": np.array(f"{where}; every entry must be finite")}
        if digested:
            digest.update(np.ascontiguousarray(block).data)
    return {
        "lengths": np.concatenate(lengths),
        "fingerprints": np.concatenate(prints),
        "digest": np.frombuffer(digest.digest(), np.uint8),
    }


def _united_fingerprint(source: Source, digests: list[npt.NDArray[np.uint8]]) -> str:
    """As `liid_cut.runs.store.fingerprint`, from the digests of blocks of rows."""
    whole = hashlib.blake2b(digest_size=16)
    for digest in digests:
        whole.update(digest.tobytes())
    return f"{source.dtype} {list(source.shape)} {whole.hexdigest()}"


def _raise_first(parts: list[Arrays]) -> None:
    for part in parts:
        if "error" in part:
            raise ValueError(str(part["error"]))


def vector_source(store: Store, name: str, values: npt.NDArray[Any]) -> FileSource:
    """One number of each node, which the client has, for the workers."""
    store.write(name, {"values": values})
    return file_source(store, name, "values")
