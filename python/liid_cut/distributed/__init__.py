"""A cut by many processes, on one machine or several: ``multiway_cut(..., client=client)``.

Input: a ``dask.distributed.Client`` (``pip install "liid-cut[dask]"``) and files that all workers
see. Output: the labels, cost, bound and certificate of one process, bit for bit, for any number of
workers.
"""

from liid_cut.distributed.cluster import local_cluster, security_of
from liid_cut.distributed.multiway import multiway_cut_on
from liid_cut.distributed.readers import from_parquet

__all__ = ["from_parquet", "local_cluster", "multiway_cut_on", "security_of"]
