r"""A cut by many processes, on one machine or several: ``multiway_cut(..., client=client)``.

Input: a ``dask.distributed.Client`` (``pip install "liid-cut[dask]"``) and files that all workers
see. Output: the labels, cost, bound and certificate of one process, bit for bit, for any number of
workers and any chunks::

    from dask.distributed import Client
    from liid_cut.distributed import local_cluster

    if __name__ == "__main__":  # workers are processes, which import the script
        with local_cluster(8, memory_limit="8 GiB") as cluster, Client(cluster) as client:
            result = multiway_cut("probs.npy", "feats.zarr", client=client, checkpoint="state/")

**How.** The call is a plan of *units*, pure functions of files; each writes one block into the
run's folder (:mod:`liid_cut.runs.store`). The search is made of (panel x panel), (query block x
clusters) and (query x range) units, whose lists are merged by (similarity, id); the graph's edges
come in blocks, its components from a union-find over these, and components are cut in batches of
about a second, largest first. A worker that dies loses the units that it was at; Dask has them done
again. With ``checkpoint=folder`` a run that was killed as a whole goes on from its folder.

**Inputs.** ``probs``, ``feats``, ``allowed``: ``.npy`` files and ``np.memmap`` of whole files,
which workers map where they are; ``.zarr`` and ``.parquet`` paths, zarr arrays in local folders,
:func:`from_parquet`, dask arrays, and arrays in memory, which are first copied into the run's
folder. Nothing is unpickled from a user's file.

**The folder** has to be seen by the client and all workers under one path: ``checkpoint``, or else
a temporary one where Dask's ``temporary-directory`` says, which goes with the result. The files
that are read have to be seen likewise. A search needs about 40 bytes for each row and candidate,
and 8 for each row and direction, in the folder.

**Memory.** A unit takes a few hundred MiB, whatever n; a worker's limit should be 1 GiB or more for
each of its threads. The client holds some 100 bytes a node and edge: labels, components, edges.
``result.messages`` stays in files and is read when it is asked for (:class:`Messages
<liid_cut.distributed.messages.Messages>`).

**What has no distributed form** is a ``ValueError``: ``must_link``, ``cannot_link``, ``coverage``,
the preset ``"authors"``, and neighbours by FAISS, torch or a function. What is one unit, so that a
worker has to hold it: a connected component; k-means of a search beyond 300,000 rows (48 rows of
coordinates for each 512); and the estimate of ``delta`` where one component is larger than a
quarter of a million nodes. A union graph is mostly one component: for large n give
``symmetrize="mutual"``.

**Same bits** need the same kind of CPU: candidates of the methods without proof (``"pca"``, and
``"auto"`` beyond some hundred thousand rows) come from products in single precision, whose last
bits depend on the processor. So does ``max_memory``, as in one process; the default counts the
client's memory. Limits of time and memory strike where they strike.

**Security.** Who reaches a Dask scheduler can run code on its workers. :func:`local_cluster`
listens on 127.0.0.1 alone, with its dashboard. Between machines use TLS, with certificates that
your own authority signed, checked on both sides (:func:`security_of`)::

    dask scheduler --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem --protocol tls \
        --interface eth0 --no-dashboard
    dask worker tls://10.0.0.7:8786 --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem
    liid-cut solve big/ -o labels.zarr --scheduler tls://10.0.0.7:8786 --tls ca.pem cert.pem key.pem
"""

from liid_cut.distributed.cluster import local_cluster, security_of
from liid_cut.distributed.multiway import multiway_cut_on
from liid_cut.distributed.readers import from_parquet

__all__ = ["from_parquet", "local_cluster", "multiway_cut_on", "security_of"]
