"""Programs started as ``torchrun`` starts them on several nodes: a launcher a node, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def torchrun(*arguments: str, n_nodes: int = 2, timeout_s: float = 300) -> list[tuple[int, str]]:
    """Exit code and output of each launcher; ``arguments``: module and its arguments.

    The launchers meet at one rendezvous endpoint, as those of several machines do.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(n_nodes)]
    launcher += ["--nproc-per-node", "1", "--max-restarts", "0", "--local-addr", "127.0.0.1"]
    launcher += ["--rdzv-backend", "c10d", "--rdzv-id", "a-test"]
    launcher += ["--rdzv-endpoint", f"127.0.0.1:{free_port()}", "-m", *arguments]
    shared = {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    nodes = [
        subprocess.Popen(
            launcher, env=os.environ | shared, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(n_nodes)
    ]
    try:
        ended = []
        for node in nodes:
            output, _ = node.communicate(timeout=timeout_s)
            ended.append((node.returncode, output.decode()))
        return ended
    finally:
        for node in nodes:
            node.kill()
