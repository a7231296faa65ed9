"""Dual messages of a distributed run, which stay in the files of its batches until read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.sources import Ints, file_source
from liid_cut.runs.store import Store


class Messages:
    """An array (m, K+1) of float64 that reads itself from files: ``np.asarray`` gathers all of it.

    Rows, ``messages[edges]``, are read alone. It holds the run's folder where that is temporary.

    Attributes
    ----------
    shape, dtype, ndim : as of an array.
    """

    def __init__(
        self, store: Store, names: list[str], edges: list[Ints], n_edges: int, n_labels: int
    ) -> None:
        self.shape = n_edges, n_labels
        self.dtype = np.dtype(np.float64)
        self.ndim = 2
        self.keeps: Any = None
        self._store = store
        self._names = names
        self._edges = edges

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("messages are in files; an array of them is always a copy")
        out = np.zeros(self.shape)
        for name, edges in zip(self._names, self._edges, strict=True):
            if len(edges):
                out[edges] = file_source(self._store, name, "messages").read(0, len(edges))
        return out if dtype is None else out.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """As of the array; ``key`` chooses rows first."""
        rows, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.arange(self.shape[0])[rows]
        out = np.zeros((chosen.size, self.shape[1]))
        wanted = np.atleast_1d(chosen).ravel()
        for name, edges in zip(self._names, self._edges, strict=True):
            if not len(edges):
                continue
            place = np.searchsorted(edges, wanted)
            place[place == len(edges)] = 0
            here = np.flatnonzero(edges[place] == wanted)
            if len(here):
                out[here] = file_source(self._store, name, "messages").take(place[here])
        found = out.reshape(*np.shape(chosen), self.shape[1])
        return found[(..., *rest)] if rest else found

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray, (np.asarray(self),)
