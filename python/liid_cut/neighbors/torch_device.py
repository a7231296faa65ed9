"""``neighbors="torch:<device>"``: the exact search with products on a torch device.

``"torch:cuda"`` for a GPU. Blocks of queries stay on the device while the features stream by; each
block keeps the candidates of largest inner product, in float32. They are certified like those of
`exact`, on the CPU, in double: the neighbours are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from liid_cut.neighbors.checkpoint import Checkpoint
from liid_cut.neighbors.exact import certify
from liid_cut.neighbors.groups import Groups
from liid_cut.neighbors.nearest import Nearest
from liid_cut.neighbors.rows import UnitRows

PREFIX = "torch:"
_EXTRA_CANDIDATES = 12
_QUERIES = 4096
_COLUMNS = 1 << 15


def check_device(neighbors: str) -> Any:
    """The torch device of a setting ``"torch:..."``.

    Raises
    ------
    ValueError : torch is not installed, or has no such device.
    """
    name = neighbors.removeprefix(PREFIX)
    try:
        import torch
    except ImportError:
        raise ValueError(f"neighbors is {neighbors!r}, but torch is not installed") from None
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"neighbors is {neighbors!r}; torch has no such device: {reason}"
        ) from None
    return device


def torch_search(
    rows: UnitRows, k: int, groups: Groups, neighbors: str, max_bytes: int
) -> tuple[Nearest, str]:
    """The k nearest rows of every row, and a sentence on how."""
    import torch

    device = check_device(neighbors)
    length = min(k + _EXTRA_CANDIDATES, rows.n)
    n_columns = int(np.clip(max_bytes // 4 // (4 * rows.d), 1024, _COLUMNS))
    ids = np.full((rows.n, length), -1, dtype=np.int32)
    similarities = np.full((rows.n, length), -np.inf, dtype=np.float32)
    bits = None if groups.bits is None else torch.from_numpy(groups.bits.view(np.int64))

    # TF32 would round the factors to 10 bits, outside the error bound.
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        for start in range(0, rows.n, _QUERIES):
            asking = torch.arange(start, min(start + _QUERIES, rows.n), device=device)
            x = torch.from_numpy(rows.load(start, start + len(asking))).to(device)
            best = torch.full((len(asking), length), -torch.inf, device=device)
            who = torch.full((len(asking), length), -1, dtype=torch.int64, device=device)
            for first in range(0, rows.n, n_columns):
                last = min(first + n_columns, rows.n)
                columns = torch.arange(first, last, device=device)
                y = torch.from_numpy(rows.load(first, last)).to(device)
                products = x @ y.T
                products[asking[:, None] == columns] = -torch.inf
                if bits is not None:
                    own, other = bits[asking.cpu()].to(device), bits[columns.cpu()].to(device)
                    apart = ((own[:, None, :] & other) == 0).all(dim=2)
                    products[apart] = -torch.inf
                best, at = torch.cat([best, products], dim=1).topk(length, dim=1)
                everyone = torch.cat([who, columns.expand(len(asking), -1)], dim=1)
                who = everyone.gather(1, at)
            block = slice(start, start + len(asking))
            similarities[block] = best.cpu().numpy()
            ids[block] = torch.where(best == -torch.inf, -1, who).to(torch.int32).cpu().numpy()
    finally:
        torch.set_float32_matmul_precision(before)
    nearest = certify(rows, k, groups, ids, similarities, Checkpoint())
    return nearest, f"exact, products by torch on {device}"
