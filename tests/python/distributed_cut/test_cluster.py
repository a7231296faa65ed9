"""Our clusters: loopback, and TLS with certificates on both sides."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut import multiway_cut
from liid_cut.distributed import local_cluster, security_of

psutil = pytest.importorskip("psutil", reason="needs the extra [dask]")
distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")


def certificates(folder: Path) -> tuple[str, str, str]:
    """An authority, and a certificate that it signed, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    of_authority = ("-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=ca")
    openssl("req", "-x509", *curve, *of_authority)
    openssl("req", *curve, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=node")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1")
    openssl("x509", "-req", "-in", "request.pem", *signing, "-out", "cert.pem")
    return tuple(str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))  # type: ignore[return-value]


def test_a_local_cluster_listens_on_loopback_alone(client: Any) -> None:
    addresses = [client.scheduler.address, *client.scheduler_info(n_workers=-1)["workers"]]
    assert len(addresses) == 3
    assert all(address.startswith("tcp://127.0.0.1:") for address in addresses)
    pids = {os.getpid(), *client.run(os.getpid).values(), *client.run(os.getppid).values()}
    hosts = [socket.laddr.ip for pid in pids for socket in listening(pid)]
    assert len(hosts) > 4  # scheduler, nannies, workers, and what they tell by HTTP
    assert set(hosts) == {"127.0.0.1"}


def listening(pid: int) -> list[Any]:
    process = psutil.Process(pid)
    sockets = getattr(process, "net_connections", process.connections)("inet")
    return [socket for socket in sockets if socket.status == psutil.CONN_LISTEN]


def test_tls_end_to_end_and_strangers_are_turned_away(tmp_path: Path) -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(3), size=60)
    feats = np.random.default_rng(1).random((60, 5))
    security = security_of(*certificates(tmp_path / "ours"))
    with local_cluster(1, security=security) as cluster:
        assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
        with distributed.Client(cluster, security=security, set_as_default=False) as client:
            result = multiway_cut(probs, feats, delta=0.3, client=client)
        assert result.labels.tobytes() == multiway_cut(probs, feats, delta=0.3).labels.tobytes()

        strangers = security_of(*certificates(tmp_path / "theirs"))
        with pytest.raises(OSError, match=r"(?i)certificate|timed out"):
            distributed.Client(cluster.scheduler_address, security=strangers, timeout="3s")


def test_security_has_no_way_around_tls(tmp_path: Path) -> None:
    security = security_of("ca.pem", "cert.pem", "key.pem")
    assert security.require_encryption
    assert security.get_tls_config_for_role("client")["ca_file"] == "ca.pem"
