"""Options of ``liid-cut solve`` for a Dask cluster, and folders as its input."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liid_cut.commands import CommandError
from liid_cut.npz import read_array

_MATRICES = ("probs", "feats", "allowed")
_SUFFIXES = (".npy", ".zarr", ".parquet")
CONNECT_TIMEOUT = "10s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options, in a group of their own."""
    group = parser.add_argument_group("on a Dask cluster (pip install 'liid-cut[dask]')")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a running cluster, for example tls://10.0.0.7:8786; its workers have to see the "
        "files, and the folder of --checkpoint",
    )
    where.add_argument(
        "--local-cluster",
        type=int,
        metavar="N",
        help="start N worker processes here, on the loopback address",
    )
    group.add_argument(
        "--worker-memory",
        default="auto",
        metavar="SIZE",
        help="of a process of --local-cluster, for example '3 GiB' (default: its share)",
    )
    group.add_argument(
        "--tls",
        nargs=3,
        metavar=("CA.pem", "CERT.pem", "KEY.pem"),
        help="certificates: of the authority, and this client's own with its key",
    )


def is_asked_for(arguments: argparse.Namespace) -> bool:
    """Whether the options name a cluster."""
    return arguments.scheduler is not None or arguments.local_cluster is not None


def is_blocks(path: str) -> bool:
    """Whether an output is in blocks: ``.zarr``, or a folder: it is one, or ends with a slash."""
    return path.endswith((".zarr", "/")) or Path(path).is_dir()


@contextmanager
def client_of(arguments: argparse.Namespace) -> Iterator[Any]:
    """A client of the cluster that the options name; None: they name none.

    Raises
    ------
    CommandError : Dask is not installed, there is no such scheduler, or none for ``--tls``.
    """
    if arguments.tls is not None and arguments.scheduler is None:
        raise CommandError("--tls is of a scheduler; name it with --scheduler ADDRESS")
    if not is_asked_for(arguments):
        yield None
        return
    try:
        from distributed import Client

        from liid_cut.distributed import local_cluster, security_of
    except ImportError as error:
        raise CommandError(f"{error}: pip install 'liid-cut[dask]'") from None
    security = None if arguments.tls is None else security_of(*arguments.tls)
    if arguments.scheduler is not None:
        try:
            client = Client(arguments.scheduler, security=security, timeout=CONNECT_TIMEOUT)
        except OSError as error:  # a timeout is one
            raise CommandError(f"--scheduler {arguments.scheduler}: {error}") from None
        with client:
            yield client
        return
    if arguments.local_cluster < 1:
        raise CommandError(f"--local-cluster is {arguments.local_cluster}; it must be at least 1")
    with (
        local_cluster(
            arguments.local_cluster, memory_limit=arguments.worker_memory, security=security
        ) as workers,
        Client(workers, security=security) as client,
    ):
        yield client


def folder_problem(folder: Path) -> dict[str, Any]:
    """Arguments of the solve from a folder: paths of matrices, which are not read here.

    ``probs``, ``feats`` and maybe ``allowed``, each as ``.npy``, ``.zarr`` or ``.parquet``; maybe
    ``labels.npy`` and ``node_weights.npy``.

    Raises
    ------
    CommandError : one is missing, or there in two formats.
    ValueError : a vector is no ``.npy`` file of numbers.
    """
    found: dict[str, Any] = {}
    for name in _MATRICES:
        paths = [folder / (name + suffix) for suffix in _SUFFIXES]
        there = [path for path in paths if path.exists()]
        if len(there) > 1:
            raise CommandError(f"{folder}: holds {there[0].name} and {there[1].name}; keep one")
        if there:
            found[name] = there[0]
    missing = [name for name in ("probs", "feats") if name not in found]
    if missing:
        raise CommandError(
            f"{folder}: {missing[0]} is missing; a folder holds probs and feats, as "
            f"{', '.join(_SUFFIXES)}"
        )
    for name in ("labels", "node_weights"):
        path = folder / f"{name}.npy"
        if path.exists():
            found[name] = read_array(path)
    return found
