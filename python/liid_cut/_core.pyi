"""Private C++ core; see liid_cut for the documented API."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__version__: str
heavy_asserts: bool
STATUSES: tuple[str, ...]
STAGES: tuple[str, ...]

_Edges = npt.NDArray[np.int32]
_Floats = npt.NDArray[np.float64]

def check_probs(probs: npt.NDArray[Any], allow_zero_rows: bool) -> None: ...
def canonical_edges(n_nodes: int, edges: _Edges, weights: _Floats) -> tuple[_Edges, _Floats]: ...
def neighbour_edges(
    neighbours: npt.NDArray[np.int64], cosines: _Floats, delta: float, mutual: bool
) -> tuple[_Edges, _Floats]: ...
def component_ids(n_nodes: int, edges: _Edges, weights: _Floats) -> npt.NDArray[np.int32]: ...
def ckr_relaxation(
    probs: npt.NDArray[Any],
    edges: _Edges,
    weights: _Floats,
    allowed: npt.NDArray[np.bool_] | None,
) -> dict[str, npt.NDArray[Any]]: ...
def solve(
    probs: npt.NDArray[Any],
    edges: _Edges,
    weights: _Floats,
    allowed: npt.NDArray[np.bool_] | None,
    method: str,
    time_limit_s: float,
    n_threads: int,
    progress: Callable[[int, int, float, float], None] | None,
    max_memory: int = ...,
    debug_labels: list[int] = ...,
) -> dict[str, Any]: ...

_Singles = npt.NDArray[np.float32]
_Ids = npt.NDArray[np.int64]

def batched_nms(
    boxes: npt.NDArray[Any],
    scores: _Floats,
    labels: _Ids | None,
    groups: _Ids | None,
    iou_threshold: float,
    n_threads: int,
) -> _Ids: ...
def batched_mask_nms(
    codes: bytes,
    ends: _Ids,
    sizes: _Ids,
    scores: _Floats,
    labels: _Ids | None,
    groups: _Ids | None,
    iou_threshold: float,
    n_threads: int,
) -> _Ids: ...
def mask_areas(codes: bytes, ends: _Ids, sizes: _Ids) -> _Ids: ...

class CosineRows:
    def __init__(self, features: npt.NDArray[Any], index: _Ids | None = None) -> None: ...
    def measure(self, begin: int, end: int) -> None: ...
    def lengths(self) -> _Floats: ...
    def fingerprints(self) -> npt.NDArray[np.uint64]: ...
    def unit_rows(self, ids: _Ids, out: npt.NDArray[Any]) -> None: ...
    def cosines(self, u: _Ids, v: _Ids) -> _Floats: ...

class RowGroups:
    def __init__(self, bits: npt.NDArray[np.uint64] | None = None) -> None: ...

class CandidateLists:
    def __init__(self, n_rows: int, length: int, groups: RowGroups) -> None: ...
    def add_tile(self, similarities: _Singles, a: int, b: int) -> None: ...
    def add_queries(self, similarities: _Singles, queries: _Ids, b: int) -> None: ...
    def add(self, u: _Ids, v: _Ids, similarities: _Singles) -> None: ...
    def arrays(self) -> tuple[npt.NDArray[np.int32], _Singles]: ...
    def restore(self, ids: npt.NDArray[np.int32], similarities: _Singles) -> None: ...
    def last(self, rows: _Ids) -> _Singles: ...

class NearestLists:
    def __init__(self, n_rows: int, length: int, groups: RowGroups) -> None: ...
    def add(self, u: _Ids, v: _Ids, similarities: _Floats) -> None: ...
    def arrays(self) -> tuple[npt.NDArray[np.int32], _Floats]: ...
    def restore(self, ids: npt.NDArray[np.int32], similarities: _Floats) -> None: ...
    def last(self, rows: _Ids) -> _Floats: ...

def pairs_above(
    similarities: _Singles,
    a: int,
    b: int,
    thresholds_a: _Singles,
    thresholds_b: _Singles,
    groups: RowGroups,
    tail: tuple[_Singles, _Singles, _Singles, _Singles] | None = None,
) -> tuple[_Ids, _Ids]: ...
