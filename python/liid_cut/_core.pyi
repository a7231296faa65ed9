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
def pair_cosines(
    features: npt.NDArray[Any],
    queries: npt.NDArray[np.int64],
    candidates: npt.NDArray[np.int64],
) -> _Floats: ...
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
    debug_labels: list[int] = ...,
) -> dict[str, Any]: ...
