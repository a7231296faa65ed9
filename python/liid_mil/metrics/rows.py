"""Values of all proposals of a dataset, gathered image by image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Rows:
    """Rows that grow at their end: the memory of their bytes, whatever the number of images.

    dtype, width : of a row; an array of shape (n, width).
    """

    def __init__(self, dtype: npt.DTypeLike, width: int = 1) -> None:
        self._dtype = np.dtype(dtype)
        self._width = width
        self._bytes = bytearray()

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append (p, width), or (p,) where the width is 1."""
        self._bytes += np.ascontiguousarray(values, dtype=self._dtype).tobytes()

    def array(self) -> npt.NDArray[Any]:
        """All rows so far, (n, width)."""
        return np.frombuffer(bytes(self._bytes), dtype=self._dtype).reshape(-1, self._width)
