"""One cluster of two processes for all tests of this folder; its threads end with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="package")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")
    from liid_cut.distributed import local_cluster

    with local_cluster(2, memory_limit="2 GiB") as cluster, distributed.Client(cluster) as made:
        yield made
