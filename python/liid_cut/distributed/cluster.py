"""A Dask cluster on this machine, and clients of others; loopback unless an address is given.

Who reaches a Dask scheduler runs code on its workers, so ours listens on 127.0.0.1 alone, its
dashboard and those of its workers, too. Between machines, use TLS with certificates of your own on
both sides: Dask's ``Security`` (:mod:`liid_cut.distributed` shows how).
"""

from __future__ import annotations

from typing import Any

from liid_cut.neighbors.workers import usable_cores


def local_cluster(
    n_workers: int | None = None,
    *,
    memory_limit: int | str = "auto",
    threads_per_worker: int = 1,
    security: Any = None,
) -> Any:
    """A ``distributed.LocalCluster`` of processes; a context manager, for ``Client``.

    Parameters
    ----------
    n_workers : None: one for each core that the process may use.
    memory_limit : bytes of a worker, or for example ``"3 GiB"``; a worker that exceeds it is
        replaced, and its units run again. ``"auto"``: its share of the machine.
    threads_per_worker : units that a worker runs at once.
    security : ``distributed.Security`` for TLS.
    """
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=n_workers or usable_cores(),
        threads_per_worker=threads_per_worker,
        memory_limit=memory_limit,
        host="tls://127.0.0.1" if security is not None else "127.0.0.1",
        # Also without a dashboard there is an HTTP server, which else listens on all addresses.
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        security=security,
        processes=True,
    )


def security_of(ca_file: str, cert_file: str, key_file: str) -> Any:
    """Dask's ``Security`` of one party: TLS and nothing else, certificates checked on both sides.

    Parameters
    ----------
    ca_file, cert_file, key_file : PEM files: the authority that signed everybody's certificate, and
        this party's own certificate and key.
    """
    from distributed import Security

    files = {"tls_ca_file": ca_file}
    for role in ("client", "scheduler", "worker"):
        files[f"tls_{role}_cert"], files[f"tls_{role}_key"] = cert_file, key_file
    return Security(require_encryption=True, **files)
